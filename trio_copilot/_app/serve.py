"""`trio-copilot serve`: a page in the browser that talks to the CLI.

Strategy: four blocks inside each other: the CLI, the bridge with its sessions, the page, and
waiting. Whatever ends the waiting unwinds them: the sockets are closed, the open turns
stopped, the CLI is reaped. Two ports, because two libraries listen.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
import trio

from trio_copilot import SessionOptions, Stdio, Tcp, allow_all, open_client
from trio_copilot._extras import complaint, missing_by_extra
from trio_copilot._scopes import open_block

from .connecting import (
    connection_from,
    connection_options,
    model_option,
    provider_from,
    provider_option,
    system_option,
)
from .runner import trio_command

if TYPE_CHECKING:
    from trio_copilot.bridge import Bridge

PORT = 8400
LAST_PORT = 65535
TOKEN_VARIABLE = "TRIO_COPILOT_BRIDGE_TOKEN"  # noqa: S105  # the name, not the token

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PORT = click.IntRange(0, LAST_PORT)


@trio_command("serve")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Listen at this address. Beyond this machine, put TLS in front.",
)
@click.option(
    "--port",
    type=_PORT,
    default=PORT,
    show_default=True,
    help="The port of the page; 0 is any that is free.",
)
@click.option(
    "--ws-port",
    type=_PORT,
    help="The port of the WebSocket; default: the one after --port, 0 is any.",
)
@click.option(
    "--no-page",
    is_flag=True,
    help="Serve only the WebSocket, for your own page or program.",
)
@click.option(
    "--allow-origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Admit pages of this origin, too, such as https://example.org.",
)
@click.option(
    "--connections",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many tabs may be open at the same time.",
)
@click.option(
    "--cwd",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="The agent's working directory; default: here.",
)
@click.option(
    "--allow-all",
    "allows_all",
    is_flag=True,
    help="Grant all permissions. Without this, the page asks for them.",
)
@model_option
@system_option
@provider_option
@connection_options
async def serve(
    host: str,
    port: int,
    ws_port: int | None,
    no_page: bool,
    origins: Sequence[str],
    connections: int | None,
    cwd: Path | None,
    allows_all: bool,
    model: str | None,
    system: str | None,
    provider_url: str | None,
    cli: Path | None,
    url: str | None,
) -> NoReturn:
    """Serve a page that talks to the CLI, and print its address.

    The address holds the access token, which is new each time unless the environment has
    one in TRIO_COPILOT_BRIDGE_TOKEN: anybody with the token can do what the agent can.
    Every tab has its own session; closing the tab stops it.

    Exit status: 130 Ctrl-C or SIGTERM, 1 it failed. A second Ctrl-C does not wait for
    the CLI.
    """
    extra = "bridge" if no_page else "web"
    if missing := missing_by_extra().get(extra):
        raise click.UsageError(complaint("serve", extra, missing))
    from trio_copilot.bridge._access import is_origin

    for each in origins:
        if not is_origin(each):
            raise click.BadParameter(
                f"{each!r} is not an origin, such as https://example.org",
                param_hint="'--allow-origin'",
            )
    if ws_port is None:
        if port == LAST_PORT:
            raise click.UsageError(f"There is no port after {port}: pass --ws-port")
        ws_port = port + 1 if port else 0
    options = SessionOptions(
        model=model,
        system_message=system,
        provider=provider_from(provider_url, model),
        on_permission_request=allow_all if allows_all else None,
        working_directory=cwd,
        client_name="trio-copilot",
    )
    await _serve(
        host=host,
        port=None if no_page else port,
        ws_port=ws_port,
        origins=origins,
        connections=connections,
        connection=connection_from(cli, url),
        options=options,
    )


async def _serve(
    *,
    host: str,
    port: int | None,
    ws_port: int,
    origins: Sequence[str],
    connections: int | None,
    connection: Stdio | Tcp,
    options: SessionOptions,
) -> NoReturn:
    from trio_copilot.bridge import BridgeLimits, open_bridge

    # Before the CLI starts: a port that is taken is reported at once.
    with _explained(host, ws_port):
        listeners = await trio.open_tcp_listeners(ws_port, host=host)
    async with open_client(connection) as client:
        async with open_bridge(
            client,
            host=host,
            listeners=listeners,
            token=os.environ.get(TOKEN_VARIABLE) or None,
            origins=origins,
            limits=BridgeLimits(connections=connections) if connections else None,
            options=options,
        ) as bridge:
            async with open_block() as nursery:
                address = bridge.url
                if port is not None:
                    address = await _start_page(nursery, bridge, host, port)
                print(f"{address}#token={bridge.token}", flush=True)
                await trio.sleep_forever()


async def _start_page(
    nursery: trio.Nursery, bridge: Bridge, host: str, port: int
) -> str:
    """Serve the page in the nursery and return its address."""
    from trio_copilot.web import serve_http

    with _explained(host, port):
        port = await nursery.start(partial(serve_http, bridge, host=host, port=port))
    names = {host, "localhost"} if host in _LOOPBACK else {host}
    bridge.allow_origins(*(f"http://{_in_url(name)}:{port}" for name in names))
    return f"http://{_in_url(host)}:{port}/"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host.lower()


@contextmanager
def _explained(host: str, port: int) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise click.ClickException(
            f"Cannot listen at {host}, port {port}: {error.strerror or error}"
        ) from error
