"""What a model answers, in one vocabulary for every scripted peer.

`ScriptedModel`, which talks HTTP to a real CLI, and `ScriptedCli`, which plays the CLI and
its model at once, read the same script. So a test can run on either.

Strategy: values only. A `Reply` describes what is streamed and how it ends; `ScriptReader`
deals replies to model calls in order of arrival and keeps a record. This module knows
neither wire nor clock: the peer that reads a reply observes its delays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs

__all__ = ["Call", "ModelRequest", "Reply", "Script", "ScriptReader"]

# A word and the blanks after it, or the blanks at the very beginning.
_WORD = re.compile(r"\S+\s*|\s+")


@attrs.frozen
class Call:
    """A tool that the model wants called.

    Attributes:
      name: the tool's name. The CLI refuses one that the client did not declare, except
          its own `ask_user` where the client takes questions.
      arguments: any JSON.
    """

    name: str
    arguments: Mapping[str, Any] = attrs.field(factory=dict[str, Any])


@attrs.frozen
class Reply:
    r"""One answer of a model.

    The reasoning is streamed first, then the text, then the calls.

    Attributes:
      text: the model's text. A `str` is streamed word by word, each word with the blanks
          after it; a sequence of `str` is streamed as it is, one delta each. With a
          `status` other than 200 it is the message of the error.
      reasoning: the model's thoughts, in the same form as `text`.
      calls: the tools it wants called, all at once.
      finish_reason: the reason for the end; by default `"tool_calls"` if there are calls,
          else `"stop"`. Others to try: `"length"`, `"content_filter"`.
      delay: seconds between two deltas; with 0 they come in one burst.
      before: seconds before the first byte; `math.inf` hangs without an answer.
      status: the HTTP status; with any other than 200 only an error is sent.
      retry_after: seconds, in the header that goes with status 429.
      then: what follows the deltas: the answer ends properly (`"end"`), nothing ever comes
          again (`"hang"`), or the connection is closed (`"drop"`).
      usage: the tokens that the model reports, in OpenAI's words; by default 10 for the
          prompt and one for every delta.
    """

    text: str | Sequence[str] = ""
    reasoning: str | Sequence[str] = attrs.field(default="", kw_only=True)
    calls: Sequence[Call] = attrs.field(default=(), kw_only=True)
    finish_reason: str | None = attrs.field(default=None, kw_only=True)
    delay: float = attrs.field(default=0, kw_only=True)
    before: float = attrs.field(default=0, kw_only=True)
    status: int = attrs.field(default=200, kw_only=True)
    retry_after: float | None = attrs.field(default=None, kw_only=True)
    then: Literal["end", "hang", "drop"] = attrs.field(
        default="end",
        kw_only=True,
        validator=attrs.validators.in_(("end", "hang", "drop")),
    )
    usage: Mapping[str, Any] | None = attrs.field(default=None, kw_only=True)

    @property
    def deltas(self) -> tuple[str, ...]:
        """The text as it is streamed."""
        return _cut(self.text)

    @property
    def reasoning_deltas(self) -> tuple[str, ...]:
        """The reasoning as it is streamed."""
        return _cut(self.reasoning)

    @property
    def content(self) -> str:
        """The whole text."""
        return "".join(self.deltas)

    @property
    def says_something(self) -> bool:
        """Whether it has any text, thought or call."""
        return bool(self.text or self.reasoning or self.calls)

    @property
    def ends_with(self) -> str:
        """The finish reason, given or implied."""
        return self.finish_reason or ("tool_calls" if self.calls else "stop")

    @property
    def tokens(self) -> Mapping[str, Any]:
        """The usage, given or implied."""
        if self.usage is not None:
            return self.usage
        output = len(self.deltas) + len(self.reasoning_deltas)
        return {
            "prompt_tokens": 10,
            "completion_tokens": output,
            "total_tokens": 10 + output,
        }


@attrs.frozen
class ModelRequest:
    """One model call, as it arrived.

    Attributes:
      number: 1 for the first call of this script.
      messages: the conversation, in OpenAI's words.
      tools: the declarations of the tools, in OpenAI's words.
      stream: whether the answer is to be streamed.
      raw: the whole request.
    """

    number: int
    messages: Sequence[Mapping[str, Any]] = attrs.field(repr=False)
    tools: Sequence[Mapping[str, Any]] = attrs.field(repr=False)
    stream: bool
    raw: Mapping[str, Any] = attrs.field(repr=False)

    @property
    def prompt(self) -> str:
        """The text of the last message of the user.

        The CLI adds to what the user wrote: look for words with `in`.
        """
        for message in reversed(self.messages):
            if message.get("role") == "user":
                content = message.get("content")
                if isinstance(content, str):
                    return content
                return "".join(part.get("text", "") for part in content or ())
        return ""

    def call_id(self, index: int) -> str:
        """Return the id of the call at that index in the reply's `calls`."""
        return f"call_{self.number}_{index}"


Script: TypeAlias = Iterable[Reply | str] | Callable[[ModelRequest], Reply | str]
"""What a scripted peer answers.

Replies in order of the model calls, or a synchronous function from the call to its reply.
A `str` stands for `Reply(str)`, in a script and also instead of a script.
`itertools.repeat(reply)` never ends; after the end of any other script, each further call
gets HTTP 400, which the CLI does not retry.
"""


class ScriptReader:
    """Deals the replies of one script, and records the calls.

    Attributes:
      requests: every model call so far.
      unanswered: those of them that came after the end of the script.
    """

    def __init__(self, script: Script | Reply) -> None:
        self.requests: list[ModelRequest] = []
        self.unanswered: list[ModelRequest] = []
        if isinstance(script, str | Reply):
            script = (script,)
        self._reply_to = script if callable(script) else None
        self._replies = iter(()) if callable(script) else iter(script)

    def read(self, raw: Mapping[str, Any]) -> tuple[ModelRequest, Reply]:
        """Record a model call and return it with its reply.

        Args:
          raw: the body of the request, in OpenAI's words.
        """
        request = ModelRequest(
            number=len(self.requests) + 1,
            messages=raw.get("messages") or (),
            tools=raw.get("tools") or (),
            stream=bool(raw.get("stream")),
            raw=raw,
        )
        self.requests.append(request)
        if self._reply_to is not None:
            return request, _as_reply(self._reply_to(request))
        for reply in self._replies:
            return request, _as_reply(reply)
        self.unanswered.append(request)
        message = f"The script is exhausted: no reply to model call {request.number}"
        return request, Reply(message, status=400)


def _as_reply(reply: Reply | str) -> Reply:
    return Reply(reply) if isinstance(reply, str) else reply


def _cut(text: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(_WORD.findall(text) if isinstance(text, str) else text)
