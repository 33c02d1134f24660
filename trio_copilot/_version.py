"""The version of this package, from the metadata that it was installed with."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("trio-copilot")
