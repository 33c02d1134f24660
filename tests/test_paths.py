"""A path means the same in every option; unusable ones are refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from trio_copilot._paths import ELSEWHERE, OF_A_STREAM, OF_OUR_CLI, PathRule

OURS = [OF_OUR_CLI, OF_A_STREAM]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this process is, which is not its home."""
    place = tmp_path / "here"
    (place / "project").mkdir(parents=True)
    (place / "notes.txt").write_text("x")
    (tmp_path / "home" / "project").mkdir(parents=True)
    monkeypatch.chdir(place)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    return place


@pytest.mark.parametrize("rule", OURS)
@pytest.mark.parametrize("as_path", [str, Path])
def test_a_relative_path_starts_where_this_process_is(
    rule: PathRule, as_path: Any, here: Path
) -> None:
    assert rule.absolute(as_path("project"), "x") == str(here / "project")
    assert rule.absolute(as_path("."), "x") == str(here)


@pytest.mark.parametrize("rule", OURS)
def test_a_tilde_is_the_home_of_this_process(rule: PathRule, here: Path) -> None:
    home = here.parent / "home"

    assert rule.absolute("~", "x") == str(home)
    assert rule.directory(Path("~/project"), "x") == str(home / "project")


@pytest.mark.parametrize("rule", [*OURS, ELSEWHERE])
def test_an_absolute_path_stays(rule: PathRule) -> None:
    assert rule.absolute(os.path.abspath("/a/b"), "x") == os.path.abspath("/a/b")


@pytest.mark.parametrize("path", ["/a/b", r"C:\a\b", r"\\server\share\a"])
def test_a_path_elsewhere_is_absolute_on_any_system(path: str) -> None:
    assert ELSEWHERE.absolute(path, "x") == path


@pytest.mark.parametrize("path", ["a", "./a", "~", "~/a", Path("a"), "C:a"])
def test_a_path_elsewhere_cannot_start_here(path: Any) -> None:
    with pytest.raises(ValueError, match="working_directory must be an absolute path"):
        ELSEWHERE.absolute(path, "working_directory")


@pytest.mark.parametrize("rule", [*OURS, ELSEWHERE])
@pytest.mark.parametrize("path", ["", "/a\0b", "/a\udce9"])
def test_what_is_no_path_for_the_cli_is_named(rule: PathRule, path: str) -> None:
    with pytest.raises(ValueError, match="cwd cannot be the path"):
        rule.absolute(path, "cwd")


def test_what_has_to_be_there_is_looked_for_on_a_cli_of_ours(here: Path) -> None:
    assert OF_OUR_CLI.directory("project", "cwd") == str(here / "project")
    assert OF_OUR_CLI.file("notes.txt", "x") == str(here / "notes.txt")
    with pytest.raises(ValueError, match=r"cwd: there is no directory '.*here/gone'"):
        OF_OUR_CLI.directory("gone", "cwd")
    with pytest.raises(ValueError, match=r"there is no directory '.*notes\.txt'"):
        OF_OUR_CLI.directory("notes.txt", "cwd")
    with pytest.raises(ValueError, match=r"there is no file '.*project'"):
        OF_OUR_CLI.file("project", "cwd")


@pytest.mark.parametrize("rule", [OF_A_STREAM, ELSEWHERE])
def test_elsewhere_nobody_looks(rule: PathRule, here: Path) -> None:
    assert rule.directory(here / "gone", "cwd") == str(here / "gone")
    assert rule.file(here / "project", "cwd") == str(here / "project")
