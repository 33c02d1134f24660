"""A browser talks to a session over a WebSocket. Needs the extra `bridge`.

`open_bridge` accepts WebSockets for the length of a block. Each connection has its own
session; when a connection ends, its turn is stopped and its session released. The page on
the bridge documents the protocol. `trio_copilot.web` serves a page that speaks it, and
turns over plain HTTP.

To read the package, follow the data:

* `_server`        a bridge for the length of a block
* `_connections`   accepts connections and owns them
* `_access`        which peers may come in: token, origin, host
* `_limits`        sizes, numbers and times
* `_handshake`     one WebSocket up to its first message, which has the token
* `_socket`        the WebSocket after that: reader, writer, pings, and what ends it
* `_closing`       how it ends
* `_conversation`  one session, whatever carries its messages: prompts, stops, answers
* `_permissions`   what the agent asks and the peer decides
* `_translate`     events of a turn -> messages
* `_outbox`        messages that wait for a slow peer
* `_messages`      the protocol
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._closing import CloseCode as CloseCode
    from ._limits import BridgeLimits as BridgeLimits
    from ._server import Bridge as Bridge, open_bridge as open_bridge
else:
    from .._facade import lazy_facade as _lazy_facade

    __getattr__, __dir__ = _lazy_facade(__name__, extra="bridge")
