"""What every page offers: the way in, keys, the palette, languages, and what happens when the sign-in ends."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session as WebSession
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from hosts.models import Grant, Host, HostKey
from tests.browser import chromium_browser, open_page, settle, sign_in  # noqa: F401 a fixture
from tests.conftest import PASSWORD

pytestmark = pytest.mark.browser


@pytest.fixture
def web_host(bob: User) -> Host:
    """A host that bob may connect to, as far as its row tells."""
    host = Host.objects.create(name="web-01", address="10.0.3.11")
    HostKey.objects.create(host=host, algorithm="ssh-ed25519", fingerprint="SHA256:" + "A" * 43, source="scan")
    Grant.objects.create(user=bob, host=host, connect=True, view_own=True, valid_from=timezone.now())
    return host


@pytest.fixture
def page(server: int, chromium: Browser) -> Iterator[Page]:
    with open_page(chromium, server) as page:
        yield page


def test_signing_in_leads_to_the_page_that_was_asked_for(page: Page, bob: User) -> None:
    page.goto("/settings/tokens")
    page.get_by_role("textbox", name="User name").fill("bob")
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="I understand, go on").click()
    expect(page).to_have_url("/settings/tokens")


def test_a_link_cannot_lead_to_another_site_after_signing_in(page: Page, bob: User) -> None:
    page.goto("/signin?next=//evil.example")
    page.get_by_role("textbox", name="User name").fill("bob")
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="I understand, go on").click()
    expect(page.get_by_role("heading", name="Hosts")).to_be_visible()


def test_a_wrong_password_is_said_in_words(page: Page, bob: User) -> None:
    page.goto("/signin")
    page.get_by_role("textbox", name="User name").fill("bob")
    page.get_by_role("textbox", name="Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("The user name or the password is not right.")


def test_the_menu_shows_only_what_one_may_open(page: Page, bob: User) -> None:
    sign_in(page, "bob", PASSWORD)
    sections = page.get_by_role("navigation", name="Sections").get_by_role("link")
    expect(sections).to_have_text(["Hosts", "Terminals", "Sessions", "Search", "Settings"])


def test_pages_are_reached_with_keys_but_not_while_somebody_types(page: Page, bob: User, web_host: Host) -> None:
    sign_in(page, "bob", PASSWORD)
    expect(page.get_by_text("web-01")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("gs")
    expect(page).to_have_url("/hosts?q=gs")
    page.keyboard.press("Escape")
    page.keyboard.type("gs")
    expect(page).to_have_url("/sessions")


def test_a_question_mark_lists_the_keys(page: Page, bob: User) -> None:
    sign_in(page, "bob", PASSWORD)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Filter this page")


def test_the_palette_finds_a_host_and_connects(page: Page, bob: User, web_host: Host) -> None:
    sign_in(page, "bob", PASSWORD)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog").get_by_role("textbox")).to_be_focused()
    page.keyboard.type("web-0")
    page.get_by_role("dialog").get_by_text("web-01").click()
    expect(page).to_have_url(re.compile("/terminals"))


def test_favourites_come_first_and_are_kept(page: Page, bob: User, web_host: Host) -> None:
    Grant.objects.create(
        user=bob, host=Host.objects.create(name="a-first", address="10.0.0.1"), view_own=True, valid_from=timezone.now()
    )
    sign_in(page, "bob", PASSWORD)
    stars = page.get_by_role("button", name="Favourite:")
    expect(stars.first).to_have_attribute("aria-label", "Favourite: a-first")
    page.get_by_role("button", name="Favourite: web-01").click()
    page.reload()
    expect(stars.first).to_have_attribute("aria-label", "Favourite: web-01")


def test_when_the_sign_in_ends_one_signs_in_again_where_one_is(page: Page, bob: User, web_host: Host) -> None:
    sign_in(page, "bob", PASSWORD)
    # Without it, what the page is still asking for would lead to the sign-in page instead.
    expect(page.get_by_role("button", name="web-01", exact=True)).to_be_visible()
    page.wait_for_load_state("networkidle")
    WebSession.objects.all().delete()
    page.get_by_role("searchbox").fill("web")
    dialog = page.get_by_role("dialog", name="You are signed out")
    expect(dialog).to_be_visible()
    dialog.get_by_role("textbox", name="Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Sign in").click()
    # The notice is accepted once per sign-in, and this is another one.
    page.get_by_role("button", name="I understand, go on").click()
    expect(page).to_have_url("/hosts?q=web")


def test_the_language_changes_without_a_reload_and_stays(page: Page, bob: User) -> None:
    sign_in(page, "bob", PASSWORD)
    page.get_by_role("button", name="Menu of bob").click()
    page.get_by_role("menuitemradio", name="简体中文").click()
    expect(page.get_by_role("heading", name="主机")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="主机")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "zh-Hans"


def test_a_browser_that_speaks_chinese_is_answered_in_chinese(server: int, chromium: Browser) -> None:
    with open_page(chromium, server, language="zh-CN") as page:
        page.goto("/signin")
        expect(page.get_by_role("button", name="登录")).to_be_visible()


def test_what_one_may_not_open_says_so_inside_the_shell(page: Page, bob: User) -> None:
    sign_in(page, "bob", PASSWORD)
    page.goto("/admin/grants")
    expect(page.get_by_role("heading", name="You have no access to this section")).to_be_visible()
    page.goto("/no/such/page")
    settle(page)
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    expect(page.get_by_role("navigation", name="Sections")).to_be_visible()
