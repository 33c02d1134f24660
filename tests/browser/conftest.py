"""One browser for all tests; each test has its own window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.browser.chromium import Chromium, Tab

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


@attrs.frozen
class Pictures:
    """Takes the pictures of the documentation, if asked to."""

    _folder: str | None

    async def take(self, tab: Tab, name: str) -> None:
        """Write what the page looks like; a picture of it must be possible always."""
        picture = await tab.picture()
        assert picture.startswith(b"\x89PNG")
        if self._folder is not None:
            Path(self._folder, f"{name}.png").write_bytes(picture)


@pytest.fixture
def pictures() -> Pictures:
    """Pictures for the folder in the variable PICTURES, such as docs/images."""
    return Pictures(os.environ.get("PICTURES"))
