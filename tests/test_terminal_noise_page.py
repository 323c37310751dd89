"""Noise on the terminal page: random bytes for seconds, and the page still works, and is recorded to the byte."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import chromium_browser, open_page, sign_in  # noqa: F401 a fixture
from tests.peers import require_program
from tests.running_product import product, short_directory
from tests.visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.peer, pytest.mark.timeout(300)]

PASSWORD = "correct horse battery staple"
NOISE_MS = 3_000
# What had left the host before Ctrl-C is still drawn: some megabytes, by a browser that has no graphics card here.
DRAWN_WITHIN = 120_000
CTRL_C, CTRL_U = "Control+c", "Control+u"


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    require_program("sshd")
    with short_directory() as directory, product(directory, "--demo-host", BASTION_ADMIN_PASSWORD=PASSWORD) as started:
        started.wait_until_ready()
        yield Visitor(started)


def test_random_bytes_neither_break_the_page_nor_end_the_session(chromium: Browser, visitor: Visitor) -> None:
    with open_page(chromium, visitor.port) as page:
        sign_in(page, "admin", PASSWORD)
        page.get_by_role("link", name=re.compile("^Connect")).first.click()
        expect(page.locator(".xterm-rows")).to_contain_text(re.compile(r"[$#%>] *$"), timeout=20_000)
        page.keyboard.type("cat /dev/urandom\n")
        page.wait_for_timeout(NOISE_MS)
        # The page answers in the middle of it.
        assert page.evaluate("1 + 1") == 2
        page.keyboard.press(CTRL_C)
        # Random bytes ask the terminal things; its answers are typed into the shell.
        page.keyboard.press(CTRL_C)
        page.keyboard.press(CTRL_U)
        page.keyboard.type("stty sane; printf '\\033c'; echo alive-$((40+2))\n")
        expect(page.locator(".xterm-rows")).to_contain_text("alive-42", timeout=DRAWN_WITHIN)
        # What the page answered to the last of the noise stands at the prompt.
        page.keyboard.press(CTRL_C)
        page.keyboard.press(CTRL_U)
        page.keyboard.type("exit\n")
        expect(page.get_by_text("Session ended").first).to_be_visible(timeout=30_000)

    session_id = UUID(visitor.get("sessions/")["results"][0]["id"])
    session = visitor.session_in("sealed", session_id)
    raw = visitor.recorded(session_id)
    assert len(raw) == session["output_bytes"] > 100_000
    assert b"alive-42" in raw
