"""How to reach a CLI is said in values that are checked at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from trio_copilot._transport.connections import Stdio, Tcp


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("localhost:8080", "localhost", 8080),
        ("8080", "127.0.0.1", 8080),
        ("[::1]:8080", "::1", 8080),
        ("tcp://10.0.0.1:1", "10.0.0.1", 1),
        ("http://box.example:65535/", "box.example", 65535),
        ("tcp://[fe80::1%eth0]:80", "fe80::1%eth0", 80),
        (" 8080\n", "127.0.0.1", 8080),
    ],
)
def test_addresses_of_these_forms_are_understood(address, host, port):
    assert Tcp.at(address, token="t") == Tcp(host, port, "t")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "localhost",
        "localhost:",
        ":8080",
        "localhost:http",
        "localhost:0",
        "localhost:65536",
        "localhost:-1",
        "::1:8080",
        "[]:8080",
        "https://localhost:8080",
        "http://localhost:8080/path",
        "two words:8080",
        "localhost:٨٠",
    ],
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(
        ValueError, match="is not the address of a CLI: expected 'host:port'"
    ):
        Tcp.at(address)


def test_a_password_in_an_address_is_not_shown():
    with pytest.raises(ValueError, match=r"^'localhost:8080' is no") as caught:
        Tcp.at("http://me:sesame@localhost:8080")
    assert "sesame" not in str(caught.value)


def test_the_token_is_never_shown():
    tcp = Tcp("localhost", 8080, token="sesame")
    assert tcp.token == "sesame"
    assert repr(tcp) == "Tcp(host='localhost', port=8080)"


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none_is_refused(port):
    with pytest.raises(ValueError, match=f"within 1..65535, not {port}"):
        Tcp("localhost", port)


@pytest.mark.parametrize("port", ["8080", True, None, 80.0])
def test_a_port_that_is_no_number_is_refused(port):
    with pytest.raises(TypeError, match="port must be an int"):
        Tcp("localhost", port)


def test_an_empty_host_is_refused():
    with pytest.raises(ValueError, match="host must not be empty"):
        Tcp("", 8080)


def test_stdio_takes_any_path_and_any_sequence_of_arguments():
    assert Stdio() == Stdio(None, [])
    assert Stdio(Path("copilot"), ["--x"]).args == ("--x",)
    assert hash(Stdio("copilot", ["--x"])) == hash(Stdio("copilot", ("--x",)))


@pytest.mark.parametrize("arguments", ["--log-level", ["--port", 7]])
def test_what_is_no_sequence_of_strings_is_refused(arguments):
    with pytest.raises(TypeError, match="args must be a sequence of strings, not"):
        Stdio("copilot", arguments)
