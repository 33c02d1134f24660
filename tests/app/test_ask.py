"""`ask`, against a scripted CLI that it reaches over TCP."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.app.command import Command, served
from trio_copilot.testing import Call, Reply

ENDLESS = Reply(["tick "] * 10_000, delay=0.02)


async def test_the_answer_is_all_that_goes_to_stdout(command: Command) -> None:
    async with served("Hello, wörld") as (cli, url):
        ended = await command.run("ask", "Say hello", "--url", url)

    assert (ended.status, ended.out, ended.err) == (0, "Hello, wörld\n", "")
    assert "Say hello" in cli.requests[0].prompt


async def test_a_newline_at_the_end_is_not_doubled(command: Command) -> None:
    async with served("One line\n") as (_, url):
        ended = await command.run("ask", "hi", "--url", url)

    assert ended.out == "One line\n"


async def test_a_dash_reads_the_prompt_from_stdin(command: Command) -> None:
    async with served("ok") as (cli, url):
        ended = await command.run("ask", "-", "--url", url, stdin="Zwölf\n".encode())

    assert ended.status == 0
    assert "Zwölf" in cli.requests[0].prompt


async def test_the_prompt_may_be_no_text_at_all(command: Command) -> None:
    """Bytes that no encoding has are replaced, in an argument and on stdin."""
    async with served(["one", "two"]) as (cli, url):
        await command.run("ask", "-", "--url", url, stdin=b"stdin \xff!")
    assert "stdin \ufffd!" in cli.requests[0].prompt

    async with served("ok") as (cli, url):
        await command.run("ask", "argument \udcff!", "--url", url)
    assert "argument \ufffd!" in cli.requests[0].prompt


async def test_pieces_are_flushed_as_they_come(command: Command) -> None:
    async with served(ENDLESS) as (_, url):
        async with command.started("ask", "hi", "--url", url) as running:
            await running.read_until("tick tick tick")


@pytest.mark.parametrize(
    ("encoding", "shown"), [("utf-8", "a 😀 b \ufffd"), ("ascii", "a ? b ?")]
)
async def test_no_character_can_break_the_output(
    command: Command, encoding: str, shown: str
) -> None:
    """Halves of characters are joined; what does not exist in the encoding is `?`."""
    script = Reply(["a ", "\ud83d", "\ude00 b ", "\ud83d", "."])
    async with served(script) as (_, url):
        ended = await command.with_env(PYTHONIOENCODING=encoding).run(
            "ask", "hi", "--url", url
        )

    assert (ended.status, ended.out) == (0, f"{shown}.\n")


async def test_it_works_in_the_c_locale(command: Command) -> None:
    script: list[Reply | str] = [Reply("ünï", calls=[Call("nö")]), "é"]
    async with served(script) as (_, url):
        ended = await command.with_env(LC_ALL="C").run("ask", "hi", "--url", url)

    assert (ended.status, ended.out) == (0, "ünï\n\né\n")
    assert "[n" in ended.err


async def test_tool_calls_and_their_failures_are_said_on_stderr(
    command: Command,
) -> None:
    look = Reply("Let me look.", calls=[Call("find", {"what": "x"})])
    async with served([look, "Done."]) as (_, url):
        ended = await command.run("ask", "hi", "--url", url)

    assert (ended.status, ended.out) == (0, "Let me look.\n\nDone.\n")
    assert '[find] {"what": "x"}' in ended.err
    assert "[failed] Tool 'find' does not exist" in ended.err


async def ask_for_permission(
    command: Command, *arguments: str, of: str = "ls"
) -> tuple[Any, str]:
    """Let a CLI ask whether it may run a command; return the decision and stderr."""
    async with served(ENDLESS) as (cli, url):
        async with command.started("ask", "hi", "--url", url, *arguments) as running:
            await running.read_until("tick")
            request = {"kind": "shell", "fullCommandText": of}
            cli.emit(
                cli.calls("session.create")[0]["sessionId"],
                "permission.requested",
                {"requestId": "1", "permissionRequest": request},
            )
            answer = await cli.wait_for(
                "session.permissions.handlePendingPermissionRequest"
            )
            running.interrupt()
            ended = await running.ended()
    return answer["result"], ended.err


async def test_what_needs_a_permission_is_denied_and_this_is_said(
    command: Command,
) -> None:
    decision, errors = await ask_for_permission(command)

    assert decision["kind"] == "reject"
    assert "[denied] shell: ls (--allow-all would permit it)" in errors


async def test_what_hides_in_what_is_denied_is_shown(command: Command) -> None:
    _, errors = await ask_for_permission(command, of="rm \u202etxt.\u200bexe")

    assert "[denied] shell: rm <U+202E>txt.<U+200B>exe (--allow-all" in errors


async def test_allow_all_permits_it(command: Command) -> None:
    decision, errors = await ask_for_permission(command, "--allow-all")

    assert decision["kind"] == "approve-once"
    assert "[denied]" not in errors


async def test_a_notice_of_the_cli_is_said(command: Command) -> None:
    async with served(ENDLESS) as (cli, url):
        async with command.started("ask", "hi", "--url", url) as running:
            await running.read_until("tick")
            cli.emit(
                cli.calls("session.create")[0]["sessionId"],
                "session.warning",
                {"warningType": "quota", "message": "Nearly\n  used \x1b[31mup"},
            )
            await running.read_until("tick " * 40)
            running.interrupt()
            ended = await running.ended()

    assert "[quota] Nearly used [31mup\n" in ended.err


async def test_a_retry_says_why_and_how_long(command: Command) -> None:
    busy = Reply("too busy", status=429, retry_after=1)
    async with served([busy, "Here I am."]) as (_, url):
        ended = await command.run("ask", "hi", "--url", url)

    assert (ended.status, ended.out) == (0, "Here I am.\n")
    assert "[retry] again after 1.0 s; the model's call failed: rate_limit" in ended.err
    assert "HTTP 429, " in ended.err
    assert "too busy" in ended.err


async def test_a_retry_says_what_is_void(command: Command) -> None:
    async with served([Reply("Half of", then="drop"), Reply("Whole.")]) as (_, url):
        ended = await command.run("ask", "hi", "--url", url)

    assert (ended.status, ended.out) == (0, "Half of\nWhole.\n")
    assert "[retry]" in ended.err
    assert "the last 7 characters are void" in ended.err


async def test_an_error_is_said_with_what_to_do(command: Command) -> None:
    async with served(Reply("No such model", status=400)) as (_, url):
        ended = await command.run("ask", "hi", "--url", url)

    assert (ended.status, ended.out) == (1, "")
    assert "Error: " in ended.err
    assert "No such model" in ended.err
    assert "Hint: `trio-copilot doctor`" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "failure",
    [
        Reply("Who are you?", status=403),
        Reply("Execution failed: No GitHub OAuth token provided", status=400),
    ],
)
async def test_nobody_logged_in_is_said_with_how_to_log_in(
    command: Command, failure: Reply
) -> None:
    async with served(failure) as (_, url):
        ended = await command.run("ask", "hi", "--url", url)

    assert ended.status == 1
    assert "copilot login" in ended.err


async def test_debug_shows_the_traceback(command: Command) -> None:
    async with served(Reply("Nope", status=400)) as (_, url):
        ended = await command.run("ask", "hi", "--url", url, "--debug")

    assert ended.status == 1
    assert "Traceback" in ended.err
    assert "TurnError" in ended.err


async def test_log_appends_what_happens_to_a_file(
    command: Command, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = tmp_path_factory.mktemp("log") / "log.txt"
    async with served(ENDLESS) as (_, url):
        await command.run("ask", "hi", "--url", url, "--timeout", "1", "--log", log)

    assert "trio_copilot.turn" in log.read_text()


async def test_a_cut_answer_has_a_status_of_its_own(command: Command) -> None:
    async with served([Reply("part ", finish_reason="length")] * 3) as (_, url):
        ended = await command.run("ask", "hi", "--url", url)

    assert (ended.status, ended.out) == (3, "part part part \n")
    assert "token limit" in ended.err


async def test_a_timeout_ends_as_timeout_does(command: Command) -> None:
    async with served(ENDLESS) as (cli, url):
        ended = await command.run("ask", "hi", "--url", url, "--timeout", "1.5")

        assert ended.status == 124
        assert ended.out.endswith("tick \n")
        assert "stopped after 1.5 s (--timeout)" in ended.err
        assert cli.disconnected == [1]


async def test_the_timeout_includes_the_start(command: Command) -> None:
    async with served("late", ignore=["connect"]) as (_, url):
        ended = await command.run("ask", "hi", "--url", url, "--timeout", "1")

    assert ended.status == 124


async def test_a_reader_that_stands_still_delays_no_timeout(command: Command) -> None:
    async with served(Reply(["x" * 1000] * 1000)) as (_, url):
        async with command.started(
            "ask", "hi", "--url", url, "--timeout", "2"
        ) as running:
            ended = await running.ended()

    assert ended.status == 124


async def test_silence_is_told_from_slowness(command: Command) -> None:
    async with served(Reply("First.", then="hang")) as (_, url):
        ended = await command.run("ask", "hi", "--url", url, "--idle-timeout", "0.5")

    assert (ended.status, ended.out) == (124, "First.\n")
    assert "of silence (--idle-timeout)" in ended.err
    assert "assistant.message_delta" in ended.err


async def test_a_turn_that_others_stop_has_failed(command: Command) -> None:
    async with served(ENDLESS) as (cli, url):
        async with command.started("ask", "hi", "--url", url) as running:
            await running.read_until("tick")
            session_id = cli.calls("session.create")[0]["sessionId"]
            cli.emit(session_id, "abort", {"reason": "user_initiated"})
            cli.emit(session_id, "assistant.idle", {"aborted": True})
            cli.emit(session_id, "session.idle", {"aborted": True})
            ended = await running.ended()

    assert ended.status == 1
    assert "stopped at the CLI" in ended.err


async def test_ctrl_c_stops_the_turn_at_the_cli(command: Command) -> None:
    async with served(ENDLESS) as (cli, url):
        async with command.started("ask", "hi", "--url", url) as running:
            await running.read_until("tick")
            running.interrupt()
            ended = await running.ended()

        assert (ended.status, ended.err.strip()) == (130, "cancelled")
        assert len(cli.calls("session.abort")) == 1
        assert cli.disconnected == [1]


async def test_sigterm_does_likewise(command: Command) -> None:
    async with served(ENDLESS) as (cli, url):
        async with command.started("ask", "hi", "--url", url) as running:
            await running.read_until("tick")
            running.interrupt(signal.SIGTERM)
            ended = await running.ended()

        assert (ended.status, ended.err.strip()) == (130, "cancelled")
        assert cli.disconnected == [1]


async def test_a_second_ctrl_c_does_not_wait_for_a_cli_that_does_not_obey(
    command: Command,
) -> None:
    async with served(ENDLESS, ignore=["session.abort"]) as (cli, url):
        async with command.started("ask", "hi", "--url", url) as running:
            await running.read_until("tick")
            running.interrupt()
            await cli.wait_for("session.abort")
            running.interrupt()
            ended = await running.ended()

    assert (ended.status, ended.err.strip()) == (130, "cancelled")


async def test_a_closed_stdout_ends_it_quietly(command: Command) -> None:
    async with served(ENDLESS) as (cli, url):
        async with command.started("ask", "hi", "--url", url) as running:
            await running.read_until("tick")
            await running.stop_reading()
            ended = await running.ended()

        assert (ended.status, ended.err) == (141, "")
        assert cli.disconnected == [1]


async def test_a_cli_that_dies_is_said(command: Command) -> None:
    async with served(ENDLESS) as (cli, url):
        async with command.started("ask", "hi", "--url", url) as running:
            await running.read_until("tick")
            await cli.die()
            ended = await running.ended()

    assert ended.status == 1
    assert "Error: The Copilot CLI closed the connection" in ended.err


async def test_options_reach_the_session(command: Command) -> None:
    async with served("ok") as (cli, url):
        await command.with_env(TRIO_COPILOT_API_KEY="key").run(
            *("ask", "hi", "--url", url, "--model", "m", "--system", "Be brief."),
            *("--provider-url", "http://127.0.0.1:1/v1"),
        )

        (params,) = cli.calls("session.create")
        assert params["model"] == "m"
        assert params["systemMessage"]["content"] == "Be brief."
        assert params["provider"]["baseUrl"] == "http://127.0.0.1:1/v1"
        assert params["provider"]["apiKey"] == "key"


async def test_the_token_of_a_running_cli_is_taken_from_the_environment(
    command: Command,
) -> None:
    async with served("ok") as (cli, url):
        await command.with_env(COPILOT_CONNECTION_TOKEN="tok").run(
            "ask", "hi", "--url", url
        )

        assert cli.calls("connect")[0]["token"] == "tok"
