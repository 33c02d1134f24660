"""The page, and turns over plain HTTP, beside a bridge. Needs the extra `web`.

`serve_http` serves a page that speaks the bridge's protocol, and an endpoint for programs
without a WebSocket. It uses the bridge's client, session options, token and origins.

To read the package, follow a request:

* `_server`       Hypercorn, and how it ends
* `_application`  which request goes where, and which may not come in
* `_page`         the files of the page, which are in the folder `page`
* `_routes`       requests about turns
* `_sse`          the events of a turn as a stream
* `_turns`        the turns, found by their ids
* `_turn_log`     the messages of a turn, for listeners that come and go
* `_limits`       how many turns may run, and how long they are kept
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._limits import TurnLimits as TurnLimits
    from ._server import serve_http as serve_http
else:
    from .._facade import lazy_facade as _lazy_facade

    __getattr__, __dir__ = _lazy_facade(__name__, extra="web")
