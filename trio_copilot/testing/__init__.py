"""The testing kit: a model and a CLI that answer what a script says.

Which one to take:

* `open_scripted_cli`: a CLI and its model in one, over memory streams. Deterministic,
  in virtual time, in milliseconds; needs no CLI and no network. For nearly every test.
* `open_scripted_model`: a model on loopback for a real CLI that `cli_environment` keeps
  offline. Slower; for what only the real CLI can prove.

Both read the same script: `Reply` and `Call` say what the model answers, a function of
`ModelRequest` answers depending on the question. Read `script` first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .cli import (
    ScriptedCli as ScriptedCli,
    open_scripted_cli as open_scripted_cli,
)
from .environment import cli_environment as cli_environment
from .script import (
    Call as Call,
    ModelRequest as ModelRequest,
    Reply as Reply,
    Script as Script,
)
from .stage import Stage as Stage, open_stage as open_stage
from .sweep import (
    SweepError as SweepError,
    SweepReport as SweepReport,
    cancel_everywhere as cancel_everywhere,
)

if TYPE_CHECKING:
    from .model import (
        ScriptedModel as ScriptedModel,
        open_scripted_model as open_scripted_model,
    )
else:  # unseen by type checkers, for which every name would exist
    _NEED_H11 = frozenset({"ScriptedModel", "open_scripted_model"})

    def __getattr__(name: str) -> Any:
        """Import what needs the extra `testing` when it is asked for."""
        if name in _NEED_H11:
            from . import model

            return getattr(model, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
