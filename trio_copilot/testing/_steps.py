"""Counts the steps of a Trio run, and acts after certain ones.

A step is what a task does from one checkpoint to the next. After each, Trio calls its
instruments while the task is parked there: a scope that is cancelled at this moment is
cancelled at exactly that checkpoint. So acting after step 1, 2, ... n reaches every
checkpoint of every task, and every moment at which something else could happen first.
"""

from __future__ import annotations

import contextlib
import linecache
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

_PACKAGE = str(Path(__file__).parents[1])
_PLUMBING = (str(Path(trio.__file__).parent), contextlib.__file__)


@attrs.define(eq=False)
class Steps(trio.abc.Instrument):
    """The steps since `counting` began."""

    actions: dict[int, Callable[[], object]]
    """`{step: what to do after it}`"""
    count: int = attrs.field(default=0, init=False)
    places: dict[int, str] = attrs.field(factory=dict[int, str], init=False)
    """`{step: where its task was when something was done}`"""

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Called by Trio."""
        self.count += 1
        action = self.actions.get(self.count)
        if action is not None:
            self.places[self.count] = place_of(task)
            action()


@contextmanager
def counting(steps: Steps) -> Generator[Steps, None, None]:
    """Count the steps of all tasks while the block runs."""
    trio.lowlevel.add_instrument(steps)
    try:
        yield steps
    finally:
        trio.lowlevel.remove_instrument(steps)


def place_of(task: trio.lowlevel.Task) -> str:
    """Return where a task stands: the user's last line, and this package's."""
    places = [
        (frame.f_code.co_filename, number)
        for frame, number in task.iter_await_frames()
        if not frame.f_code.co_filename.startswith(_PLUMBING)
    ]
    theirs = [place for place in places if not place[0].startswith(_PACKAGE)]
    shown = [*theirs[-1:], *places[-1:]]
    lines = [
        f"{Path(file).name}:{number}: {linecache.getline(file, number).strip()}"
        for file, number in dict.fromkeys(shown)
    ]
    return " > ".join([task.name, *lines])


def tasks_below(task: trio.lowlevel.Task) -> set[trio.lowlevel.Task]:
    """Return every task in the nurseries of a task, and in theirs."""
    children = {
        child for nursery in task.child_nurseries for child in nursery.child_tasks
    }
    return children.union(*(tasks_below(child) for child in children))


@contextmanager
def scheduled_by(seed: int) -> Generator[None, None, None]:
    """Let Trio wake tasks in an order that depends on the seed alone.

    Trio shuffles tasks that are ready at once. It has private switches, for hypothesis,
    that make the order repeat; without them a sweep still works, but step 17 is not the
    same in every run.
    """
    run: Any = getattr(trio._core, "_run", None)  # noqa: SLF001  # works without it, too
    dice, switch = getattr(run, "_r", None), "_ALLOW_DETERMINISTIC_SCHEDULING"
    if dice is None or not hasattr(run, switch):
        yield
        return
    before, state = getattr(run, switch), dice.getstate()
    setattr(run, switch, True)
    dice.seed(seed)
    try:
        yield
    finally:
        setattr(run, switch, before)
        dice.setstate(state)
