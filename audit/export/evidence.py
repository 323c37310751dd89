"""evidence.zip: a recording with all that a stranger needs to check it (docs/evidence.md has the format)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from string import Template
from typing import Any

import orjson
from django.conf import settings
from django.utils.translation import gettext as _

from audit.evidence.proofs import seal_line
from audit.evidence.signer import known_vkeys
from audit.export.downloads import Format, closed_segments, raw, transcript
from audit.export.ledger_lines import lines_about, seal_proof
from audit.export.offline import PlayerMissingError, TooLargeError, check_page, replay_page
from audit.export.zip_stream import ZipStream
from audit.models import Checkpoint, Command, Session
from audit.proof import WORDS, proof_of
from audit.recording.chain import salt_for
from audit.recording.key import recording_key
from audit.recording.reading import read_segment
from audit.recording.seal import SEALED, manifest_name
from audit.recording.storage import load_object

_README = Path(__file__).parent / "evidence_readme.txt"
_VERIFIER = settings.BASE_DIR / "tools" / "bastion-verify"
_COMMAND_FIELDS = ("t", "end_t", "at", "command", "source", "confidence", "exit_status")
_PAGE = 500


class NotSealedError(Exception):
    """There is no seal that a bundle could prove anything with. The message says why, for people."""


def check_sealed(session: Session) -> None:
    """Raise NotSealedError unless the recording has a signed manifest, which the ledger knows."""
    if session.state not in SEALED:
        raise NotSealedError(_("The recording is not sealed yet. Try again when the session is over."))
    if seal_line(session) is None:
        raise NotSealedError(_("The recording is from before there were signatures: no bundle could prove anything."))


def evidence(checkpoint: Checkpoint) -> Format:
    """Return the bundle as a kind of file, with proofs for the ledger as it was at the checkpoint."""
    return Format("evidence.zip", "application/zip", lambda session: bundle(session, checkpoint))


def bundle(session: Session, checkpoint: Checkpoint) -> Iterator[bytes]:
    """Yield the zip file; memory holds one segment at most.

    Raises NotProvableError, StorageError, KeyUnavailableError, CastError, InconsistentLedgerError.
    """
    stream = ZipStream(session.ended_at or session.started_at)
    why_no_page = _why_no_page(session)
    yield from stream.add("README.txt", [_readme(session, why_no_page)])
    yield from stream.add("manifest.note", [load_object(manifest_name(session.pk))])
    yield from stream.add("keys.txt", (f"{vkey}\n".encode() for vkey in known_vkeys()))
    yield from stream.add("bastion-verify", [_VERIFIER.read_bytes()], mode=0o755)
    for segment in closed_segments(session):
        name = f"objects/{segment.object_name.rpartition('/')[2]}"
        # Encrypted bytes do not get smaller.
        yield from stream.add(name, [load_object(segment.object_name)], compress=False)
    yield from stream.add("salts.json", _salts(session))
    yield from stream.add("recording.cast", map(read_segment, closed_segments(session)))
    yield from stream.add("recording.raw", raw(session))
    yield from stream.add("transcript.txt", transcript(session))
    yield from stream.add("commands.json", _commands(session))
    yield from stream.add("ledger/seal.tlog-proof", [seal_proof(session, checkpoint).encode()])
    yield from stream.add("ledger/session.jsonl", lines_about(session, checkpoint, access=False))
    yield from stream.add("ledger/access-log.jsonl", lines_about(session, checkpoint, access=True))
    if not why_no_page:
        yield from stream.add("replay.html", replay_page(session, with_input=True))
    yield from stream.close()


def _why_no_page(session: Session) -> str:
    try:
        check_page(session)
    except TooLargeError as error:
        return str(error)
    except PlayerMissingError:
        return "The player was not there when this file was made."
    return ""


def _readme(session: Session, why_no_page: str) -> bytes:
    words = WORDS[proof_of(session)]
    first = session.segments.order_by("n").values_list("object_name", flat=True).first()
    replay = "plays the recording in a browser, without a network"
    text = Template(_README.read_text()).substitute(
        person=session.user_name,
        host=f"{session.account}@{session.host_name}" if session.account else session.host_name,
        started=f"{session.started_at:%Y-%m-%d %H:%M:%S}",
        ended=f"{session.ended_at:%Y-%m-%d %H:%M:%S}" if session.ended_at else "unknown",
        recording=session.pk,
        state=words.title,
        words=words.text,
        example=first.rpartition("/")[2] if first else "000000.segment",
        replay=f"  {'replay.html':25}  {f'left out. {why_no_page}' if why_no_page else replay}",
    )
    return text.encode("utf-8", "replace")


def _salts(session: Session) -> Iterator[bytes]:
    """Yield {"recording": id, "salts": [hex, …]}: the salt of segment n is number n."""
    keys: dict[int, bytes] = {}

    def salts() -> Iterator[str]:
        for n, ordinal in list(session.segments.order_by("n").values_list("n", "key_ordinal")):
            if ordinal not in keys:
                keys[ordinal] = recording_key(session.pk, ordinal)
            yield salt_for(keys[ordinal], n).hex()

    yield b'{"recording":' + orjson.dumps(str(session.pk)) + b',"salts":'
    yield from _array(salts())
    yield b"}\n"


def _commands(session: Session) -> Iterator[bytes]:
    yield from _array(_found_commands(session))
    yield b"\n"


def _found_commands(session: Session) -> Iterator[dict[str, Any]]:
    """Yield the commands one query at a time: a slow download must not hold a cursor open for hours."""
    found = Command.objects.filter(session=session).order_by("ordinal").values("ordinal", *_COMMAND_FIELDS)
    last = -1
    while page := list(found.filter(ordinal__gt=last)[:_PAGE]):
        last = page[-1]["ordinal"]
        yield from ({name: command[name] for name in _COMMAND_FIELDS} for command in page)


def _array(values: Iterable[Any]) -> Iterator[bytes]:
    """Yield a JSON array, an element on each line."""
    separator = b"["
    for value in values:
        yield separator + orjson.dumps(value)
        separator = b",\n"
    yield b"[]" if separator == b"[" else b"]"
