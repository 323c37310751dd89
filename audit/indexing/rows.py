"""What of the rows on the screen, and of the keys, is the command that was submitted there."""

from __future__ import annotations

from collections.abc import Sequence

from audit.indexing.observations import Rest, Submission
from audit.indexing.prompts import looks_like_prompt, style_of

# Line editors close what was opened.
_CLOSING = ")]}\"'`"


def without_prefix(line: str, prefix: str) -> str:
    return line[len(prefix) :] if line.startswith(prefix.rstrip()) else line


def joined(first: str, others: Sequence[str], indent: int, cols: int) -> str:
    """Join the rows of a line that was edited over several: full rows go on, others end."""
    text, is_full = first.rstrip(), len(first) >= cols
    for line in others:
        plain = line[indent:] if line[:indent].isspace() else line
        text += plain.rstrip() if is_full else "\n" + plain.rstrip()
        is_full = len(line) >= cols
    return text


def without_right_prompt(line: str, rest: Rest) -> str:
    """Cut off what stood at the right edge before anything was typed; clocks and durations in it may have changed."""
    right = rest.after
    if not right or _is_in_line(rest):
        return line
    stripped = line.rstrip()
    tail = stripped[-len(right) :]
    if style_of(tail) == style_of(right) and stripped[: -len(tail)].endswith(" "):
        return stripped[: -len(tail)].rstrip()
    head, gap, tail = stripped.rpartition("   ")
    if gap and tail.split()[-1:] == right.split()[-1:]:
        return head.rstrip()
    return line


def without_stale_text(line: str, rest: Rest, col: int) -> str:
    """Cut off what still stands where it stood when the cursor came to rest; what is left of `col` was typed."""
    at_rest = rest.before.ljust(rest.after_col) + rest.after
    stripped = line.rstrip()
    if not rest.after or _is_in_line(rest) or len(stripped) != len(at_rest):
        return line
    end, typed = len(stripped), max(col, len(rest.before))
    while end > typed and stripped[end - 1] == at_rest[end - 1]:
        end -= 1
    return stripped[:end]


def _is_in_line(rest: Rest) -> bool:
    """Whether what stands right of the cursor belongs to the line, which was drawn again around the cursor."""
    return rest.is_begun and rest.after_col <= len(rest.before) + 1


def is_typed_ahead(rest: Rest, submission: Submission) -> bool:
    """Whether the cursor rested behind the keys of this line, before the prompt came."""
    return submission.typed is not None and submission.typed.startswith(rest.before)


def as_typed(text: str, typed: str | None, filled: str) -> str:
    """Return what was typed where the row that was read has more before or after it, or lacks its beginning.

    `typed` is nothing if it is not certain; `filled` is what stood behind the prompt before anything was typed.
    """
    keys, read = (typed or "").strip(), text.strip()
    if not keys or not read or "\n" in read:
        return text
    if keys.endswith(read):
        return keys
    # A single word may be an abbreviation that the shell wrote out.
    is_word = " " not in keys
    if read.endswith(keys):
        extra = read[: -len(keys)]
        is_put_there = bool(filled.strip()) and not looks_like_prompt(filled)
        return text if is_put_there or (is_word and not looks_like_prompt(extra)) else keys
    if read.startswith(keys) and not is_word and read[len(keys) :].strip(_CLOSING):
        return keys
    return text
