"""Importing the vocabulary costs nothing until a payload is used."""

from __future__ import annotations

from tests.interpreter import modules_after

ENVELOPE = "from trio_copilot._protocol.envelope import SessionEvent"
EVENTS = "import trio_copilot.events"
DELTA = {
    "type": "assistant.message_delta",
    "data": {"messageId": "m", "deltaContent": "x"},
}


def generated(modules: set[str]) -> set[str]:
    prefix = "trio_copilot._protocol.generated."
    return {name.removeprefix(prefix) for name in modules if name.startswith(prefix)}


def test_the_envelope_loads_neither_cattrs_nor_payloads_nor_asyncio() -> None:
    modules = modules_after(ENVELOPE, f"SessionEvent({DELTA})")

    assert not generated(modules)
    assert not {"cattrs", "asyncio", "trio_copilot._protocol.codec"} & modules


def test_the_facade_loads_neither_cattrs_nor_payloads_nor_asyncio() -> None:
    modules = modules_after(EVENTS)

    assert not generated(modules)
    assert not {"cattrs", "asyncio", "trio_copilot._protocol.index"} & modules


def test_listing_the_facade_loads_no_payloads() -> None:
    assert not generated(modules_after(EVENTS, "assert dir(trio_copilot.events)"))


def test_a_name_loads_the_module_that_it_lives_in() -> None:
    modules = modules_after("from trio_copilot.events import UserInputRequested")

    assert generated(modules) == {"request"}
    assert "cattrs" not in modules


def test_a_payload_loads_the_module_of_its_class() -> None:
    modules = modules_after(ENVELOPE, f"SessionEvent({DELTA}).data")

    assert generated(modules) == {"stream"}
    assert "asyncio" not in modules


def test_an_unknown_event_loads_no_payloads_and_no_cattrs() -> None:
    modules = modules_after(ENVELOPE, "SessionEvent({'type': 'new'}).data")

    assert not generated(modules)
    assert "cattrs" not in modules
