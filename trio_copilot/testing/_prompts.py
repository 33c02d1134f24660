"""What a session is asked to do, and what it is doing."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from ._host import Json


@attrs.frozen
class Prompt:
    """A message of the user that waits for its turn.

    Attributes:
      message_id: its id.
      origin: the message that answers are said to originate from.
      text: what the user said.
      extra: other members of its `user.message`.
    """

    message_id: str
    origin: str
    text: str
    extra: Json


def read_prompt(params: Json, message_id: str, origin: str) -> Prompt:
    """Return the prompt that a client sends."""
    text = params.get("prompt")
    attachments = params.get("attachments")
    return Prompt(
        message_id=message_id,
        origin=origin,
        text=text if isinstance(text, str) else "",
        extra={"attachments": attachments} if attachments else {},
    )


@attrs.frozen
class Activity:
    """What the agent is doing, for `agent.interrupted`."""

    kind: str
    details: Json
    when_interrupted: Callable[[], None]
