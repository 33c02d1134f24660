"""The testing kit: a model and a CLI that answer as a script says.

Which one to take:

* `open_scripted_cli`: a CLI and its model in one, over memory streams. Deterministic, in
  simulated time, in milliseconds; needs no CLI and no network. For nearly every test.
* `open_scripted_model`: a model on loopback for a real CLI that `cli_environment` keeps
  offline. Slower; for what only the real CLI can prove.

Both read the same script: `Reply` and `Call` describe what the model answers, a function
of `ModelRequest` answers depending on the question.

To read the code, start with the vocabulary, `_script`, and with `_record`, what tests may
ask about model calls, over `_changes`. Then take either peer:

* The model: `_scripted_model`, over `_http`, with its words in `_openai`; `_environment`.
* The CLI, from the outside to the inside: `_scripted_cli` and `_pipe`; `_connection` and
  `_callbacks`, what goes over it; `_dispatch` and `_methods`, one module a domain, on the
  `_cli_state`; `_host` and `_agenda`, what all parts share. Then a session, from the
  inside to the outside: `_events`, `_session_state`, `_questions`, `_permissions`,
  `_tool_calls`, `_model_call` and `_failures`, `_prompt_queue`, `_hooks`, `_turn_engine`,
  and `_scripted_session`, which has them all.

`_stage` is either peer with a client. `_sweep` plays on it, with `_steps` and `_evidence`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._environment import cli_environment as cli_environment
    from ._script import (
        Call as Call,
        ModelRequest as ModelRequest,
        Reply as Reply,
        Script as Script,
    )
    from ._scripted_cli import (
        ScriptedCli as ScriptedCli,
        open_scripted_cli as open_scripted_cli,
    )
    from ._scripted_model import (
        ScriptedModel as ScriptedModel,
        open_scripted_model as open_scripted_model,
    )
    from ._stage import Stage as Stage, open_stage as open_stage
    from ._sweep import (
        SweepError as SweepError,
        SweepReport as SweepReport,
        cancel_everywhere as cancel_everywhere,
    )
else:
    from .._facade import lazy_facade as _lazy_facade

    __getattr__, __dir__ = _lazy_facade(__name__, optional={"_scripted_model": "h11"})
