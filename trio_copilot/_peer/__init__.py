"""Messages become answered calls and routed notifications.

`open_peer` runs two tasks per connection: one reads and awaits nothing but bytes, one
writes and owns the outgoing pipe. All others ask these two. This layer knows JSON-RPC and
nothing about Copilot, except that `heartbeat` calls its method `ping`.

Read `peer` (the connection), `call` (one request of ours), `writer` (how frames leave),
`inbound` (the peer's own requests), `farewell` (how long leaving may take), `heartbeat` (a
peer that hangs).
"""

from .call import Call as Call
from .heartbeat import beat as beat
from .inbound import UNANSWERED as UNANSWERED
from .peer import FAIRNESS as FAIRNESS, Peer as Peer, open_peer as open_peer
