"""What the first version recorded, unencrypted and with keys that the vault sealed, is read after upgrading."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

FIRST_VERSION = """
import datetime, secrets, uuid
import zstandard
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from audit.asciicast import Header, encode_event, encode_header
from audit.events import Output
from audit.recording import chain
from audit.recording.storage import store_object
from hosts.vault import seal

apps = MigrationExecutor(connection).loader.project_state([("audit", "0003_search_passages")]).apps
now = datetime.datetime.now(datetime.UTC)
for round in range(2):
    key, session_id = secrets.token_bytes(32), uuid.uuid4()
    host = apps.get_model("hosts", "Host").objects.create(name=f"web-{round}", address="192.0.2.1")
    session = apps.get_model("audit", "Session").objects.create(
        id=session_id, user_name="bob", host=host, host_name=host.name, state="failed", started_at=now, cols=80,
        rows=24, sealed_key=seal(key, f"audit.session:{session_id}:key"), index_state=b"sealed with the vault",
    )
    link = chain.start(session_id)
    for n in range(2):
        header = encode_header(Header(cols=80, rows=24, timestamp=1)) if n == 0 else b""
        plain = header + encode_event(Output(1.0 + n, f"part {n} of {round}. "))
        stored = zstandard.ZstdCompressor(level=3, write_checksum=True).compress(plain)
        name = f"{session_id.hex[:2]}/{session_id}/{n:06d}.cast.zst"
        store_object(name, stored)
        link = chain.link(link, chain.sha256(stored), chain.plain_digest(key, n, plain))
        apps.get_model("audit", "Segment").objects.create(
            session=session, n=n, object_name=name, object_sha256=chain.sha256(stored).hex(),
            plain_sha256=chain.plain_digest(key, n, plain).hex(), chain=link.hex(), start=1.0 + n, end=1.0 + n, cols=80,
            rows=24, plain_bytes=len(plain), stored_bytes=len(stored), output_bytes=1, events=1, closed_at=now,
            snapshot=b"sealed with the vault", snapshot_cols=80, snapshot_rows=24, indexed_at=now,
        )
"""

READ = """
from audit.events import Output
from audit.indexing.indexer import index_session
from audit.models import Session
from audit.recording.reading import iter_events
from audit.replay import replay_segment
for session in Session.objects.order_by("host_name"):
    print("".join(event.text for event in iter_events(session) if isinstance(event, Output)))
    print(index_session(session.pk), b"part 0" in replay_segment(session, 1, "keep"))
"""


def manage(directory: Path, *arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"BASTION_DATA_DIR": str(directory), "DATABASE_URL": "", "REDIS_URL": "unix:///nowhere"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_they_are_read_indexed_and_replayed(tmp_path: Path) -> None:
    manage(tmp_path, "migrate", "--verbosity", "0", "audit", "0003")
    manage(tmp_path, "shell", "--no-imports", "-c", FIRST_VERSION)
    manage(tmp_path, "prepare")
    read = manage(tmp_path, "shell", "--no-imports", "-c", READ).splitlines()
    assert read == ["part 0 of 0. part 1 of 0. ", "2 True", "part 0 of 1. part 1 of 1. ", "2 True"]
    assert "intact" in manage(tmp_path, "verify_recording", "--all")
    assert "2 keys were wrapped" in manage(tmp_path, "rewrap_keys")
