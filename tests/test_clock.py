"""A clock that is set back extends no grant."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from hosts import clock
from hosts.access import Action, hosts_allowing
from tests.recordings import make_grant, make_host, web_login


def test_a_grant_that_ended_stays_ended_when_the_clock_is_set_back(bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    host = make_host()
    grant = make_grant(bob, host, Action.CONNECT)
    grant.valid_until = timezone.now() - timedelta(seconds=1)
    grant.save()
    an_hour_ago: datetime = timezone.now() - timedelta(hours=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: an_hour_ago)
    assert not hosts_allowing(web_login(bob), Action.CONNECT).exists()


def test_a_clock_that_is_set_forward_is_followed_and_back_again_too(monkeypatch: pytest.MonkeyPatch) -> None:
    true_now = timezone.now()
    monkeypatch.setattr("django.utils.timezone.now", lambda: true_now + timedelta(hours=1))
    assert clock.now() >= true_now + timedelta(hours=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: true_now)
    assert clock.now() < true_now + timedelta(minutes=1)
