"""What can go wrong, each error by its name, and an exit status that shows it.

An error comes out of the block in which it happens, and on its way stops the other
prompts and then the CLI. Nothing is reported twice and nothing is hidden. Without an
error it is still not a success: only a complete turn is.

Run: python examples/12_errors.py "What is two and two?" "And three?" --overall 120
"""

from __future__ import annotations

import argparse
import sys

import trio

from trio_copilot import (
    Client,
    CliExitedError,
    CliNotFoundError,
    ConnectError,
    CopilotError,
    IncompatibleCliError,
    TurnEndReason,
    TurnError,
    open_client,
)

INCOMPLETE, FAILED, NO_CLI, OUT_OF_TIME, INTERRUPTED = 1, 2, 3, 124, 130


def say(group: BaseExceptionGroup[BaseException], advice: str) -> None:
    """Print each error, and what to do."""
    for error in group.exceptions:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    print(advice, file=sys.stderr)


async def ask_all(prompts: list[str], timeout: float, overall: float) -> bool:
    """Ask all at once; return whether every answer is complete."""
    complete: list[bool] = []

    async def ask(client: Client, prompt: str) -> None:
        async with client.open_session() as session:
            end = await session.ask(prompt, timeout=timeout)
            print(f"{prompt} {end.answer or '-'} [{end.reason}]")
            complete.append(end.reason is TurnEndReason.COMPLETE)

    with trio.fail_after(overall):
        async with open_client() as client, trio.open_nursery() as nursery:
            for prompt in prompts:
                nursery.start_soon(ask, client, prompt)
    return all(complete)


def main(prompts: list[str], timeout: float, overall: float) -> int:
    """Return the exit status."""
    status = FAILED
    try:
        status = 0 if trio.run(ask_all, prompts, timeout, overall) else INCOMPLETE
    except* (CliNotFoundError, ConnectError, IncompatibleCliError) as group:
        status = NO_CLI
        say(group, "Run `trio-copilot doctor`.")
    except* TurnError as group:
        say(group, "The model's service refused: wait, log in, or use another model.")
    except* CliExitedError as group:
        say(group, "The CLI is gone; its last output is above. Start again.")
    except* CopilotError as group:
        say(group, "This should not happen: please report it.")
    except* trio.TooSlowError as group:
        status = OUT_OF_TIME
        say(group, f"Not done within {overall:g} s; everything was stopped.")
    except* KeyboardInterrupt as group:
        status = INTERRUPTED
        say(group, "Stopped, here and at the CLI.")
    return status


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompts", nargs="*", default=["What is two and two?"])
    parser.add_argument("--timeout", type=float, default=60, help="seconds for each")
    parser.add_argument("--overall", type=float, default=120, help="seconds for all")
    options = parser.parse_args()
    sys.exit(main(options.prompts, options.timeout, options.overall))
