"""All subcommands, and their exit status.

| status | meaning                                                        |
|--------|----------------------------------------------------------------|
| 0      | done                                                           |
| 1      | it failed; stderr says what failed and what to do              |
| 2      | the command line is wrong                                      |
| 3      | `ask`: the answer was cut at the model's token limit           |
| 124    | `ask`: out of time, as for the program `timeout`               |
| 130    | Ctrl-C or SIGTERM: 128 plus the number of the signal, as usual |
| 141    | nobody reads the output any more (`| head -1`): 128 + SIGPIPE  |
"""

from __future__ import annotations

import errno
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import click

from .._extras import version_of
from .ask import ask
from .demo import demo
from .doctor import doctor
from .install_cli import install_cli
from .login import login
from .runner import FAILED
from .serve import serve
from .terminal import fail, mute_stdout, prepare_streams, say

INTERRUPTED = 128 + signal.SIGINT

_NOWHERE_TO_WRITE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""A full disk and the like: that of stdout, because we write nothing else."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    version_of("trio-copilot") or "(not installed)", prog_name="trio-copilot"
)
def cli() -> None:
    """Talk to the GitHub Copilot CLI."""


for command in (ask, demo, doctor, install_cli, login, serve):
    cli.add_command(command)


def run_command_line(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status.

    Args:
      arguments: without the program's name; `None` takes those of this process.
    """
    if sys.stdout is None:  # as after `>&-`
        fail("stdout is closed: there is nowhere to write to")
        return FAILED
    prepare_streams()
    _let_sigterm_be_ctrl_c()
    try:
        # Not standalone: click would exit by itself, with 1 for Ctrl-C.
        status: int = cli.main(
            arguments, prog_name="trio-copilot", standalone_mode=False
        )
    except click.Abort:  # click's word for Ctrl-C
        say("cancelled")
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except OSError as error:
        if error.errno not in _NOWHERE_TO_WRITE:
            raise
        mute_stdout()
        fail(f"cannot write to stdout: {error.strerror}")
        return FAILED
    return status


def _let_sigterm_be_ctrl_c() -> None:
    """Let SIGTERM end the work as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        signal.raise_signal(signal.SIGINT)

    # Not if SIGINT is ignored, as in the background of a shell: it would do nothing.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGTERM, interrupt)
