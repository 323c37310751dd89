"""Waiting for what happens elsewhere: ask again until it is so, never sleep and hope."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from django.core.exceptions import ObjectDoesNotExist

T = TypeVar("T")


def eventually(ask: Callable[[], T], timeout: float = 15) -> T:
    """Return the first true value of `ask`. Raises its AssertionError, or one of ours, after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            value = ask()
            if value:
                return value
            problem: Exception = AssertionError(f"still {value!r} after {timeout} s")
        except (AssertionError, ObjectDoesNotExist) as error:
            problem = error
        if time.monotonic() > deadline:
            raise problem
        time.sleep(0.05)
