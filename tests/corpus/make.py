"""Makes a corpus: small recordings of this version, sealed and bundled, for all later versions to read and verify.

    .venv/bin/python -m tests.corpus.make tests/corpus/v1

Run it once for each version of a format, commit what it wrote, and never change that again: tests/test_corpus.py reads
every tests/corpus/v*. It writes

    keys.txt          the verification keys, two: the key was rotated after the first recording
    identity.age      what opens the recordings. It protects nothing else
    expected.json     for each recording: id, state, SHA-256 of its cast and its raw bytes, its text, and the exit
                      status of bastion-verify
    objects/          the storage directory
    bundles/          <name>.zip, as evidence.zip is downloaded

The recordings: `shell`, with every kind of event; `recovered`, whose recorder died and whose second segment was lost;
and `imported`, from a file.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import django

from tests.environment import DATA_DIR

os.environ["DJANGO_SETTINGS_MODULE"] = "bastion.settings"
django.setup()

from django.conf import settings  # noqa: E402 - Django must be set up before anything imports its models
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402

from audit.events import Event, Exit, HiddenInput, Input, Marker, Output, Resize  # noqa: E402
from audit.evidence.rotation import rotate_signing_key  # noqa: E402
from audit.evidence.signer import known_vkeys  # noqa: E402
from audit.export.downloads import raw, transcript  # noqa: E402
from audit.imports import import_cast  # noqa: E402
from audit.models import Session  # noqa: E402
from audit.recording.reading import iter_lines  # noqa: E402
from audit.recording.recovery import recover  # noqa: E402
from tests.crashes import leave  # noqa: E402
from tests.evidence import check, seal, write_bundle  # noqa: E402
from tests.recordings import make_host  # noqa: E402

SHELL: list[list[Event]] = [
    [
        Output(0.25, "\x1b[1mbob@web-01\x1b[0m:~$ "),
        Input(1.0, "sudo -v\r"),
        Output(1.01, "sudo -v\r\n[sudo] password: "),
    ],
    [
        HiddenInput(31.0, 12),
        Output(
            31.5,
            "\r\n\u4e16\u754c \U0001f680 caf\ufffd\r\n",
            exact="\r\n\u4e16\u754c \U0001f680 caf".encode() + b"\xe9\r\n",
        ),
    ],
    [Resize(61.0, 120, 40), Marker(61.5, "a moment"), Output(62.0, "logout\r\n"), Exit(62.1, 0)],
]
LOST: list[list[Event]] = [
    [Output(0.5, "$ make\r\n")],
    [Output(31.0, "this segment will be lost\r\n")],
    [Output(61.0, "the last that was written\r\n")],
]
FOREIGN = '{"version": 2, "width": 60, "height": 20, "timestamp": 1700000000}\n[0.5, "o", "made elsewhere\\r\\n"]\n'


def main(target: Path) -> None:
    target.mkdir(parents=True)
    call_command("migrate", verbosity=0)
    # The page would make each bundle five times as large, and is not what a later version has to read.
    settings.FRONTEND_DIST = DATA_DIR / "none"
    bob = User.objects.create_user("bob")
    sessions = {"shell": seal(bob, make_host("web-01"), SHELL)}
    rotate_signing_key("alice")
    sessions["recovered"] = _recovered(bob)
    sessions["imported"] = _imported(bob)
    location = settings.STORAGES["recordings"]["OPTIONS"]["location"]
    shutil.copytree(location, target / "objects")
    (target / "bundles").mkdir()
    expected = {name: _describe(session, target / "bundles" / f"{name}.zip") for name, session in sessions.items()}
    (target / "expected.json").write_text(json.dumps(expected, indent=2, sort_keys=True) + "\n")
    (target / "keys.txt").write_text("".join(f"{vkey}\n" for vkey in known_vkeys()))
    shutil.copy(settings.IDENTITY_FILE, target / "identity.age")


def _recovered(bob: User) -> Session:
    path = leave(bob, make_host("db-01"), *LOST)
    (path / "1.cast").unlink()
    recover(Session.objects.latest("started_at").pk)
    return Session.objects.latest("started_at")


def _imported(bob: User) -> Session:
    path = DATA_DIR / "foreign.cast"
    path.write_text(FOREIGN)
    return import_cast(path, make_host("elsewhere"), bob, "alice").session


def _describe(session: Session, bundle: Path) -> dict[str, Any]:
    session.refresh_from_db()
    write_bundle(session, bundle)
    return {
        "recording": str(session.pk),
        "state": session.state,
        "cast_sha256": hashlib.sha256(b"".join(iter_lines(session))).hexdigest(),
        "raw_sha256": hashlib.sha256(b"".join(raw(session))).hexdigest(),
        "text": b"".join(transcript(session)).decode(),
        "status": check(bundle).status,
    }


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    finally:
        shutil.rmtree(DATA_DIR, ignore_errors=True)
