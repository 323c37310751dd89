"""Who gets in when nobody has ever signed in: `manage.py ensure_admin`."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from pytest_django import Settings

from audit.models import AuditEvent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_password_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BASTION_ADMIN_PASSWORD", raising=False)


def ensure_admin() -> str:
    out = StringIO()
    call_command("ensure_admin", stdout=out)
    return out.getvalue().strip()


def test_the_first_administrator_gets_a_random_password_that_alone_is_printed() -> None:
    password = ensure_admin()
    admin = User.objects.get()
    assert admin.username == "admin"
    assert admin.is_superuser
    assert admin.check_password(password)
    assert len(password) >= 16


def test_it_happens_once() -> None:
    assert ensure_admin()
    assert ensure_admin() == ""
    assert User.objects.count() == 1


def test_an_administrator_by_another_name_is_enough(alice: User) -> None:
    assert ensure_admin() == ""
    assert User.objects.get() == alice


def test_a_given_password_is_used_and_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASTION_ADMIN_PASSWORD", "a password of my own")
    assert ensure_admin() == ""
    assert User.objects.get().check_password("a password of my own")


def test_a_weak_password_will_do_while_only_this_machine_can_reach_the_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASTION_ADMIN_PASSWORD", "admin")
    assert ensure_admin() == ""
    assert User.objects.get().check_password("admin")


def test_a_weak_password_is_refused_where_others_can_reach_the_product(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.IS_LOCAL_ONLY = False
    monkeypatch.setenv("BASTION_ADMIN_PASSWORD", "admin")
    with pytest.raises(CommandError, match="BASTION_ADMIN_PASSWORD is too weak"):
        ensure_admin()
    assert not User.objects.exists()


def test_the_ledger_says_so() -> None:
    ensure_admin()
    event = AuditEvent.objects.get(action="user.created")
    assert event.object_name == "admin"
    assert event.actor_id is None
