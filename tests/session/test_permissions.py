"""What a request is about, and how each decision is sent to the CLI."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from trio_copilot import (
    Abstain,
    Allow,
    Deny,
    PermissionRequest,
    abstain_all,
    allow_all,
    deny_all,
)
from trio_copilot._session.permissions import (
    HANDLER_FAILED,
    MAX_REMEMBERED,
    NO_HANDLER,
    Verdicts,
    decide,
)

ONCE = {"kind": "approve-once"}


def asking(kind: str, **details: Any) -> PermissionRequest:
    return PermissionRequest(kind=kind, details=details)


def for_session(request: PermissionRequest) -> dict[str, Any]:
    return Allow(for_session=True).to_wire(request)


# -- what a request is about


@pytest.mark.parametrize(
    ("request_", "subject"),
    [
        (asking("shell", fullCommandText="ls -l", intention="Look"), "ls -l"),
        (asking("write", fileName="/home/a", intention="Write", diff="+a"), "/home/a"),
        (asking("read", path="/home/a", intention="Read"), "/home/a"),
        (asking("url", url="http://x/", intention="Fetch"), "http://x/"),
        (asking("mcp", serverName="s", toolName="t"), "t"),
        (asking("custom-tool", toolName="look"), "look"),
        (asking("new-kind", intention="Do it"), "Do it"),
        (asking("memory", fact="The sky is blue"), "memory"),
        (asking("shell", fullCommandText="", intention="Look"), "Look"),
        (asking("shell", fullCommandText=["ls"]), "shell"),
        (asking("shell"), "shell"),
    ],
)
def test_the_subject_is_the_most_telling_text(
    request_: PermissionRequest, subject: str
) -> None:
    assert request_.subject == subject


# -- decisions on the wire


def test_to_allow_is_to_allow_once() -> None:
    assert Allow().to_wire(asking("custom-tool", toolName="look")) == ONCE


@pytest.mark.parametrize(
    ("kind", "named", "other"),
    [
        ("custom-tool", {"toolName": "look"}, {"toolDescription": "Look."}),
        ("extension-management", {"operation": "install"}, {}),
        ("extension-permission-access", {"extensionName": "e"}, {"capabilities": []}),
        (
            "extension-env-access",
            {"extensionName": "e", "environmentVariables": ["A"]},
            {},
        ),
        ("mcp", {"serverName": "s", "toolName": "t"}, {"readOnly": True}),
        ("memory", {}, {"fact": "The sky is blue"}),
        ("read", {}, {"path": "/home/a"}),
        ("write", {}, {"fileName": "/home/a", "diff": "+a"}),
        ("workflow", {"approvalKey": "k"}, {"name": "w"}),
    ],
)
def test_for_the_session_is_approved_what_names_the_permission(
    kind: str, named: dict[str, Any], other: dict[str, Any]
) -> None:
    assert for_session(asking(kind, **named, **other)) == {
        "kind": "approve-for-session",
        "approval": {"kind": kind, **named},
    }


@pytest.mark.parametrize(
    ("server", "full", "shown", "bare"),
    [
        ("srv", "srv-echo", {"toolName": "echo"}, "echo"),
        ("my srv", "my_srv-echo", {"toolName": "echo"}, "echo"),
        ("srv", "srv-srv-echo", {}, "srv-echo"),
        ("a-b", "a-b-echo", {}, "echo"),
        ("srv", "echo", {}, "echo"),
    ],
)
def test_for_the_session_a_tool_of_a_server_is_approved_by_its_own_name(
    server: str, full: str, shown: dict[str, Any], bare: str
) -> None:
    request = PermissionRequest(
        kind="mcp", details={"serverName": server, "toolName": full}, prompt=shown
    )

    assert for_session(request)["approval"] == {
        "kind": "mcp",
        "serverName": server,
        "toolName": bare,
    }


def test_for_the_session_are_approved_the_commands_of_a_shell() -> None:
    commands = [
        {"identifier": "git status", "readOnly": True},
        {"identifier": "make", "readOnly": False},
    ]

    assert for_session(asking("shell", fullCommandText="...", commands=commands)) == {
        "kind": "approve-for-session",
        "approval": {"kind": "commands", "commandIdentifiers": ["git status", "make"]},
    }


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://docs.example.org/a?b#c", "docs.example.org"),
        ("http://user:word@Example.org:8080", "example.org"),
        ("http://[::1]:80/", "::1"),
    ],
)
def test_for_the_session_is_approved_the_domain_of_a_url(url: str, domain: str) -> None:
    assert for_session(asking("url", url=url)) == {
        "kind": "approve-for-session",
        "domain": domain,
    }


@pytest.mark.parametrize(
    "request_",
    [
        asking("hook", toolName="bash"),
        asking("some-new-kind", toolName="x"),
        asking("mcp", toolName="t"),
        asking("custom-tool"),
        asking("shell", fullCommandText="$X"),
        asking("shell", commands=None),
        asking("shell", commands=[]),
        asking("shell", commands=[{"readOnly": True}]),
        asking("url", url="not a url"),
        asking("url", url="http://["),
        asking("url"),
    ],
)
def test_what_the_cli_cannot_remember_is_allowed_once(
    request_: PermissionRequest,
) -> None:
    assert for_session(request_) == ONCE


@pytest.mark.parametrize("denial", [NO_HANDLER, HANDLER_FAILED, Deny("No.")])
def test_a_denial_tells_its_reason(denial: Deny) -> None:
    assert denial.reason
    assert denial.to_wire(asking("shell")) == {
        "kind": "reject",
        "feedback": denial.reason,
    }


@pytest.mark.parametrize("denial", [Deny(), Deny("")])
def test_a_denial_is_never_silent(denial: Deny) -> None:
    assert denial.to_wire(asking("shell"))["feedback"] == "Permission was denied."


# -- which handler decides


@pytest.mark.parametrize("decision", [Allow(), Allow(for_session=True), Deny("No.")])
async def test_the_handler_decides(decision: Allow | Deny) -> None:
    asked: list[PermissionRequest] = []

    async def handler(request: PermissionRequest) -> Allow | Deny:
        asked.append(request)
        return decision

    request = asking("shell")

    assert await decide(handler, request) is decision
    assert asked == [request]


async def test_without_a_handler_the_answer_is_no() -> None:
    assert await decide(None, asking("shell")) is NO_HANDLER


async def test_everything_can_be_allowed_or_denied() -> None:
    assert await decide(allow_all, asking("shell")) == Allow()
    assert await decide(deny_all, asking("shell")) is NO_HANDLER
    assert await decide(abstain_all, asking("shell")) == Abstain()


@pytest.mark.parametrize("answer", [None, True, "approve-once", Allow, ONCE])
async def test_an_answer_that_is_not_a_decision_is_refused(answer: Any) -> None:
    async def handler(request: PermissionRequest) -> Any:
        return answer

    with pytest.raises(TypeError, match=r"must be Allow.*, Deny.* or Abstain.*, not "):
        await decide(handler, asking("shell"))


async def test_what_the_handler_raises_comes_out() -> None:
    async def handler(request: PermissionRequest) -> Allow | Deny:
        raise LookupError("policy")

    with pytest.raises(LookupError, match="policy"):
        await decide(handler, asking("shell"))


# -- what is asked twice


def reading(path: str = "/a", call_id: str = "c1") -> PermissionRequest:
    return PermissionRequest(kind="read", call_id=call_id, details={"path": path})


class Counting:
    """Allows once it may answer, and records what it was asked."""

    def __init__(self) -> None:
        self.asked: list[PermissionRequest] = []
        self.may_answer = trio.Event()

    async def __call__(self, request: PermissionRequest) -> Allow:
        self.asked.append(request)
        await self.may_answer.wait()
        return Allow()


async def test_the_same_of_the_same_call_is_asked_once() -> None:
    verdicts, handler = Verdicts(), Counting()
    handler.may_answer.set()
    for request in (reading(), reading(), reading("/b"), reading(call_id="c2")):
        assert await verdicts.decide(handler, request) == Allow()

    assert handler.asked == [reading(), reading("/b"), reading(call_id="c2")]


async def test_what_is_being_asked_already_is_waited_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    verdicts, handler, decisions = Verdicts(), Counting(), list[Any]()

    async def ask() -> None:
        decisions.append(await verdicts.decide(handler, reading()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        handler.may_answer.set()

    assert decisions == [Allow(), Allow()]
    assert len(handler.asked) == 1


async def test_a_handler_that_has_failed_is_not_asked_again() -> None:
    async def handler(request: PermissionRequest) -> Allow:
        raise LookupError("policy")

    verdicts = Verdicts()
    with pytest.raises(LookupError):
        await verdicts.decide(handler, reading())
    assert await verdicts.decide(handler, reading()) is HANDLER_FAILED


async def test_a_handler_that_was_cancelled_has_decided_nothing() -> None:
    verdicts, handler = Verdicts(), Counting()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(verdicts.decide, handler, reading())
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    handler.may_answer.set()

    assert await verdicts.decide(handler, reading()) == Allow()
    assert len(handler.asked) == 2


async def test_without_a_call_every_request_is_another() -> None:
    verdicts, handler = Verdicts(), Counting()
    handler.may_answer.set()
    for _ in range(2):
        await verdicts.decide(handler, reading(call_id=""))

    assert len(handler.asked) == 2


async def test_only_the_latest_decisions_are_kept() -> None:
    verdicts = Verdicts()
    for number in range(2 * MAX_REMEMBERED):
        await verdicts.decide(allow_all, reading(call_id=str(number)))

    assert len(verdicts._by_call) == MAX_REMEMBERED
