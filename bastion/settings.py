"""Django's settings, from the environment (bastion/environment.py holds the table of what can be set)."""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog
from dotenv import load_dotenv

from bastion.environment import Environment, SettingError, socket_path

VERSION = "0.1.0"
BASE_DIR = Path(__file__).resolve().parent.parent
load_dotenv(BASE_DIR / ".env")
_environment = Environment()

DATA_DIR = Path(_environment.text("BASTION_DATA_DIR")).expanduser()
if not DATA_DIR.is_absolute():
    DATA_DIR = BASE_DIR / DATA_DIR
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _kept_secret(name: str, file_name: str) -> str:
    """Return the setting, or the secret that the data directory keeps, which is made at the first start."""
    value = _environment.text(name)
    if value:
        return value
    path = DATA_DIR / file_name
    try:
        # O_EXCL: two processes that start at once must end up with the same secret.
        with open(path, "x", opener=_open_private) as file:
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    return path.read_text().strip()


def _data_path(name: str) -> Path | None:
    """Return the setting as a path, from the data directory if it is a relative one; None if it is empty."""
    value = _environment.text(name)
    return DATA_DIR / Path(value).expanduser() if value else None


BIND = _environment.text("BASTION_BIND")
PORT = _environment.number("BASTION_PORT", 0, 65535)
_bind_in_url = f"[{BIND}]" if ":" in BIND else BIND
PUBLIC_URL = _environment.text("BASTION_PUBLIC_URL").rstrip("/") or f"http://{_bind_in_url}:{PORT}"
NODE = _environment.text("BASTION_NODE") or socket.gethostname()
SECRET_KEY = _kept_secret("BASTION_SECRET_KEY", "secret.key")
DEBUG = _environment.flag("BASTION_DEBUG")


def is_loopback(host: str) -> bool:
    """Return whether `host` can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if DEBUG and not is_loopback(BIND):
    raise SettingError("BASTION_DEBUG: expected 0 while BASTION_BIND is not a loopback address")

_public = urlsplit(PUBLIC_URL)
if _public.scheme not in {"http", "https"} or not _public.hostname:
    raise SettingError(f"BASTION_PUBLIC_URL: expected http(s)://host, got {PUBLIC_URL!r}")
ALLOWED_HOSTS = [_public.hostname]
if is_loopback(BIND):
    ALLOWED_HOSTS += ["localhost", "127.0.0.1", "[::1]"]
IS_HTTPS = _public.scheme == "https"
# What a browser may send as Origin; the terminal's handshake compares with exactly these.
ALLOWED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]
# Whether only this machine can reach the product, as far as it was told.
IS_LOCAL_ONLY = is_loopback(BIND) and not _environment.text("BASTION_PUBLIC_URL")
if IS_LOCAL_ONLY:
    ALLOWED_ORIGINS += [f"http://localhost:{PORT}", f"http://127.0.0.1:{PORT}"]
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "channels",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "hosts",
    "audit",
    "bastion",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "bastion.middleware.StaticFilesMiddleware",
    "bastion.middleware.RequestContextMiddleware",
    "bastion.middleware.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "bastion.urls"
ASGI_APPLICATION = "bastion.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "bastion" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]


def _databases() -> dict[str, dict[str, Any]]:
    url = _environment.text("DATABASE_URL")
    if not url:
        return {
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": DATA_DIR / "bastion.sqlite3",
                "OPTIONS": {
                    "transaction_mode": "IMMEDIATE",
                    "timeout": 20,
                    # secure_delete: of what retention deletes, nothing stays in the file's free pages.
                    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                    " PRAGMA secure_delete=ON;",
                },
                "TEST": {"NAME": DATA_DIR / "test.sqlite3"},
            }
        }
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise SettingError("DATABASE_URL: expected postgres://user:password@host:port/name")
    return {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": parts.path.lstrip("/"),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": unquote(parts.hostname or ""),
            "PORT": parts.port or "",
            "CONN_HEALTH_CHECKS": True,
            # Under ASGI every request has a thread of its own, with which a kept connection would be lost.
            "CONN_MAX_AGE": 0,
        }
    }


DATABASES = _databases()
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# On SQLite the search index is a file of its own: an indexer that commits megabytes must not hold up session rows.
SEARCH_INDEX_FILE = DATA_DIR / "search.sqlite3"

RUN_DIR = DATA_DIR / "run"
RUN_DIR.mkdir(mode=0o700, exist_ok=True)
IS_REDIS_EMBEDDED = not _environment.text("REDIS_URL")
# Relative to nothing: redis-py, channels-redis and Celery each want the same server in their own words.
REDIS_URL = _environment.text("REDIS_URL") or f"unix://{socket_path(RUN_DIR)}"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # Its readers wait up to 5 s in one command: the client's own 5 s would race with that.
        "CONFIG": {
            "hosts": [{"address": REDIS_URL, "socket_timeout": 15}],
            "capacity": 1000,
            "expiry": 60,
            "prefix": "bastion",
        },
    }
}
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)

# Sign-in's rate limits must count across processes and must not fail with Redis, so the cache is in the database.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "bastion_cache"}}

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "bastion.sign_in.AccountAdapter"
ACCOUNT_SESSION_REMEMBER = False
HEADLESS_ONLY = True
HEADLESS_CLIENTS = ("browser",)
HEADLESS_FRONTEND_URLS = {
    "account_confirm_email": "/signin",
    "account_reset_password": "/signin",
    "account_reset_password_from_key": "/signin",
    "account_signup": "/signin",
}
LOGIN_URL = "/signin"

SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
# The __Host- prefix is only allowed over TLS.
SESSION_COOKIE_NAME = "__Host-bastion-session" if IS_HTTPS else "bastion-session"
CSRF_COOKIE_NAME = "__Host-bastion-csrf" if IS_HTTPS else "bastion-csrf"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31536000 if IS_HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS: list[str] = []

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "hosts.authentication.TokenAuthentication",
        "hosts.authentication.WebSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["hosts.authentication.SignedIn"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["hosts.parsing.SmallJsonParser"],
    "DEFAULT_PAGINATION_CLASS": "hosts.rest.CursorPages",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "hosts.parsing.OneFormat",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "hosts.schema.ApiSchema",
    "EXCEPTION_HANDLER": "hosts.rest.problem_response",
    "URL_FORMAT_OVERRIDE": None,
    "UNICODE_JSON": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Bastion",
    "DESCRIPTION": "Hosts, sessions, recordings, the ledger. Times are RFC 3339 in UTC, errors RFC 9457 problems.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_PERMISSIONS": ["hosts.authentication.SignedIn"],
    "ENUM_NAME_OVERRIDES": {"SessionState": "audit.models.Session.State"},
}

RECORDINGS_DIR = DATA_DIR / "recordings"
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": DATA_DIR / "files"}},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
    "recordings": {
        "BACKEND": "audit.recording.storage.FileObjectStorage",
        "OPTIONS": {"location": RECORDINGS_DIR / "objects", "file_permissions_mode": 0o400},
    },
}
if _environment.text("BASTION_STORAGE") == "s3":
    STORAGES["recordings"] = {
        "BACKEND": "audit.recording.bucket.S3ObjectStorage",
        "OPTIONS": {
            "bucket_name": _environment.text("BASTION_S3_BUCKET"),
            "endpoint_url": _environment.text("BASTION_S3_ENDPOINT") or None,
            "region_name": _environment.text("BASTION_S3_REGION"),
            "access_key": _environment.text("BASTION_S3_ACCESS_KEY") or None,
            "secret_key": _environment.text("BASTION_S3_SECRET_KEY") or None,
        },
    }

OPEN_DIR = _data_path("BASTION_OPEN_DIR") or RECORDINGS_DIR / "open"
RECORDING_SYNC = _environment.choice("BASTION_RECORDING_SYNC", ("relaxed", "strict"))
STALL_LIMIT = _environment.number("BASTION_STALL_LIMIT", 2)
RESERVE_BYTES = _environment.number("BASTION_RESERVE_BYTES")
LEAST_FREE_BYTES = _environment.number("BASTION_LEAST_FREE_BYTES")
# Longer than a session may outlive its database: what is taken over must not be running any more.
NODE_LOST_SECONDS = _environment.number("BASTION_NODE_LOST_SECONDS", 120)
DATABASE_GRACE = _environment.number("BASTION_DATABASE_GRACE", 1)
if NODE_LOST_SECONDS < 2 * DATABASE_GRACE:
    raise SettingError(
        f"BASTION_NODE_LOST_SECONDS: expected at least twice BASTION_DATABASE_GRACE, {2 * DATABASE_GRACE}, "
        f"got {NODE_LOST_SECONDS}"
    )
DRAIN_SECONDS = _environment.number("BASTION_DRAIN_SECONDS")
RECIPIENTS = _environment.items("BASTION_RECIPIENTS")
IDENTITY_FILE = DATA_DIR / _environment.text("BASTION_IDENTITY_FILE")
SIGNING_KEY_FILE = DATA_DIR / _environment.text("BASTION_SIGNING_KEY_FILE")
CHECKPOINT_FILE = _data_path("BASTION_CHECKPOINT_FILE")

VAULT_KEYS = _kept_secret("BASTION_VAULT_KEYS", "vault.key")
ALLOWED_ADDRESSES = _environment.items("BASTION_ALLOWED_ADDRESSES")
TRUSTED_PROXIES = _environment.items("BASTION_TRUSTED_PROXIES")
NOTICE = _environment.text("BASTION_NOTICE")
IDLE_LIMIT = _environment.number("BASTION_IDLE_LIMIT", 1)
LENGTH_LIMIT = _environment.number("BASTION_LENGTH_LIMIT", 1)
SESSIONS_PER_USER = _environment.number("BASTION_SESSIONS_PER_USER", 1)
DETACH_GRACE = _environment.number("BASTION_DETACH_GRACE")
SLOW_READER_LIMIT = _environment.number("BASTION_SLOW_READER_LIMIT", 1)
CONNECT_TIMEOUT = _environment.number("BASTION_CONNECT_TIMEOUT", 1)
SSH_TRANSPORT = _environment.choice("BASTION_SSH_TRANSPORT", ("loop", "thread"))
SEGMENT_BYTES = _environment.number("BASTION_SEGMENT_BYTES", 1024)
SEGMENT_SECONDS = _environment.number("BASTION_SEGMENT_SECONDS", 1)
INDEX_OUTPUT_CHARACTERS = _environment.number("BASTION_INDEX_OUTPUT_CHARACTERS", 0)
STREAM_BYTES = _environment.number("BASTION_STREAM_BYTES", 65536)
# Permission of running sessions is looked up this often; the promise is 5 s from cause to end.
RECHECK_SECONDS = 3

FRONTEND_DIST = BASE_DIR / "frontend" / "dist"
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(mode=0o700, exist_ok=True)
STATIC_ROOT.mkdir(mode=0o700, exist_ok=True)
STATICFILES_DIRS = [("app", FRONTEND_DIST)] if FRONTEND_DIST.is_dir() else []
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
# Vite puts a hash of its content into the name of every file there.
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/app/assets/"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
USE_TZ = True
TIME_ZONE = "UTC"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.processors.JSONRenderer(ensure_ascii=True),
            "foreign_pre_chain": [
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
            ],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": _environment.text("BASTION_LOG_LEVEL").upper()},
    "loggers": {"paramiko": {"level": "CRITICAL"}},
}
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
