"""`python -m bastion.bucket`, against an S3 server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def make_bucket(directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bastion.bucket"],
        cwd=ROOT,
        env=os.environ
        | {"BASTION_DATA_DIR": str(directory), "BASTION_S3_ACCESS_KEY": "access", "BASTION_S3_SECRET_KEY": "secret"}
        | {"BASTION_S3_BUCKET": "recordings"}
        | environment,
        check=False,
        capture_output=True,
        text=True,
    )


def test_the_bucket_is_made_once(endpoint: str, tmp_path: Path) -> None:
    for expected in ("The bucket was made.\n", "The bucket is there.\n"):
        result = make_bucket(tmp_path, BASTION_STORAGE="s3", BASTION_S3_ENDPOINT=endpoint)
        assert (result.returncode, result.stdout) == (0, expected), result.stderr


def test_without_a_bucket_to_make_it_says_so(tmp_path: Path) -> None:
    result = make_bucket(tmp_path, BASTION_STORAGE="file")
    assert result.returncode == 1
    assert "BASTION_STORAGE is not s3" in result.stderr
