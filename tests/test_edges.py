"""Tests reach this machine and no other."""

import socket

import pytest
from pytest_socket import SocketConnectBlockedError


# The guard warns before it raises; either ends a test.
@pytest.mark.filterwarnings("ignore:A test tried to use socket")
@pytest.mark.parametrize("address", ["192.0.2.1", "198.51.100.7"])
def test_no_socket_leaves_this_machine(address: str) -> None:
    with socket.socket() as outward, pytest.raises(SocketConnectBlockedError):
        outward.connect((address, 443))


def test_loopback_is_open() -> None:
    with socket.socket() as listener, socket.socket() as caller:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        caller.connect(listener.getsockname())
