"""Every exception of this package that needs no framework, and the tree of all.

```
CopilotError
├── CliNotFoundError        no Copilot CLI in any of the places looked at
├── CliExitedError          the CLI died, or closed the connection
│   └── CliUnresponsiveError    it is there and does not answer in time
├── ConnectError            nobody listens there, or it is no Copilot CLI
├── IncompatibleCliError    the CLI speaks another version of the protocol
├── ProtocolError           what the peer sent is not the protocol
├── InternalError           this package failed: a bug in it
├── RpcError                the CLI answered a call with an error
│   └── SessionNotFoundError    it has no session of that id
├── MalformedResultError    the CLI answered a typed call, and not as it should
├── TurnError               a turn ended with reason "error"
├── SubscriberLaggedError   a subscriber's buffer overflowed
├── ToolDefinitionError     also TypeError: no schema can be made of a signature
├── ClientClosedError       also trio.ClosedResourceError: used after its block
├── SessionClosedError      also trio.ClosedResourceError
├── SessionBrokenError      also trio.BrokenResourceError: an abort was not obeyed
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
    """The base of every exception that this package raises on purpose."""

    def renewed(self) -> Self:
        """Return an equal exception without a traceback, for another waiter."""
        twin = type(self).__new__(type(self), *self.args)
        twin.__dict__.update(self.__dict__)
        return twin


class CliNotFoundError(CopilotError):
    """No Copilot CLI was found.

    The message lists every place that was looked at and says how to install one.
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
      returncode: the exit status of the process as `subprocess` has it (negative: the
          signal that killed it); `None` when it is not known, as over TCP.
      stderr_tail: the last of what the process wrote to stderr; may be empty.
    """

    def __init__(self, returncode: int | None, stderr_tail: str = "") -> None:
        self.returncode = returncode
        self.stderr_tail = stderr_tail
        if returncode is None:
            message = "The Copilot CLI closed the connection"
        elif returncode < 0:
            message = f"The Copilot CLI was killed by signal {-returncode}"
        else:
            message = f"The Copilot CLI exited with status {returncode}"
        if stderr_tail:
            message += f"; the last of its stderr:\n{stderr_tail.rstrip()}"
        super().__init__(message)


class CliUnresponsiveError(CliExitedError):
    """The CLI is there, and did not answer in time.

    `heartbeat=` gives it up then as if it had died; `open_timeout=` gives up a session.

    Attributes:
      silence: how many seconds it had to answer.
    """

    def __init__(self, silence: float) -> None:
        super().__init__(None)
        self.silence = silence
        message = f"The Copilot CLI did not answer within {silence:g} seconds"
        Exception.__init__(self, message)  # not that it closed the connection


class ConnectError(CopilotError):
    """No connection to a CLI could be made; the message says where and why."""


class IncompatibleCliError(CopilotError):
    """The CLI speaks a version of the protocol that this client does not.

    Attributes:
      cli_version: the version of the CLI, if it said one.
      cli_protocol: the version of the protocol it speaks, if it said one.
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
    """What the peer sent is not the protocol; the connection cannot go on.

    The message says what was seen.
    """


class InternalError(CopilotError):
    """A bug in this package: it failed at something that the CLI sent.

    The connection is over, and everyone who waits is told. Please report it with the
    traceback of its cause.

    Attributes:
      fault: what was raised; also the `__cause__`.
    """

    def __init__(self, fault: Exception) -> None:
        self.fault = fault
        super().__init__(
            "trio_copilot failed at something that the CLI sent, with a "
            f"{type(fault).__name__}. This is a bug in trio_copilot: please report it "
            "with the traceback of its cause"
        )
        self.__cause__: BaseException | None = fault

    def renewed(self) -> Self:
        """Return an equal exception, with the same cause."""
        twin = super().renewed()
        twin.__cause__ = self.fault
        return twin


class RpcError(CopilotError):
    """The CLI answered a call with an error.

    The CLI has few codes; most failures are -32603 and differ by message only.

    Attributes:
      code: the JSON-RPC error code.
      message: what the CLI says.
      data: whatever the CLI added, or `None`.
      method: the method that was called.
    """

    def __init__(
        self, code: int, message: str, data: object = None, *, method: str = ""
    ) -> None:
        self.code = code
        self.message = message
        self.data = data
        self.method = method
        where = f"{method}: " if method else ""
        super().__init__(f"{where}{message} (code {code})")


class SessionNotFoundError(RpcError):
    """The CLI has no session of this id, so it cannot be resumed or deleted.

    Either it never had one, or nothing was said in it, or it was deleted, or it was
    another CLI's, with another `home`. A session whose file the CLI cannot read is
    there, and a plain `RpcError` says what is wrong with it.

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
        hint = (
            f"There is no session {session_id!r}: nothing was said in it, it was "
            "deleted, or the CLI has another home. client.list_sessions() returns those "
            f"that can be resumed. {self}"
        )
        Exception.__init__(self, hint)


class MalformedResultError(CopilotError):
    """The CLI answered a call of `rpc`, and the answer does not fit its type.

    The call was made and has been obeyed: only its answer cannot be read.

    Attributes:
      method: the method that was called.
      raw: the answer as received.
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
      missed: how many events did not fit.
    """

    def __init__(self, missed: int) -> None:
        self.missed = missed
        super().__init__(
            f"This subscriber did not read fast enough and missed {missed} event(s). "
            "Read in a task of its own, raise capacity=, or subscribe to fewer types."
        )


class ToolDefinitionError(CopilotError, TypeError):
    """A function cannot become a tool; the message says which part and why."""
