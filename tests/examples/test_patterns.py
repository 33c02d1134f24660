"""The examples from 20 on: each does what it shows, and keeps out of its trap.

Most run as programs, on the scripted CLI and on the real one. What depends on time runs
here on the scripted CLI, where time is simulated: the functions of the example are the
same.
"""

from __future__ import annotations

import io
import json
import math
import runpy
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import h11
import pytest
import trio
from rich.console import Console

from tests.turns import tool_texts
from trio_copilot import Session
from trio_copilot.testing import (
    Call,
    ModelRequest,
    Reply,
    Script,
    ScriptedCli,
    open_stage,
)

from .marks import only_real, only_scripted
from .runner import HANGING, ROOT, Examples, Model

PATTERNS = sorted(path.stem for path in ROOT.glob("examples/[23]*.py"))


def functions(name: str) -> Mapping[str, Any]:
    """What an example defines."""
    return runpy.run_path(str(ROOT / "examples" / f"{name}.py"))


@asynccontextmanager
async def scripted_session(script: Script | Reply) -> AsyncIterator[Session]:
    async with open_stage(script) as stage, stage.open_client():
        async with stage.open_session() as session:
            yield session


@pytest.mark.parametrize("name", PATTERNS)
def test_each_has_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [name, "--help"])

    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")

    assert f"python examples/{name}.py" in " ".join(capsys.readouterr().out.split())


# -- 20: progress


async def test_without_a_terminal_there_is_no_spinner(examples: Examples) -> None:
    look = Call("view", {"path": "/no/such/file"})
    script: Script = [Reply(calls=[look]), "Nothing there."]
    ended = await examples.run("20_progress", script)

    assert ended.out == "Nothing there.\n"
    assert ended.err == "[complete, 2 tokens]\n"
    assert ended.status == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("last", [Reply("Done."), Reply("no", status=400)])
async def test_the_spinner_turns_while_nothing_comes_and_is_gone_in_the_end(
    last: Reply, monkeypatch: pytest.MonkeyPatch, autojump_clock: object
) -> None:
    example, terminal = functions("20_progress"), Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "24")
    script = [Reply(before=10, calls=[Call("view", {"path": "x"})]), last]

    async with scripted_session(script) as session:
        await example["watch"](session, "?")

    *drawn, after = terminal.getvalue().split(example["CLEARED"])
    assert len([line for line in drawn if "thinking (0 tokens)" in line]) >= 99
    assert max(map(len, drawn)) < 24
    assert after == ""


async def test_the_line_names_the_tools_at_work(autojump_clock: object) -> None:
    example = functions("20_progress")

    async with scripted_session("x") as session, session.turn("?") as turn:
        assert example["line"](turn, {"1": "grep", "2": "view"}) == (
            "grep, view (0 tokens)"
        )


# -- 21: typewriter


async def test_the_whole_answer_is_typed(examples: Examples) -> None:
    ended = await examples.run("21_typewriter", "Once upon a time.", "--pace", "0.001")

    assert (ended.out, ended.err, ended.status) == ("Once upon a time.\n", "", 0)


@only_scripted
async def test_the_typist_does_not_wait_for_an_answer_that_failed(
    examples: Examples,
) -> None:
    ended = await examples.run("21_typewriter", Reply("too warm here", status=400))

    assert "TurnError: 400 too warm here" in ended.err
    assert ended.status == 1


async def test_the_typist_catches_up(
    capsys: pytest.CaptureFixture[str], autojump_clock: object
) -> None:
    """A hundred words at once take a fraction of a hundred words one by one."""
    example, took = functions("21_typewriter"), list[float]()
    words = ["letter "] * 100
    for reply in (Reply(words, delay=1), Reply(words)):
        sender, receiver = trio.open_memory_channel[str](math.inf)
        began = trio.current_time()
        async with scripted_session(reply) as session, trio.open_nursery() as nursery:
            nursery.start_soon(example["type_out"], receiver, 0.1)
            await example["ask"](session, "?", sender)
        took.append(trio.current_time() - began)

    assert capsys.readouterr().out == ("letter " * 100 + "\n") * 2
    assert took[0] > 100 * 7 * 0.1
    assert took[1] < 10


# -- 22: merged streams


async def test_lines_of_several_answers_are_merged_whole(examples: Examples) -> None:
    def script(request: ModelRequest) -> Reply:
        topic = "alpha" if "alpha" in request.prompt else "beta"
        pieces = (f"{topic} o", "ne\n", f"{topic} two\n", f"{topic} three")
        return Reply(pieces, delay=0.02)

    ended = await examples.run("22_merged_streams", script, "alpha", "beta")

    for topic in ("alpha", "beta"):
        of_topic = [line for line in ended.lines if line.startswith(f"{topic:>15} | ")]
        said = [line.partition(" | ")[2] for line in of_topic]
        assert said == [f"{topic} one", f"{topic} two", f"{topic} three"]
    assert len(ended.lines) == 6
    assert ended.status == 0


async def test_when_one_answer_fails_the_others_are_stopped(examples: Examples) -> None:
    stopped: list[int] = []

    def script(request: ModelRequest) -> Reply:
        if "alpha" in request.prompt:
            return Reply("not this", status=400, before=0.3)
        stopped.append(request.number)
        return Reply("beta\n", then="hang")

    async def see_it_stopped(_: trio.Process, model: Model) -> None:
        await model.wait_request(2)
        await model.wait_disconnect(stopped[0])

    ended = await examples.run(
        "22_merged_streams", script, "alpha", "beta", meanwhile=see_it_stopped
    )

    assert "TurnError: 400 not this" in ended.err
    assert ended.status == 1


# -- 23: collect


async def test_all_that_a_turn_brought_is_in_one_value(examples: Examples) -> None:
    calls = [Call("view", {"path": f"/no/{name}"}) for name in "ab"]
    script: Script = [Reply("Let me see. ", reasoning="Hm.", calls=calls), "Nothing."]
    ended = await examples.run("23_collect", script)

    collected = json.loads(ended.out)
    views = collected["tools"]["view"]
    assert [each["arguments"]["path"] for each in views] == ["/no/a", "/no/b"]
    assert [each["success"] for each in views] == [False, False]
    assert all(each["said"] for each in views)
    assert collected["text"] == "Let me see. \n\nNothing."
    assert collected["reasoning"] == "Hm."
    assert (collected["reason"], collected["cause"]) == ("complete", None)
    assert collected["usage"]["calls"] == 2
    assert ended.status == 0


async def test_what_had_come_by_the_deadline_is_collected(
    autojump_clock: object,
) -> None:
    example = functions("23_collect")
    script = Reply("one two", reasoning="Hm.", then="hang")

    async with scripted_session(script) as session:
        collected, end = await example["collect"](session, "?", 5)

    assert (end.text, collected.reasoning) == ("one two", "Hm.")
    assert (end.reason, end.cause) == ("cancelled", "deadline")


# -- 24: Markdown


async def test_without_a_terminal_markdown_stays_as_it_is(examples: Examples) -> None:
    ended = await examples.run("24_rich_markdown", "# Title\n\n* [one]\n")

    assert (ended.out, ended.err, ended.status) == ("# Title\n\n* [one]\n\n", "", 0)


async def test_markdown_is_drawn_at_its_own_rate_and_whole_in_the_end(
    autojump_clock: object,
) -> None:
    example, screen = functions("24_rich_markdown"), io.StringIO()
    console = Console(file=screen, force_terminal=True, width=40, height=9)
    long = ["# Title\n\n", *["* item\n"] * 200, "\n**end**"]

    async with scripted_session(Reply(long, delay=0.005)) as session:
        began = trio.current_time()
        await example["render"](session, "?", console)
        took = trio.current_time() - began

    pictures = screen.getvalue().count("Title")
    assert 3 <= pictures <= took / example["FRAME"] + 2
    last = screen.getvalue().rpartition("Title")[2]
    assert last.count("item") == 200
    assert "end" in last
    assert "**" not in last


async def test_a_failure_leaves_the_text_so_far_and_no_hidden_cursor(
    autojump_clock: object,
) -> None:
    example, screen = functions("24_rich_markdown"), io.StringIO()
    console = Console(file=screen, force_terminal=True, width=40)

    async with scripted_session(Reply("so far", then="hang")) as session:
        with trio.move_on_after(5):
            await example["render"](session, "?", console)

    assert screen.getvalue().count("\x1b[?25l") == screen.getvalue().count("\x1b[?25h")
    assert screen.getvalue().rstrip().endswith("so far")


# -- 25: too slow, or stuck


async def test_too_slow_is_told_from_stuck(examples: Examples) -> None:
    def script(request: ModelRequest) -> Reply:
        if "slow" in request.prompt:
            return Reply("word " * 999, delay=0.05)
        return Reply("word", then="hang")

    slow = await examples.run("25_stalled", script, "slow", "--timeout", "1")
    stuck = await examples.run("25_stalled", script, "stuck", "--stall", "0.5")

    assert slow.err.startswith("[too slow: out of time while working; last event: ")
    assert stuck.err.startswith("[stuck: it went silent; last event: ")
    assert (slow.status, stuck.status) == (124, 124)


@only_scripted
async def test_everything_together_has_a_limit_too(examples: Examples) -> None:
    ended = await examples.run("25_stalled", HANGING, "--overall", "0.3")

    assert ended.err == "\n[not done within 0.3 s]\n"
    assert ended.status == 124


@only_scripted
async def test_an_answer_in_time_is_just_that(examples: Examples) -> None:
    cut = Reply("only so", finish_reason="length")
    ended = await examples.run("25_stalled", [cut] * 4)

    assert "[cut at the model's token limit]" in ended.err
    assert ended.status == 0


# -- 26: server-sent events


async def ask_http(
    url: str,
    path: str,
    *headers: tuple[str, str],
    body: bytes | None = None,
    until: bytes | None = None,
) -> tuple[int, bytes]:
    """Return status and body of an answer, or of its beginning up to certain bytes."""
    port = int(url.rpartition(":")[2])
    own = [("Host", "localhost"), ("Connection", "close")]
    given = dict([*own, ("Content-Length", str(len(body or b""))), *headers])
    method = "GET" if body is None else "POST"
    connection = h11.Connection(h11.CLIENT)
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        request = h11.Request(method=method, target=path, headers=list(given.items()))
        await stream.send_all(connection.send(request) or b"")
        if body:
            await stream.send_all(connection.send(h11.Data(body)) or b"")
        await stream.send_all(connection.send(h11.EndOfMessage()) or b"")
        status, said = 0, b""
        while until is None or until not in said:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await stream.receive_some())
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                said += event.data
            else:
                break
    return status, said


JSON = ("Content-Type", "application/json")


def events_of(body: bytes) -> list[tuple[int, str, Any]]:
    """The events of a stream: number, name and data of each."""
    events = list[tuple[int, str, Any]]()
    for block in body.decode().split("\n\n"):
        if block and not block.startswith(":"):
            number, name, data = (line.partition(": ")[2] for line in block.split("\n"))
            events.append((int(number), name, json.loads(data)))
    return events


async def test_who_reads_again_gets_the_rest_and_nothing_runs_twice(
    examples: Examples,
) -> None:
    reply = Reply(("one ", "two\n"))
    async with examples.serve("26_sse_server", reply, "--port", "0") as server:
        url = server.said
        status, name = await ask_http(url, "/turns", JSON, body=b'"Count."')
        path = f"/turns/{name.decode()}"
        _, whole = await ask_http(url, path)
        _, rest = await ask_http(url, path, ("Last-Event-ID", "0"))
        over = await ask_http(url, path, ("Last-Event-ID", "2"))
        foreign = await ask_http(url, path, ("Host", "evil.example"))
        form = await ask_http(url, "/turns", body=b'"Count."')
        unknown = await ask_http(url, "/turns/x")

    assert status == 201
    assert events_of(whole) == [
        (0, "delta", {"text": "one "}),
        (1, "delta", {"text": "two\n"}),
        (2, "end", {"reason": "complete", "error": ""}),
    ]
    assert events_of(rest) == events_of(whole)[1:]
    assert [over[0], foreign[0], form[0], unknown[0]] == [204, 400, 415, 404]
    assert len(server.model.requests) == 1


async def test_a_turn_that_nobody_reads_is_stopped(examples: Examples) -> None:
    reply = Reply("word ", then="hang")
    async with examples.serve(
        "26_sse_server", reply, "--port", "0", "--grace", "0.5"
    ) as server:
        _, name = await ask_http(server.said, "/turns", JSON, body=b'"Count."')
        path = f"/turns/{name.decode()}"
        await ask_http(server.said, path, until=b"word")
        await server.model.wait_disconnect(1)


async def test_a_silent_stream_has_a_heartbeat(autojump_clock: object) -> None:
    example = functions("26_sse_server")
    story = example["Story"](60)
    sent: list[bytes] = []

    async def send(message: Mapping[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        sent.append(message["body"])

    with trio.move_on_after(31):
        await example["Reading"](story, 0).write(send)

    assert sent == [b":\n\n"] * 3


# -- 27: WebSocket chat


async def test_two_can_chat_at_once_and_hear_only_their_own(
    examples: Examples,
) -> None:
    def script(request: ModelRequest) -> Reply:
        said = [m["content"] for m in request.messages if m["role"] == "user"]
        names = [name for name in ("Ann", "Bob") if any(name in text for text in said)]
        return Reply(f"Hello {' and '.join(names)}, {len(said)}.")

    program = str(ROOT / "examples" / "27_websocket_chat.py")
    heard: dict[str, str] = {}
    async with examples.serve("27_websocket_chat", script, "--port", "0") as server:
        token, _, url = server.said.partition(" --to ")
        env = {**server.env, "CHAT_TOKEN": token.partition("=")[2]}

        async def chat(name: str) -> None:
            command = [sys.executable, program, "--to", url, f"I am {name}.", "Again."]
            done = await trio.run_process(command, env=env, capture_stdout=True)
            heard[name] = done.stdout.decode()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(chat, "Ann")
            nursery.start_soon(chat, "Bob")

    for name in ("Ann", "Bob"):
        assert heard[name] == (
            f"Hello {name}, 1.\n[complete]\nHello {name}, 2.\n[complete]\n"
        )


# -- 28: manual results


async def test_the_model_hears_what_a_person_picked(examples: Examples) -> None:
    calls = [Call("pick", {"options": ["red", "blue"]}), Call("pick", {"options": []})]

    def script(request: ModelRequest) -> Reply:
        told = tool_texts(request)
        if len(told) == 3:
            return Reply(" / ".join(told))
        return Reply(calls=calls[:1] if told else calls)

    ended = await examples.run("28_manual_results", script, stdin=b"blue\n")

    picked, answer = ended.lines[:-1], ended.lines[-1]
    assert picked == ["Pick one of red, blue:"] * 2
    assert answer.startswith("blue / ")
    assert "No options in {'options': []}" in answer
    assert "The user said ''" in answer
    assert ended.status == 0


async def test_nobody_waits_for_a_person_for_ever(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: object
) -> None:
    example = functions("28_manual_results")

    async def never(*_: object, **__: object) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(trio.to_thread, "run_sync", never)
    answer = await example["pick"]({"options": ["a"]})

    assert str(answer) == "The user said ''"


# -- 29: callbacks


async def test_each_thing_that_happens_calls_its_function(examples: Examples) -> None:
    script = [Reply(calls=[Call("view", {"path": "/no/x"})]), Reply("It is late.")]
    ended = await examples.run("29_callbacks", script)

    assert ended.out == "It is late."
    assert ended.err.splitlines() == [
        "[view {'path': '/no/x'}]",
        "",
        "[complete, 3 tokens]",
    ]


async def test_an_error_in_a_callback_comes_out_and_stops_the_agent(
    examples: Examples,
) -> None:
    script = Reply("one two three", then="hang")
    ended = await examples.run("29_callbacks", script, "--limit", "5", stopped=[1])

    assert ended.out == "one "
    assert "TooLongError: more than 5 characters" in ended.err
    assert ended.status == 1


# -- 30: partial content


async def test_each_piece_is_rendered_once(examples: Examples) -> None:
    script = Reply(("# A", " title\n\nSome", " text\nin two lines.\n", "\n", "The end"))
    ended = await examples.run(
        "30_partial_content", script, "--by", "paragraph", "--latency", "60"
    )

    assert [line.partition("| ")[2] for line in ended.lines] == [
        *("# A title", ""),
        *("Some text", "in two lines.", ""),
        "The end",
    ]
    assert sum(" s | " in line for line in ended.lines) == 3


async def test_a_pause_shows_what_there_is_and_a_retry_what_is_void(
    capsys: pytest.CaptureFixture[str], autojump_clock: object
) -> None:
    example = functions("30_partial_content")
    script: Script = [Reply(("Half a", " line"), delay=9, then="drop"), "A line.\n"]

    async with scripted_session(script) as session:
        await example["show"](session, "?", "line", 2)

    shown = capsys.readouterr().out.splitlines()
    first, void, last = shown
    assert first == "   2.0 s | Half a"
    # More had come, and was not shown.
    assert void == "[the last 6 characters are void]"
    assert last.endswith(" s | A line.")


# -- 31: billing


METRICS = {
    "totalPremiumRequestCost": 0,
    "totalUserRequests": 2,
    "totalApiDurationMs": 1,
    "sessionStartTime": "2026-01-01T00:00:00Z",
    "codeChanges": {
        "linesAdded": 0,
        "linesRemoved": 0,
        "filesModifiedCount": 0,
        "filesModified": [],
    },
    "modelMetrics": {},
    "lastCallInputTokens": 0,
    "lastCallOutputTokens": 0,
}


async def test_each_prompt_has_its_bill_and_the_session_has_the_sum(
    examples: Examples,
) -> None:
    usage = {
        "prompt_tokens": 1000,
        "prompt_tokens_details": {"cached_tokens": 400},
        "completion_tokens": 50,
        "total_tokens": 1050,
    }
    ended = await examples.run(
        "31_billing",
        [Reply("One.", usage=usage), Reply("Two.", usage=usage)],
        *("First", "Second", "--price", "scripted-model=1,0.1,10"),
        behaviour={"answers": {"session.usage.getMetrics": lambda _: METRICS}},
    )

    one = "1 calls, 1000 in (400 cached), 50 out: $0.001140"
    both = "2 calls, 2000 in (800 cached), 100 out: $0.002280"
    assert [line.removeprefix("  scripted-model: ") for line in ended.lines] == [
        *("One.", one, "Two.", one),
        *("In all, 0 premium requests:", both),
    ]
    assert ended.status == 0


def test_a_model_without_a_price_is_not_free() -> None:
    example = functions("31_billing")

    assert example["bill"](example["Usage"](calls=1), None).endswith("no price known")


# -- 32: custom agents


@only_real
async def test_a_custom_agent_is_told_by_its_name(examples: Examples) -> None:
    def script(request: ModelRequest) -> Reply:
        if "You judge texts" in str(request.messages[0]["content"]):
            return Reply("Short is good.")
        if tool_texts(request):
            return Reply("The critic likes it.")
        arguments = {
            "agent_type": "critic",
            "name": "judge",
            "description": "judge it",
            "prompt": "Judge this: Hi.",
            "mode": "sync",
        }
        return Reply(calls=[Call("task", arguments)])

    ended = await examples.run("32_custom_agents", script)

    assert ended.out == "The critic likes it.\n"
    assert ended.err.splitlines() == [
        "[The main agent uses task]",
        "[The critic says: Short is good.]",
    ]


@only_scripted
async def test_what_a_sub_agent_says_is_no_part_of_the_answer(
    examples: Examples,
) -> None:
    async def speak(_: trio.Process, model: Model) -> None:
        assert isinstance(model, ScriptedCli)
        await model.wait_request()
        [created] = model.calls("session.create")
        session_id = created["sessionId"]
        started = {
            "toolCallId": "1",
            "agentName": "critic",
            "agentDisplayName": "The critic",
            "agentDescription": "judges",
        }
        said = {"messageId": "m", "content": "Too long."}
        model.emit(session_id, "subagent.started", started, agentId="a")
        model.emit(session_id, "assistant.message", said, agentId="a")

    reply = Reply("The answer.", before=1)
    ended = await examples.run("32_custom_agents", reply, meanwhile=speak)

    assert ended.out == "The answer.\n"
    assert ended.err == "[The critic says: Too long.]\n"


# -- 33: a team


async def test_the_judge_hears_what_the_experts_said(examples: Examples) -> None:
    """They work side by side: neither is answered before both have asked."""

    def script(request: ModelRequest) -> Reply:
        if "Opinion" in request.prompt:
            both = "Opinion 1." in request.prompt and "Opinion 2." in request.prompt
            return Reply("I heard both." if both else "I heard one.")
        return Reply(f"Opinion {request.number}.", before=0.5)

    in_progress: list[int] = []

    async def look(_: trio.Process, model: Model) -> None:
        await model.wait_request(2)
        in_progress.extend(model.in_progress)

    ended = await examples.run("33_team", script, "Logs?", meanwhile=look)

    assert in_progress == [1, 2]
    assert {ended.lines[0][:13], ended.lines[2][:12]} == {
        "The advocate:",
        "The sceptic:",
    }
    assert {ended.lines[0][-10:], ended.lines[2][-10:]} == {"Opinion 1.", "Opinion 2."}
    assert ended.lines[-1] == "The judge: I heard both."


@only_scripted
async def test_when_an_expert_fails_the_other_is_stopped(examples: Examples) -> None:
    script = [Reply(then="hang"), Reply("no", status=400)]
    ended = await examples.run("33_team", script, stopped=[1])

    assert "TurnError: 400 no" in ended.err
    assert len(ended.model.requests) == 2
    assert ended.status == 1
