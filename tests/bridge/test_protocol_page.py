"""The page on the bridge documents what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import attrs
import pytest

from trio_copilot.bridge import BridgeLimits, CloseCode
from trio_copilot.bridge._messages import ClientMessage, ServerMessage

PAGE = (Path(__file__).parents[2] / "docs" / "bridge.md").read_text()
CELL = re.compile(r"`([\w]+)`")
MESSAGES = [*get_args(ClientMessage), *get_args(ServerMessage)]


def row(name: str) -> list[str]:
    """Return the cells of the first row that is about something."""
    found = re.search(rf"(?m)^\| `?{name}`? \|(.*)\|$", PAGE)
    assert found is not None, name
    return [cell.strip() for cell in found[1].split("|")]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.type)
def test_every_message_is_there_with_its_fields(message: Any) -> None:
    assert set(CELL.findall(row(message.type)[0])) == set(attrs.fields_dict(message))


def test_no_other_message_is_there() -> None:
    tables = PAGE.partition("### Messages of the client")[2].partition(
        "Fields without"
    )[0]
    named = {m[1] for m in re.finditer(r"(?m)^\| `(\w+)` \|", tables)} - {"type"}

    assert named == {message.type for message in MESSAGES}


@pytest.mark.parametrize("field", attrs.fields(BridgeLimits), ids=lambda f: f.name)
def test_every_limit_is_there_with_its_default(field: Any) -> None:
    assert float(row(field.name)[0]) == field.default


@pytest.mark.parametrize("code", CloseCode)
def test_every_close_code_is_there(code: CloseCode) -> None:
    assert row(str(code.value))[0]
