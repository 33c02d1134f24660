"""What loading costs beside the official Python SDK: import, first event, first calls.

    python benchmarks/imports.py [--rounds 1] [--schemas DIR]

Makes a virtual environment for the official SDK in a temporary folder. Each figure is the
median of fresh interpreters, both sides in turn in one run. No CLI is started: a call
gets the smallest answer that its schema allows, so what is measured is the client alone.
Times are CPU time, memory is what is resident. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from trio_copilot._codegen.names import field_name
from trio_copilot._codegen.samples import Call, Sampler, calls
from trio_copilot._transport.find_cli import PINNED_VERSION

OFFICIAL = "github-copilot-sdk==1.0.27"
OFTEN = 5  # in a round, for what is not one namespace among many
CACHE = Path.home() / ".cache" / "copilot" / "pkg"
MOMENT = '"2026-01-01T00:00:00.000Z"'
SIDES = ("trio_copilot", "official SDK")

# Each side is one program: argv is a JSON list [what, calls]. It prints the milliseconds,
# the modules that are loaded and the MiB that are resident, after each step.
COMMON = """
import json, sys, time
what, calls = json.loads(sys.argv[1])
def say(start):
    took = (time.process_time() - start) * 1000
    rss = [l for l in open("/proc/self/status") if l.startswith("VmRSS")][0].split()[1]
    print(json.dumps([took, len(sys.modules), int(rss) / 1024]))
def finish(coroutine):
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise RuntimeError("it waits")
def find(of, path):
    for name in path:
        of = getattr(of, name)
    return of
envelope = {"id": "00000000-0000-0000-0000-000000000001", "parentId": None,
    "timestamp": "2026-01-01T00:00:00.000Z", "type": "assistant.message_delta",
    "data": {"messageId": "m", "deltaContent": "x"}}
"""
OURS = """
start = time.process_time()
import trio
say(start)
import trio_copilot
say(start)
if what == "event":
    start = time.process_time()
    assert trio_copilot.SessionEvent(envelope).data.delta_content == "x"
    say(start)
if calls:
    from trio_copilot._protocol.roots import server_rpc, session_rpc
    async def answer(method, params):
        return result
    roots = {"server": server_rpc(answer), "session": session_rpc(answer)}
    start = time.process_time()
    for scope, path, params, result in calls:
        finish(find(roots[scope], path)(**params))
    say(start)
"""
THEIRS = """
start = time.process_time()
import asyncio
say(start)
import copilot
say(start)
if what == "event":
    from copilot.generated.session_events import session_event_from_dict
    start = time.process_time()
    assert session_event_from_dict(envelope).data.delta_content == "x"
    say(start)
if calls:
    import inspect
    from copilot.generated import rpc
    class Client:
        async def request(self, method, params, **_):
            return result
    roots = {"server": rpc.ServerRpc(Client()), "session": rpc.SessionRpc(Client(), "s")}
    def call(scope, path, params):
        method = find(roots[scope], path)
        takes = inspect.signature(method).parameters.get("params")
        if takes is None or not params and takes.default is None:
            return method()
        return method(getattr(rpc, takes.annotation.partition(" ")[0]).from_dict(params))
    start = time.process_time()
    for scope, path, params, result in calls:
        finish(call(scope, path, params))
    say(start)
"""

Step: TypeAlias = tuple[float, float, float]
"""Milliseconds, modules, MiB."""
Figures: TypeAlias = dict[tuple[str, str], list[Step]]
"""{(side, what): one step for each interpreter}"""


# -- what is called


def chosen(schemas: Path) -> Iterator[Call]:
    """Yield one method of each namespace: the one with the least to say."""
    found: dict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in calls(json.loads((schemas / "api.schema.json").read_bytes())):
        is_ours = call.scope in ("server", "session") and not call.internal
        if is_ours and len(call.path) > 1:
            found[call.scope, call.path[0]].append(call)
    for namespace in sorted(found):
        yield min(found[namespace], key=lambda call: (_weight(call), call.wire))


def _weight(call: Call) -> int:
    return len(json.dumps(call.params)) if call.params else 0


def as_calls(schemas: Path) -> dict[str, list[Any]]:
    """Return for each namespace: scope, path, parameters and result."""
    both = [
        json.loads((schemas / name).read_bytes())
        for name in ("api.schema.json", "session-events.schema.json")
    ]
    sampler = Sampler(*both)
    made: dict[str, list[Any]] = {}
    for call in chosen(schemas):
        params = dict(sampler.smallest(call.params)) if call.params else {}
        if call.scope == "session":
            params.pop("sessionId", None)
        result = dated(sampler.smallest(call.result))
        made[f"{call.scope} {call.path[0]}"] = [call.scope, call.path, params, result]
    return made


def dated(result: Any) -> Any:
    """Return a sample whose strings are moments, for some must be one."""
    return json.loads(json.dumps(result).replace('"text"', MOMENT))


def spelt(call: list[Any], side: str) -> list[Any]:
    """Return a call with the names that its side has for it."""
    scope, path, params, result = call
    if side == SIDES[0]:
        names = [field_name(word) for word in path]
        return [scope, names, {field_name(k): v for k, v in params.items()}, result]
    names = [field_name(w).replace("github", "git_hub").rstrip("_") for w in path]
    return [scope, names, params, result]


# -- measuring


def run(python: str, side: str, what: str, called: list[Any]) -> list[Step]:
    """Run one side in a fresh interpreter."""
    program = COMMON + (OURS if side == SIDES[0] else THEIRS)
    argument = json.dumps([what, [spelt(call, side) for call in called]])
    command = [python, "-c", program, argument]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{side}, {what}: {done.stderr}")
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def last(steps: list[Step]) -> Step:
    """Return what the last step has taken and added."""
    *_, before, after = steps
    return (after[0], after[1] - before[1], after[2] - before[2])


def total(steps: list[Step]) -> Step:
    """Return what all steps have taken, and what is there after them."""
    return (sum(ms for ms, _, _ in steps), *steps[-1][1:])


def measure(rounds: int, pythons: Mapping[str, str], schemas: Path) -> Figures:
    """Run everything in turn, ours and theirs, after a round that warms the caches."""
    namespaces = as_calls(schemas)
    every = list(namespaces.values())
    tasks = [(f"rpc {name}", [call]) for name, call in namespaces.items()]
    tasks += [("event", []), ("all", every)] * OFTEN
    figures: Figures = defaultdict(list)
    for side in SIDES:
        run(pythons[side], side, "event", every)
    for _ in range(rounds):
        for what, called in tasks:
            for side in SIDES:
                steps = run(pythons[side], side, what, called)
                figures[side, "base"].append(steps[0])
                figures[side, "import"].append(last(steps[:2]))
                figures[side, what].append(last(steps))
                figures[side, f"total {what}"].append(total(steps))
    return figures


def compare(rounds: int, schemas: Path) -> Figures:
    """Make the environment of the official SDK and measure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "official"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        theirs = str(folder / "bin" / "python")
        subprocess.run([theirs, "-m", "pip", "install", "-q", OFFICIAL], check=True)
        pythons = {SIDES[0]: sys.executable, SIDES[1]: theirs}
        return measure(rounds, pythons, schemas)


# -- the table


def middle(steps: list[Step]) -> Step:
    """Return the median of each figure."""
    ms, modules, rss = (statistics.median(each) for each in zip(*steps, strict=True))
    return ms, modules, rss


def rows(figures: Figures) -> Iterator[tuple[str, list[Step]]]:
    """Yield what each row is about, and its medians on both sides."""
    names = sorted({what for _, what in figures if what.startswith("rpc ")})

    def both(what: str) -> list[Step]:
        return [middle(figures[side, what]) for side in SIDES]

    def typical(prefix: str) -> list[Step]:
        each = [both(f"{prefix}{name}") for name in names]
        return [middle([pair[n] for pair in each]) for n in (0, 1)]

    yield "`import trio`, `import asyncio`", both("base")
    yield "+ `import trio_copilot`, `import copilot`", both("import")
    yield "+ first event decoded", both("event")
    yield f"+ first call in a namespace, median of {len(names)}", typical("")
    yield f"+ one call in each of {len(names)} namespaces", both("all")
    yield "= a program that makes one call", typical("total ")
    yield "= a program that calls every namespace", both("total all")


def show(figures: Figures) -> None:
    """Print the table."""
    print("| | trio_copilot | | | official SDK | | | time, memory |")
    print("|---|---|---|---|---|---|---|---|")
    print("| | ms | modules | MiB | ms | modules | MiB | official / ours |")
    for what, (ours, theirs) in rows(figures):
        cells = [f"{ms:.1f} | {n:.0f} | {rss:.1f}" for ms, n, rss in (ours, theirs)]
        ratios = ", ".join(ratio(theirs[n], ours[n]) for n in (0, 2))
        print(f"| {what} | {cells[0]} | {cells[1]} | {ratios} |")


def ratio(theirs: float, ours: float) -> str:
    """Return how many times as much it is."""
    return f"{theirs / ours:.2g}" if ours > 0 else "-"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--schemas", type=Path, default=None)
    options = parser.parse_args()
    unpacked = sorted(CACHE.glob(f"*/{PINNED_VERSION}/schemas"))
    if options.schemas is None and not unpacked:
        parser.error(f"start Copilot CLI {PINNED_VERSION} once, or say --schemas")
    started = time.time()
    show(compare(options.rounds, options.schemas or unpacked[0]))
    took = time.time() - started
    print(f"\n{OFFICIAL}; rounds: {options.rounds}, {took:.0f} s; ", end="")
    print(f"Python {platform.python_version()}, {platform.machine()}")


if __name__ == "__main__":
    main()
