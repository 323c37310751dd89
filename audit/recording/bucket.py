"""Recordings in an S3-compatible store. Only requirements/s3.txt brings what this needs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from django.utils.functional import cached_property
from storages.backends.s3 import S3Storage

# A store that hangs holds a thread for (connect + read) × tries at most.
CONNECT_SECONDS = 5
READ_SECONDS = 20
TRIES = 2
# After it did not answer, nobody asks for so long: a hundred recordings that wait must not wait one after the other.
AWAY_SECONDS = 3.0
_NOT_FOUND = 404
_EXISTS_ALREADY = 412
# Stores without versions answer these when they are asked for versions.
_WITHOUT_VERSIONS = frozenset({400, 405, 501})


class StoreAwayError(Exception):
    """The store did not answer a moment ago, so it was not asked."""


class S3ObjectStorage(S3Storage):  # type: ignore[misc]  # django-storages publishes no types
    """Objects in a bucket, written once (`If-None-Match: *`), through one client that all threads share."""

    _away_until = 0.0

    def get_default_settings(self) -> dict[str, Any]:
        config = Config(
            signature_version="s3v4",
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": TRIES},
            # Newer checksums in trailers are unknown to many stores.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        return {**super().get_default_settings(), "client_config": config, "default_acl": None, "file_overwrite": False}

    @cached_property
    def client(self) -> Any:
        """A boto3 client. Unlike a resource, of which S3Storage makes one for each thread, it may be shared."""
        return self._create_session().client(
            "s3", region_name=self.region_name, endpoint_url=self.endpoint_url, config=self.client_config
        )

    def put(self, name: str, content: bytes) -> None:
        """Store an object. Raises FileExistsError if there is one of that name, botocore's errors."""
        if self.exists(name):
            # For stores that do not know the condition below; those that do decide between two that come at once.
            raise FileExistsError(name)
        try:
            with self._asking():
                self.client.put_object(**self._at(name), Body=content, IfNoneMatch="*")
        except ClientError as error:
            if _status(error) == _EXISTS_ALREADY:
                raise FileExistsError(name) from error
            raise

    def replace(self, name: str, content: bytes) -> None:
        with self._asking():
            self.client.put_object(**self._at(name), Body=content)

    def get(self, name: str) -> bytes:
        """Return an object. Raises FileNotFoundError, botocore's errors."""
        try:
            with self._asking(), self.client.get_object(**self._at(name))["Body"] as body:
                content: bytes = body.read()
        except ClientError as error:
            if _status(error) == _NOT_FOUND:
                raise FileNotFoundError(name) from error
            raise
        return content

    def exists(self, name: str) -> bool:
        try:
            with self._asking():
                self.client.head_object(**self._at(name))
        except ClientError as error:
            if _status(error) == _NOT_FOUND:
                return False
            raise
        return True

    def delete(self, name: str) -> None:
        """Remove an object and, in a bucket with versions, each of them: what is deleted must be gone."""
        with self._asking():
            for version in self._versions(name):
                self.client.delete_object(**self._at(name), VersionId=version)
            if self.exists(name):
                self.client.delete_object(**self._at(name))

    def _versions(self, name: str) -> list[str]:
        key = self._at(name)["Key"]
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket_name, Prefix=key)
        try:
            found = [entry for page in pages for entry in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]]
        except ClientError as error:
            if _status(error) in _WITHOUT_VERSIONS:
                return []
            raise
        return [entry["VersionId"] for entry in found if entry["Key"] == key]

    def _save(self, name: str, content: Any) -> str:
        self.put(name, content.read())
        return name

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Let the store be asked. Raises StoreAwayError if it did not answer a moment ago."""
        if time.monotonic() < self._away_until:
            raise StoreAwayError("the store did not answer a moment ago")
        try:
            yield
        except HTTPClientError:
            self._away_until = time.monotonic() + AWAY_SECONDS
            raise

    def _at(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket_name, "Key": self._normalize_name(name)}


def _status(error: ClientError) -> int:
    status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status
