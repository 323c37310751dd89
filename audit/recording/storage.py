"""Where closed segments are kept: write-once objects in the storage that settings.STORAGES["recordings"] names."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, cast
from uuid import uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, storages

# The only objects that may be replaced: wrapped keys, when other people are to read.
REPLACEABLE = ".age"


class StorageError(Exception):
    """An object could not be stored or read. The message names it and says why."""


class ObjectStore(Protocol):
    """What a storage for recordings must do. Each raises errors of its own besides those that are named here."""

    def put(self, name: str, content: bytes) -> None:
        """Store an object durably, whole or not at all. Raises FileExistsError if there is one of that name."""

    def replace(self, name: str, content: bytes) -> None:
        """Store an object in place of the one of that name, if there is one."""

    def get(self, name: str) -> bytes:
        """Return an object. Raises FileNotFoundError."""

    def delete(self, name: str) -> None:
        """Remove an object, and earlier versions of it that the storage keeps. One that is not there is no error."""


class FileObjectStorage(FileSystemStorage):
    """Files that are complete or absent: written beside their place, synced, then linked there without replacing."""

    def put(self, name: str, content: bytes) -> None:
        target = Path(self.path(name))
        with _written(target, content) as partial:
            # A link, unlike a rename, never replaces what is there.
            os.link(partial, target)
        sync_directory(target.parent)

    def replace(self, name: str, content: bytes) -> None:
        target = Path(self.path(name))
        with _written(target, content) as partial:
            partial.rename(target)
        sync_directory(target.parent)

    def get(self, name: str) -> bytes:
        return Path(self.path(name)).read_bytes()

    def delete(self, name: str) -> None:
        target = Path(self.path(name))
        if target.exists():
            target.unlink(missing_ok=True)
            sync_directory(target.parent)

    def _save(self, name: str, content: ContentFile[bytes]) -> str:
        self.put(name, content.read())
        return name


@contextmanager
def _written(target: Path, content: bytes) -> Iterator[Path]:
    """Yield a durable file beside `target` that is gone afterwards."""
    _make_directory(target.parent)
    partial = target.with_name(f".{target.name}.{uuid4().hex}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o400)
            os.fsync(file.fileno())
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def _make_directory(path: Path) -> None:
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for directory in missing:
        sync_directory(directory.parent)


def recordings_storage() -> Storage:
    return storages["recordings"]


def store_object(name: str, content: bytes) -> None:
    """Store `content` once. An object of that name with the same bytes is a success; other bytes raise StorageError."""
    try:
        with _as_storage_error(name, "stored"):
            _store().put(name, content)
    except FileExistsError:
        if hashlib.sha256(load_object(name)).digest() != hashlib.sha256(content).digest():
            raise StorageError(f"{name} is already stored with other bytes") from None


def replace_object(name: str, content: bytes) -> None:
    """Store a wrapped key, in place of the one of that name. Raises StorageError, ValueError for any other object."""
    if not name.endswith(REPLACEABLE):
        raise ValueError(f"{name} is written once")
    with _as_storage_error(name, "replaced"):
        _store().replace(name, content)


def load_object(name: str) -> bytes:
    """Return the stored bytes; StorageError if there is no such object or it cannot be read."""
    with _as_storage_error(name, "read"):
        return _store().get(name)


def delete_object(name: str) -> None:
    """Remove an object; one that is not there is a success. Raises StorageError."""
    with _as_storage_error(name, "deleted"):
        _store().delete(name)


def list_objects(directory: str) -> list[str]:
    """Return the names of the objects whose names begin with `directory` and a slash. Raises StorageError."""
    with _as_storage_error(directory, "listed"):
        try:
            _directories, files = recordings_storage().listdir(directory)
        except FileNotFoundError:
            return []
        return [f"{directory}/{name}" for name in sorted(files)]


def sync_directory(path: Path) -> None:
    """Make the directory's entries survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _store() -> ObjectStore:
    return cast("ObjectStore", recordings_storage())


@contextmanager
def _as_storage_error(name: str, done: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise
    except Exception as error:
        # Each storage has failures of its own (botocore's are no OSError); to us they are one.
        raise StorageError(f"{name} could not be {done}: {error}") from error
