"""The handshake: find out whether a Copilot CLI answers, and which protocol it speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import trio

from .._errors import (
    CliExitedError,
    ConnectError,
    IncompatibleCliError,
    ProtocolError,
    RpcError,
)
from .._json import as_object, as_text
from .._peer import Peer
from .._transport.link import Link
from .._wire.codes import METHOD_NOT_FOUND

if TYPE_CHECKING:
    from .._protocol.generated.rpc.handlers import ClientHandlers

PROTOCOL_VERSION = 3
"""The version of the protocol that this client speaks."""

HANDSHAKE_TIMEOUT = 60.0
"""Seconds that a CLI may take to answer for the first time: a cold start unpacks 235 MB
and was seen to take 5 s on a fast disk."""


@attrs.frozen
class CliFacts:
    """What a CLI reports about itself when greeted."""

    version: str
    protocol_version: int
    """0 if it gave none."""

    def check_compatible(self) -> None:
        """Raise `IncompatibleCliError` if it speaks another version of the protocol."""
        if self.protocol_version != PROTOCOL_VERSION:
            raise IncompatibleCliError(
                cli_version=self.version or None,
                cli_protocol=self.protocol_version or None,
                supported=PROTOCOL_VERSION,
            )


async def greet(peer: Peer, link: Link, handlers: ClientHandlers | None) -> CliFacts:
    """Make the first call, and return what the CLI answered.

    Raises:
      ConnectError: it does not answer in time, refuses, or is not a Copilot CLI.
      CliExitedError: it ended instead.
    """
    with trio.move_on_after(HANDSHAKE_TIMEOUT):
        return await _connect(peer, link, handlers)
    raise ConnectError(
        f"{link.label} did not answer as a Copilot CLI within "
        f"{HANDSHAKE_TIMEOUT:g} seconds"
    )


async def announce(peer: Peer, handlers: ClientHandlers | None) -> None:
    """Register these handlers at the CLI, which allows that only before any session."""
    if handlers is not None and handlers.llm_inference is not None:
        await peer.request("llmInference.setProvider", {})
    if handlers is not None and handlers.extension_launch_provider is not None:
        await peer.request("registerExtensionLaunchProvider", {})


async def _connect(peer: Peer, link: Link, handlers: ClientHandlers | None) -> CliFacts:
    params: dict[str, Any] = {"supportedTaskKinds": ["agent", "client", "shell"]}
    if link.token is not None:
        params["token"] = link.token
    if handlers is not None and handlers.github_telemetry is not None:
        params["enableGitHubTelemetryForwarding"] = True
    try:
        answer = await _first_answer(peer, link, params)
    except RpcError as error:
        raise ConnectError(
            f"{link.label} refused the connection: {error.message}"
        ) from error
    version = answer.get("protocolVersion")
    return CliFacts(
        as_text(answer.get("version")), version if isinstance(version, int) else 0
    )


async def _first_answer(
    peer: Peer, link: Link, params: dict[str, Any]
) -> dict[str, Any]:
    # CLIs up to 1.0.40 have no `connect`. `ping` comes last: theirs reports no version.
    attempts: list[tuple[str, dict[str, Any]]]
    attempts = [("connect", params), ("status.get", {}), ("ping", {})]
    while True:
        method, params = attempts.pop(0)
        try:
            return as_object(await peer.request(method, params))
        except RpcError as error:
            if error.code != METHOD_NOT_FOUND or not attempts:
                raise
        except ProtocolError as error:
            raise ConnectError(
                f"{link.label} does not speak like a Copilot CLI: {error}"
            ) from error
        except CliExitedError as error:
            error.add_note(
                f"{link.label} ended before it answered {method!r}. Is it a "
                "Copilot CLI?"
            )
            raise
