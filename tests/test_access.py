from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from pytest_django import DjangoAssertNumQueries

from hosts.access import (
    SCOPE_OF,
    Action,
    access_host,
    access_until,
    allowed_actions,
    hosts_allowing,
    still_allowed,
    visible_grants,
    visible_hosts,
)
from hosts.logins import WEB_SCOPES
from hosts.models import Grant, Host, HostGroup
from tests.inventory import brief, browser_login, give, new_host, token_login

HOUR = timedelta(hours=1)


def names(login_user: User, action: Action) -> set[str]:
    return {host.name for host in hosts_allowing(browser_login(login_user), action)}


def test_nobody_may_do_anything_without_a_grant(alice: User, mallory: User) -> None:
    host = new_host("web-01")
    for person, action in product((alice, mallory), Action):
        assert names(person, action) == set()
        with pytest.raises(Host.DoesNotExist):
            access_host(browser_login(person), host.pk, action)
    assert not visible_hosts(browser_login(mallory)).exists()


@pytest.mark.parametrize("action", Action)
def test_a_grant_allows_exactly_its_actions(bob: User, action: Action) -> None:
    host = new_host("web-01")
    give(bob, host, action)
    for other in Action:
        assert names(bob, other) == ({"web-01"} if other is action else set())
    assert allowed_actions(browser_login(bob), [host]) == {host.pk: {action}}


@pytest.mark.parametrize("through_group", [False, True])
@pytest.mark.parametrize("to_host_group", [False, True])
def test_grants_reach_through_groups_of_people_and_of_hosts(
    bob: User, mallory: User, through_group: bool, to_host_group: bool
) -> None:
    operators, servers = Group.objects.create(name="operators"), HostGroup.objects.create(name="servers")
    host = new_host("web-01")
    bob.groups.add(operators)
    host.groups.add(servers)
    new_host("elsewhere")
    give(operators if through_group else bob, servers if to_host_group else host, Action.CONNECT)
    assert names(bob, Action.CONNECT) == {"web-01"}
    assert names(mallory, Action.CONNECT) == set()
    bob.groups.clear()
    host.groups.clear()
    assert names(bob, Action.CONNECT) == (set() if through_group or to_host_group else {"web-01"})


def test_two_grants_to_one_host_are_one_host(bob: User) -> None:
    host, servers = new_host("web-01"), HostGroup.objects.create(name="servers")
    host.groups.add(servers)
    give(bob, host, Action.CONNECT)
    give(bob, servers, Action.CONNECT, Action.AUDIT)
    login = browser_login(bob)
    assert hosts_allowing(login, Action.CONNECT).count() == 1
    assert access_host(login, host.pk, Action.CONNECT) == host
    assert allowed_actions(login, [host])[host.pk] == {Action.CONNECT, Action.AUDIT}


def test_a_grant_begins_and_ends_to_the_moment(bob: User) -> None:
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    give(bob, new_host("web-01"), Action.CONNECT, valid_from=noon, valid_until=noon + HOUR)
    login, tick = browser_login(bob), timedelta(microseconds=1)
    for at, is_allowed in (
        (noon - tick, False),
        (noon, True),
        (noon + HOUR - tick, True),
        (noon + HOUR, False),
    ):
        assert hosts_allowing(login, Action.CONNECT, at).exists() is is_allowed, at


def test_a_revoked_grant_allows_nothing(bob: User) -> None:
    grant = give(bob, new_host("web-01"), Action.CONNECT)
    grant.revoked_at = timezone.now()
    grant.save()
    assert names(bob, Action.CONNECT) == set()


def test_a_disabled_person_may_do_nothing_though_the_login_was_made_before(bob: User, alice: User) -> None:
    give(bob, new_host("web-01"), Action.CONNECT)
    login, administrator = browser_login(bob), browser_login(alice)
    User.objects.update(is_active=False)
    assert not hosts_allowing(login, Action.CONNECT).exists()
    assert not visible_hosts(login).exists()
    assert not visible_hosts(administrator).exists()


def test_a_disabled_host_cannot_be_reached_but_its_sessions_can_be_seen(bob: User) -> None:
    host = new_host("web-01", enabled=False)
    give(bob, host, *Action)
    assert allowed_actions(browser_login(bob), [host])[host.pk] == set(Action) - {Action.CONNECT}
    assert names(bob, Action.CONNECT) == set()
    assert names(bob, Action.TERMINATE) == {"web-01"}
    assert visible_hosts(browser_login(bob)).get() == host


def test_of_a_retired_host_only_recordings_remain(bob: User, alice: User) -> None:
    host = new_host("web-01", retired_at=timezone.now())
    give(bob, host, *Action)
    lasting = {Action.VIEW_OWN, Action.AUDIT, Action.EXPORT, Action.VIEW_INPUT}
    assert allowed_actions(browser_login(bob), [host])[host.pk] == lasting
    assert names(bob, Action.AUDIT) == names(bob, Action.VIEW_OWN) == {"web-01"}
    assert names(bob, Action.TERMINATE) == set()
    assert not visible_hosts(browser_login(bob)).exists()
    assert not visible_hosts(browser_login(alice)).exists()


@pytest.mark.parametrize("action", Action)
def test_a_token_needs_the_scope_of_the_action(bob: User, action: Action) -> None:
    host = new_host("web-01")
    give(bob, host, *Action)
    without = token_login(bob, *(WEB_SCOPES - {SCOPE_OF[action]}))
    assert hosts_allowing(token_login(bob, SCOPE_OF[action]), action).exists()
    assert not hosts_allowing(without, action).exists()
    assert action not in allowed_actions(without, [host])[host.pk]


def test_administrators_see_every_host_in_a_browser_only(alice: User) -> None:
    new_host("web-01")
    assert visible_hosts(browser_login(alice)).count() == 1
    assert not visible_hosts(token_login(alice, *WEB_SCOPES)).exists()
    User.objects.update(is_staff=False)
    assert not visible_hosts(browser_login(alice)).exists()


def test_access_lasts_until_the_last_of_several_grants(bob: User) -> None:
    host, login = new_host(), browser_login(bob)
    soon, late = timezone.now() + HOUR, timezone.now() + 2 * HOUR
    give(bob, host, Action.CONNECT, valid_until=soon)
    assert access_until(login, host, Action.CONNECT) == soon
    give(bob, host, Action.CONNECT, valid_until=late)
    assert access_until(login, host, Action.CONNECT) == late
    give(bob, host, Action.CONNECT)
    assert access_until(login, host, Action.CONNECT) is None
    with pytest.raises(Host.DoesNotExist):
        access_until(login, host, Action.AUDIT)


@pytest.mark.parametrize("host_id", ["", "x", "../..", "0" * 500, str(uuid.UUID(int=1))], ids=brief)
def test_an_id_of_no_host_is_no_host(bob: User, host_id: str) -> None:
    with pytest.raises(Host.DoesNotExist):
        access_host(browser_login(bob), host_id, Action.CONNECT)


def test_every_question_is_one_query(bob: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    hosts, login = [new_host() for _ in range(5)], browser_login(bob)
    give(bob, hosts[0], *Action)
    with django_assert_num_queries(1):
        list(hosts_allowing(login, Action.CONNECT))
    with django_assert_num_queries(1):
        list(visible_hosts(login))
    with django_assert_num_queries(1):
        allowed_actions(login, hosts)
    with django_assert_num_queries(1):
        access_host(login, hosts[0].pk, Action.CONNECT)


def test_people_read_their_own_grants_and_administrators_all(alice: User, bob: User, mallory: User) -> None:
    operators = Group.objects.create(name="operators")
    bob.groups.add(operators)
    direct, grouped = give(bob, new_host(), Action.CONNECT), give(operators, new_host(), Action.AUDIT)
    assert set(visible_grants(browser_login(bob))) == {direct, grouped}
    assert set(visible_grants(browser_login(mallory))) == set()
    assert set(visible_grants(browser_login(alice))) == {direct, grouped}
    assert set(visible_grants(token_login(bob, "connect"))) == set()


NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
_moments = st.one_of(st.none(), st.integers(-3, 3).map(lambda hours: NOON + hours * HOUR))
_grants = st.fixed_dictionaries(
    {
        "person": st.integers(0, 3),
        "place": st.integers(0, 3),
        "actions": st.sets(st.sampled_from(list(Action)), min_size=1),
        "begins": st.integers(-3, 3).map(lambda hours: NOON + hours * HOUR),
        "ends": _moments,
        "revoked": st.booleans(),
    }
)


class TestAccessAgreesWithANaiveModel(TestCase):
    """Two people, two groups, two hosts and two host groups, any memberships, any grants: each answer is compared."""

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        grants=st.lists(_grants, max_size=6),
        members=st.sets(st.tuples(st.integers(0, 1), st.integers(0, 1))),
        placed=st.sets(st.tuples(st.integers(0, 1), st.integers(0, 1))),
        active=st.tuples(st.booleans(), st.booleans()),
        enabled=st.tuples(st.booleans(), st.booleans()),
        retired=st.tuples(st.booleans(), st.booleans()),
        scopes=st.sets(st.sampled_from(sorted(WEB_SCOPES))),
    )
    def test_for_random_grants(self, **world: Any) -> None:
        people = [User.objects.create(username=f"p{n}", is_active=world["active"][n]) for n in (0, 1)]
        groups = [Group.objects.create(name=f"g{n}") for n in (0, 1)]
        hosts = [
            new_host(f"h{n}", enabled=world["enabled"][n], retired_at=NOON if world["retired"][n] else None)
            for n in (0, 1)
        ]
        host_groups = [HostGroup.objects.create(name=f"hg{n}") for n in (0, 1)]
        for person, group in world["members"]:
            people[person].groups.add(groups[group])
        for host, host_group in world["placed"]:
            hosts[host].groups.add(host_groups[host_group])
        subjects: list[Any] = [*people, *groups]
        targets: list[Any] = [*hosts, *host_groups]
        for grant in world["grants"]:
            give(
                subjects[grant["person"]],
                targets[grant["place"]],
                *grant["actions"],
                valid_from=grant["begins"],
                valid_until=grant["ends"],
                revoked_at=NOON if grant["revoked"] else None,
            )
        for number, action in product((0, 1), Action):
            login = token_login(people[number], *world["scopes"])
            found = {host.name for host in hosts_allowing(login, action, NOON)}
            expected = {f"h{host}" for host in (0, 1) if _model(world, number, host, action)}
            assert found == expected, (number, action)
        logins = [token_login(person, *world["scopes"]) for person in people]
        for action in Action:
            # The same, asked for everybody at once.
            asked = [(login, host.pk) for login in logins for host in hosts]
            allowed = {
                (login, hosts[host].pk)
                for (number, login), host in product(enumerate(logins), (0, 1))
                if _model(world, number, host, action)
            }
            assert still_allowed(asked, action, NOON) == allowed, action
        assert Grant.objects.count() == len(world["grants"])


def _model(world: dict[str, Any], person: int, host: int, action: Action) -> bool:
    if not world["active"][person] or SCOPE_OF[action] not in world["scopes"]:
        return False
    if world["retired"][host] and action in {Action.CONNECT, Action.TERMINATE}:
        return False
    if not world["enabled"][host] and action is Action.CONNECT:
        return False
    subjects = {person} | {2 + group for member, group in world["members"] if member == person}
    targets = {host} | {2 + group for member, group in world["placed"] if member == host}
    return any(
        grant["person"] in subjects
        and grant["place"] in targets
        and action in grant["actions"]
        and grant["begins"] <= NOON
        and (grant["ends"] is None or grant["ends"] > NOON)
        and not grant["revoked"]
        for grant in world["grants"]
    )
