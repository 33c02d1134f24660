"""The main agent's text in a turn: messages, their parts, and the pieces of those.

Each model call produces one part, in pieces that carry its id. A part is a message, unless
its call was cut at the token limit: then the CLI continues by itself, and the next part
belongs to the same message.

The pieces are a preview. Under load the CLI sends some of them out of order, and repeats
others any number of events later. At the end of a part the CLI sends all of it once more,
and that is the truth; a piece that comes later is a repeat.

Memory is bounded by the text itself, plus the id of each part.
"""

from __future__ import annotations

import attrs

MESSAGE_BREAK = "\n\n"
"""Separates two messages in the text of a turn."""


@attrs.define(eq=False)
class _Part:
    begins_message: bool
    """Whether a message begins here; otherwise the part continues the one before."""
    pieces: list[str] = attrs.field(factory=list[str], init=False)
    ends_message: bool = attrs.field(default=False, init=False)


@attrs.define(eq=False)
class TurnText:
    """The main agent's text of one turn."""

    _parts: list[_Part] = attrs.field(factory=list[_Part], init=False)
    # Unfinished parts: {message id: part}
    _open: dict[str, _Part] = attrs.field(factory=dict[str, _Part], init=False)
    # Ids of finished parts
    _over: set[str] = attrs.field(factory=set[str], init=False)
    # Ids of parts whose message may continue: in CLI 1.0.81 under the same id
    _cut: set[str] = attrs.field(factory=set[str], init=False)

    @property
    def text(self) -> str:
        """All messages so far, a blank line between two."""
        return MESSAGE_BREAK.join(self._messages())

    @property
    def answer(self) -> str:
        """The last message that is not empty."""
        return next(reversed(self._messages()), "")

    @property
    def open_parts(self) -> tuple[str, ...]:
        """The ids of the unfinished parts, which a retry makes void."""
        return tuple(self._open)

    def add(self, message_id: str, piece: str) -> str | None:
        """Add a piece, and return what separates it from the text before.

        Returns:
          `None` if its part is finished: the piece was not added.
        """
        part = self._open.get(message_id)
        if part is not None and part.pieces:  # nearly always
            part.pieces.append(piece)
            return ""
        if message_id and message_id in self._over:  # a CLI may give none
            return None
        part = part or self._begin(message_id)
        if piece:
            part.pieces.append(piece)
        has_text_before = any(each.pieces for each in self._parts if each is not part)
        return MESSAGE_BREAK if part.begins_message and has_text_before else ""

    def streamed(self, message_id: str) -> str | None:
        """Return the pieces so far of an unfinished part; `None` if there is no such part."""
        part = self._open.get(message_id)
        return "".join(part.pieces) if part is not None else None

    def replace(self, message_id: str, text: str) -> None:
        """Replace the pieces of an unfinished part."""
        self._open[message_id].pieces = [text] if text else []

    def finish(self, message_id: str) -> None:
        """End a part, and the message with it."""
        self._open.pop(message_id, None)
        self._over.add(message_id)
        self._end_message()

    def settle(self) -> None:
        """Keep the text of a model call that is over; its message may continue."""
        self._cut.update(self._open)
        self._open.clear()

    def interrupt(self) -> None:
        """End all messages: another prompt is next."""
        self._over.update(self._open, self._cut)
        self._open.clear()
        self._end_message()

    def drop_unsettled(self, next_id: str | None = None) -> str:
        """Forget the text of the current model call, and return it.

        Args:
          next_id: the id under which the call begins again, if known.
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

    def _messages(self) -> list[str]:
        messages: list[str] = []
        begins = True
        for part in self._parts:
            # A part without text hands the beginning of its message to the next.
            begins = begins or part.begins_message
            text = "".join(part.pieces)
            if text and begins:
                messages.append(text)
                begins = False
            elif text:
                messages[-1] += text
        return messages
