"""Sealed recordings as an outsider gets them, and the program that checks them."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing, redirect_stdout
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from audit import ledger
from audit.events import Event, Input, Marker, Output
from audit.evidence.checkpoints import latest_checkpoint, make_checkpoint
from audit.evidence.signer import known_vkeys
from audit.export.evidence import bundle
from audit.ledger import record_about
from audit.models import Checkpoint, Session
from audit.recording.seal import seal_recording
from hosts.models import Host
from tests.recordings import make_host, make_session, record_segments, web_login

VERIFIER = Path(__file__).parent.parent / "tools" / "bastion-verify"
SHORT: tuple[Sequence[Event], ...] = (
    [Output(0.1, "$ "), Input(0.5, "ls\r"), Output(0.6, "ls\r\nfile\r\n")],
    [Output(31.0, "caf\ufffd", exact=b"caf\xe9"), Marker(32.0, "a moment")],
    [Output(61.0, "$ exit\r\n")],
)
INTACT, ALTERED, UNSEALED, DELETED, UNDECIDED, MISSING = range(6)


@dataclass(frozen=True)
class Result:
    """What the program said: its exit status, its findings as (verdict, recording, segment), and all its words."""

    status: int
    findings: list[tuple[str, str, int | None]]
    words: str

    @property
    def segments(self) -> set[int | None]:
        return {segment for _, _, segment in self.findings}


def load_verifier() -> Any:
    loader = SourceFileLoader("bastion_verify", str(VERIFIER))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


verifier = load_verifier()


def check(*arguments: object) -> Result:
    """Run the program in this process, which is quick, with the keys of the installation unless others are given."""
    given = [str(argument) for argument in arguments]
    if "--key" not in given:
        given += [part for vkey in known_vkeys() for part in ("--key", vkey)]
    with redirect_stdout(io.StringIO()) as said:
        status = verifier.main([*given, "--json"])
    return read_result(status, said.getvalue())


def read_result(status: int, said: str) -> Result:
    document = json.loads(said)
    assert document["status"] == status
    findings = [(one["verdict"], one["recording"], one["segment"]) for one in document["findings"]]
    return Result(status, findings, "\n".join(one["text"] for one in document["findings"]))


def check_alone(directory: Path, *arguments: object, program: Path = VERIFIER) -> subprocess.CompletedProcess[str]:
    """Run the program as a stranger does: no environment, no package but cryptography, and no network if possible."""
    packages = directory / "packages"
    if not packages.exists():
        packages.mkdir()
        site = Path(next(path for path in sys.path if path.endswith("site-packages")))
        for pattern in ("cryptography", "cffi", "_cffi_backend*", "pycparser"):
            for path in site.glob(pattern):
                (packages / path.name).symlink_to(path)
    command = ["env", "-i", f"PYTHONPATH={packages}", "PYTHONDONTWRITEBYTECODE=1", sys.executable, "-S", "-W", "error"]
    whole = [*without_network(), *command, str(program), *map(str, arguments)]
    return subprocess.run(whole, capture_output=True, text=True, check=False, timeout=60, cwd=directory)


def without_network() -> list[str]:
    unshare = shutil.which("unshare")
    for options in (["-n"], ["-r", "-n"]):
        if unshare and subprocess.run([unshare, *options, "true"], check=False, capture_output=True).returncode == 0:
            return [unshare, *options]
    return []


def seal(
    user: User,
    host: Host | None = None,
    segments: Sequence[Sequence[Event]] = SHORT,
    state: Session.State = Session.State.SEALED,
    **facts: object,
) -> Session:
    """Record and seal a session, with the lines of the ledger that the product writes about one."""
    session = begin(user, host, segments)
    Session.objects.filter(pk=session.pk).update(
        state=Session.State.ENDED, ended_at=timezone.now(), end_reason="exit", **facts
    )
    seal_recording(session.pk, state)
    session.refresh_from_db()
    return session


def begin(user: User, host: Host | None = None, segments: Sequence[Sequence[Event]] = SHORT) -> Session:
    """Record a session that goes on."""
    session = make_session(user, host or make_host())
    record_about(session, ledger.Action.SESSION_STARTED, web_login(user))
    record_segments(session, *segments)
    return session


def sign_ledger() -> Checkpoint:
    """Return a checkpoint over all lines that there are."""
    make_checkpoint(5.0)
    checkpoint = latest_checkpoint()
    assert checkpoint is not None
    return checkpoint


def write_bundle(session: Session, path: Path) -> Path:
    """Write evidence.zip, with a checkpoint over all lines that there are."""
    path.write_bytes(b"".join(bundle(session, sign_ledger())))
    return path


def unpack(archive: Path, directory: Path) -> Path:
    with zipfile.ZipFile(archive) as file:
        file.extractall(directory)
    return directory


def copy_storage(directory: Path, *sessions: Session) -> Path:
    """Copy the stored objects of sessions to where a test may change them."""
    location = Path(settings.STORAGES["recordings"]["OPTIONS"]["location"])
    for session in sessions:
        shutil.copytree(folder_of(location, session), folder_of(directory, session))
    for path in directory.rglob("*"):
        path.chmod(0o700)
    return directory


def copy_database(path: Path, *statements: str) -> Path:
    """Copy the database to a file of its own, as it is in the test's transaction, and change it past the triggers."""
    assert connection.vendor == "sqlite"
    connection.ensure_connection()
    path.write_bytes(connection.connection.serialize())
    with closing(sqlite3.connect(path)) as copy:
        copy.execute("PRAGMA ignore_check_constraints = ON")
        for name, text in copy.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall():
            if "append-only" in text:
                copy.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            copy.execute(statement)
        copy.commit()
    return path


def changed(content: bytes, change: Callable[[bytearray], object]) -> bytes:
    copy = bytearray(content)
    change(copy)
    return bytes(copy)


def folder_of(storage: Path, session: Session) -> Path:
    return storage / session.pk.hex[:2] / str(session.pk)
