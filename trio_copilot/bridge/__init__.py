"""A browser talks to a session: the WebSocket bridge. Needs the extra `bridge`.

`open_bridge` serves a client of yours for the length of a block: every connection has a
session of its own, and one that is gone takes its session, and the turn that it was in,
with it. The protocol is on the page about the bridge.

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
"""

from .._fixup import publish as _publish
from ._closing import CloseCode as CloseCode
from ._limits import BridgeLimits as BridgeLimits
from ._server import Bridge as Bridge, open_bridge as open_bridge

_publish(globals())
