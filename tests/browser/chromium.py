"""A headless Chromium, driven over its DevTools protocol by Trio.

Keys and clicks go the way that real ones do, through the browser's input handling, so
that what they reach is what a user would reach.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

PATIENCE = 30.0
"""Seconds until a test fails that waits for the browser."""

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--disable-dev-shm-usage", "--mute-audio"),
    *("--hide-scrollbars", "--force-color-profile=srgb", "--renderer-process-limit=3"),
    "--remote-debugging-port=0",
)

MESSAGE_SIZE = 2**26
"""Bytes: a screenshot is one message."""

# What a wait in the page looks at again: anything that changes in it.
_WAIT = """new Promise((resolve) => {
  const look = () => {
    const value = (() => %s)();
    if (value) { observer.disconnect(); resolve(value); }
    return value;
  };
  const observer = new MutationObserver(look);
  const options = { subtree: true, childList: true, attributes: true };
  if (!look()) observer.observe(document, { ...options, characterData: true });
})"""

_KEYS = {
    "Enter": {"code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"},
    "Escape": {"code": "Escape", "windowsVirtualKeyCode": 27},
    "Tab": {"code": "Tab", "windowsVirtualKeyCode": 9},
    "Space": {"code": "Space", "windowsVirtualKeyCode": 32, "text": " ", "key": " "},
}
SHIFT = 8


class PageError(Exception):
    """What was evaluated in a page raised an exception."""


@attrs.define
class Chromium:
    """A browser that runs; made by `start`."""

    process: subprocess.Popen[bytes]
    url: str
    """Of its DevTools."""

    @classmethod
    def start(cls, program: str, profile: Path) -> Chromium:
        """Start it and wait until it listens."""
        process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stderr is not None
        said = b""
        for line in process.stderr:
            said += line
            if b"DevTools listening on " in line:
                return cls(process, line.decode().rpartition(" ")[2].strip())
        raise AssertionError(f"it did not start: {said.decode(errors='replace')}")

    def kill(self) -> None:
        """End it, and all processes that it has started."""
        os.killpg(self.process.pid, signal.SIGKILL)
        assert self.process.stderr is not None
        self.process.stderr.close()
        self.process.wait(PATIENCE)


@attrs.define(eq=False)
class Devtools:
    """A connection to a browser."""

    _ws: WebSocketConnection
    _nursery: trio.Nursery
    _answers: dict[int, tuple[trio.Event, dict[str, Any]]] = attrs.field(factory=dict)
    events: dict[str, list[dict[str, Any]]] = attrs.field(
        factory=lambda: defaultdict(list)
    )
    """What was heard of each tab, by its session."""
    _changes: trio.Event = attrs.field(factory=trio.Event)
    _last: int = 0

    async def call(self, method: str, session: str = "", **params: Any) -> Any:
        """Call a method of the protocol and return its result."""
        self._last += 1
        number, event = self._last, trio.Event()
        answer: dict[str, Any] = {}
        self._answers[number] = (event, answer)
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        with trio.fail_after(PATIENCE):
            await self._ws.send_message(json.dumps(message))
            await event.wait()
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    async def heard(self, session: str, method: str, count: int = 1) -> None:
        """Wait until a tab has said this so many times."""
        with trio.fail_after(PATIENCE):
            while sum(e["method"] == method for e in self.events[session]) < count:
                await self._changes.wait()

    async def read(self) -> None:
        """Read until the connection is closed."""
        try:
            while True:
                self._take(json.loads(await self._ws.get_message()))
        except ConnectionClosed:
            return

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            event, answer = self._answers.pop(message["id"])
            answer.update(message)
            event.set()
        else:
            self.events[message.get("sessionId", "")].append(message)
            self._changes.set()
            self._changes = trio.Event()


@attrs.define(eq=False)
class Tab:
    """One page."""

    _devtools: Devtools
    _target: str
    _session: str

    async def call(self, method: str, **params: Any) -> Any:
        """Call a method of the protocol about this tab."""
        return await self._devtools.call(method, self._session, **params)

    async def go(self, url: str) -> None:
        """Open a page and wait until it is loaded."""
        loads = self._loads
        await self.call("Page.navigate", url=url)
        await self._devtools.heard(self._session, "Page.loadEventFired", loads + 1)

    async def reload(self) -> None:
        """Load the page again."""
        loads = self._loads
        await self.call("Page.reload")
        await self._devtools.heard(self._session, "Page.loadEventFired", loads + 1)

    @property
    def _loads(self) -> int:
        events = self._devtools.events[self._session]
        return sum(event["method"] == "Page.loadEventFired" for event in events)

    @property
    def complaints(self) -> list[str]:
        """What the browser has complained about: errors, and what it has refused."""
        return [
            event["params"]["entry"]["text"]
            if event["method"] == "Log.entryAdded"
            else event["params"]["exceptionDetails"]["text"]
            for event in self._devtools.events[self._session]
            if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")
        ]

    async def run(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript; promises are awaited."""
        done = await self.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
        )
        if "exceptionDetails" in done:
            raise PageError(json.dumps(done["exceptionDetails"])[:2000])
        return done["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Wait until an expression is true, and return its value."""
        return await self.run(_WAIT % expression)

    async def text(self, selector: str) -> str:
        """Return what is written in the last element of that kind, shown or not."""
        found = f"[...document.querySelectorAll({json.dumps(selector)})].at(-1)"
        return await self.run(f"{found}?.textContent ?? ''")

    async def see(self, selector: str, text: str = "") -> None:
        """Wait until an element is shown and has this text in it."""
        chosen, wanted = json.dumps(selector), json.dumps(text)
        await self.until(
            f"[...document.querySelectorAll({chosen})].some((each) =>"
            f" each.checkVisibility() && each.textContent.includes({wanted}))"
        )

    async def write(self, text: str) -> None:
        """Write where the focus is."""
        await self.call("Input.insertText", text=text)

    async def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key and let it go."""
        modifiers = SHIFT if shift else 0
        params = {"key": key, "modifiers": modifiers, **_KEYS[key]}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **params)
        params.pop("text", None)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **params)

    async def click(self, selector: str) -> None:
        """Click at the middle of an element."""
        await self.see(selector)
        x, y = await self.run(
            f"(() => {{ const it = document.querySelector({json.dumps(selector)});"
            " it.scrollIntoView({ block: 'nearest' });"
            " const box = it.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        at = {"x": x, "y": y, "button": "left", "clickCount": 1}
        await self.call("Input.dispatchMouseEvent", type="mousePressed", **at)
        await self.call("Input.dispatchMouseEvent", type="mouseReleased", **at)

    async def look_like(self, width: int, height: int, scheme: str = "light") -> None:
        """Give the page a size and a colour scheme."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2,
            mobile=False,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        await self.call("Emulation.setEmulatedMedia", features=[feature])

    async def picture(self) -> bytes:
        """Return what the page looks like, as PNG."""
        shot = await self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(shot["data"])

    async def close(self) -> None:
        """Close the tab, as a user would."""
        await self._devtools.call("Target.closeTarget", targetId=self._target)


@attrs.define(eq=False)
class Window:
    """Tabs that share nothing with those of other windows."""

    _devtools: Devtools
    _context: str

    async def tab(self, url: str = "about:blank") -> Tab:
        """Open a tab and go to a page."""
        made = await self._devtools.call(
            "Target.createTarget", url="about:blank", browserContextId=self._context
        )
        target = made["targetId"]
        attached = await self._devtools.call(
            "Target.attachToTarget", targetId=target, flatten=True
        )
        tab = Tab(self._devtools, target, attached["sessionId"])
        for domain in ("Page", "Log", "Runtime"):
            await tab.call(f"{domain}.enable")
        await tab.go(url)
        return tab


@asynccontextmanager
async def open_window(chromium: Chromium) -> AsyncGenerator[Window]:
    """Open a window without any history, for the length of the block."""
    async with open_websocket_url(
        chromium.url, max_message_size=MESSAGE_SIZE, connect_timeout=PATIENCE
    ) as ws:
        async with trio.open_nursery() as nursery:
            devtools = Devtools(ws, nursery)
            nursery.start_soon(devtools.read)
            made = await devtools.call("Target.createBrowserContext")
            context = made["browserContextId"]
            try:
                yield Window(devtools, context)
            finally:
                with trio.move_on_after(PATIENCE, shield=True):
                    await devtools.call(
                        "Target.disposeBrowserContext", browserContextId=context
                    )
                nursery.cancel_scope.cancel()
