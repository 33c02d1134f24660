"""The system prompt of a session: extended, replaced, or changed by sections."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeAlias

import attrs

from .._checks import is_async, of_type, one_of, safe_repr, wrong_type
from .._did_you_mean import checks_options
from .._json import as_object, as_text

SectionChange: TypeAlias = Mapping[str, str] | Callable[[str], Awaitable[str]]
"""A mapping as on the wire, such as `{"action": "remove"}`, or an async function that gets
the text of the section and returns its replacement."""


@checks_options
@attrs.frozen(kw_only=True, repr=False)
class SystemMessage:
    """Changes the system prompt of a session.

    Protocol: `systemMessage.transform`, for functions in `sections`.
    """

    __repr__ = safe_repr

    content: str = attrs.field(default="", validator=of_type(str))
    """The text."""
    mode: Literal["append", "replace"] = attrs.field(
        default="append", validator=one_of(("append", "replace"))
    )
    """`append` adds the text to the CLI's own prompt; `replace` drops that prompt, and
    its safety rules with it."""
    sections: Mapping[str, SectionChange] = attrs.field(
        factory=dict[str, SectionChange]
    )
    """Changes of sections of the CLI's own prompt, such as `tone` or `guidelines`."""

    def __attrs_post_init__(self) -> None:
        if self.sections and self.mode == "replace":
            raise ValueError(
                "sections change the CLI's own prompt, which mode='replace' drops"
            )
        if not isinstance(self.sections, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # what users pass
            raise wrong_type("sections", "a mapping", self.sections)
        for name, change in self.sections.items():
            if not isinstance(change, Mapping) and not is_async(change):
                expected = "a mapping or an async function"
                raise wrong_type(f"sections[{name!r}]", expected, change)

    def to_wire(self) -> dict[str, Any]:
        """Return the wire form of the system message."""
        if not self.sections:
            return {"mode": self.mode, "content": self.content}
        sections: dict[str, Any] = {}
        for name, change in self.sections.items():
            sections[name] = {"action": "transform"} if callable(change) else {**change}
        content = {"content": self.content} if self.content else {}
        return {"mode": "customize", "sections": sections, **content}

    async def transform(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a `systemMessage.transform`.

        Raises:
          TypeError: a function did not return text.
        """
        changed: dict[str, Any] = {}
        for name, section in as_object(params.get("sections")).items():
            text = as_text(as_object(section).get("content"))
            change = self.sections.get(name)
            if change is not None and not isinstance(change, Mapping):
                text = await change(text)
                if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # what users return
                    raise wrong_type(f"The section {name!r}", "text", text)
            changed[name] = {"content": text}
        return {"sections": changed}
