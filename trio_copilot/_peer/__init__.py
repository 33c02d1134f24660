"""Messages become answered calls and routed notifications.

`open_peer` runs two tasks per connection: one reads and awaits nothing but bytes, one
writes and owns the outgoing pipe. Everybody else asks them. This layer knows JSON-RPC
and nothing about Copilot.
"""

from .heartbeat import beat as beat
from .inbound import UNANSWERED as UNANSWERED
from .peer import (
    FAIRNESS as FAIRNESS,
    Call as Call,
    Peer as Peer,
    open_peer as open_peer,
)
