"""Tests open network connections to this machine only."""

import socket

import pytest
from pytest_socket import SocketConnectBlockedError


# pytest-socket warns before it raises, and a warning alone would fail the test.
@pytest.mark.filterwarnings("ignore:A test tried to use socket")
@pytest.mark.parametrize("address", ["192.0.2.1", "198.51.100.7"])
def test_socket_to_another_machine_is_blocked(address: str) -> None:
    with socket.socket() as client, pytest.raises(SocketConnectBlockedError):
        client.connect((address, 443))


def test_socket_to_loopback_connects() -> None:
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        client.connect(listener.getsockname())
