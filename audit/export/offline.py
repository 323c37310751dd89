"""replay.html: one file that plays a recording in any browser, without a network and without us.

The policy in it allows the scripts and styles of the page itself, by their hashes, and nothing else; the recording is
data in it, escaped so that nothing that a terminal showed can become a part of the page.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from string import Template
from typing import Any

import orjson
from django.conf import settings

from audit.export.downloads import Format, closed_segments
from audit.models import Session
from audit.proof import WORDS, proof_of
from audit.recording.reading import read_header, read_segment

MOST_BYTES = 64 * 1024 * 1024
# The player's terminal engine never comes back from one piece of output of 65,520 bytes or more. In characters, which
# take up to four bytes each.
MOST_FED_AT_ONCE = 8192
_PAGE = Path(__file__).parent / "replay_page"
_PLAYER_FILES = ("asciinema-player.min.js", "asciinema-player.css")
# Inside of JSON strings, where alone they occur: what HTML and old JavaScript would take for more than text.
_ESCAPES = {
    b"<": rb"\u003c",
    b">": rb"\u003e",
    b"&": rb"\u0026",
    "\u2028".encode(): rb"\u2028",
    "\u2029".encode(): rb"\u2029",
}
_ESCAPED = re.compile(b"|".join(_ESCAPES))


class PlayerMissingError(Exception):
    """The player's files are not there: the frontend is not built."""

    def __init__(self) -> None:
        super().__init__("The page cannot be made: the frontend is not built. Run `make frontend`, then start again.")


class TooLargeError(Exception):
    """The recording is too large for one page. The message says so, and what to do."""


def page(*, with_input: bool) -> Format:
    """Return the page as a kind of file."""
    return Format("html", "text/html; charset=utf-8", partial(replay_page, with_input=with_input))


def check_page(session: Session) -> None:
    """Raise PlayerMissingError or TooLargeError if no page can be made of the recording."""
    _read_player()
    size = sum(session.segments.values_list("plain_bytes", flat=True))
    if size > MOST_BYTES:
        raise TooLargeError(
            f"The recording has {size / 2**20:,.0f} MiB, and a page that plays in a browser holds"
            f" {MOST_BYTES // 2**20} MiB at most. Download recording.cast and play it with asciinema."
        )


def replay_page(session: Session, *, with_input: bool) -> Iterator[bytes]:
    """Yield the page; memory does not grow with the recording.

    Raises PlayerMissingError, StorageError, KeyUnavailableError, CastError.
    """
    script, style = _read_player()
    page_script, page_style = (_PAGE / "page.js").read_text(), (_PAGE / "page.css").read_text()
    proof = proof_of(session)
    values = {
        "policy": _policy([script, page_script], [style, page_style]),
        "title": html.escape(f"{session.user_name} on {session.host_name}"),
        "player_css": style,
        "page_css": page_style,
        "state": html.escape(WORDS[proof].title),
        "state_class": "good" if proof == "sealed" else "",
        "words": html.escape(WORDS[proof].text),
        "facts": "\n".join(_fact(*fact) for fact in _facts(session)),
        "ids": "\n".join(_fact(*fact) for fact in _ids(session)),
        "player_js": script,
        "page_js": page_script,
    }
    yield Template((_PAGE / "page.html").read_text()).substitute(values).encode("utf-8", "replace")
    yield from _lines(session, frozenset("orim" if with_input else "orm"))
    yield Template((_PAGE / "end.html").read_text()).substitute(values).encode()


def _read_player() -> tuple[str, str]:
    """Return the player's script and style, which the frontend's build puts beside its own files."""
    try:
        script, style = ((settings.FRONTEND_DIST / "offline" / name).read_text() for name in _PLAYER_FILES)
    except FileNotFoundError:
        raise PlayerMissingError from None
    return script, style


def _policy(scripts: list[str], styles: list[str]) -> str:
    allowed = " ".join(map(_hash, scripts))
    # The player's terminal engine is WebAssembly.
    return f"default-src 'none'; script-src {allowed} 'wasm-unsafe-eval'; style-src {' '.join(map(_hash, styles))}"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _facts(session: Session) -> Iterator[tuple[str, str]]:
    yield "Person", session.user_name
    yield "Host", f"{session.account}@{session.host_name}" if session.account else session.host_name
    yield "Started", f"{session.started_at:%Y-%m-%d %H:%M:%S} UTC"
    yield "Ended", f"{session.ended_at:%Y-%m-%d %H:%M:%S} UTC" if session.ended_at else "not yet"
    yield "Length", _length(session.duration)
    yield "Reason of the end", session.end_detail or session.end_reason or "none"


def _ids(session: Session) -> Iterator[tuple[str, str]]:
    yield "Recording", str(session.pk)
    yield "SHA-256 of its manifest", session.manifest_sha256 or "none: not sealed"


def _fact(name: str, value: str) -> str:
    return f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>"


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min {rest} s" if hours else f"{minutes} min {rest} s"


def _lines(session: Session, codes: frozenset[str]) -> Iterator[bytes]:
    """Yield header and events as the player takes them, one JSON value on each line."""
    header = read_header(session)
    yield _escaped({"version": 2, "width": header.cols, "height": header.rows})
    for segment in closed_segments(session):
        lines = read_segment(segment).splitlines()
        shown = (orjson.loads(line) for line in (lines[1:] if segment.n == 0 else lines))
        yield b"".join(
            _escaped([t, code, piece])
            for t, code, data in shown
            if code in codes
            for piece in (_pieces(data) if code == "o" else [data])
        )


def _pieces(text: str) -> list[str]:
    return [text[at : at + MOST_FED_AT_ONCE] for at in range(0, len(text), MOST_FED_AT_ONCE)] or [text]


def _escaped(value: Any) -> bytes:
    return _ESCAPED.sub(lambda match: _ESCAPES[match[0]], orjson.dumps(value)) + b"\n"
