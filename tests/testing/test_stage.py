"""A stage has a client and a session once they have been opened."""

from __future__ import annotations

import pytest

from trio_copilot.testing import open_stage


async def test_a_stage_has_what_was_opened_last() -> None:
    async with open_stage() as stage:
        async with stage.open_client() as client, stage.open_session() as session:
            assert stage.client is client
            assert stage.session is session


async def test_a_stage_says_what_to_open_first() -> None:
    async with open_stage() as stage:
        with pytest.raises(RuntimeError, match=r"no client yet: enter open_client\(\)"):
            async with stage.open_session():
                pass
        async with stage.open_client():
            with pytest.raises(RuntimeError, match=r"no session yet: enter open_sess"):
                _ = stage.session
