"""What each extra of this package needs, and how to add one.

Read from the metadata of the installation, so that only pyproject.toml has the list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires, version

_DISTRIBUTION = "trio-copilot"

# name>=version; extra == 'name'
_REQUIREMENT = re.compile(
    r"""(?P<name>[\w.-]+)(\[.*\])?\s*(>=\s*(?P<least>[\d.]+))?"""
    r""".*;.*extra\s*==\s*['"](?P<extra>[\w-]+)"""
)


def version_of(distribution: str) -> str | None:
    """Return the installed version, or `None` if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def missing_by_extra() -> dict[str, list[str]]:
    """Return `{extra: what it needs and is not installed, or too old}`."""
    missing: dict[str, list[str]] = {}
    try:
        requirements = requires(_DISTRIBUTION) or ()
    except PackageNotFoundError:  # not installed: only its folder is on the path
        requirements = ()
    for requirement in requirements:
        if found := _REQUIREMENT.match(requirement):
            of_extra = missing.setdefault(found["extra"], [])
            least = found["least"] or ""
            there = version_of(found["name"])
            if there is None:
                of_extra.append(found["name"])
            elif _numbers(there) < _numbers(least):
                of_extra.append(f"{found['name']} {least} (not {there})")
    return missing


def how_to_add(extra: str) -> str:
    """Return the command that adds an extra."""
    return (
        f"in your clone of {_DISTRIBUTION} run: python -m pip install -e '.[{extra}]'"
    )


def complaint(what: str, extra: str, missing: Sequence[str]) -> str:
    """Return the error message for what does not work without an extra."""
    return (
        f"{what} needs the extra {extra!r}, which lacks {', '.join(missing)}; "
        f"{how_to_add(extra)}"
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))
