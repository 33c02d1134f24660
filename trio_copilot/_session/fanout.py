"""One stream of events becomes many.

The reader of the connection calls `FanOut.publish`, which is synchronous, can neither
block nor fail, and filters on the wire type before anything is structured. `buffer`
decides what happens to a slow subscriber.
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
"""Events that a subscriber may lag behind: several seconds of a fast stream."""


class HasType(Protocol):
    """An event with a wire type."""

    @property
    def type(self) -> str:
        """The wire type."""
        ...


E = TypeVar("E", bound=HasType)


@attrs.define(eq=False)
class Subscription(trio.abc.ReceiveChannel[E | Lagged], Generic[E]):
    """The receiving end of one subscription: iterate it, or call `receive`.

    Each item is a `SessionEvent`; those of `Client.lifecycle` are `SessionChange`.

    Iteration ends with the session. If the connection is lost, both first deliver what
    had arrived, then raise the error that says how.
    """

    _buffer: Buffer[E]
    _receiving: bool = attrs.field(default=False, init=False)

    async def receive(self) -> E | Lagged:
        """Return the next event. `Cancelled` loses none.

        Raises:
          trio.EndOfChannel: the session is over, or the subscription was closed.
          SubscriberLaggedError: this subscriber is too slow; see `Overflow`.
          SessionBusyError: another task is receiving from the same subscription.
          CopilotError: the connection was lost; its class says how.
        """
        if self._receiving:
            raise SessionBusyError("Another task is receiving from this subscription")
        self._receiving = True
        try:
            return await self._buffer.take()
        finally:
            self._receiving = False

    async def __anext__(self) -> E | Lagged:
        if not self._receiving:  # the fast path, with a full checkpoint now and then
            await trio.lowlevel.checkpoint_if_cancelled()
            item = self._buffer.take_nowait()
            if item is not None:
                return item
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        """Stop receiving; buffered items can still be taken."""
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
    """Check the wire types of a subscription.

    Args:
      types: wire types.
      known: the known ones; `None` allows others, too.

    Raises:
      TypeError: an item is not a string.
      ValueError: a type is unknown; the message suggests the nearest known one.
    """
    for wire_type in types:
        if not isinstance(wire_type, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers vary
            raise wrong_type(
                "The type of a subscription",
                "a string, such as 'assistant.message_delta'",
                wire_type,
            )
        if known is not None and wire_type not in known:
            raise ValueError(
                f"No CLI is known to send {wire_type!r}"
                f"{did_you_mean(wire_type, known) or '.'} Pass allow_unknown=True if a "
                "newer one does."
            )


class BuffersByType(dict[str, tuple[Buffer[E], ...]]):
    """The buffers of all subscribers to a wire type, looked up once for each type.

    `FanOut` clears it when its subscriptions change.
    """

    def __init__(self, subscribers: dict[Subscription[E], _Subscriber[E]]) -> None:
        self._subscribers = subscribers

    def __missing__(self, wire_type: str) -> tuple[Buffer[E], ...]:
        buffers = self[wire_type] = tuple(
            subscriber.buffer
            for subscriber in self._subscribers.values()
            if not subscriber.types or wire_type in subscriber.types
        )
        return buffers


@attrs.frozen(eq=False)
class _Subscriber(Generic[E]):
    buffer: Buffer[E]
    types: frozenset[str]
    """The wire types to deliver; none means all."""


@attrs.define(eq=False)
class FanOut(Generic[E]):
    """The subscriptions of one session, or of a client."""

    _rules: Coalescer[E]
    _subscribers: dict[Subscription[E], _Subscriber[E]] = attrs.field(
        factory=dict["Subscription[E]", "_Subscriber[E]"], init=False
    )
    buffers: BuffersByType[E] = attrs.field(init=False)
    _closed: bool = attrs.field(default=False, init=False)
    _end: CopilotError | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.buffers = BuffersByType(self._subscribers)

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
        subscription = Subscription(buffer)
        if self._closed:  # too late: iterating it ends at once
            buffer.close(self._end)
        else:
            self._subscribers[subscription] = _Subscriber(buffer, frozenset(types))
            self.buffers.clear()
        return subscription

    def remove(self, subscription: Subscription[E]) -> None:
        """Publish no more to this subscription. Idempotent."""
        subscriber = self._subscribers.pop(subscription, None)
        if subscriber is not None:
            subscriber.buffer.close()
            self.buffers.clear()

    def statistics(self) -> tuple[SubscriptionStatistics, ...]:
        """Return how far each subscriber lags behind."""
        return tuple(each.statistics() for each in self._subscribers)

    def publish(self, wire_type: str, event: E) -> None:
        """Give an event to every subscriber to its type."""
        for buffer in self.buffers[wire_type]:
            buffer.put(event)

    def close(self, end: CopilotError | None = None) -> None:
        """End every subscription, with an error if the stream was lost. Idempotent."""
        self._closed = True
        self._end = self._end or end
        for subscriber in self._subscribers.values():
            subscriber.buffer.close(end)
        self._subscribers.clear()
        self.buffers.clear()
