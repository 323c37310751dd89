"""A private data directory for each test process; a plugin (`-p`): Django's settings are read before conftest."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

# Short, because the path of a unix socket must stay under 107 bytes.
DATA_DIR = Path(tempfile.mkdtemp(prefix="bastion-"))
os.environ["BASTION_DATA_DIR"] = str(DATA_DIR)
os.environ.setdefault("BASTION_ALLOWED_ADDRESSES", "127.0.0.0/8,::1/128")
os.environ.setdefault("BASTION_LOG_LEVEL", "warning")


def pytest_unconfigure() -> None:
    shutil.rmtree(DATA_DIR, ignore_errors=True)
