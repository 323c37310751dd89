"""A web process with one part of recording taken away, to see what that part costs. For measuring alone.

    python -m bench.variants <variant> <port>

The product itself has no switch for any of this. Settings come from the environment, as for `python -m bastion.web`.
"""

from __future__ import annotations

import logging
import logging.config
import os
import sys
from collections.abc import Callable, Sequence

import django
import uvicorn

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bastion.settings")
django.setup()

from django.conf import settings

from audit.asciicast import encode_event
from audit.events import Event
from audit.recording import objects, publishing, recorder, stream, writer
from bastion.web import listen, server_config


def leave_as_shipped() -> None:
    """Everything as in production."""


def write_on_the_event_loop() -> None:
    """The disk is written by the thread that moves the bytes."""

    def submit(self: writer.Writer, job: writer.Job) -> None:
        self._note_unsynced(job.run())
        job.finish()

    writer.Writer.submit = submit  # type: ignore[method-assign]


def encrypt_nothing() -> None:
    """Objects and stream entries are plain."""

    def encrypt(key: bytes, context: bytes, plain: bytes) -> bytes:
        del key, context
        return plain

    for module in (objects, stream):
        setattr(module, "encrypt", encrypt)  # noqa: B010 - what they import is theirs, as far as types go


def publish_nothing() -> None:
    """No Redis stream."""
    publishing.StreamPublisher.publish = lambda *_arguments: None  # type: ignore[method-assign]


def record_nothing() -> None:
    """Events are encoded, and thrown away."""

    def submit(self: recorder.Recorder, events: Sequence[Event], accepted: recorder.Accepted) -> None:
        del self
        accepted(recorder.Written(0, b"".join(map(encode_event, events))))

    recorder.Recorder.submit = submit  # type: ignore[method-assign]


VARIANTS: dict[str, Callable[[], None]] = {
    "as shipped": leave_as_shipped,
    # BASTION_RECORDING_SYNC is set by whoever starts this one.
    "strict": leave_as_shipped,
    "written on the event loop": write_on_the_event_loop,
    "without encryption": encrypt_nothing,
    "without the Redis stream": publish_nothing,
    "without recording": record_nothing,
}


def main(variant: str, port: str) -> None:
    VARIANTS[variant]()
    logging.config.dictConfig(settings.LOGGING)
    uvicorn.Server(server_config()).run(sockets=[listen("127.0.0.1", int(port))])


if __name__ == "__main__":
    main(*sys.argv[1:])
