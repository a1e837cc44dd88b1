"""The page listens where it was told to, and says so where that cannot be."""

import socket

import pytest

from ttpo_cli.errors import UsageError
from ttpo_cli.pick_page.ports import listen, reachable


def test_any_free_port_is_taken_and_only_on_the_given_address():
    with listen("127.0.0.1", 0) as listener:
        host, port = listener.getsockname()
        assert host == "127.0.0.1" and port > 0
        with socket.create_connection((host, port), timeout=5):
            pass


def test_a_port_that_is_taken_or_an_address_of_another_machine_is_told():
    with listen("127.0.0.1", 0) as listener, pytest.raises(UsageError, match="choose others"):
        listen("127.0.0.1", listener.getsockname()[1])
    for host in ("192.0.2.1", "no such name", "x" * 80):
        with pytest.raises(UsageError, match="cannot listen") as refused:
            listen(host, 0)
        assert "\n" not in str(refused.value)


def test_an_address_is_written_as_a_browser_wants_it():
    assert reachable("127.0.0.1") == ["127.0.0.1"] and reachable("::1") == ["[::1]"]
    assert reachable("::")[0] == "[::1]"
    assert reachable("0.0.0.0")[0] == "127.0.0.1" and "0.0.0.0" not in reachable("0.0.0.0")
