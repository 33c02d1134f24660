"""What all parts of the scripted CLI share: its behaviour, its clock, ids, the agenda."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import trio

from ._agenda import Agenda
from ._connection import ClientConnection
from ._record import CallRecord

Json: TypeAlias = dict[str, Any]

_EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@attrs.frozen(kw_only=True)
class Behaviour:
    """How this CLI differs from a well-behaved one; see `open_scripted_cli`."""

    version: str
    protocol_version: int | None
    ignore: Container[str]
    answer_after: Mapping[str, float]
    answers: Mapping[str, Callable[[Json], Any]]
    models: Sequence[Mapping[str, Any]] | None
    duplicate_deltas: bool
    background_work: bool


class Host:
    """The CLI as its sessions see it.

    Attributes:
      behaviour: how it differs from a well-behaved CLI.
      model: answers the model calls of all sessions.
      client: the connection to the client.
      agenda: what is to be done, and when.
      fates: `{message id: what became of the prompt}`; see `ScriptedCli.fates`.
    """

    def __init__(
        self, behaviour: Behaviour, model: CallRecord, client: ClientConnection
    ) -> None:
        self.behaviour = behaviour
        self.model = model
        self.client = client
        self.agenda: Agenda = Agenda()
        self.fates: dict[str, str] = {}
        self._ids: Counter[str] = Counter()  # {kind: how many there are}
        self._started = trio.current_time()

    def new_id(self, kind: str) -> str:
        """Return the next id of its kind: `"message-1"`, `"message-2"`..."""
        self._ids[kind] += 1
        return f"{kind}-{self._ids[kind]}"

    def now(self) -> str:
        """Return the time: seconds since this CLI was opened, on a fixed date."""
        return self._moment().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def milliseconds(self) -> int:
        """Return the time as `now` does, in milliseconds since 1970."""
        return round(self._moment().timestamp() * 1000)

    def _moment(self) -> dt.datetime:
        elapsed = round((trio.current_time() - self._started) * 1000)
        return _EPOCH + dt.timedelta(milliseconds=elapsed)
