"""The moment by which permission is decided: the wall clock, which this process never follows backwards."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.utils import timezone

_wall_at_start = timezone.now()
_monotonic_at_start = time.monotonic()


def now() -> datetime:
    """Return the moment, at least as late as the time that has passed since the process started says.

    A clock that is set back gives no ended grant another hour; one that is set forward and back again does no harm.
    """
    passed = timedelta(seconds=time.monotonic() - _monotonic_at_start)
    return max(timezone.now(), _wall_at_start + passed)
