"""One stream of events becomes many.

`FanOut.publish` is called by the reader of the connection: it is synchronous, can
neither block nor fail, and filters on the wire type before anything is structured.
What happens to a subscriber that does not read fast enough is `buffer`'s business.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from typing import Generic, Protocol, TypeVar

import attrs
import trio

from .._blocks import as_block
from .._checks import wrong_type
from .._did_you_mean import did_you_mean
from .._errors import CopilotError
from .._resource_errors import SessionBusyError
from .buffer import Buffer, Lagged, Overflow
from .coalesce import Coalescer
from .statistics import SubscriptionStatistics

DEFAULT_CAPACITY = 1024
"""Events that a subscriber may lag behind: some seconds of a fast stream."""


class HasType(Protocol):
    """What can be told apart by its type on the wire."""

    @property
    def type(self) -> str:
        """The wire type."""
        ...


E = TypeVar("E", bound=HasType)


@attrs.define(eq=False)
class Subscription(trio.abc.ReceiveChannel[E | Lagged], Generic[E]):
    """The receiving end of one subscription: iterate it, or call `receive`.

    Each item is a `SessionEvent`, or a `SessionChange` if it is one of a client.

    Iteration ends when the session does. If the connection is lost both raise the
    error that says how, after what had arrived.
    """

    _types: frozenset[str]
    _buffer: Buffer[E]
    _receiving: bool = attrs.field(default=False, init=False)

    async def receive(self) -> E | Lagged:
        """Return the next event. `Cancelled` loses none.

        Raises:
          trio.EndOfChannel: the session is over, or the subscription was closed.
          SubscriberLaggedError: this subscriber was too slow; see `Overflow`.
          SessionBusyError: another task is receiving from the same subscription.
          CopilotError: the connection was lost; says how.
        """
        if self._receiving:
            raise SessionBusyError("Another task is receiving from this subscription")
        self._receiving = True
        try:
            return await self._buffer.take()
        finally:
            self._receiving = False

    async def __anext__(self) -> E | Lagged:
        if not self._receiving:
            await trio.lowlevel.checkpoint_if_cancelled()
            item = self._buffer.take_nowait()
            if item is not None:
                return item
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        """Stop receiving; what is buffered can still be taken."""
        self._buffer.close()
        await trio.lowlevel.checkpoint()

    def statistics(self) -> SubscriptionStatistics:
        """Return how far this subscriber lags behind."""
        return SubscriptionStatistics(
            current_buffer_used=len(self._buffer),
            max_buffer_size=self._buffer.capacity,
            high_water=self._buffer.high_water,
        )


def check_types(types: tuple[str, ...], known: Collection[str] | None) -> None:
    """Check that what is subscribed to can come.

    Args:
      types: wire types.
      known: those that there are; `None` allows others, too.

    Raises:
      TypeError: it is no wire type.
      ValueError: it is none that is known; says which was meant.
    """
    for wire_type in types:
        if not isinstance(wire_type, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers vary
            raise wrong_type(
                "What is subscribed to",
                "a wire type, such as 'assistant.message_delta'",
                wire_type,
            )
        if known is not None and wire_type not in known:
            raise ValueError(
                f"No CLI is known to send {wire_type!r}"
                f"{did_you_mean(wire_type, known) or '.'} Say allow_unknown=True if a "
                "newer one does."
            )


class Takers(dict[str, tuple[Buffer[E], ...]]):
    """The buffers of everyone who wants a wire type; looked for when first asked.

    It is cleared when the subscriptions change.
    """

    def __init__(self, subscriptions: list[Subscription[E]]) -> None:
        self._subscriptions = subscriptions

    def __missing__(self, wire_type: str) -> tuple[Buffer[E], ...]:
        takers = self[wire_type] = tuple(
            subscription._buffer
            for subscription in self._subscriptions
            if not subscription._types or wire_type in subscription._types
        )
        return takers


@attrs.define(eq=False)
class FanOut(Generic[E]):
    """The subscriptions of one session, or of a client."""

    _rules: Coalescer[E]
    _subscriptions: list[Subscription[E]] = attrs.field(
        factory=list["Subscription[E]"], init=False
    )
    takers: Takers[E] = attrs.field(init=False)
    _closed: bool = attrs.field(default=False, init=False)
    _end: CopilotError | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.takers = Takers(self._subscriptions)

    @as_block
    async def subscribe(
        self,
        types: tuple[str, ...],
        *,
        capacity: int = DEFAULT_CAPACITY,
        overflow: Overflow | str = Overflow.COALESCE,
    ) -> AsyncGenerator[Subscription[E], None]:
        """Receive what is published from now on, for as long as the block lasts."""
        subscription = self.add(types, capacity=capacity, overflow=overflow)
        try:
            await trio.lowlevel.checkpoint()
            yield subscription
        finally:
            self.remove(subscription)

    def add(
        self,
        types: tuple[str, ...],
        *,
        capacity: int = DEFAULT_CAPACITY,
        overflow: Overflow | str = Overflow.COALESCE,
    ) -> Subscription[E]:
        """Make a subscription that receives from now on."""
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, not {capacity!r}")
        buffer = Buffer(self._rules, capacity, Overflow(overflow))
        subscription = Subscription(frozenset(types), buffer)
        if self._closed:
            buffer.close(self._end)
        else:
            self._subscriptions.append(subscription)
            self.takers.clear()
        return subscription

    def remove(self, subscription: Subscription[E]) -> None:
        """Publish no more to this subscription. Idempotent."""
        subscription._buffer.close()
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            self.takers.clear()

    def statistics(self) -> tuple[SubscriptionStatistics, ...]:
        """Return how far each subscriber lags behind."""
        return tuple(each.statistics() for each in self._subscriptions)

    def publish(self, wire_type: str, event: E) -> None:
        """Give an event to every subscriber to its type."""
        for buffer in self.takers[wire_type]:
            buffer.put(event)

    def close(self, end: CopilotError | None = None) -> None:
        """End every subscription, with an error if the stream was lost. Idempotent."""
        self._closed = True
        self._end = self._end or end
        for subscription in self._subscriptions:
            subscription._buffer.close(end)
        self._subscriptions.clear()
        self.takers.clear()
