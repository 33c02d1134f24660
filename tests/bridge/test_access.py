"""The rules for coming in, without any connection."""

from __future__ import annotations

import pytest

from trio_copilot.bridge._access import Access, make_token

PAGE = "http://127.0.0.1:8400"


@pytest.fixture
def access() -> Access:
    access = Access("open sesame", "127.0.0.1")
    access.allow([PAGE, "https://copilot.example.org"])
    return access


def test_a_token_is_new_each_time_and_fits_in_a_fragment() -> None:
    assert len({make_token() for _ in range(100)}) == 100
    assert make_token().replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("token", ["", "open", "open sesame ", "öffne", "\ud800"])
def test_only_the_token_is_the_token(access: Access, token: str) -> None:
    assert access.has_token("open sesame")
    assert not access.has_token(token)


def test_the_token_is_not_in_the_repr(access: Access) -> None:
    assert "sesame" not in repr(access)


@pytest.mark.parametrize(
    ("origins", "admitted"),
    [
        ([], True),
        ([PAGE], True),
        (["https://copilot.example.org"], True),
        (["http://127.0.0.1:8401"], False),
        (["https://127.0.0.1:8400"], False),
        (["http://127.0.0.1:8400.evil.example"], False),
        (["http://evil.example"], False),
        ([PAGE, "http://evil.example"], False),
        ([PAGE, PAGE], False),
        (["null"], False),
        ([""], False),
    ],
)
def test_pages_of_other_origins_stay_outside(
    access: Access, origins: list[str], admitted: bool
) -> None:
    assert access.refusal("localhost", origins) == (None if admitted else 403)
    if len(origins) == 1:  # what a browser sends
        assert access.admits_origin(origins[0]) is admitted


@pytest.mark.parametrize(
    ("host", "admitted"),
    [
        ("127.0.0.1:8401", True),
        ("127.0.0.1", True),
        ("[::1]:8401", True),
        ("localhost:8401", True),
        ("LOCALHOST", True),
        ("copilot.example.org", True),
        ("evil.example:8401", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("user@127.0.0.1", False),
        ("[::1%;script-src *]", False),  # a zone, which might hold anything
        ("[::1]x", False),
        ("[::1]:8401:1", False),
        ("127.0.0.1:", False),
        ("127.0.0.1:x", False),
        ("127.0.0.1:8401\n", False),
        ("127.0.0.1:\u0661", False),
        ("localhost;x", False),
        ("", False),
        ("[::1", False),
        ("127.0.0.1/x", False),
    ],
)
def test_names_that_are_not_ours_are_refused(
    access: Access, host: str, admitted: bool
) -> None:
    """An attacker may have let a name of theirs resolve to this machine."""
    assert access.refusal(host, [PAGE]) == (None if admitted else 421)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "*",
        "null",
        "evil.example",
        "http://x/",
        "http://X",
        "http://x/path",
        "//x",
        "http://[::1",
    ],
)
def test_only_an_origin_can_be_allowed(access: Access, origin: str) -> None:
    with pytest.raises(ValueError, match="is not an origin"):
        access.allow([origin])
