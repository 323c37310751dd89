from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User

from hosts.access import Action
from hosts.models import Credential, Grant, Host, HostGroup, HostKey
from tests.inventory import Browser, Program, announcements, brief, cases, fields_of, give, new_host

FINGERPRINT = "SHA256:" + "A" * 43
HOST = {"name": "web-01", "address": "10.0.0.5"}


@pytest.fixture
def admin(alice: User) -> Browser:
    return Browser(alice)


def test_an_administrator_adds_a_host(admin: Browser) -> None:
    group = HostGroup.objects.create(name="servers")
    credential = Credential.objects.create(name="deploy", username="deploy", kind="password", sealed_secret=b"x")
    with announcements() as heard:
        made = admin.post(
            "hosts/",
            {
                **HOST,
                "port": 2222,
                "group_ids": [str(group.pk)],
                "credential_id": str(credential.pk),
                "labels": {"env": "prod"},
                "encoding": "EUC_JP",
                "idle_limit": 600,
                "notes": "two\nlines",
            },
        )
    assert made.status_code == 201, made.content
    host = made.json()
    assert host == admin.get(f"hosts/{host['id']}/").json()
    assert (host["port"], host["groups"], host["account"]) == (
        2222,
        [{"id": str(group.pk), "name": "servers"}],
        "deploy",
    )
    assert host["credential"] == {"id": str(credential.pk), "name": "deploy"}
    assert (host["encoding"], host["key_state"], host["actions"], host["access_until"]) == (
        "euc_jp",
        "missing",
        [],
        None,
    )
    assert [said["action"] for said in heard] == ["host.created"]
    assert heard[0]["actor"].user.username == "alice"
    assert heard[0]["detail"]["after"]["groups"] == ["servers"]
    assert str(heard[0]["host_id"]) == host["id"]


def test_a_change_is_announced_once_with_before_and_after(admin: Browser) -> None:
    host = new_host("web-01", port=22)
    with announcements() as heard:
        assert admin.patch(f"hosts/{host.pk}/", {"port": 2222, "name": "web-01"}).json()["port"] == 2222
        assert admin.patch(f"hosts/{host.pk}/", {"port": 2222}).status_code == 200
        assert admin.patch(f"hosts/{host.pk}/", {}).status_code == 200
    assert [(said["action"], said["detail"]) for said in heard] == [
        ("host.changed", {"before": {"port": 22}, "after": {"port": 2222}})
    ]


def test_a_retired_host_is_gone_and_its_name_is_free(admin: Browser) -> None:
    credential = Credential.objects.create(name="deploy", username="deploy", kind="password", sealed_secret=b"x")
    host = new_host("web-01", credential=credential)
    with announcements() as heard:
        assert admin.delete(f"hosts/{host.pk}/").status_code == 204
        assert admin.delete(f"hosts/{host.pk}/").status_code == 404
    assert [said["action"] for said in heard] == ["host.retired"]
    assert admin.get(f"hosts/{host.pk}/").status_code == 404
    assert Host.objects.filter(pk=host.pk, retired_at__isnull=False).exists()
    assert admin.post("hosts/", HOST).status_code == 201
    assert admin.delete(f"credentials/{credential.pk}/").status_code == 204


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *cases("name", "", " ", "-rf", "a\nb", "a\x00b", "\u202eb", "x" * 101, 5, None, ["a"], {}),
        *cases("name", "WEB-TAKEN", "a\u200bb", "\ud800", "<script>"),
        *cases("address", "", "127.0.0.1", "127.1", "a b", "-oProxyCommand=x", "root@x", "x" * 5000, 7),
        *cases("port", 0, -1, 65536, 2**63, "22", "22;", "\u0662\u0662", 22.5, True, None, [22]),
        *cases("labels", [], "x", {"a": 1}, {"": "x"}, {"a": "\x1b[2J"}, {"a": "x" * 300}, None),
        ("labels", {f"k{n}": "v" for n in range(51)}),
        *cases("encoding", "", "utf-16", "rot13", "zlib", "idna", "../../etc", "x" * 40, "utf-7", "hex", 5),
        *cases("input_policy", "none", "", None, 1),
        *cases("idle_limit", 0, -1, 2**40, "x", 1.5),
        *cases("length_limit", 0, 2**63),
        *cases("enabled", "yes", 1, None, "true"),
        *cases("group_ids", "x", ["x"], [str(uuid.UUID(int=1))], [None], {}),
        *cases("credential_id", "x", str(uuid.UUID(int=1)), 5, []),
        *cases("notes", "x" * 4001, "\x00", "\x1b]0;title\x07", 5),
    ],
    ids=brief,
)
def test_a_field_that_cannot_be_used_is_named(admin: Browser, field: str, value: Any) -> None:
    new_host("web-taken")
    existing = new_host("web-02")
    for response in (
        admin.post("hosts/", {**HOST, field: value}),
        admin.patch(f"hosts/{existing.pk}/", {field: value}),
    ):
        assert response.status_code == 400, (value, response.content)
        assert {name.partition(".")[0] for name in fields_of(response)} == {field}
    assert Host.objects.count() == 2


@pytest.mark.parametrize("missing", ["name", "address"])
def test_name_and_address_are_needed(admin: Browser, missing: str) -> None:
    response = admin.post("hosts/", {name: value for name, value in HOST.items() if name != missing})
    assert (response.status_code, fields_of(response)) == (400, {missing})


def test_names_in_two_unicode_forms_are_one_name(admin: Browser) -> None:
    assert admin.post("hosts/", {**HOST, "name": "caf\u00e9"}).json()["name"] == "caf\u00e9"
    assert fields_of(admin.post("hosts/", {**HOST, "name": "cafe\u0301"})) == {"name"}


def test_operators_see_their_hosts_without_credentials(bob: User, admin: Browser) -> None:
    credential = Credential.objects.create(name="secret-name", username="deploy", kind="password", sealed_secret=b"x")
    host = new_host("web-01", credential=credential)
    new_host("web-02")
    give(bob, host, Action.CONNECT, Action.VIEW_OWN)
    for client in (Browser(bob), Program(bob)):
        (seen,) = client.get("hosts/").json()["results"]
        assert (seen["name"], seen["account"], seen["credential"]) == ("web-01", "deploy", None)
        assert seen["actions"] == ["connect", "view_own"]
    assert {row["name"] for row in admin.get("hosts/").json()["results"]} == {"web-01", "web-02"}


def test_the_list_says_how_long_access_lasts(bob: User) -> None:
    grant = give(bob, new_host(), Action.CONNECT)
    assert Browser(bob).get("hosts/").json()["results"][0]["access_until"] is None
    Grant.objects.filter(pk=grant.pk).update(valid_until="2099-01-01T00:00:00Z")
    assert Browser(bob).get("hosts/").json()["results"][0]["access_until"] == "2099-01-01T00:00:00Z"


def test_hosts_are_found_by_filter(admin: Browser, alice: User) -> None:
    servers = HostGroup.objects.create(name="production servers")
    one, two = new_host("web-01"), new_host("db-01", address="db.example.org", enabled=False)
    one.groups.add(servers)
    give(alice, two, Action.AUDIT)

    def found(**query: Any) -> set[str]:
        return {row["name"] for row in admin.get("hosts/", **query).json()["results"]}

    assert (
        found(q="WEB") == found(q="production") == found(group=str(servers.pk)) == found(enabled="true") == {"web-01"}
    )
    assert found(q="example.org") == found(action="audit") == found(enabled="false") == {"db-01"}
    assert found(action="connect") == found(group=str(uuid.uuid4())) == found(q="nothing") == set()


def test_pages_follow_one_another_in_both_directions(admin: Browser) -> None:
    names = [f"web-{n:02}" for n in range(11)]
    for name in reversed(names):
        new_host(name)
    page, seen = admin.get("hosts/", page_size=4).json(), []
    assert page["previous"] is None
    while True:
        seen.append([row["name"] for row in page["results"]])
        if page["next"] is None:
            break
        page = admin.client.get(page["next"]).json()
    assert seen == [names[0:4], names[4:8], names[8:11]]
    page = admin.client.get(page["previous"]).json()
    assert [row["name"] for row in page["results"]] == names[4:8]
    page = admin.client.get(page["previous"]).json()
    assert [row["name"] for row in page["results"]] == names[0:4]
    assert page["previous"] is None


def test_a_list_costs_the_same_number_of_queries_however_long(
    admin: Browser, django_assert_max_num_queries: Any
) -> None:
    group = HostGroup.objects.create(name="servers")
    for number in range(40):
        new_host(f"web-{number}").groups.add(group)
    with django_assert_max_num_queries(8):
        assert len(admin.get("hosts/").json()["results"]) == 40


def test_keys_are_pinned_and_unpinned(admin: Browser) -> None:
    host = new_host()
    with announcements() as heard:
        made = admin.post(
            f"hosts/{host.pk}/keys/", {"fingerprint": FINGERPRINT, "source": "scan", "algorithm": "ssh-rsa"}
        )
        assert made.status_code == 201, made.content
        again = admin.post(f"hosts/{host.pk}/keys/", {"fingerprint": FINGERPRINT})
        assert (again.status_code, again.json()) == (200, made.json())
        assert (made.json()["pinned_by"], made.json()["source"]) == ("alice", "scan")
        assert admin.get(f"hosts/{host.pk}/").json()["keys"] == [made.json()]
        assert admin.delete(f"hosts/{host.pk}/keys/{made.json()['id']}/").status_code == 204
        assert admin.delete(f"hosts/{host.pk}/keys/{made.json()['id']}/").status_code == 404
    assert [said["action"] for said in heard] == ["host_key.pinned", "host_key.unpinned"]


def test_a_key_of_another_host_is_not_there(admin: Browser) -> None:
    key = HostKey.objects.create(host=new_host(), fingerprint=FINGERPRINT, source="scan")
    assert admin.delete(f"hosts/{new_host().pk}/keys/{key.pk}/").status_code == 404
    assert HostKey.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        ({"fingerprint": FINGERPRINT, "known_hosts": "x"}, ""),
        ({"fingerprint": "x"}, "fingerprint"),
        ({"fingerprint": FINGERPRINT, "source": "demo"}, "source"),
        ({"known_hosts": "x"}, "known_hosts"),
        ({"known_hosts": "x" * 9000}, "known_hosts"),
        ({"known_hosts": 5}, "known_hosts"),
    ],
)
def test_a_key_that_cannot_be_pinned_is_refused_at_its_field(admin: Browser, body: Any, field: str) -> None:
    response = admin.post(f"hosts/{new_host().pk}/keys/", body)
    assert (response.status_code, fields_of(response)) == (400, {field})
    assert not HostKey.objects.exists()


def test_host_groups_count_the_hosts_that_one_may_see(admin: Browser, bob: User, mallory: User) -> None:
    made = admin.post("host-groups/", {"name": "servers", "notes": ""}).json()
    one, two = new_host(), new_host()
    for host in (one, two):
        host.groups.add(made["id"])
    give(bob, one, Action.CONNECT)
    assert admin.get("host-groups/").json()["results"] == [{**made, "host_count": 2}]
    assert Browser(bob).get("host-groups/").json()["results"] == [{**made, "host_count": 1}]
    assert Browser(mallory).get("host-groups/").json()["results"] == []
    assert Browser(mallory).get(f"host-groups/{made['id']}/").status_code == 404


def test_a_host_group_that_grants_name_stays(admin: Browser, bob: User) -> None:
    group = HostGroup.objects.create(name="servers")
    grant = give(bob, group, Action.CONNECT)
    response = admin.delete(f"host-groups/{group.pk}/")
    assert response.status_code == 409
    assert "1 grants" in response.json()["detail"]
    grant.delete()
    with announcements() as heard:
        assert admin.delete(f"host-groups/{group.pk}/").status_code == 204
    assert [said["action"] for said in heard] == ["host_group.deleted"]


def test_the_demo_host_keeps_its_address(admin: Browser, settings: Any) -> None:
    settings.ALLOWED_ADDRESSES = []
    host = new_host("demo", address="127.0.0.1", is_demo=True)
    assert admin.patch(f"hosts/{host.pk}/", {"address": "127.0.0.1", "notes": "mine"}).status_code == 200
    assert fields_of(admin.patch(f"hosts/{host.pk}/", {"address": "127.0.0.2"})) == {"address"}
    assert fields_of(admin.post("hosts/", {**HOST, "address": "127.0.0.1", "is_demo": True})) == {"address"}


@pytest.fixture(autouse=True)
def _refuse_loopback(settings: Any) -> None:
    settings.ALLOWED_ADDRESSES = []
