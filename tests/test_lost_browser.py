"""A browser that is gone in the middle of output is missed, whoever notices it first: nobody's session runs on."""

from __future__ import annotations

from django.contrib.auth.models import User
from pytest_django import Settings

from audit.models import Session
from bastion.asgi import launcher
from hosts.models import Host
from tests.conftest import give, token_of
from tests.polling import eventually
from tests.terminal import open_terminal


def test_a_session_ends_although_sending_failed_before_its_browsers_socket_closed(
    server: int, web_01: Host, bob: User, settings: Settings
) -> None:
    settings.DETACH_GRACE = 1
    give(bob, web_01, "connect")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        live = launcher.registry.find(session_id)
        assert live is not None
        assert live._outlet.viewer is not None
        # What the outlet does when a frame cannot be sent.
        live._outlet.detach(live._outlet.viewer)

    session = eventually(lambda: Session.objects.get(pk=session_id, state=Session.State.SEALED), 15)
    assert session.end_reason == "left"
