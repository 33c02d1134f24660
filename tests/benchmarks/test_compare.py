"""The comparison still works: all of it in small, except what needs a network."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import loads
from benchmarks.compare import check
from benchmarks.report import tables
from benchmarks.scenarios import scenarios
from benchmarks.trials import LIMIT, OFFICIAL, OURS, Row, Scale, Target, Trial
from trio_copilot import SessionEvent
from trio_copilot._protocol.unknown import MalformedEvent, UnknownEvent
from trio_copilot._wire.framing import FrameDecoder

ROOT = Path(__file__).parents[2]


def decoded(blocks: list[bytes]) -> list[Any]:
    """What the frames of some blocks say."""
    found = []
    for block in blocks:
        decoder = FrameDecoder()
        decoder.feed(block)
        while (body := decoder.next_frame()) is not None:
            found.append(json.loads(bytes(body)))
        decoder.feed(b"")  # raises if the last frame is cut in two
        assert decoder.next_frame() is None
    return found


def rendered(load: str, repeats: int = 1) -> list[Any]:
    """The messages of a load, for one session."""
    cycle = loads.cycle(load)
    frames = loads.frames(cycle, ["s" * 36], itertools.count(), repeats)
    return decoded(list(loads.blocks(frames)))


@pytest.mark.all
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_every_trial_runs_and_every_row_has_a_figure_of_ours():
    command = [sys.executable, str(ROOT / "benchmarks" / "compare.py")]
    options = ["--quick", "--without-official", "--rounds", "1"]
    done = subprocess.run(
        command + options, capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, done.stderr
    for trial in scenarios(Scale(quick=True)):
        for row in trial.rows:
            start = f"| {row.label}, {row.unit} | "
            (line,) = [
                line for line in done.stdout.splitlines() if line.startswith(start)
            ]
            assert line.removeprefix(start)[0] in "-0123456789", line


def test_the_mix_is_a_turn_in_the_proportions_of_the_real_cli():
    messages = rendered("mix")
    events = [m["params"]["event"] for m in messages if "event" in m["params"]]
    sizes = {each["type"]: len(json.dumps(each)) for each in events}
    assert len(messages) == 223
    assert len(events) == 218
    assert len(sizes) == 20
    assert 41_000 < sizes["system.message"] < 43_000
    assert 21_000 < sizes["model.messages_snapshot"] < 23_000
    assert loads.count("mix", 3) == (654, 3 * 100 * loads.DELTA_SIZE)


def test_every_payload_of_the_mix_has_its_type_or_is_one_that_nobody_knows():
    for message in rendered("mix"):
        if "event" in message["params"]:
            event = SessionEvent(message["params"]["event"])
            assert not isinstance(event.data, MalformedEvent), event.data
            if isinstance(event.data, UnknownEvent):
                assert event.type.startswith("model.")


def test_a_delta_is_a_frame_of_405_bytes_and_each_has_an_id_of_its_own():
    frames = list(loads.frames(loads.deltas(), ["s" * 36], itertools.count(), 500))
    assert {len(frame) for frame in frames} == {405}
    ids = {message["params"]["event"]["id"] for message in rendered("deltas", 500)}
    assert len(ids) == 500


def test_a_contestant_that_misses_an_event_is_an_error():
    trial = Trial("a group", "a trial", {}, (), {OURS: {"received": 10}})
    check(trial, OURS, {"received": 10})
    check(trial, LIMIT, {})
    with pytest.raises(RuntimeError, match="received is 9, not 10"):
        check(trial, OURS, {"received": 9})


def test_the_table_has_medians_ranges_ratios_and_verdicts():
    targets = (Target(0.5, OFFICIAL), Target(1.5, LIMIT), Target(3), Target(1, "other"))
    row = Row("label", "cost", "µs", targets)
    trials = [
        Trial("group", "one", {}, (row,)),
        Trial("group", "other", {}, (Row("like it", "cost", "µs"),), like="one"),
    ]
    results: dict[tuple[str, str], list[dict[str, Any]]] = {
        ("one", OURS): [{"cost": 4.0}, {"cost": 1.0}, {"cost": 2.0}],
        ("one", OFFICIAL): [{"cost": 20.0}],
        ("one", LIMIT): [{"cost": 1.0}],
        ("one", "patched"): [{"cost": None}],
        ("other", OURS): [{"cost": 4.0}],
    }
    *_, first, second = tables(trials, results).splitlines()
    assert first == (
        "| label, µs | 2 [1-4] | 20 | never | 1 | 0.1 |  | 2 | "
        "≤ 0.5 x official: met, 0.1, ≤ 1.5 x limit: missed, 2, ≤ 3: met, 2, "
        "≤ 1 x other: met, 0.5 |"
    )
    assert second == "| like it, µs | 4 | 20 |  | 1 | 0.2 |  | 4 |  |"
