"""Text of others on our own terminal."""

from __future__ import annotations

import re
from typing import Final

# C0 and C1 controls, and the marks that turn the direction of text around.
_UNSAFE: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(line: str) -> str:
    """Return a line of text that does nothing to the terminal that shows it: controls are escaped, tabs kept."""
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode("ascii"), line)
