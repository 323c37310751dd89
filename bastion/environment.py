"""Every setting that an operator can make, in one table.

docs/operations.md holds the same table for people; tests/test_settings_table.py compares the two.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class SettingError(ValueError):
    """A setting has a value that cannot be used. The message names the setting, what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A name, what it means, and the value it has when nobody says anything (as it would stand in `.env`)."""

    name: str
    meaning: str
    default: str = ""
    is_secret: bool = False


SETTINGS: tuple[Setting, ...] = (
    Setting("BASTION_BIND", "Address that the web server listens on.", "127.0.0.1"),
    Setting("BASTION_PORT", "Port that the web server listens on.", "8000"),
    Setting("BASTION_DATA_DIR", "Directory for everything that is kept.", "./data"),
    Setting(
        "BASTION_ADMIN_PASSWORD", "Password of the first administrator; a random one is made if empty.", is_secret=True
    ),
    Setting(
        "BASTION_PUBLIC_URL", "Address that people type, e.g. https://bastion.example.org; empty: the bind address."
    ),
    Setting("BASTION_SECRET_KEY", "Signs web sessions; made and kept in the data directory if empty.", is_secret=True),
    Setting(
        "BASTION_VAULT_KEYS",
        "Keys that encrypt credentials, `id:base64` by comma, newest first; made if empty.",
        is_secret=True,
    ),
    Setting("BASTION_READY_FILE", 'File that gets {"url":…,"pid":…} once everything is up.'),
    Setting("BASTION_NODE", "Name of this machine among several; empty: its host name."),
    Setting("BASTION_WEB_PROCESSES", "Number of web processes.", "1"),
    Setting("BASTION_WORKER_PROCESSES", "Number of worker processes.", "1"),
    Setting(
        "DATABASE_URL", "postgres://user:password@host:5432/name; empty: SQLite in the data directory.", is_secret=True
    ),
    Setting("REDIS_URL", "redis://… or unix://…; empty: the embedded Valkey.", is_secret=True),
    Setting("BASTION_ALLOWED_ADDRESSES", "CIDRs, by comma, that hosts may have although they are refused by default."),
    Setting("BASTION_TRUSTED_PROXIES", "CIDRs, by comma, of proxies whose X-Forwarded-For and -Proto are believed."),
    Setting("BASTION_NOTICE", "Notice that people accept at each sign-in.", "Sessions on this system are recorded."),
    Setting("BASTION_IDLE_LIMIT", "Seconds without input or output after which a session ends.", "1800"),
    Setting("BASTION_LENGTH_LIMIT", "Seconds that a session may last.", "28800"),
    Setting("BASTION_SESSIONS_PER_USER", "Sessions that one person may have open.", "10"),
    Setting("BASTION_DETACH_GRACE", "Seconds that a session waits for a person whose connection was lost.", "60"),
    Setting(
        "BASTION_SLOW_READER_LIMIT", "Seconds that a browser may leave output unread before its socket is closed.", "60"
    ),
    Setting("BASTION_CONNECT_TIMEOUT", "Seconds for each step of reaching a host.", "10"),
    Setting(
        "BASTION_SSH_TRANSPORT",
        "`loop`: the event loop drives SSH connections; `thread`: each has a thread of its own, as paramiko has it.",
        "loop",
    ),
    Setting("BASTION_SEGMENT_BYTES", "Size at which a segment of a recording closes.", "4194304"),
    Setting("BASTION_SEGMENT_SECONDS", "Age at which a segment of a recording closes.", "30"),
    Setting(
        "BASTION_INDEX_OUTPUT_CHARACTERS",
        "Of what one command prints in a segment, characters at the beginning and at the end that the search index"
        " holds; 0: all.",
        "524288",
    ),
    Setting("BASTION_STREAM_BYTES", "Bytes of a live session that the Redis stream holds at most.", "16777216"),
    Setting(
        "BASTION_RECORDING_SYNC",
        "`relaxed`: a power cut costs a second at most; `strict`: nothing is shown before it would survive one.",
        "relaxed",
    ),
    Setting(
        "BASTION_OPEN_DIR",
        "Directory of recordings that are not sealed yet, e.g. on an encrypted disk; empty: in the data directory.",
    ),
    Setting("BASTION_STALL_LIMIT", "Seconds that a disk may leave a session unrecorded before it ends.", "30"),
    Setting("BASTION_RESERVE_BYTES", "Bytes kept free for each open recording, to seal it on a full disk.", "262144"),
    Setting("BASTION_LEAST_FREE_BYTES", "Free space below which no session begins.", "268435456"),
    Setting(
        "BASTION_NODE_LOST_SECONDS",
        "Seconds without a word from a machine after which another completes its open recordings, without its disk.",
        "900",
    ),
    Setting("BASTION_DATABASE_GRACE", "Seconds that sessions go on while the database does not answer.", "30"),
    Setting("BASTION_DRAIN_SECONDS", "Seconds that open sessions have after SIGTERM before they are ended.", "600"),
    Setting(
        "BASTION_RECIPIENTS",
        "age recipients, by comma, that recordings' keys are wrapped for; empty: the one of the identity file.",
    ),
    Setting(
        "BASTION_IDENTITY_FILE",
        "age identity that reads recordings; made at the first start unless BASTION_RECIPIENTS is set.",
        "identity.age",
    ),
    Setting(
        "BASTION_SIGNING_KEY_FILE", "Key that signs seals and checkpoints; made at the first start.", "signing.key"
    ),
    Setting(
        "BASTION_CHECKPOINT_FILE", "File, best on another machine's disk, that every signed checkpoint is appended to."
    ),
    Setting("BASTION_STORAGE", "`file`, or `s3` (needs requirements/s3.txt and the settings below).", "file"),
    Setting("BASTION_S3_BUCKET", "Bucket for recordings."),
    Setting("BASTION_S3_ENDPOINT", "Address of an S3-compatible store; empty: AWS."),
    Setting("BASTION_S3_REGION", "Region of the bucket.", "us-east-1"),
    Setting("BASTION_S3_ACCESS_KEY", "Access key of the store.", is_secret=True),
    Setting("BASTION_S3_SECRET_KEY", "Secret key of the store.", is_secret=True),
    Setting("BASTION_LOG_LEVEL", "debug, info, warning or error.", "info"),
    Setting("BASTION_DEBUG", "1 shows Django's error pages; refused unless the bind address is loopback.", "0"),
)

_BY_NAME = {setting.name: setting for setting in SETTINGS}


class Environment:
    """Typed reading of the settings above. A name that is not in the table cannot be read."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = os.environ if values is None else values

    def text(self, name: str) -> str:
        return self._values.get(name, "").strip() or _BY_NAME[name].default

    def number(self, name: str, least: int = 0, most: int = 2**53) -> int:
        value = self.text(name)
        if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
            raise SettingError(f"{name}: expected a whole number from {least} to {most}, got {value!r}")
        return int(value)

    def items(self, name: str) -> list[str]:
        return [item.strip() for item in self.text(name).split(",") if item.strip()]

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.text(name)
        if value not in choices:
            raise SettingError(f"{name}: expected {' or '.join(choices)}, got {value!r}")
        return value

    def flag(self, name: str) -> bool:
        value = self.text(name)
        if value not in {"0", "1"}:
            raise SettingError(f"{name}: expected 0 or 1, got {value!r}")
        return value == "1"


# The kernel's limit is 107 bytes; some clients add a few of their own.
LONGEST_SOCKET_PATH = 100


def socket_path(run_directory: Path) -> Path:
    """Return where the embedded Valkey's unix socket is, the same for every process that serves this data directory.

    A unix socket's path must be shorter than 107 bytes, and Celery, channels-redis and redis-py read it as part of a
    URL, each with its own idea of special characters: a path that will not do is replaced by a short private one.
    """
    wanted = run_directory / "valkey.sock"
    if len(os.fsencode(wanted)) < LONGEST_SOCKET_PATH and re.fullmatch(r"[A-Za-z0-9_./+-]+", str(wanted)):
        return wanted
    digest = hashlib.sha256(os.fsencode(run_directory)).hexdigest()[:16]
    parent = os.environ.get("XDG_RUNTIME_DIR", "")
    if not (parent and os.access(parent, os.W_OK) and len(os.fsencode(parent)) < LONGEST_SOCKET_PATH / 2):
        parent = tempfile.gettempdir()
    return Path(parent) / f"bastion-{os.getuid()}-{digest}" / "valkey.sock"
