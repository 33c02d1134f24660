"""Which model the examples ask: one of Copilot, or one of a provider of your own.

The CLI has variables for that, COPILOT_PROVIDER_BASE_URL, COPILOT_PROVIDER_API_KEY and
COPILOT_MODEL, and obeys them in a terminal; sessions of a client have to be told.
"""

from __future__ import annotations

import os

from trio_copilot import Provider, SessionOptions


def session_options() -> SessionOptions:
    """Return what the environment says; nothing said is the account of the CLI."""
    base_url = os.environ.get("COPILOT_PROVIDER_BASE_URL")
    model = os.environ.get("COPILOT_MODEL")
    if not base_url:
        return SessionOptions(model=model)
    api_key = os.environ.get("COPILOT_PROVIDER_API_KEY")
    return SessionOptions(
        model=model, provider=Provider(base_url=base_url, api_key=api_key)
    )
