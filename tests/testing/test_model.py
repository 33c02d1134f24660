"""The scripted model as a server, asked over HTTP by a plain client."""

from __future__ import annotations

import json
import math
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import h11
import pytest
import trio

from trio_copilot.testing import (
    Call,
    ModelRequest,
    Reply,
    ScriptedModel,
    cli_environment,
    open_scripted_model,
)
from trio_copilot.testing._record import CallRecord

URL = "/v1/chat/completions"
TIMEOUT = 5


class HttpClient:
    """Speaks HTTP to the scripted model, as little of it as the tests need."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.state = h11.Connection(h11.CLIENT)

    async def send(self, body: Any = None, *, method="POST", path=URL) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        headers = [("host", "test"), ("content-length", str(len(data)))]
        for event in (
            h11.Request(method=method, target=path, headers=headers),
            h11.Data(data),
            h11.EndOfMessage(),
        ):
            await self.stream.send_all(self.state.send(event) or b"")

    async def event(self) -> Any:
        while (event := self.state.next_event()) is h11.NEED_DATA:
            self.state.receive_data(await self.stream.receive_some())
        return event

    async def body(self) -> bytes:
        """Read the head and everything behind it."""
        self.response = await self.event()
        assert isinstance(self.response, h11.Response)
        data = b""
        while not isinstance(event := await self.event(), h11.EndOfMessage):
            data += event.data
        self.state.start_next_cycle()
        return data

    async def ask(self, **body: Any) -> Any:
        await self.send(body)
        return json.loads(await self.body())

    async def stream_of(self, **body: Any) -> list[Any]:
        """Ask for a streamed answer and return its events but the last."""
        await self.send({"stream": True, **body})
        *events, end = (await self.body()).decode().split("\n\n")[:-1]
        assert end == "data: [DONE]"
        return [json.loads(event.removeprefix("data: ")) for event in events]


@asynccontextmanager
async def open_model(script: Any) -> AsyncIterator[ScriptedModel]:
    with trio.fail_after(TIMEOUT):
        async with open_scripted_model(script) as model:
            yield model


@asynccontextmanager
async def connect(model: ScriptedModel) -> AsyncIterator[HttpClient]:
    port = int(model.base_url.removesuffix("/v1").rpartition(":")[2])
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        yield HttpClient(stream)


@asynccontextmanager
async def open_both(script: Any) -> AsyncIterator[tuple[ScriptedModel, HttpClient]]:
    async with open_model(script) as model, connect(model) as client:
        yield model, client


async def test_a_reply_is_streamed_with_its_deltas_and_its_end():
    reply = Reply(["Hel", "lo"], reasoning=["Hm"], calls=[Call("look", {"at": "it"})])
    async with open_both(reply) as (_, client):
        events = await client.stream_of()

    choices = [event["choices"][0] for event in events]
    call = {
        "index": 0,
        "id": "call_1_0",
        "type": "function",
        "function": {"name": "look", "arguments": '{"at": "it"}'},
    }

    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "Hm"},
        {"content": "Hel"},
        {"content": "lo"},
        {"tool_calls": [call]},
        {},
    ]
    assert [choice["finish_reason"] for choice in choices] == [None] * 5 + [
        "tool_calls"
    ]


async def test_a_streamed_reply_says_what_it_costs_when_asked():
    async with open_both("Hello you") as (_, client):
        events = await client.stream_of(stream_options={"include_usage": True})

    assert events[-1]["choices"] == []
    assert events[-1]["usage"]["completion_tokens"] == 2


async def test_a_reply_is_sent_in_one_piece_when_no_stream_is_wanted():
    reply = Reply("Hello you", reasoning="Hm", calls=[Call("look")], delay=0.001)
    async with open_both(reply) as (_, client):
        answer = await client.ask()

    (choice,) = answer["choices"]

    assert answer["object"] == "chat.completion"
    assert answer["usage"]["total_tokens"] == 13
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "Hello you"
    assert choice["message"]["reasoning_content"] == "Hm"
    assert choice["message"]["tool_calls"][0]["function"]["name"] == "look"


async def test_a_reply_of_calls_only_has_no_content():
    async with open_both(Reply(calls=[Call("look")])) as (_, client):
        answer = await client.ask()

    assert answer["choices"][0]["message"]["content"] is None


async def test_an_error_has_its_status_its_message_and_when_to_retry():
    script = [Reply("too much", status=429, retry_after=2.5), Reply(status=500)]
    async with open_both(script) as (_, client):
        first = await client.ask()
        response = client.response
        second = await client.ask(stream=True)

    assert response.status_code == 429
    assert dict(response.headers)[b"retry-after"] == b"2.5"
    assert first["error"]["message"] == "too much"
    assert client.response.status_code == 500
    assert second["error"]["message"] == "scripted error 500"


async def test_an_exhausted_script_is_answered_with_400_and_recorded():
    async with open_both([]) as (model, client):
        answer = await client.ask(model="any")

        assert client.response.status_code == 400
        assert "exhausted" in answer["error"]["message"]
        assert [request.raw for request in model.unanswered] == [{"model": "any"}]


async def test_there_is_one_model_and_nothing_else():
    async with open_both("Hi") as (model, client):
        await client.send(method="GET", path="/v1/models?all")
        listed = json.loads(await client.body())
        await client.send(method="GET", path="/v1/files")
        await client.body()

    assert [entry["id"] for entry in listed["data"]] == [model.name]
    assert client.response.status_code == 404
    assert model.requests == []


async def test_requests_are_recorded_and_can_be_waited_for():
    async with open_both(["one", "two"]) as (model, client):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.ask)
            first = await model.wait_request()
        await client.ask(messages=[{"role": "user", "content": "more"}])

        assert first is model.requests[0]
        assert (await model.wait_request(2)).prompt == "more"
        assert repr(model).endswith("/v1, 2 call(s), 0 disconnected>")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("reply", [Reply("Hi", then="hang"), Reply(before=math.inf)])
async def test_a_client_that_leaves_a_hanging_reply_is_noticed(reply, stream):
    async with open_model([reply, "next"]) as model:
        async with connect(model) as client:
            await client.send({"stream": stream})
            await model.wait_request()
            assert model.disconnected == []
        await model.wait_disconnect()
        async with connect(model) as client:
            answer = await client.ask()

        assert model.disconnected == [1]
        assert answer["choices"][0]["message"]["content"] == "next"


async def test_a_client_that_leaves_in_the_middle_of_a_long_reply_is_noticed():
    async with open_model(Reply(["x" * 4096] * 10_000)) as model:
        async with connect(model) as client:
            await client.send({"stream": True})
            await client.event()
        await model.wait_disconnect()

        assert model.disconnected == [1]


async def test_a_client_that_resets_the_connection_is_noticed():
    at_once = struct.pack("ii", 1, 0)
    async with open_model(Reply("Hi", then="hang")) as model:
        async with connect(model) as client:
            await client.send({})
            await model.wait_request()
            client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        await model.wait_disconnect()

        assert model.disconnected == [1]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_dropped_reply_has_no_end(stream):
    async with open_both(Reply("Hi", then="drop")) as (model, client):
        await client.send({"stream": stream})
        with pytest.raises(h11.RemoteProtocolError):
            await client.body()

        assert model.disconnected == []


async def test_two_calls_are_answered_side_by_side():
    def script(request: ModelRequest) -> Reply:
        return Reply(request.prompt, then="hang" if request.number == 1 else "end")

    async with open_model(script) as model:
        async with connect(model) as one, connect(model) as two:
            await one.send({"stream": True})
            await model.wait_request(1)
            answer = await two.ask(messages=[{"role": "user", "content": "two"}])

    assert answer["choices"][0]["message"]["content"] == "two"


async def test_what_a_client_sends_ahead_is_answered_next():
    async with open_both([Reply("one", before=0.01), "two"]) as (_, client):
        await client.send({})
        head = f"POST {URL} HTTP/1.1\r\nhost: test\r\ncontent-length: 2\r\n\r\n"
        await client.stream.send_all(head.encode() + b"{}")
        one = await client.body()
        client.state.send(
            h11.Request(method="POST", target=URL, headers=[("host", "-")])
        )
        client.state.send(h11.EndOfMessage())
        two = await client.body()

    assert b"one" in one
    assert b"two" in two


async def test_the_delay_lies_between_the_deltas_and_the_time_before_them():
    reply = Reply(["a", "b", "c"], delay=0.01, before=0.02)
    async with open_both(reply) as (_, client):
        start = trio.current_time()
        await client.stream_of()

    assert trio.current_time() - start >= 0.04


async def test_an_exception_of_the_script_leaves_the_block_as_itself():
    def script(request: ModelRequest) -> Reply:
        raise LookupError(f"no reply to call {request.number}")

    async def run() -> None:
        async with open_both(script) as (_, client):
            await client.send({})
            await trio.sleep_forever()

    with pytest.raises(LookupError, match="no reply to call 1"):
        await run()


async def test_a_port_can_be_chosen():
    async with open_scripted_model("Hi") as model:
        port = int(model.base_url.removesuffix("/v1").rpartition(":")[2])
    async with open_scripted_model("Hi", port=port) as again:
        assert again.base_url == model.base_url


def test_the_environment_shows_the_cli_the_model_and_nothing_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    user, home = tmp_path / "user", tmp_path / "home"
    (user / ".cache" / "copilot").mkdir(parents=True)
    (user / ".cache" / "copilot" / "package").touch()
    monkeypatch.setenv("HOME", str(user))
    monkeypatch.setenv("USERPROFILE", str(user))
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    model = ScriptedModel(CallRecord("Hi"), "http://127.0.0.1:1/v1")

    env = cli_environment(model, home)

    assert env["HOME"] == str(home)
    assert env["COPILOT_HOME"] == str(home / ".copilot")
    assert env["COPILOT_OFFLINE"] == "true"
    assert env["COPILOT_PROVIDER_BASE_URL"] == model.provider["base_url"]
    assert env["COPILOT_MODEL"] == model.name
    assert "PATH" in env
    assert "GITHUB_TOKEN" not in env
    assert (home / ".cache" / "copilot" / "package").exists()
    assert cli_environment(model, home) == env  # the second time in the same home


def test_without_an_unpacked_package_the_home_stays_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "user"))
    cli_environment(ScriptedModel(CallRecord("Hi"), "http://127.0.0.1:1/v1"), tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_the_kit_is_imported_without_h11_and_says_what_to_install():
    code = """
import sys
sys.modules["h11"] = None
from trio_copilot.testing import Reply, cli_environment
try:
    from trio_copilot.testing import open_scripted_model
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert "pip install -e '.[testing]'" in done.stdout, done.stderr


def test_a_name_that_the_kit_does_not_have_is_an_attribute_error():
    import trio_copilot.testing

    with pytest.raises(AttributeError, match="open_scripted_browser"):
        _ = trio_copilot.testing.open_scripted_browser  # type: ignore[attr-defined] # on purpose
