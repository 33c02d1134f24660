"""The browser of these tests: one for all of them, each has a window of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.browser.chromium import Chromium

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A headless Chromium. Without one tests are skipped, but not where CI=true."""
    found = [path for name in PROGRAMS if (path := shutil.which(name))]
    if not found:
        missing = f"no browser: none of {', '.join(PROGRAMS)} is installed"
        assert os.environ.get("CI") != "true", missing
        pytest.skip(missing)
    browser = Chromium.start(found[0], tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.kill()
