"""Input without what nobody typed."""

from __future__ import annotations

import re
from typing import Final

# What terminals answer by themselves (positions, attributes, colours, focus).
_REPLY: Final = re.compile(
    r"\x1b\[[?>=]?[0-9;]*[cRnyt]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1bP[^\x1b]*\x1b\\|\x1b\[[IO]"
)


def typed_in(text: str) -> str:
    """Return what a person typed or pasted."""
    return _REPLY.sub("", text)


def enters_in(typed: str) -> int:
    return typed.count("\r") + typed.count("\n")


def is_interrupt(typed: str) -> bool:
    """Whether this ends with giving up the line: whoever types after Ctrl-C has a line again."""
    return "\x03" in typed and not typed.endswith(("\r", "\n"))
