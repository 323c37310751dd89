from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from hosts.destinations import DestinationNotFound, DestinationRefused, resolve, unwrap, validate_address
from tests.inventory import brief

# Each is loopback, link-local, metadata, multicast, or leads to one of these.
REFUSED = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "017700000001",
    "localhost.",
    "127.0.0.1.nip.io",
    "0.0.0.0",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:0:127.0.0.1",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "64:ff9b::169.254.169.254",
    "2002:a9fe:a9fe::",
    "fd00:ec2::254",
    "100.100.100.200",
    "192.0.0.192",
    "fe80::1%eth0",
    "fec0::1",
    "224.0.0.1",
    "255.255.255.255",
]
ADDRESSES = [text for text in REFUSED if ":" in text or text.count(".") == 3]
MORE_REFUSED = [
    "2001:0:7f00:1::",  # Teredo, server 127.0.0.1
    "2001:0:c000:201::80ff:fffe",  # Teredo, client 127.0.0.1
    "64:ff9b:1::7f00:1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::1",
    "::ffff:100.64.0.1",
    "fd20:ce::254",
    "100.64.0.1",
    "240.0.0.1",
    "ff02::1",
]
ALLOWED = ["10.0.0.5", "172.16.3.4", "192.168.1.1", "fd12::1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:10.0.0.5"]


@pytest.fixture(autouse=True)
def _nothing_is_listed(settings: Settings) -> None:
    settings.ALLOWED_ADDRESSES = []


def answering(*addresses: str) -> Any:
    """A resolver that gives these answers to every question."""

    def lookup(_name: str, port: int, **_kwargs: Any) -> list[tuple[Any, ...]]:
        answers: list[tuple[Any, ...]] = []
        for address in addresses:
            if ":" in address:
                answers.append((socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0)))
            else:
                answers.append((socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)))
        return answers

    return lookup


@pytest.mark.parametrize("text", REFUSED)
def test_no_spelling_of_a_refused_address_is_reached(text: str) -> None:
    with pytest.raises((DestinationRefused, DestinationNotFound)):
        resolve(text, 22)


@pytest.mark.parametrize("text", [*ADDRESSES, *MORE_REFUSED])
def test_no_resolver_leads_to_a_refused_address(text: str) -> None:
    if "nip.io" in text:
        text = "127.0.0.1"
    with pytest.raises(DestinationRefused):
        resolve("web-01.example.org", 22, lookup=answering(text))
    with pytest.raises(DestinationRefused):
        resolve("web-01.example.org", 22, lookup=answering("10.0.0.5", text))


@pytest.mark.parametrize("text", [text for text in REFUSED if text != "127.0.0.1.nip.io"])
def test_refused_addresses_cannot_be_saved(text: str) -> None:
    with pytest.raises(ValidationError):
        validate_address(text)


@pytest.mark.parametrize("text", ALLOWED)
def test_private_and_public_addresses_are_allowed(text: str) -> None:
    validate_address(text)
    (target,) = resolve("web-01.example.org", 2222, lookup=answering(text))
    assert target[1][:2] == (text, 2222)


def test_the_caller_gets_exactly_what_was_checked() -> None:
    answers = ["10.0.0.5", "fd12::1"]
    questions: list[str] = []

    def lookup(name: str, port: int, **kwargs: Any) -> list[tuple[Any, ...]]:
        questions.append(name)
        found: list[tuple[Any, ...]] = answering(*answers)(name, port, **kwargs)
        return found

    targets = resolve("web-01", 22, lookup=lookup)
    assert targets == [(socket.AF_INET, ("10.0.0.5", 22)), (socket.AF_INET6, ("fd12::1", 22, 0, 0))]
    assert questions == ["web-01"]


def test_listed_networks_are_opened(settings: Settings) -> None:
    settings.ALLOWED_ADDRESSES = ["127.0.0.0/8", "100.64.0.0/10"]
    for text in ("127.0.0.1", "::ffff:127.0.0.1", "100.64.0.1"):
        assert resolve("x", 22, lookup=answering(text))
        validate_address(text)
    for text in ("169.254.169.254", "::1", "100.100.100.200", "fe80::1"):
        with pytest.raises(DestinationRefused):
            resolve("x", 22, lookup=answering(text))


def test_metadata_is_opened_only_by_its_own_address(settings: Settings) -> None:
    settings.ALLOWED_ADDRESSES = ["169.254.0.0/16"]
    with pytest.raises(DestinationRefused, match="metadata"):
        resolve("x", 22, lookup=answering("169.254.169.254"))
    settings.ALLOWED_ADDRESSES = ["169.254.169.254/32"]
    assert resolve("x", 22, lookup=answering("169.254.169.254"))


def test_the_demo_host_is_on_loopback_and_nowhere_else() -> None:
    assert resolve("127.0.0.1", 2222, is_demo=True) == [(socket.AF_INET, ("127.0.0.1", 2222))]
    with pytest.raises(DestinationRefused, match="loopback"):
        resolve("x", 22, is_demo=True, lookup=answering("10.0.0.5"))


def test_own_services_are_refused_even_where_the_address_is_listed(settings: Settings) -> None:
    settings.ALLOWED_ADDRESSES = ["127.0.0.0/8", "10.0.0.0/8"]
    settings.PORT = 8000
    settings.REDIS_URL = "redis://10.0.0.9:6380/0"
    for address, port in (("127.0.0.1", 8000), ("10.0.0.9", 6380)):
        with pytest.raises(DestinationRefused, match="service of this product"):
            resolve("x", port, lookup=answering(address))
        with pytest.raises(DestinationRefused, match="service of this product"):
            resolve("x", port, lookup=answering(f"::ffff:{address}"))
    assert resolve("x", 22, lookup=answering("10.0.0.9"))
    with pytest.raises(DestinationRefused, match="service of this product"):
        resolve("x", 8000, is_demo=True, lookup=answering("127.0.0.1"))


def test_addresses_of_this_machine_are_refused() -> None:
    own = {
        str(sockaddr[0]).partition("%")[0]
        for *_rest, sockaddr in socket.getaddrinfo(socket.gethostname(), None)
        if not ipaddress.ip_address(str(sockaddr[0]).partition("%")[0]).is_loopback
    }
    for address in own:
        with pytest.raises(DestinationRefused):
            resolve("x", 22, lookup=answering(address))


@pytest.mark.parametrize("name", ["no-such-name.invalid", "x" * 300, "a..b", "\u00fc" * 80, ""], ids=brief)
def test_names_that_lead_nowhere_are_an_oserror(name: str) -> None:
    with pytest.raises((OSError, DestinationRefused)):
        resolve(name, 22)


def test_what_an_address_carries_is_unwrapped() -> None:
    def inner(text: str) -> list[str]:
        return [str(address) for address in unwrap(ipaddress.ip_address(text))]

    assert inner("10.0.0.5") == ["10.0.0.5"]
    assert inner("::ffff:10.0.0.5") == ["10.0.0.5"]
    assert inner("::ffff:0:10.0.0.5") == ["10.0.0.5"]
    assert inner("::10.0.0.5") == ["10.0.0.5"]
    assert inner("::1") == ["::1"]
    assert inner("64:ff9b::a00:5") == ["64:ff9b::a00:5", "10.0.0.5"]
    assert inner("2002:a00:5::1") == ["2002:a00:5::1", "10.0.0.5"]


@pytest.mark.parametrize(
    "text", ["web-01", "web-01.example.org", "web_01.example.org", "WEB.example.org.", "xn--bcher-kva.example"]
)
def test_host_names_are_accepted(text: str) -> None:
    validate_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "web 01",
        "web-01\n",
        "web-01\x00",
        "-oProxyCommand=x",
        "root@web-01",
        "web-01:22",
        "[::1]",
        "http://web-01/",
        "a..b",
        ".a",
        "a" * 64,
        "a." * 127 + "a",
        "x" * 100_000,
        "b\u00fccher.example",
        "\u0430pple.com",
        "1.2.3",
        "10.0.0.5%eth0",
        "10.0.0.256",
        "web-01.0x7f",
        "foo.localhost",
    ],
    ids=brief,
)
def test_what_is_no_address_is_refused_with_words(text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        validate_address(text)
    assert caught.value.messages[0]
