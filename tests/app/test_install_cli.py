"""`install-cli` with a fake npm; the real one runs in continuous integration."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.app.command import Command, Ended
from trio_copilot._transport.find_cli import PINNED_VERSION, cached_cli

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="npm is a script here")

# An npm that puts an executable where the true one does, in a shell's words.
NPM = """\
#!/bin/sh
echo "npm called with: $*"
prefix=$3
version=${4##*@}
binary=$prefix/BINARY
install() {
    /bin/mkdir -p "$(/usr/bin/dirname "$binary")"
    echo "#!/bin/sh" > "$binary"
    echo "echo GitHub Copilot CLI $1" >> "$binary"
    /bin/chmod 755 "$binary"
}
""".replace(
    "BINARY",
    str(cached_cli("0", {"TRIO_COPILOT_CACHE": "/"}).relative_to("/cli/0")),
)


class Installer:
    """`install-cli` with an npm that does what the test sets, into its own cache."""

    def __init__(self, command: Command, folder: Path) -> None:
        self.cache = folder / "cache"
        self._programs = folder / "programs"
        self._programs.mkdir()
        self.command = command.with_env(
            PATH=str(self._programs), TRIO_COPILOT_CACHE=str(self.cache)
        )

    def npm(self, script: str) -> None:
        """Say what npm does."""
        (self._programs / "npm").write_text(NPM + script)
        (self._programs / "npm").chmod(0o755)

    async def run(self, *arguments: str) -> Ended:
        """Run it."""
        return await self.command.run("install-cli", *arguments)

    @property
    def cli(self) -> Path:
        """Where the CLI should be."""
        return cached_cli(env={"TRIO_COPILOT_CACHE": str(self.cache)})

    @property
    def left(self) -> list[str]:
        """What there is in the cache."""
        return sorted(path.name for path in (self.cache / "cli").iterdir())


@pytest.fixture
def installer(command: Command, tmp_path: Path) -> Installer:
    """`install-cli`, with no npm yet."""
    return Installer(command, tmp_path)


async def test_it_installs_the_pinned_version_and_prints_its_path(
    installer: Installer,
) -> None:
    installer.npm('install "$version"')
    ended = await installer.run()

    assert (ended.status, ended.out) == (0, f"{installer.cli}\n")
    assert installer.cli.exists()
    assert installer.left == [PINNED_VERSION]


async def test_it_is_found_afterwards(installer: Installer) -> None:
    installer.npm('install "$version"')
    await installer.run()
    ended = await installer.command.run("doctor")

    assert f"our cache: {installer.cli}" in ended.out


async def test_what_is_there_is_not_installed_again(installer: Installer) -> None:
    installer.npm('install "$version"')
    await installer.run()
    installer.npm("exit 1")
    ended = await installer.run()

    assert (ended.status, ended.out) == (0, f"{installer.cli}\n")
    assert "installed already" in ended.err


async def test_force_replaces_what_is_there(installer: Installer) -> None:
    installer.npm('install "$version"')
    await installer.run()
    (old := installer.cli.with_name("old")).touch()
    ended = await installer.run("--force")

    assert ended.status == 0
    assert installer.cli.exists()
    assert not old.exists()
    assert installer.left == [PINNED_VERSION]


async def test_another_version_goes_beside_it(installer: Installer) -> None:
    installer.npm('install "$version"')
    ended = await installer.run("--version", "9.8.7-beta.1")

    assert ended.status == 0
    assert "9.8.7-beta.1" in ended.out
    assert "COPILOT_CLI_PATH" in ended.err
    assert installer.left == ["9.8.7-beta.1"]


async def test_npm_gets_no_registry_and_runs_no_scripts(installer: Installer) -> None:
    installer.npm("exit 3")
    ended = await installer.run()
    line = ended.err.splitlines()[-1]  # said when it fails

    assert f"@github/copilot@{PINNED_VERSION}" in line
    assert "--ignore-scripts" in line
    assert "--registry" not in line


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("echo 'npm error ETOOBAD'; exit 7", "npm error ETOOBAD"),
        ("exit 7", "npm failed with status 7"),
        ("exit 0", "without copilot-"),
        ("install 0.0.1", f"0.0.1', not {PINNED_VERSION}"),
        ('install "$version"; echo "exit 5" >> "$binary"', "status 5"),
        ('install "$version"; echo "#!/none" > "$binary"', "does not run"),
    ],
)
async def test_what_fails_is_said_and_leaves_nothing(
    installer: Installer, script: str, complaint: str
) -> None:
    installer.npm(script)
    ended = await installer.run()

    assert (ended.status, ended.out) == (1, "")
    assert complaint in ended.err
    assert "Traceback" not in ended.err
    assert installer.left == []


async def test_what_fails_leaves_what_was_there(installer: Installer) -> None:
    installer.npm('install "$version"')
    await installer.run()
    installer.npm("exit 1")
    ended = await installer.run("--force")

    assert ended.status == 1
    assert installer.cli.exists()


async def test_without_npm_it_says_how_to_get_it(installer: Installer) -> None:
    ended = await installer.run()

    assert ended.status == 1
    assert "npm is not on PATH" in ended.err
    assert "Node.js" in ended.err


async def test_a_cache_that_cannot_be_written_is_said(installer: Installer) -> None:
    installer.npm("exit 0")
    installer.cache.write_text("not a folder")
    ended = await installer.run()

    assert ended.status == 1
    assert "TRIO_COPILOT_CACHE" in ended.err
    assert "Traceback" not in ended.err


async def test_ctrl_c_ends_npm_and_leaves_nothing(installer: Installer) -> None:
    installer.npm("exec /bin/sleep 1000")
    async with installer.command.started("install-cli") as running:
        await running.read_err_until("npm called with")
        running.interrupt()
        ended = await running.ended()

    assert ended.status == 130
    assert ended.err.endswith("cancelled\n")
    assert installer.left == []
