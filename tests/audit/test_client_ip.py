"""One reader finds the client's address for the audit log, the sign-in limits and the webhook sources."""

from ipaddress import ip_network

import pytest
from django.core.checks import run_checks
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from audit.actor import get_client_ip
from audit.client_ip import UNIX_SOCKET, Proxy, find_client_ip, is_too_wide, parse_network

TRUSTED: list[Proxy] = [ip_network("10.0.0.0/8"), ip_network("2001:db8:ffff::/48")]


@pytest.mark.parametrize(
    ("written", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:51234", "203.0.113.7"),
        (" 203.0.113.7:51234 ", "203.0.113.7"),
        ('"203.0.113.7:51234"', "203.0.113.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ('"[2001:db8::7]:443"', "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:443", "203.0.113.7"),
        ("fe80::7%eth0", "fe80::7"),
        ("[fe80::7%25eth0]:443", "fe80::7"),
        ("unknown", None),
        ("203.0.113.7:port", None),
        ("203.0.113.7:123456", None),
        ("203.0.113.07", None),
        ("[203.0.113.7", None),
        ("_hidden", None),
        ("", None),
        ("203.0.113.7\0", None),
    ],
)
def test_address_is_read_as_proxies_and_servers_write_it(written: str, client: str | None) -> None:
    assert find_client_ip("10.0.0.1", written or ",", trusted_proxies=TRUSTED) == client
    if written:
        assert find_client_ip(written, "", trusted_proxies=[]) == client


@pytest.mark.parametrize("peer", ["10.0.0.1", "::ffff:10.0.0.1", "10.0.0.1:4711", "[2001:db8:ffff::1]:4711"])
def test_trusted_proxy_is_known_by_every_spelling_of_its_address(peer: str) -> None:
    header = "198.51.100.66, 203.0.113.7:51234, [::ffff:10.0.0.2]:80"

    assert find_client_ip(peer, header, trusted_proxies=TRUSTED) == "203.0.113.7"


@pytest.mark.parametrize("peer", ["", "unix:"])
def test_unix_socket_is_trusted_only_if_it_is_a_trusted_proxy(peer: str) -> None:
    assert find_client_ip(peer, "203.0.113.7", trusted_proxies=[UNIX_SOCKET]) == "203.0.113.7"
    assert find_client_ip(peer, "203.0.113.7, 10.0.0.2", trusted_proxies=[UNIX_SOCKET]) == "10.0.0.2"
    assert find_client_ip(peer, "203.0.113.7, 10.0.0.2", trusted_proxies=[*TRUSTED, "unix"]) == "203.0.113.7"
    assert find_client_ip(peer, "203.0.113.7", trusted_proxies=TRUSTED) is None
    assert find_client_ip(peer, "", trusted_proxies=[UNIX_SOCKET]) is None


def test_client_is_unknown_when_our_proxy_does_not_say_who_it_is(
    settings: Settings, rf: RequestFactory
) -> None:
    settings.TRUSTED_PROXIES = TRUSTED

    assert get_client_ip(rf.get("/", REMOTE_ADDR="10.0.0.1")) is None
    assert get_client_ip(rf.get("/", REMOTE_ADDR="192.0.2.1")) == "192.0.2.1"


@given(st.text(), st.text())
def test_any_header_gives_an_address_or_none(peer: str, header: str) -> None:
    found = find_client_ip(peer, header, trusted_proxies=[UNIX_SOCKET, *TRUSTED])

    # What is found can be stored and compared.
    assert found is None or ip_network(found)


def test_network_of_mapped_addresses_becomes_the_ipv4_network() -> None:
    assert parse_network("::ffff:10.0.0.0/104") == ip_network("10.0.0.0/8")
    assert parse_network("2001:db8::/32") == ip_network("2001:db8::/32")
    with pytest.raises(ValueError, match="host bits"):
        parse_network("10.1.2.3/8")


@pytest.mark.parametrize(
    ("network", "too_wide"),
    [("0.0.0.0/0", True), ("::/0", True), ("0.0.0.0/1", True), ("2000::/3", True), ("10.0.0.0/8", False),
     ("fc00::/7", False), ("104.16.0.0/13", False), ("2400:cb00::/32", False)],
)  # fmt: skip
def test_network_of_most_of_the_internet_is_too_wide(
    network: str, too_wide: bool, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = [ip_network(network), UNIX_SOCKET]

    assert is_too_wide(ip_network(network)) is too_wide
    assert ("audit.E002" in [message.id for message in run_checks()]) is too_wide
