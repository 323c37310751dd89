"""Disks that fill up and disks that hang, for real: small mounts that only root can make."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.peers import require_program


def _mount(*arguments: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    done = subprocess.run([require_program("mount"), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine lets nobody mount: {done.stderr.strip()}")


def _unmount(directory: Path) -> None:
    # Lazily: what is still open there must not keep the test from ending.
    subprocess.run([require_program("umount"), "--lazy", str(directory)], check=True)


@contextmanager
def small_disk(directory: Path, size: str) -> Iterator[Path]:
    """A disk of so many bytes ("2m")."""
    directory.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(directory))
    try:
        yield directory
    finally:
        _unmount(directory)


class FreezingDisk:
    """A disk on which, while it is frozen, every write waits."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._is_frozen = False

    def freeze(self) -> None:
        subprocess.run([require_program("fsfreeze"), "--freeze", str(self.directory)], check=True)
        self._is_frozen = True

    def thaw(self) -> None:
        if self._is_frozen:
            subprocess.run([require_program("fsfreeze"), "--unfreeze", str(self.directory)], check=True)
        self._is_frozen = False


@contextmanager
def freezing_disk(directory: Path) -> Iterator[FreezingDisk]:
    """A disk of its own, in a file beside `directory`."""
    directory.mkdir()
    image = directory.with_suffix(".image")
    with image.open("wb") as file:
        file.truncate(64 * 2**20)
    subprocess.run([require_program("mkfs.ext4"), "-q", str(image)], check=True)
    _mount("-o", "loop", str(image), str(directory))
    disk = FreezingDisk(directory)
    try:
        yield disk
    finally:
        disk.thaw()
        _unmount(directory)
