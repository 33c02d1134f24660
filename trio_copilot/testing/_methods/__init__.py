"""The methods of the scripted CLI, one module for each domain.

A method gets the state of the CLI, its parameters and a function that sends its result,
which it may keep for later. It refuses by raising `RefusedError`.

A new domain is a module with a table at its end, and a line in the table below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from .._cli_state import CliState, SendResult
from .._host import Json
from . import answers, cli, sessions, work

Method: TypeAlias = Callable[[CliState, Json, SendResult], None]

METHODS: Mapping[str, Method] = {
    **cli.METHODS,
    **sessions.METHODS,
    **work.METHODS,
    **answers.METHODS,
}
