"""Makes the bucket for recordings unless it is there: `python -m bastion.bucket`. For stores that come up empty."""

from __future__ import annotations

import os
import sys

from django.conf import settings


def ensure_bucket() -> bool:
    """Return whether the bucket had to be made. Raises botocore's errors when the store refuses or is away."""
    # Only requirements/s3.txt brings boto3.
    from botocore.exceptions import ClientError  # noqa: PLC0415
    from django.core.files.storage import storages  # noqa: PLC0415

    storage = storages["recordings"]
    client = storage.client  # type: ignore[attr-defined] # audit.recording.bucket.S3ObjectStorage
    name = settings.STORAGES["recordings"]["OPTIONS"]["bucket_name"]
    try:
        client.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:  # noqa: PLR2004 - no such bucket
            raise
        client.create_bucket(Bucket=name)
        return True
    return False


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bastion.settings")
    if settings.STORAGES["recordings"]["BACKEND"] != "audit.recording.bucket.S3ObjectStorage":
        print("Recordings are not kept in a bucket (BASTION_STORAGE is not s3).", file=sys.stderr)  # noqa: T201
        return 1
    print("The bucket was made." if ensure_bucket() else "The bucket is there.")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
