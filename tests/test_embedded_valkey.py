"""The embedded Valkey keeps nothing of what passes through it on a disk."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from bastion import embedded_valkey
from tests.polling import eventually


@pytest.fixture
def directory() -> Iterator[Path]:
    # Short, for the path of the socket.
    with tempfile.TemporaryDirectory(prefix="bastion-") as name:
        yield Path(name)


def test_what_passes_through_is_on_no_disk_and_what_was_is_removed(directory: Path) -> None:
    socket = directory / "valkey.sock"
    kept = directory / "kept"
    (kept / "appendonlydir").mkdir(parents=True)
    (kept / "appendonlydir" / "appendonly.aof.1.incr.aof").write_bytes(b"hunter2")
    (kept / "dump.rdb").write_bytes(b"hunter2")

    embedded_valkey.discard_kept(kept)
    with subprocess.Popen(embedded_valkey.command(socket, kept)) as server:
        eventually(lambda: embedded_valkey.answers(socket))
        with Redis(unix_socket_path=str(socket)) as redis:
            redis.xadd("bastion:stream:x", {"d": "hunter2" * 100})
            assert redis.info("persistence")["aof_enabled"] == 0
            assert redis.config_get("save")["save"] == ""
        server.terminate()
        server.wait(30)

    left = [path for path in directory.rglob("*") if path.is_file()]
    assert [path.name for path in left] == [embedded_valkey.LOG_NAME]
    assert b"hunter2" not in left[0].read_bytes()
