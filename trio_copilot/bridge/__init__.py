"""A browser talks to a session: the WebSocket bridge. Needs the extra `bridge`.

`open_bridge` serves a client of yours for the length of a block: every connection has a
session of its own, and one that is gone takes its session, and the turn that it was in,
with it. The protocol is on the page about the bridge. `serve_http` serves a page that
speaks it, and turns over plain HTTP.

To read the package, follow the data:

* `_server`        accepts connections and owns them
* `_access`        who may come in
* `_handshake`     one WebSocket up to the right first message
* `_socket`        the rest of it: reader, writer, pings, and what ends it
* `_closing`       how it ends
* `_conversation`  one session, whatever carries its messages: prompts, stops, answers
* `_permissions`   what the agent asks and the peer answers
* `_translate`     events of a turn -> messages
* `_outbox`        messages that wait for a slow peer
* `_messages`      the protocol

The same for whoever has no WebSocket, and the page:

* `_http`          the HTTP server around both
* `_page`          the files of the page
* `_sse`           requests about turns, and the stream of their events
* `_turns`         turns that belong to whoever knows their id
* `_turn_log`      what was said of one, for listeners that come and go
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._closing import CloseCode as CloseCode
    from ._http import serve_http as serve_http
    from ._limits import BridgeLimits as BridgeLimits
    from ._server import Bridge as Bridge, open_bridge as open_bridge
    from ._turns import TurnLimits as TurnLimits
else:
    from .._facade import lazy_facade as _lazy_facade

    __getattr__, __dir__, __all__ = _lazy_facade(
        __name__,
        {
            "_closing": "CloseCode",
            "_http": "serve_http",
            "_limits": "BridgeLimits",
            "_server": "Bridge open_bridge",
            "_turns": "TurnLimits",
        },
        extra="bridge",
    )
