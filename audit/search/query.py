"""From what a person types to the terms that must all occur, folded so that case does not matter."""

from __future__ import annotations

import re

from audit.search.protocol import QueryError

LONGEST_QUERY = 500
MOST_TERMS = 16

# A phrase begins with a quote at the start of a term and ends with the next quote that a space or the end follows;
# every other quote is a character to look for, because shell commands are full of them.
_TERM = re.compile(r'"(?P<phrase>[^"].*?)"(?=\s|$)|(?P<word>\S+)', re.DOTALL)


def storable(text: str) -> str:
    """Return `text`, as long as before, without what databases cannot hold (NUL, lone surrogates)."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def fold(text: str) -> str:
    """Return `text` without case, code point by code point, so that offsets are those of `text`.

    Part of the index's format: see audit.search.grams.
    """
    folded = text.lower()
    # str.lower() looks at neighbours (Σ at the end of a word) and may lengthen (İ).
    if len(folded) != len(text) or "Σ" in text:
        folded = "".join(lower if len(lower := char.lower()) == 1 else char for char in text)
    return folded.replace("ς", "σ")


def parse_query(query: str) -> tuple[str, ...]:
    """Return the folded terms of a query, each once. Raises QueryError for field `q`."""
    if len(query) > LONGEST_QUERY:
        raise QueryError("q", f"Expected at most {LONGEST_QUERY} characters, got {len(query)}.")
    found = (match["phrase"] or match["word"] for match in _TERM.finditer(storable(query)))
    # A line never holds a line break, and what a person pastes may.
    terms = tuple(dict.fromkeys(" ".join(fold(term).split("\n")) for term in found))
    if not terms:
        raise QueryError("q", "Expected something to look for, got nothing.")
    if len(terms) > MOST_TERMS:
        raise QueryError("q", f"Expected at most {MOST_TERMS} terms, got {len(terms)}.")
    return terms
