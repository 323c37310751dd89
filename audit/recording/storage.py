"""Where closed segments are kept: write-once objects in the storage that settings.STORAGES["recordings"] names."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from uuid import uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, storages


class StorageError(Exception):
    """An object could not be stored or read. The message names it and says why."""


class FileObjectStorage(FileSystemStorage):
    """Files that are complete or absent: written beside their place, synced, then linked there without replacing."""

    def _save(self, name: str, content: ContentFile[bytes]) -> str:
        target = Path(self.path(name))
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{uuid4().hex}.partial")
        try:
            with partial.open("wb") as file:
                file.write(content.read())
                file.flush()
                os.fchmod(file.fileno(), 0o400)
                os.fsync(file.fileno())
            # A link, unlike a rename, never replaces what is there.
            os.link(partial, target)
        finally:
            partial.unlink(missing_ok=True)
        sync_directory(target.parent)
        return name


def recordings_storage() -> Storage:
    return storages["recordings"]


def store_object(name: str, content: bytes) -> None:
    """Store `content` once. An object of that name with the same bytes is a success; other bytes raise StorageError."""
    storage = recordings_storage()
    try:
        if storage.exists(name):
            _compare(name, content)
            return
        saved = storage.save(name, ContentFile(content))
    except FileExistsError:
        _compare(name, content)
        return
    except StorageError:
        raise
    except Exception as error:
        # Each storage has failures of its own (botocore's are no OSError); to us they are one.
        raise StorageError(f"{name} could not be stored: {error}") from error
    if saved != name:
        raise StorageError(f"{name} was stored as {saved}: another process wrote it at the same time")


def _compare(name: str, content: bytes) -> None:
    if hashlib.sha256(load_object(name)).digest() != hashlib.sha256(content).digest():
        raise StorageError(f"{name} is already stored with other bytes")


def load_object(name: str) -> bytes:
    """Return the stored bytes; StorageError if there is no such object or it cannot be read."""
    try:
        with recordings_storage().open(name, "rb") as file:
            content: bytes = file.read()
    except Exception as error:
        # See store_object.
        raise StorageError(f"{name} could not be read: {error}") from error
    return content


def sync_directory(path: Path) -> None:
    """Make the directory's entries survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
