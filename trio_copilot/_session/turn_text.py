"""What the main agent says in a turn: messages, their parts, and the pieces of those.

A model call says one part, in pieces that carry its id. A part is a message, unless its
call was cut at the token limit: then the CLI goes on by itself, and what the next call
says belongs to the same message.

The pieces are a preview. Under load the CLI sends some of them out of order, and others
again after any number of events. When a part is over the CLI says it as a whole, and
that is the truth; a piece that comes later is a repeat.

Memory is bounded by the text itself, plus the id of each part.
"""

from __future__ import annotations

import attrs

MESSAGE_BREAK = "\n\n"
"""Stands between two messages in the text of a turn."""


@attrs.define(eq=False)
class _Part:
    begins_message: bool
    """Whether a message begins here; else the part continues the one before."""
    pieces: list[str] = attrs.field(factory=list[str], init=False)
    ends_message: bool = attrs.field(default=False, init=False)


@attrs.define(eq=False)
class TurnText:
    """The main agent's text of one turn."""

    _parts: list[_Part] = attrs.field(factory=list[_Part], init=False)
    _open: dict[str, _Part] = attrs.field(factory=dict[str, _Part], init=False)
    """The parts that are not over: {message id: part}."""
    _over: set[str] = attrs.field(factory=set[str], init=False)
    """The ids of those that are."""
    _cut: set[str] = attrs.field(factory=set[str], init=False)
    """The ids of those whose message may go on: in CLI 1.0.81 it does under the same id."""

    @property
    def text(self) -> str:
        """All messages so far, a blank line between two."""
        return MESSAGE_BREAK.join(self._messages())

    @property
    def answer(self) -> str:
        """The last message that has any text."""
        return next(reversed(self._messages()), "")

    @property
    def open_parts(self) -> tuple[str, ...]:
        """The ids of the parts that are not over: a retry makes them void."""
        return tuple(self._open)

    def add(self, message_id: str, piece: str) -> str | None:
        """Add a piece, and return what separates it from the text before.

        Returns:
          `None` if its part is over: the piece was not added.
        """
        part = self._open.get(message_id)
        if part is not None and part.pieces:  # so it is nearly always
            part.pieces.append(piece)
            return ""
        if message_id and message_id in self._over:  # a CLI may give none
            return None
        part = part or self._begin(message_id)
        if piece:
            part.pieces.append(piece)
        breaks = part.begins_message and self._has_text_before(part)
        return MESSAGE_BREAK if breaks else ""

    def streamed(self, message_id: str) -> str | None:
        """Return what has come of a part that is open; `None` if nothing has."""
        part = self._open.get(message_id)
        return "".join(part.pieces) if part is not None else None

    def replace(self, message_id: str, text: str) -> None:
        """An open part says this, whatever its pieces were."""
        self._open[message_id].pieces = [text] if text else []

    def finish(self, message_id: str) -> None:
        """A part is over, and its message ends with it."""
        self._open.pop(message_id, None)
        self._over.add(message_id)
        self._end_message()

    def settle(self) -> None:
        """A model call is over; what it has said stays, and its message may go on."""
        self._cut.update(self._open)
        self._open.clear()

    def interrupt(self) -> None:
        """Another prompt is next: nothing continues what was said before."""
        self._over.update(self._open, self._cut)
        self._open.clear()
        self._end_message()

    def drop_unsettled(self, next_id: str | None = None) -> str:
        """Forget what the model call has said so far, and return it.

        Args:
          next_id: the id under which it begins again, if that is known.
        """
        void = tuple(self._open.values())
        self._over.update(self._open.keys() - {next_id})
        self._open.clear()
        self._parts = [part for part in self._parts if part not in void]
        return "".join(piece for part in void for piece in part.pieces)

    def _begin(self, message_id: str) -> _Part:
        begins_message = not self._parts or self._parts[-1].ends_message
        self._over |= self._cut - {message_id}
        self._cut.clear()
        part = self._open[message_id] = _Part(begins_message)
        self._parts.append(part)
        return part

    def _end_message(self) -> None:
        if self._parts:
            self._parts[-1].ends_message = True

    def _has_text_before(self, part: _Part) -> bool:
        return any(each.pieces for each in self._parts if each is not part)

    def _messages(self) -> list[str]:
        messages: list[str] = []
        begins = True
        for part in self._parts:
            begins = begins or part.begins_message
            text = "".join(part.pieces)
            if text and begins:
                messages.append(text)
                begins = False
            elif text:
                messages[-1] += text
        return messages
