"""A web process with one part of recording taken away, to see what that part costs. For measuring alone.

    python -m bench.variants <variant> <port>

The product itself has no switch for any of this. Settings come from the environment, as for `python -m bastion.web`.
What is replaced here is the product's inside: if a name is gone, has another signature, or is never called while the
process runs, the process ends with a status and a word about it, and no figure is made from it.
"""

from __future__ import annotations

import inspect
import logging
import logging.config
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

import django
import uvicorn

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bastion.settings")
django.setup()

from django.conf import settings

from audit.asciicast import encode_event
from audit.events import Event
from audit.recording import objects, publishing, recorder, stream
from bastion.web import listen, server_config

# What was put in the place of something, by name, and how often it was called.
calls: dict[str, int] = {}


class VariantError(Exception):
    """The product is no longer made as a variant expects."""


def leave_as_shipped() -> None:
    """Everything as in production."""


def encrypt_nothing() -> None:
    """Objects and stream entries are plain."""

    def encrypt(key: bytes, context: bytes, plain: bytes) -> bytes:
        del key, context
        return plain

    for module in (objects, stream):
        replace(module, "encrypt", encrypt)


def publish_nothing() -> None:
    """No Redis stream."""

    def publish(self: publishing.StreamPublisher, key: bytes, place: stream.Place, lines: bytes) -> None:
        del self, key, place, lines

    replace(publishing.StreamPublisher, "publish", publish)


def record_nothing() -> None:
    """Events are encoded, and thrown away."""

    def submit(self: recorder.Recorder, events: Sequence[Event], accepted: recorder.Accepted) -> None:
        del self
        accepted(recorder.Written(0, b"".join(map(encode_event, events))))

    replace(recorder.Recorder, "submit", submit)


VARIANTS: dict[str, Callable[[], None]] = {
    "as shipped": leave_as_shipped,
    # BASTION_RECORDING_SYNC is set by whoever starts this one.
    "strict": leave_as_shipped,
    "without encryption": encrypt_nothing,
    "without the Redis stream": publish_nothing,
    "without recording": record_nothing,
}


def replace(owner: Any, name: str, replacement: Callable[..., Any]) -> None:
    """Put a function in the place of `owner.name`, and count its calls. Raises VariantError if it does not fit."""
    full_name = f"{owner.__name__}.{name}"
    original = vars(owner).get(name)
    if original is None:
        raise VariantError(f"there is no {full_name} any more: change bench/variants.py")
    ours, theirs = list(inspect.signature(replacement).parameters), list(inspect.signature(original).parameters)
    if ours != theirs:
        raise VariantError(f"{full_name} takes {theirs} now, not {ours}: change bench/variants.py")
    calls[full_name] = 0

    def counted(*arguments: Any, **named: Any) -> Any:
        calls[full_name] += 1
        return replacement(*arguments, **named)

    setattr(owner, name, counted)


def main(variant: str, port: str) -> None:
    VARIANTS[variant]()
    logging.config.dictConfig(settings.LOGGING)
    # uvicorn raises the signal again that has stopped it.
    signal.signal(signal.SIGTERM, lambda *_: None)
    uvicorn.Server(server_config()).run(sockets=[listen("127.0.0.1", int(port))])
    if unused := [name for name, count in calls.items() if not count]:
        raise VariantError(f"nothing called {', '.join(unused)}: {variant!r} was the product as shipped")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except VariantError as error:
        sys.exit(f"bench.variants: {error}")
