"""The methods of the scripted CLI, one module for each domain.

A method gets the state of the CLI, its parameters and a function that sends its result,
which it may keep for later. It refuses by raising `RefusedError`.

In order to read: `cli`, the CLI itself; `sessions`, their life; `work`, what they do;
`pending`, the answers to what they ask. A new domain is a module with a table at its end,
and a line in the table below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .._cli_state import CliState, SendResult
from .._host import Json
from . import cli, pending, sessions, work

METHODS: Mapping[str, Callable[[CliState, Json, SendResult], None]] = {
    **cli.METHODS,
    **sessions.METHODS,
    **work.METHODS,
    **pending.METHODS,
}
