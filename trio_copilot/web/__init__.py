"""The page, and turns over plain HTTP, beside a bridge. Needs the extra `web`.

`serve_http` serves a page that speaks the bridge's protocol, and an endpoint for programs
without a WebSocket. It uses the bridge's client, session options, token and origins.

To read the package, follow a request:

* `_http`      the server, and who may ask it
* `_page`      the files of the page, which are in the folder `page`
* `_sse`       requests about turns, and the stream of their events
* `_turns`     the turns, found by their ids
* `_turn_log`  the messages of a turn, for listeners that come and go
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._http import serve_http as serve_http
    from ._turns import TurnLimits as TurnLimits
else:
    from .._facade import lazy_facade as _lazy_facade

    __getattr__, __dir__ = _lazy_facade(__name__, extra="web")
