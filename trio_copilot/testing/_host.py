"""What all parts of the scripted CLI share: a way out, a clock, ids and the script.

Everything that leaves goes through `Host.post`, which never waits: one task of the CLI
writes, as many messages at once as there are.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import trio

from .._wire.framing import encode_frame
from .._wire.messages import Message, Notification, encode_message
from ._agenda import Agenda
from ._callbacks import Callbacks
from ._record import ModelRecord

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
    """The CLI as its sessions see it."""

    def __init__(self, behaviour: Behaviour, model: ModelRecord) -> None:
        self.behaviour = behaviour
        self.model = model
        self.agenda = Agenda()
        self.callbacks = Callbacks(self.post)
        self.fates: dict[str, str] = {}
        self._ids: Counter[str] = Counter()  # {kind: how many there are}
        self._started = trio.current_time()
        self._outgoing, self._outbox = trio.open_memory_channel[bytes](math.inf)

    def new_id(self, kind: str) -> str:
        """Return the next id of its kind: `"message-1"`, `"message-2"`..."""
        self._ids[kind] += 1
        return f"{kind}-{self._ids[kind]}"

    def now(self) -> str:
        """Return the time: seconds since this CLI was opened, on a fixed date."""
        return self._moment().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def milliseconds(self) -> int:
        """Return the time as `now`, in milliseconds since 1970."""
        return round(self._moment().timestamp() * 1000)

    def _moment(self) -> dt.datetime:
        elapsed = round((trio.current_time() - self._started) * 1000)
        return _EPOCH + dt.timedelta(milliseconds=elapsed)

    def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        self.post(Notification(method, params))

    def post(self, message: Message) -> None:
        """Send a message."""
        self.post_bytes(encode_frame(encode_message(message, as_cli=True)))

    def post_bytes(self, data: bytes) -> None:
        """Send anything; a CLI that is closing sends nothing any more."""
        try:
            self._outgoing.send_nowait(data)
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            return

    def close(self) -> None:
        """Send what was posted and then no more."""
        self._outgoing.close()

    async def write_to(self, stream: trio.abc.SendStream) -> None:
        """Write what is posted, until `close` or nobody reads; all there is at once."""
        async for data in self._outbox:
            burst = bytearray(data)
            while self._outbox.statistics().current_buffer_used:
                burst += self._outbox.receive_nowait()
            try:
                await stream.send_all(burst)
            except trio.BrokenResourceError:
                return
