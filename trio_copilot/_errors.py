"""The exceptions that do not depend on Trio, and a diagram of all of them.

```
CopilotError
├── CliNotFoundError        no Copilot CLI in any of the usual places
├── CliExitedError          the CLI died, or closed the connection
│   └── CliUnresponsiveError    it is there, but did not answer in time
├── ConnectError            nobody listens there, or not a Copilot CLI
├── IncompatibleCliError    the CLI speaks another version of the protocol
├── ProtocolError           the peer violated the protocol
├── InternalError           a bug in this package
├── RpcError                the CLI answered a call with an error
│   └── SessionNotFoundError    it has no session with that id
├── MalformedResultError    the result of a typed call does not fit its type
├── TurnError               a turn ended with reason "error"
├── SubscriberLaggedError   a subscriber's buffer overflowed
├── ToolDefinitionError     also TypeError: a signature has no schema
├── ClientClosedError       also trio.ClosedResourceError: used after its block
├── SessionClosedError      also trio.ClosedResourceError
├── SessionBrokenError      also trio.BrokenResourceError: the CLI ignored an abort
└── SessionBusyError        also trio.BusyResourceError: one turn at a time
```

The last four are also Trio's own exceptions and so live in `_resource_errors`, above the
sans-IO core, which may not know Trio. `TurnError` lives in `_session.turn_events`, beside
the `TurnEnd` that it carries. Each waiter gets its own copy of an error, so that no two
share a traceback: see `CopilotError.renewed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence


class CopilotError(Exception):
    """The base class of every exception that this package raises on purpose."""

    def renewed(self) -> Self:
        """Return a copy without a traceback, for another waiter."""
        twin = type(self).__new__(type(self), *self.args)
        twin.__dict__.update(self.__dict__)
        return twin


class CliNotFoundError(CopilotError):
    """No Copilot CLI was found.

    The message lists every place that was searched, and how to install one.
    """

    def __init__(self, places: Sequence[str]) -> None:
        self.places: tuple[str, ...] = tuple(places)
        looked = "\n".join(f"  - {place}" for place in self.places)
        super().__init__(
            f"No Copilot CLI was found. Looked at:\n{looked}\n"
            "Install one with `trio-copilot install-cli` or "
            "`npm install -g @github/copilot`, or name one with "
            "COPILOT_CLI_PATH or open_client(path)."
        )


class CliExitedError(CopilotError):
    """The CLI is gone: it exited, was killed, or closed the connection.

    Attributes:
      returncode: the exit status of the process, as in `subprocess` (negative: the
          signal that killed it); `None` if it is unknown, as over TCP.
      stderr_tail: the end of what the process wrote to stderr; may be empty.
    """

    def __init__(self, returncode: int | None, stderr_tail: str = "") -> None:
        self.returncode = returncode
        self.stderr_tail = stderr_tail
        super().__init__(self._text())

    def _text(self) -> str:
        if self.returncode is None:
            text = "The Copilot CLI closed the connection"
        elif self.returncode < 0:
            text = f"The Copilot CLI was killed by signal {-self.returncode}"
        else:
            text = f"The Copilot CLI exited with status {self.returncode}"
        if self.stderr_tail:
            text += f"; the last of its stderr:\n{self.stderr_tail.rstrip()}"
        return text


class CliUnresponsiveError(CliExitedError):
    """The CLI is there, but did not answer in time.

    `heartbeat=` then treats it as dead; `open_timeout=` gives up one session.

    Attributes:
      silence: the seconds that it had to answer.
    """

    def __init__(self, silence: float) -> None:
        self.silence = silence
        super().__init__(None)

    def _text(self) -> str:
        return f"The Copilot CLI did not answer within {self.silence:g} seconds"


class ConnectError(CopilotError):
    """The connection to a CLI failed; the message says where and why."""


class IncompatibleCliError(CopilotError):
    """The CLI speaks a version of the protocol that this client does not.

    Attributes:
      cli_version: the version of the CLI, if it reported one.
      cli_protocol: the version of its protocol, if it reported one.
    """

    def __init__(
        self, *, cli_version: str | None, cli_protocol: int | None, supported: int
    ) -> None:
        self.cli_version = cli_version
        self.cli_protocol = cli_protocol
        theirs = "no version" if cli_protocol is None else f"version {cli_protocol}"
        super().__init__(
            f"This client speaks version {supported} of the Copilot CLI protocol, the "
            f"CLI ({cli_version or 'of unknown version'}) speaks {theirs}. Install one "
            "that fits with `trio-copilot install-cli`, or upgrade trio-copilot."
        )


class ProtocolError(CopilotError):
    """The peer violated the protocol, and the connection has ended.

    The message shows what it sent.
    """


class InternalError(CopilotError):
    """A bug in this package: it could not handle something that the CLI sent.

    The connection has ended, and every waiting call raises this. Please report it with
    the traceback of its cause.

    Attributes:
      fault: the original exception; also the `__cause__`.
    """

    def __init__(self, fault: Exception) -> None:
        self.fault = fault
        super().__init__(
            "trio_copilot could not handle something that the CLI sent: "
            f"{type(fault).__name__}. This is a bug in trio_copilot: please report it "
            "with the traceback of its cause"
        )
        self.__cause__: BaseException | None = fault

    def renewed(self) -> Self:
        """Return a copy with the same cause, for another waiter."""
        twin = super().renewed()
        twin.__cause__ = self.fault
        return twin


class RpcError(CopilotError):
    """The CLI answered a call with an error.

    The CLI uses few codes: most failures are -32603 and differ only in their messages.

    Attributes:
      code: the JSON-RPC error code.
      message: the CLI's message.
      data: what the CLI added, or `None`.
      method: the method that was called.
    """

    def __init__(
        self, code: int, message: str, data: object = None, *, method: str = ""
    ) -> None:
        self.code = code
        self.message = message
        self.data = data
        self.method = method
        super().__init__(self._text())

    def _text(self) -> str:
        where = f"{self.method}: " if self.method else ""
        return f"{where}{self.message} (code {self.code})"


class SessionNotFoundError(RpcError):
    """The CLI has no session with this id, so it cannot be resumed or deleted.

    It never existed, never had a prompt, was deleted, or belongs to a CLI with another
    `home`. For a session whose file the CLI cannot read, you get a plain `RpcError`.

    Attributes:
      session_id: the id.
    """

    def __init__(
        self,
        code: int,
        message: str,
        data: object = None,
        *,
        method: str = "",
        session_id: str = "",
    ) -> None:
        self.session_id = session_id
        super().__init__(code, message, data, method=method)

    def _text(self) -> str:
        return (
            f"There is no session {self.session_id!r}: it never had a prompt, it was "
            "deleted, or the CLI has another home. client.list_sessions() returns those "
            f"that can be resumed. {super()._text()}"
        )


class MalformedResultError(CopilotError):
    """The CLI answered a call of `rpc`, but the result does not fit its type.

    The call has taken effect: only its result cannot be read.

    Attributes:
      method: the method that was called.
      raw: the result as received.
      reason: which field does not fit, and why. It holds no values.
    """

    def __init__(self, method: str, raw: object, reason: str) -> None:
        self.method = method
        self.raw = raw
        self.reason = reason
        super().__init__(f"{method}: the answer does not fit: {reason}")


class SubscriberLaggedError(CopilotError):
    """A subscriber read too slowly and its buffer overflowed.

    Attributes:
      missed: the number of events that did not fit.
    """

    def __init__(self, missed: int) -> None:
        self.missed = missed
        super().__init__(
            f"This subscriber did not read fast enough and missed {missed} event(s). "
            "Read in a separate task, raise capacity=, or subscribe to fewer types."
        )


class ToolDefinitionError(CopilotError, TypeError):
    """A function cannot become a tool; the message says which part and why."""
