"""Where a CLI is searched, in which order, and the error if none is found."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from pathlib import Path

import pytest

from trio_copilot._errors import CliNotFoundError
from trio_copilot._transport.find_cli import (
    PINNED_VERSION,
    cache_dir,
    cached_cli,
    find_cli,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and symbolic links")


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def linux(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _: "x86_64-pc-linux-gnu")


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A CLI in every place, and the environment that names them all."""
    monkeypatch.setenv("TRIO_COPILOT_CACHE", str(tmp_path / "cache"))
    env = {
        "COPILOT_CLI_PATH": str(executable(tmp_path / "named" / "cli")),
        "PATH": str(executable(tmp_path / "bin" / "copilot").parent),
        "TRIO_COPILOT_CACHE": str(tmp_path / "cache"),
    }
    executable(cached_cli(env=env))
    return env


def test_the_places_are_looked_at_in_order(places, tmp_path):
    given = executable(tmp_path / "given")
    assert find_cli(given, env=places) == given
    assert find_cli(env=places) == tmp_path / "named" / "cli"
    places["COPILOT_CLI_PATH"] = ""
    assert find_cli(env=places) == tmp_path / "bin" / "copilot"
    del places["PATH"]
    assert find_cli(env=places) == cached_cli()
    places["TRIO_COPILOT_CACHE"] = "/elsewhere"  # the CLI's environment, not ours
    assert find_cli(env=places) == cached_cli()


def test_the_environment_of_this_process_is_the_default(places, monkeypatch):
    for name, value in places.items():
        monkeypatch.setenv(name, value)
    assert find_cli() == Path(places["COPILOT_CLI_PATH"])
    assert cache_dir() == Path(places["TRIO_COPILOT_CACHE"])


@pytest.mark.parametrize("how", ["given", "COPILOT_CLI_PATH"])
@pytest.mark.parametrize(
    ("what", "fault"),
    [("nothing", "no such file"), ("folder", "not a file"), ("text", "not executable")],
)
def test_a_named_place_is_refused_at_once(how, what, fault, places, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("no")
    place = str(tmp_path / what)
    given = place if how == "given" else None
    with pytest.raises(CliNotFoundError) as caught:
        find_cli(given, env={**places, how: place})
    assert caught.value.places == (f"{place} ({how}): {fault}",)


def test_a_given_name_without_a_folder_is_a_command(places, tmp_path, monkeypatch):
    assert find_cli("copilot", env=places) == tmp_path / "bin" / "copilot"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CliNotFoundError, match=r"other \(given\): no such file"):
        find_cli("other", env=places)
    local = executable(tmp_path / "copilot")
    assert find_cli("copilot", env=places) == local
    assert find_cli(Path("bin", "copilot"), env=places) == tmp_path / "bin" / "copilot"


def test_a_tilde_is_the_home_of_this_process(tmp_path, monkeypatch):
    executable(tmp_path / "cli")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_cli("~/cli", env={"HOME": "/elsewhere"}) == tmp_path / "cli"
    assert find_cli(env={"COPILOT_CLI_PATH": "~/cli"}) == tmp_path / "cli"


@pytest.mark.parametrize("search_path", ["", "/nowhere"])
def test_when_there_is_none_every_place_is_listed(search_path, tmp_path, monkeypatch):
    monkeypatch.setenv("TRIO_COPILOT_CACHE", str(tmp_path))
    env = {"PATH": search_path}
    with pytest.raises(CliNotFoundError) as caught:
        find_cli(env=env)
    assert caught.value.places == (
        "COPILOT_CLI_PATH: not set",
        f"copilot on PATH: {search_path or 'PATH is empty'}",
        f"{cached_cli()} (our cache): no such file",
    )


# --- npm's loader


def install(modules: Path, *, nested: bool) -> tuple[Path, Path]:
    """Lay out what npm does; gives the package of the loader and the executable."""
    package = modules / "@github" / "copilot"
    executable(package / "npm-loader.js")
    packages = package / "node_modules" if nested else modules
    return package, executable(packages / "@github" / "copilot-linux-x64" / "copilot")


@pytest.mark.parametrize("nested", [True, False])
def test_the_executable_is_preferred_to_npms_loader(nested, linux, tmp_path):
    package, binary = install(tmp_path / "lib" / "node_modules", nested=nested)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "copilot").symlink_to(package / "npm-loader.js")
    assert find_cli(env={"PATH": str(tmp_path / "bin")}) == binary


def test_a_loader_without_its_executable_is_left_to_say_so(linux, tmp_path):
    loader = executable(tmp_path / "copilot" / "npm-loader.js")
    command = tmp_path / "copilot" / "copilot"
    command.symlink_to(loader)
    assert find_cli(env={"PATH": str(command.parent)}) == command


def test_a_shim_of_npm_on_windows_leads_to_the_executable(tmp_path, monkeypatch):
    _, binary = install(tmp_path / "node_modules", nested=False)
    windows_binary = binary.parent.with_name("copilot-win32-x64") / "copilot.exe"
    executable(windows_binary)
    shim = executable(tmp_path / "copilot.CMD")
    monkeypatch.setattr(platform, "machine", lambda: "AMD64")
    monkeypatch.setattr("shutil.which", lambda _name, path: str(shim))
    monkeypatch.setattr(sys, "platform", "win32")
    assert find_cli(env={}) == windows_binary


# --- the cache


@pytest.mark.parametrize(
    ("system", "env", "expected"),
    [
        ("linux", {"HOME": "/h"}, "/h/.cache/trio_copilot"),
        ("linux", {"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/x/trio_copilot"),
        ("linux", {"HOME": "/h", "XDG_CACHE_HOME": "x"}, "/h/.cache/trio_copilot"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Caches/trio_copilot"),
        ("win32", {"HOME": "/h", "LOCALAPPDATA": "/l"}, "/l/trio_copilot"),
        ("win32", {"HOME": "/h"}, "/h/AppData/Local/trio_copilot"),
        ("linux", {"TRIO_COPILOT_CACHE": "/ours", "XDG_CACHE_HOME": "/x"}, "/ours"),
    ],
)
def test_the_cache_is_where_this_platform_has_it(system, env, expected, monkeypatch):
    monkeypatch.setattr(sys, "platform", system)
    assert cache_dir(env) == Path(expected)


def test_without_home_the_user_database_is_asked():
    assert cache_dir({}).is_absolute()


@pytest.mark.parametrize(
    ("system", "host", "machine", "binary"),
    [
        ("linux", "x86_64-pc-linux-gnu", "x86_64", "copilot-linux-x64/copilot"),
        (
            "linux",
            "aarch64-unknown-linux-gnu",
            "aarch64",
            "copilot-linux-arm64/copilot",
        ),
        ("linux", "x86_64-pc-linux-musl", "x86_64", "copilot-linuxmusl-x64/copilot"),
        ("darwin", "aarch64-apple-darwin", "arm64", "copilot-darwin-arm64/copilot"),
        ("win32", None, "AMD64", "copilot-win32-x64/copilot.exe"),
        ("linux", "riscv64-linux-gnu", "riscv64", "copilot-linux-riscv64/copilot"),
    ],
)
def test_the_cached_cli_is_where_npm_puts_it(
    system, host, machine, binary, monkeypatch, tmp_path
):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _: host)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    env = {"TRIO_COPILOT_CACHE": str(tmp_path)}
    prefix = tmp_path / "cli" / "9.9.9" / "node_modules" / "@github"
    assert cached_cli("9.9.9", env) == prefix / binary
    assert PINNED_VERSION in cached_cli(env=env).parts
