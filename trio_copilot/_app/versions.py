"""Which version of a distribution is installed, if any."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def version_of(distribution: str) -> str | None:
    """Return the installed version, or `None` if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
