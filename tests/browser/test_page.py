"""The page in a real browser, before the real CLI: what a user does and sees."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
import trio

from tests.app.command import Command
from tests.browser.chromium import Chromium, Tab, open_window
from tests.browser.conftest import Pictures
from tests.browser.site import Sites
from trio_copilot.testing import Call, ModelRequest, Reply

pytestmark = pytest.mark.cli

AT_ONCE = 1.0
"""Seconds in which the model's connection is closed once nobody wants the answer."""

NASTY = """<img src=x onerror="window.hacked = 1"> <script>window.hacked = 1</script>

<iframe srcdoc="<script>parent.hacked = 1</script>"></iframe>

[a link](javascript:window.hacked=1) ![a picture](https://example.org/leak.png)
"""
COMPUTE = Call("bash", {"command": "echo $((6 * 7))", "description": "Compute"})
TURNED = Call("bash", {"command": "echo \u202etxt.exe", "description": "Turn"})


def model(request: ModelRequest) -> Reply:
    """Answer by a word of the prompt."""
    said = request.messages[-1]
    if said["role"] == "tool":
        return Reply(f"I was told: {said['content']}")
    prompt = request.prompt
    if "forever" in prompt:
        return Reply(["tick "] * 100_000, delay=0.1)
    if "nasty" in prompt:
        return Reply(NASTY)
    if "turned" in prompt:
        return Reply(calls=[TURNED])
    if "compute" in prompt:
        return Reply("Let me see.", calls=[COMPUTE], reasoning="A sum.")
    return Reply("Hello, **world**")


@pytest.fixture
def sites(cli_path: Path, cli_home: Path) -> Sites:
    return Sites(cli_path, cli_home)


async def see_connected(tab: Tab) -> None:
    await tab.see("#connection", "Connected")


async def say(tab: Tab, text: str) -> None:
    """Write a prompt and send it off."""
    await tab.run("document.getElementById('prompt').focus()")
    await tab.write(text)
    await tab.press("Enter")


async def working_forever(tab: Tab) -> None:
    await see_connected(tab)
    await say(tab, "Go on forever")
    await tab.see(".turn:not([data-reason]) .text", "tick tick")


async def count(tab: Tab, selector: str) -> int:
    return await tab.run(f"document.querySelectorAll({json.dumps(selector)}).length")


async def test_ask_and_see_it_stream_stop_it_and_ask_again(
    chromium: Chromium, sites: Sites
) -> None:
    async with sites.serve(model) as site, open_window(chromium) as window:
        tab = await window.tab(site.address)
        await see_connected(tab)
        assert await tab.run("location.hash") == ""
        assert await tab.run("document.activeElement.id") == "prompt"

        await say(tab, "Say hello")
        await tab.see(".turn[data-reason=complete] .text", "Hello, world")
        assert await tab.text(".text strong") == "world"
        await tab.see(".end", "Complete · 1 model call, 10 tokens in")

        await working_forever(tab)
        begun = trio.current_time()
        await tab.click("#stop")
        await site.model.wait_disconnect(len(site.model.requests))
        assert trio.current_time() - begun < AT_ONCE
        await tab.see(".turn[data-reason=cancelled] .end", "Cancelled")
        assert await tab.run("document.activeElement.id") == "prompt"

        await say(tab, "Now something nasty")
        await tab.see(".turn[data-reason=complete] .text", "<img src=x onerror=")
        await tab.see(".text", "<script>window.hacked = 1</script>")
        assert await count(tab, ".text :is(img, script, iframe)") == 0
        assert await count(tab, ".text a[href^='javascript']") == 0
        assert await tab.run("typeof hacked") == "undefined"

        await tab.reload()
        await see_connected(tab)
        assert await count(tab, ".turn") == 0
        await say(tab, "Say hello again")
        await tab.see(".turn[data-reason=complete] .text", "Hello, world")
        assert tab.complaints == []


async def test_questions_for_permission_are_answered(
    chromium: Chromium, sites: Sites
) -> None:
    async with sites.serve(model) as site, open_window(chromium) as window:
        tab = await window.tab(site.address)
        await see_connected(tab)

        await say(tab, "Please compute")
        await tab.see("#permission h2", "May the agent run a command?")
        await tab.see("#permission-summary", "echo $((6 * 7))")
        await tab.press("Enter")  # keys typed while it opens decide nothing
        assert await count(tab, "#permission[open]") == 1
        await tab.click("#permission [value=allow]")
        await tab.see(".turn[data-reason=complete] .text", "I was told: 42")
        await tab.see(".tool[data-state=done] summary", "echo $((6 * 7))")
        await tab.see(".note", "Allowed: echo $((6 * 7))")
        await tab.click(".tool summary")
        await tab.see(".tool .output", "42")

        await say(tab, "Please compute again")
        await tab.click("#permission-reason")
        await tab.write("not on Sundays")
        await tab.click("#permission [value=deny]")
        await tab.see(
            ".turn:last-of-type[data-reason=complete] .text", "not on Sundays"
        )
        await tab.see(".tool[data-state=failed]")
        await tab.see(".note", "Denied: echo")
        assert tab.complaints == []


async def test_what_hides_in_a_command_is_shown(
    chromium: Chromium, sites: Sites
) -> None:
    async with sites.serve(model) as site, open_window(chromium) as window:
        tab = await window.tab(site.address)
        await see_connected(tab)

        await say(tab, "Something turned")
        await tab.see("#permission-summary", "echo <U+202E>txt.exe")
        await tab.click("#permission summary")
        await tab.see("#permission-details", "echo <U+202E>txt.exe")
        await tab.click("#permission [value=deny]")
        await tab.see(".note", "Denied: echo <U+202E>txt.exe")
        assert tab.complaints == []


async def test_the_keyboard_is_enough(chromium: Chromium, sites: Sites) -> None:
    async with sites.serve(model) as site, open_window(chromium) as window:
        tab = await window.tab(site.address)
        await working_forever(tab)
        await tab.press("Escape")
        await tab.see(".turn[data-reason=cancelled] .end", "Cancelled")

        await tab.write("Please")
        await tab.press("Enter", shift=True)
        await tab.write("compute")
        await tab.press("Enter")
        await tab.see("#permission-summary", "echo")
        assert await walk(tab, 5) == [
            "permission-summary",
            "SUMMARY",
            "permission-reason",
            "deny",
            "allow",
        ]
        await tab.press("Enter")
        await tab.see(".note", "Allowed: echo")
        await tab.see(".turn[data-reason=complete] .text", "I was told: 42")
        assert await tab.run("document.activeElement.id") == "prompt"
        assert await tab.run(
            "document.querySelector('.turn:last-of-type .prompt').innerText"
        ) == ("Please\ncompute")

        await tab.write("compute again")
        await tab.press("Enter")
        await tab.see("#permission-summary", "echo")
        await tab.press("Escape")
        await tab.see(".note", "Denied: echo")
        await tab.see(".turn:last-of-type[data-reason=complete]")
        assert await focused(tab) == "prompt"

        await tab.write("unsent")
        assert await walk(tab, 1) == ["send"]
        await tab.press("Tab", shift=True)
        await tab.press("Tab", shift=True)
        assert await focused(tab) == "SUMMARY"
        await tab.press("Enter")
        await tab.see(".turn:last-of-type .tool[open] .output")


async def focused(tab: Tab) -> str:
    return await tab.run(
        "(({ id, value, className, tagName }) => id || value || className || tagName)"
        "(document.activeElement)"
    )


async def walk(tab: Tab, steps: int) -> list[str]:
    """Press Tab so many times and return where the focus has been."""
    been = []
    for _ in range(steps):
        await tab.press("Tab")
        been.append(await focused(tab))
    return been


@pytest.mark.all
async def test_20_tabs_work_side_by_side_and_a_closed_one_stops_its_turn_alone(
    chromium: Chromium, sites: Sites
) -> None:
    async with sites.serve(model) as site, open_window(chromium) as window:
        tabs = [await window.tab(site.address) for _ in range(20)]
        for tab in tabs:
            await working_forever(tab)

        begun = trio.current_time()
        await tabs[0].close()
        await site.model.wait_disconnect(1)
        assert trio.current_time() - begun < AT_ONCE
        assert len(site.model.disconnected) == 1

        for tab in tabs[1:]:
            assert await count(tab, ".turn[data-reason]") == 0
            await tab.click("#stop")
            await tab.see(".turn[data-reason=cancelled] .end", "Cancelled")
        assert len(site.model.disconnected) == 20


async def test_a_tab_too_many_says_so_and_gets_in_when_there_is_room(
    chromium: Chromium, sites: Sites
) -> None:
    async with sites.serve(model, "--connections", "1") as site:
        async with open_window(chromium) as window:
            inside = await window.tab(site.address)
            await see_connected(inside)
            outside = await window.tab(site.address)
            await outside.see("#connection", "The server has too many connections")

            await inside.close()
            await outside.run("void dispatchEvent(new Event('online'))")  # do not wait
            await see_connected(outside)
            await say(outside, "Say hello")
            await outside.see(".turn[data-reason=complete] .text", "Hello, world")


LISTEN = """(async () => {
  const asked = await fetch("/turns", {
    method: "POST",
    headers: { Authorization: `Bearer ${sessionStorage["trio_copilot.token"]}` },
    body: JSON.stringify({ prompt: "Say hello" }),
  });
  const { id } = await asked.json();
  const source = new EventSource(`/turns/${id}/events`);
  const heard = [];
  let opened = 0;
  source.onopen = () => opened++;
  source.onmessage = (event) => heard.push(JSON.parse(event.data));
  await new Promise((resolve) => {
    source.onerror = () => source.readyState === EventSource.CLOSED && resolve();
  });
  return [asked.status, opened, heard];
})()"""

FOREIGN = """(async () => {
  const closed = new Promise((resolve) => {
    new WebSocket(%s).onclose = (event) => resolve(event.code);
  });
  const headers = { Authorization: "Bearer " + %s };
  const body = JSON.stringify({ prompt: "Say hello" });
  const asked = fetch(%s, { method: "POST", headers, body });
  return [await closed, await asked.then((answer) => answer.status, String)];
})()"""


async def test_only_pages_that_may_come_in_do(chromium: Chromium, sites: Sites) -> None:
    """The page needs the token, and a page from elsewhere does not get far with it."""
    async with sites.serve(model) as site, open_window(chromium) as window:
        tab = await window.tab(f"{site.origin}/")
        await tab.see("#door", "Access token")
        assert await focused(tab) == "token"
        await tab.write("wrong")
        await tab.press("Enter")
        await tab.see("#door-reason", "not the access token")
        await tab.write(site.token)
        await tab.press("Enter")
        await see_connected(tab)

        status, opened, heard = await tab.run(LISTEN)
        assert (status, opened) == (201, 1)
        assert heard[-1]["type"] == "end"
        assert "".join(m.get("text", "") for m in heard) == "Hello, **world**"
        assert len(site.model.requests) == 1

        config = await tab.run("fetch('config.json').then((it) => it.json())")
        foreign = await window.tab(f"{site.model.base_url}/models")
        facts = (config["websocket"], site.token, f"{site.origin}/turns")
        code, answer = await foreign.run(FOREIGN % tuple(map(json.dumps, facts)))
        assert code == 1006
        assert answer == "TypeError: Failed to fetch"
        assert len(site.model.requests) == 1


@pytest.mark.all
async def test_the_page_comes_back_when_the_server_does(
    chromium: Chromium, sites: Sites
) -> None:
    async with open_window(chromium) as window:
        async with sites.serve(model) as site:
            tab = await window.tab(site.address)
            await working_forever(tab)
            config = await tab.run("fetch('config.json').then((it) => it.json())")
        await tab.see("#connection", "reconnecting")
        await tab.see(".turn[data-reason=cancelled] .end", "the server has stopped")

        ports = (site.origin, config["websocket"].rstrip("/"))
        page, socket = (url.rpartition(":")[2] for url in ports)
        words = ("--port", page, "--ws-port", socket)
        async with sites.serve(model, *words, token=site.token):
            await tab.run("void dispatchEvent(new Event('online'))")
            await see_connected(tab)
            await tab.see(".remark", "a new session")
            await say(tab, "Say hello")
            await tab.see(".turn[data-reason=complete] .text", "Hello, world")


AXE = files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    "resultTypes": ["violations"],
}


async def accessible(tab: Tab, *, wide: bool = True) -> None:
    """Nothing that axe looks for is wrong with what the page shows, light and dark."""
    for scheme in ("light", "dark"):
        await tab.look_like(900 if wide else 360, 760, scheme)
        found = await tab.run(
            f"axe.run(document, {json.dumps(RULES)}).then(({{ violations }}) =>"
            " violations.map(({ id, nodes }) =>"
            " `${id}: ${nodes.map((each) => each.failureSummary + each.html)}`))"
        )
        assert found == [], scheme


STORY = """There are **two** failing tests, and both fail for the same reason: the clock \
is read twice.

```python
def expires_at(self) -> float:
    return self.clock.now() + self.lifetime
```

1. `test_expiry` freezes the clock *after* the first read.
2. `test_renewal` compares two reads with `==`.

| test | before | after |
|---|---:|---:|
| `test_expiry` | 31 ms | 4 ms |
| `test_renewal` | 29 ms | 4 ms |

> Reading it once is enough: see [the documentation](https://example.org/clock).
"""


def storyteller(request: ModelRequest) -> Reply:
    if request.messages[-1]["role"] == "tool":
        return Reply(STORY)
    if "changelog" in request.prompt:
        return Reply("Both tests pass now. For the changelog:", then="hang")
    look = {"command": "head -3 tests/test_clock.py", "description": "Look"}
    return Reply(
        "I will look at the tests first.", reasoning="Hm.", calls=[Call("bash", look)]
    )


async def test_messages_are_shown_apart_and_put_right(
    chromium: Chromium, sites: Sites
) -> None:
    """What `turn.js` makes of messages that the real CLI sends under load alone."""
    told = """[
        ["delta", {text: "Let me look", message: "1"}],
        ["delta", {text: " a", message: "2"}],
        ["delta", {text: "gain.", message: "2"}],
        ["delta", {text: "ca", message: "3", separator: "\\n\\n"}],
        ["delta", {text: "b", message: "3"}],
        ["delta", {text: "aside", message: "4", agent: "helper"}],
        ["correction", {message: "3", was: "cab", text: "abc"}],
        ["end", {reason: "complete"}],
    ]"""
    async with sites.serve(model) as site, open_window(chromium) as window:
        tab = await window.tab(site.address)
        await see_connected(tab)
        shown = await tab.run(
            "import('./turn.js').then(({ TurnView }) => {"
            " const view = new TurnView('Go', () => {});"
            f" for (const [type, fields] of {told}) view[type](fields);"
            " return [...view.element.querySelectorAll('.text')]"
            ".map((each) => each.textContent.trim()) })"
        )

    assert shown == ["Let me look again.", "abc", "aside"]


async def test_everybody_can_use_it(
    chromium: Chromium, sites: Sites, pictures: Pictures
) -> None:
    """Each view of the page, as axe sees it; `PICTURES` is a folder for what it looks like."""
    async with sites.serve(storyteller) as site, open_window(chromium) as window:
        tab = await window.tab(f"{site.origin}/")
        await tab.run(f"{AXE};0")
        await tab.see("#door", "Access token")
        await accessible(tab)
        await tab.write(site.token)
        await tab.press("Enter")
        await see_connected(tab)
        await accessible(tab)

        await say(tab, "Why do the clock tests fail?")
        await tab.see("#permission-summary", "head -3")
        await accessible(tab)
        await tab.look_like(900, 760)
        await pictures.take(tab, "page-permission")
        await tab.click("#permission [value=allow]")
        await tab.see(".turn[data-reason=complete] .end", "Complete")
        await tab.click(".reasoning summary")
        await tab.click(".tool summary")
        await accessible(tab)
        await accessible(tab, wide=False)
        await tab.click(".tool summary")
        await tab.click(".reasoning summary")
        await tab.look_like(900, 900)
        await pictures.take(tab, "page-light")

        await say(tab, "Write a line for the changelog, please.")
        await tab.see(".text", "For the changelog:")
        await accessible(tab)
        await tab.look_like(900, 900, "dark")
        await tab.run("document.querySelector('#latest').click()")  # axe has scrolled
        await pictures.take(tab, "page-dark")
        await tab.look_like(390, 760)
        await pictures.take(tab, "page-narrow")
        await tab.press("Escape")
        await tab.see(".turn[data-reason=cancelled]")
        await accessible(tab)


async def test_a_page_that_nobody_is_logged_in_for_says_so(
    chromium: Chromium, cli_path: Path, logged_out: dict[str, str], tmp_path: Path
) -> None:
    command = Command.at(tmp_path).with_env(**logged_out)
    words = ("serve", "--port", "0", "--cli", cli_path, "--cwd", tmp_path)
    async with command.started(*words) as running:
        await running.read_until("\n")
        async with open_window(chromium) as window:
            tab = await window.tab(running.out.decode().strip())
            await tab.see("#connection[data-state=lost]", "Not logged in")
            await tab.see(".remark", "`trio-copilot login`")
            await say(tab, "Say hello")
            await tab.see(".turn[data-reason=error]", "trio-copilot login")
            await tab.see("#connection[data-state=lost]", "Not logged in")
