"""What an administrator does on pages: a host with its key, a credential, a grant, a user, a token."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect

from hosts.models import ApiToken, Credential, Grant, Host
from tests.browser import chromium_browser, open_page, sign_in  # noqa: F401 a fixture
from tests.conftest import PASSWORD
from tests.sshd import SshServer

pytestmark = pytest.mark.browser

FINGERPRINT = "SHA256:" + "B" * 42 + "A"


@pytest.fixture
def page(server: int, chromium: Browser, alice: User) -> Iterator[Page]:
    with open_page(chromium, server) as page:
        sign_in(page, "alice", PASSWORD)
        yield page


def test_a_host_is_added_with_its_credential_and_its_key(page: Page) -> None:
    page.goto("/admin/hosts")
    page.get_by_role("button", name="New host").first.click()
    form = page.get_by_role("dialog")
    form.get_by_label("Name").fill("web-01")
    form.get_by_label("Address").fill("10.0.3.11")
    form.get_by_role("button", name="New credential").click()
    form.get_by_label("Name").fill("deploy at web")
    form.get_by_label("Account").fill("deploy")
    form.get_by_role("textbox", name="Password").fill("not used here")
    form.get_by_role("button", name="Store credential").click()
    expect(form.get_by_label("Address")).to_have_value("10.0.3.11")
    form.get_by_role("button", name="Add host, then pin its key").click()
    page.get_by_label("Fingerprint or known_hosts line").fill(FINGERPRINT)
    page.get_by_role("button", name="Pin this key").click()
    expect(page.get_by_role("dialog").get_by_text("Pasted fingerprint")).to_be_visible()
    host = Host.objects.get(name="web-01")
    assert host.credential == Credential.objects.get(name="deploy at web")
    assert host.keys.get().fingerprint == FINGERPRINT


def test_what_the_server_refuses_stands_at_its_field(page: Page) -> None:
    page.goto("/admin/hosts")
    page.get_by_role("button", name="New host").first.click()
    form = page.get_by_role("dialog")
    form.get_by_label("Name").fill("web-01")
    form.get_by_label("Address").fill("not an address")
    form.get_by_role("button", name="Add host, then pin its key").click()
    expect(form.get_by_label("Address")).to_have_attribute("aria-invalid", "true")
    expect(form.get_by_label("Name")).to_have_value("web-01")
    assert not Host.objects.exists()


def test_a_grant_says_its_effect_before_it_is_given(page: Page, bob: User) -> None:
    Host.objects.create(name="web-01", address="10.0.3.11")
    page.goto("/admin/grants")
    page.get_by_role("button", name="New grant").first.click()
    form = page.get_by_role("dialog")
    form.get_by_role("combobox", name="Who").click()
    page.get_by_role("option", name="bob").click()
    form.get_by_role("combobox", name="Where").click()
    page.get_by_role("option", name="web-01").click()
    form.get_by_role("checkbox", name="connect").check()
    form.get_by_role("button", name="1 day").click()
    expect(form.get_by_role("status")).to_contain_text("bob may connect on web-01 until")
    form.get_by_role("button", name="Give access").click()
    expect(page.get_by_role("table", name="Grants")).to_contain_text("bob")
    grant = Grant.objects.get()
    assert (grant.connect, grant.audit, grant.granted_by_name) == (True, False, "alice")
    assert grant.valid_until is not None


def test_access_is_withdrawn_after_asking(page: Page, bob: User) -> None:
    host = Host.objects.create(name="web-01", address="10.0.3.11")
    grant = Grant.objects.create(user=bob, host=host, connect=True, valid_from=host.created_at)
    page.goto("/admin/grants")
    page.get_by_role("button", name="bob").click()
    page.get_by_role("button", name="Withdraw access").click()
    page.get_by_role("dialog", name="Withdraw this grant?").get_by_role("button", name="Withdraw access").click()
    expect(page.get_by_text("The grant is withdrawn.")).to_be_visible()
    grant.refresh_from_db()
    assert grant.revoked_by_name == "alice"


def test_leaving_a_form_with_changes_asks_first(page: Page) -> None:
    page.goto("/admin/users")
    page.get_by_role("button", name="New user").first.click()
    page.get_by_role("dialog").get_by_label("Full name").fill("Dave")
    page.keyboard.press("Escape")
    page.get_by_role("dialog", name="Leave without saving?").get_by_role("button", name="Stay").click()
    expect(page.get_by_role("dialog", name="New user").get_by_label("Full name")).to_have_value("Dave")


def test_a_token_is_shown_once_and_works(page: Page, server: int) -> None:
    page.goto("/settings/tokens")
    page.get_by_role("button", name="New token").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Name").fill("ci")
    form.get_by_role("button", name="Make token").click()
    token = page.get_by_role("dialog", name="Your token").get_by_text("bst_").inner_text()
    answer = page.request.get("/api/v1/me/", headers={"Authorization": f"Bearer {token}", "Cookie": ""})
    assert answer.json()["kind"] == "token"
    page.get_by_label("I stored it").check()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("table", name="API tokens")).to_contain_text("ci")
    expect(page.get_by_text(token)).to_have_count(0)
    assert ApiToken.objects.get().name == "ci"


def test_what_was_changed_is_in_the_audit_log(page: Page) -> None:
    page.goto("/admin/host-groups")
    page.get_by_role("button", name="New host group").first.click()
    page.get_by_role("dialog").get_by_label("Name").fill("prod")
    page.get_by_role("button", name="Add group").click()
    expect(page.get_by_role("table", name="Host groups")).to_contain_text("prod")
    page.goto("/audit?action=host_group.created")
    page.get_by_role("button", name="Added a host group").click()
    expect(page.get_by_role("dialog", name="Added a host group")).to_contain_text("prod")


def open_keys(page: Page, host: Host) -> None:
    page.goto("/admin/hosts")
    page.get_by_role("button", name=f"More about {host.name}").click()
    page.get_by_role("menuitem", name="Host keys").click()
    page.get_by_role("button", name="Scan now").click()


@pytest.mark.peer
def test_a_scanned_key_is_pinned_only_after_somebody_compared_it(page: Page, web_01: Host, sshd: SshServer) -> None:
    web_01.keys.all().delete()
    open_keys(page, web_01)
    shown = page.get_by_role("group", name=sshd.fingerprint)
    pin = shown.get_by_role("button", name="Pin this key")
    expect(pin).to_be_disabled()
    shown.get_by_role("checkbox", name="I compared this fingerprint").check()
    pin.click()
    expect(page.get_by_text("Scanned and confirmed")).to_be_visible()
    assert web_01.keys.get().fingerprint == sshd.fingerprint


@pytest.mark.peer
def test_a_changed_key_is_pinned_only_with_the_name_of_the_host(page: Page, web_01: Host, sshd: SshServer) -> None:
    web_01.keys.update(fingerprint=FINGERPRINT)
    open_keys(page, web_01)
    expect(page.get_by_text("The host shows other keys than the pinned ones")).to_be_visible()
    shown = page.get_by_role("group", name=sshd.fingerprint)
    shown.get_by_role("checkbox", name="I compared this fingerprint").check()
    expect(shown.get_by_role("button", name="Pin this key")).to_be_disabled()
    shown.get_by_label("Type the name of the host").fill("web-01")
    shown.get_by_role("button", name="Pin this key").click()
    expect(shown).to_have_count(0)
    assert sshd.fingerprint in web_01.keys.values_list("fingerprint", flat=True)
