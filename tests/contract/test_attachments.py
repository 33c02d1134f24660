"""What may be attached and what may not, measured: the session can be loaded again."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, cast

import pytest
import trio

from tests.pictures import JPEG, PICTURES, UNREAD
from tests.worlds import World
from trio_copilot import Attachment, BlobAttachment, FileAttachment
from trio_copilot.rpc import AttachmentBlob, SendMessageItem

TAKEN: dict[str, Attachment] = {
    **{kind: BlobAttachment(data, kind) for kind, data in PICTURES.items()},
    "a JPEG called jpg": BlobAttachment(JPEG, "image/jpg"),
    "text": BlobAttachment(b"", "TEXT/plain; charset=utf-8"),
    "a document": BlobAttachment(b"%PDF-1.4", "application/pdf"),
    "a URL": {"type": "github_url", "url": "https://github.com/a/b"},
    "a selection": {
        "type": "selection",
        "filePath": "/gone/a.py",
        "displayName": "a.py",
        "text": "",
        "selection": {
            "start": {"line": 0, "character": 0},
            "end": {"line": 2**32 - 1, "character": 0},
        },
    },
}


@pytest.mark.cli
async def test_whatever_may_be_attached_reaches_the_model_and_can_be_loaded_again(
    real: World, tmp_path: Path
) -> None:
    for mime_type, data in PICTURES.items():
        (tmp_path / mime_type.replace("image/", "picture.")).write_bytes(data)
    (tmp_path / "a.jpeg").write_bytes(PICTURES["image/png"])  # it looks at the bytes
    files = {path.name: FileAttachment(path) for path in tmp_path.glob("*.*")}
    sessions: dict[str, str] = {}
    with trio.fail_after(2 * real.patience):
        async with real.stage(lambda _: "fine") as stage:
            async with stage.open_client() as client:
                for name, attachment in {**TAKEN, **files}.items():
                    async with client.open_session() as session:
                        sessions[name] = session.id
                        await session.ask("Look", attachments=[attachment])
                    shown = str(stage.model.requests[-1].raw["messages"][-1])
                    pictured = "image/" in name or name in files or "JPEG" in name
                    assert ("image_url" in shown) is pictured, name
            async with stage.open_client() as client:
                for name, session_id in sessions.items():
                    async with client.resume_session(session_id) as session:
                        end = await session.ask("And now?")
                        assert end.text == "fine", name


@pytest.mark.cli
async def test_what_would_poison_a_session_is_never_sent(
    real: World, tmp_path: Path
) -> None:
    """The CLI writes what it then cannot read back: the session is lost for ever."""
    (tmp_path / "empty.png").touch()
    (tmp_path / "half.png").write_bytes(PICTURES["image/png"][:40])
    (tmp_path / "a.bmp").write_bytes(UNREAD["image/bmp"])
    mislabelled = BlobAttachment(PICTURES["image/png"], "image/jpeg")
    wire = {
        "type": "blob",
        "data": base64.b64encode(PICTURES["image/png"]).decode(),
        "mimeType": "image/jpeg",
        "displayName": "x",
    }
    refused: list[Attachment] = [
        mislabelled,
        wire,
        {**wire, "data": "***", "mimeType": "image/png"},
        *(BlobAttachment(data, kind) for kind, data in UNREAD.items()),
        *(BlobAttachment(b"", kind) for kind in PICTURES),
        *(BlobAttachment(data[:-1], kind) for kind, data in PICTURES.items()),
        *(FileAttachment(path) for path in tmp_path.glob("*.*")),
        {**cast("dict[str, Any]", TAKEN["a selection"]), "selection": {}},
        {"type": "github_reference", "number": 1},
    ]
    with trio.fail_after(real.patience):
        async with real.stage(lambda _: "fine") as stage:
            async with stage.open_client() as client:
                async with client.open_session() as session:
                    await session.ask("Remember 42")
                    for each in refused:
                        with pytest.raises(ValueError):  # noqa: PT011 - each for its reason
                            await session.ask("Look", attachments=[each])
                    with pytest.raises(ValueError, match="are image/png"):
                        await session.send("Look", attachments=[mislabelled])
                    with pytest.raises(ValueError, match="are image/png"):
                        async with session.turn("Look", attachments=[mislabelled]):
                            raise AssertionError
                    typed = AttachmentBlob(
                        type="blob", data=wire["data"], mime_type="image/jpeg"
                    )
                    with pytest.raises(ValueError, match="are image/png"):
                        await session.rpc.send(prompt="Look", attachments=(typed,))
                    item = SendMessageItem(prompt="Look", attachments=(typed,))
                    with pytest.raises(ValueError, match="are image/png"):
                        await session.rpc.send_messages(messages=(item,))
            assert len(stage.model.requests) == 1
            async with stage.open_client() as client:
                async with client.resume_session(session.id) as again:
                    assert (await again.ask("And now?")).text == "fine"
