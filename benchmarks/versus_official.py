"""Some facts beside the official Python SDK, on the real CLI, in one run.

    python benchmarks/versus_official.py [--rounds 3] [--cli PATH]

Makes a virtual environment for the official SDK in a temporary folder. The evidence is
the scripted model's and the process table's, not the client's own word: how long after a
cancellation the model's connection is closed, how long after the death of the CLI the
waiting caller knows, whether a CLI is left when its start was cancelled. Prints a table
of medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import trio

from trio_copilot import find_cli
from trio_copilot.testing import Reply, cli_environment, open_scripted_model

OFFICIAL = "github-copilot-sdk==1.0.27"
LONG = Reply("word " * 3000, delay=0.01)
OBSERVED = 5.0
"""Seconds that are watched after a cancellation."""

# Each side is one program: argv is a JSON list [task, cli, env, model, base_url]. It
# prints `ready` in mid-stream and a JSON value at the end.
OURS = """
import json, os, signal, sys, time, trio
task, cli, env, model, url = json.loads(sys.argv[1])
from trio_copilot import CopilotError, Provider, TextDelta, open_client
async def main():
    options = dict(model=model, provider=Provider(base_url=url))
    if task == "start":
        with trio.move_on_after(0.3):
            async with open_client(cli, env=env) as client:
                await trio.sleep_forever()
        return
    async with open_client(cli, env=env) as client:
        async with client.open_session(**options) as session:
            with trio.CancelScope() as scope:
                try:
                    async with session.turn("?") as turn:
                        async for event in turn:
                            if isinstance(event, TextDelta):
                                break
                        print("ready", flush=True)
                        if task == "kill":
                            start = time.perf_counter()
                            os.kill(client.pid, signal.SIGKILL)
                        else:
                            scope.cancel()
                        async for event in turn:
                            pass
                except CopilotError as error:
                    took = (time.perf_counter() - start) * 1000
                    print(json.dumps([took, type(error).__name__]), flush=True)
            if task == "cancel":
                await trio.sleep(6)
try:
    trio.run(main)
except CopilotError:
    pass
"""
THEIRS = """
import asyncio, json, os, signal, sys, time
task, cli, env, model, url = json.loads(sys.argv[1])
from copilot import CopilotClient, RuntimeConnection
from copilot.session import PermissionHandler
async def main():
    connection = RuntimeConnection.for_stdio(path=cli)
    client = CopilotClient(connection=connection, env=env)
    if task == "start":
        try:
            async with asyncio.timeout(0.3):
                await client.start()
        except TimeoutError:
            pass
        await asyncio.sleep(4)
        return
    await client.start()
    session = await client.create_session(
        model=model, provider={"type": "openai", "base_url": url}, streaming=True,
        on_permission_request=PermissionHandler.approve_all,
    )
    streaming = asyncio.Event()
    def look(event):
        if "delta" in str(getattr(event.type, "value", event.type)):
            streaming.set()
    session.on(look)
    ask = asyncio.create_task(session.send_and_wait("?", timeout=8))
    await streaming.wait()
    print("ready", flush=True)
    start = time.perf_counter()
    if task == "cancel":
        ask.cancel()
        await asyncio.sleep(6)
    else:
        pid = int(open(f"/proc/self/task/{os.getpid()}/children").read().split()[0])
        os.kill(pid, signal.SIGKILL)
        try:
            await ask
        except BaseException as error:
            took = (time.perf_counter() - start) * 1000
            print(json.dumps([took, type(error).__name__]), flush=True)
    os._exit(0)
asyncio.run(main())
"""
IMPORT = """
import json, sys, time
start = time.process_time()
import {module}
cpu = (time.process_time() - start) * 1000
rss = [l for l in open("/proc/self/status") if l.startswith("VmRSS")][0].split()[1]
print(json.dumps([cpu, int(rss) / 1024]))
"""


def cli_processes(home: Path) -> list[int]:
    """The CLI processes that were started with this home, and no others."""
    mark = f"HOME={home}\0".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            runs_cli = Path(os.readlink(entry / "exe")).name == "copilot"
            if runs_cli and mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:  # it ended, or is another user's
            continue
    return found


async def run(
    task: str, python: str, program: str, cli: Path, home: Path
) -> dict[str, object]:
    """Run one side of one task, and say what the model and the system saw."""
    async with open_scripted_model(lambda _: LONG) as model:
        env = cli_environment(model, home)
        argument = json.dumps([task, str(cli), env, model.name, model.base_url])
        process = await trio.lowlevel.open_process(
            [python, "-c", program, argument], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        said = b""
        closed_after: float | None = None
        if task == "start":
            await trio.sleep(3.5)
            left = len(cli_processes(home))
            process.kill()
            await process.wait()
            for pid in cli_processes(home):
                os.kill(pid, 9)
            return {"left": left}
        while b"ready" not in said and (chunk := await process.stdout.receive_some()):
            said += chunk
        start = trio.current_time()
        if task == "cancel":
            with trio.move_on_after(OBSERVED):
                await model.wait_disconnect(1)
                closed_after = (trio.current_time() - start) * 1000
        else:
            with trio.move_on_after(20):
                while chunk := await process.stdout.receive_some():
                    said += chunk
        process.kill()
        await process.wait()
        await process.stdout.aclose()
        for pid in cli_processes(home):
            os.kill(pid, 9)
        rest = said.partition(b"ready")[2].strip()
        return {"closed": closed_after, "said": json.loads(rest) if rest else None}


def imported(python: str, module: str) -> tuple[float, float]:
    """CPU milliseconds of the import and MiB of memory after it."""
    code = IMPORT.format(module=module)
    out = subprocess.run([python, "-c", code], capture_output=True, check=True).stdout
    cpu, rss = json.loads(out)
    return cpu, rss


Figures = dict[tuple[str, str], list[object]]
"""{(side, what): one figure for each round}"""


async def measure(rounds: int, cli: Path, theirs: str, folder: Path) -> Figures:
    """Run everything in turn, ours and theirs."""
    sides = {"trio_copilot": (sys.executable, OURS), "official": (theirs, THEIRS)}
    figures: Figures = defaultdict(list)
    for number in range(rounds):
        for side, (python, program) in sides.items():
            home = folder / f"{side}-{number}"
            home.mkdir()
            for task in ("cancel", "kill", "start"):
                seen = await run(task, python, program, cli, home)
                for what, value in seen.items():
                    figures[side, f"{task} {what}"].append(value)
            module = "trio_copilot" if side == "trio_copilot" else "copilot"
            cpu, rss = imported(python, module)
            figures[side, "import cpu"].append(cpu)
            figures[side, "import rss"].append(rss)
    return figures


def median(values: list[object]) -> float | None:
    """Return the median; `None` if it was not seen in every round."""
    numbers = [v[0] if isinstance(v, list) else v for v in values]
    known = [float(n) for n in numbers if isinstance(n, (int, float))]
    return statistics.median(known) if len(known) == len(values) else None


def compare(rounds: int, cli: Path) -> Figures:
    """Make the environment of the official SDK and measure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "venv", folder / "official"], check=True)
        theirs = str(folder / "official" / "bin" / "python")
        subprocess.run([theirs, "-m", "pip", "install", "-q", OFFICIAL], check=True)
        return trio.run(measure, rounds, cli, theirs, folder)


def main() -> None:
    """Print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cli", type=Path, default=None)
    options = parser.parse_args()
    started = time.time()
    figures = compare(options.rounds, find_cli(options.cli))
    for (side, what), values in sorted(figures.items(), key=lambda item: item[0][1]):
        middle = median(values)
        shown = "-" if middle is None else f"{middle:.1f}"
        print(f"{what:14} {side:14} median {shown:>8}   {values}")
    print(f"{options.rounds} rounds, {time.time() - started:.0f} s")


if __name__ == "__main__":
    main()
