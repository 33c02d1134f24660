"""The annotations of a function as types, even if they are text and name local classes.

Under `from __future__ import annotations` they are text. We look names up in the module
and in the functions around the tool that are still running, the only place where their
local classes can be found. The fields of such a class are text, too; we replace them by
types, as `attrs.resolve_types` does.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, get_args, get_origin

from .._errors import ToolDefinitionError


def parameter_types(
    function: Callable[..., Any], label: str, frame: FrameType | None
) -> dict[str, Any]:
    """Return the type of each parameter that has an annotation.

    Args:
      function: the function.
      label: what to call it in errors.
      frame: the frame in which it is made a tool.

    Raises:
      ToolDefinitionError: an annotation cannot be read.
    """
    local_names = _names_around(function, frame)
    try:
        hints = typing.get_type_hints(
            function, localns=local_names, include_extras=True
        )
    except NameError as error:
        raise ToolDefinitionError(
            f"{label}: an annotation names {error.name!r}, which is not defined where "
            "the function is"
        ) from error
    except (AttributeError, SyntaxError, TypeError) as error:
        raise ToolDefinitionError(
            f"{label}: its annotations cannot be read: {error}"
        ) from error
    hints.pop("return", None)
    seen: set[type] = set()
    for hint in hints.values():
        _resolve_local_classes(hint, local_names, seen)
    return hints


def _names_around(
    function: Callable[..., Any], frame: FrameType | None
) -> dict[str, Any]:
    """Return the local names of the caller and of the functions around `function`."""
    names: dict[str, Any] = dict(frame.f_locals) if frame is not None else {}
    qualname = getattr(function, "__qualname__", "")
    while frame is not None:
        encloses = qualname.startswith(f"{frame.f_code.co_qualname}.<locals>.")
        if encloses and frame.f_globals is getattr(function, "__globals__", None):
            names = {**frame.f_locals, **names}
        frame = frame.f_back
    return names


def _resolve_local_classes(
    hint: Any, names: Mapping[str, Any], seen: set[type]
) -> None:
    """Replace text by types in the annotations of the local classes within a type."""
    for part in get_args(hint):
        _resolve_local_classes(part, names, seen)
    of = get_origin(hint) or hint
    if not isinstance(of, type) or of in seen or "<locals>" not in of.__qualname__:
        return
    seen.add(of)
    inner = {name: value for name, value in vars(of).items() if isinstance(value, type)}
    try:
        types = typing.get_type_hints(
            of, localns={**inner, **names}, include_extras=True
        )
    except NameError:
        return  # making its schema fails, and reports what is missing
    for base in of.__mro__:
        if "<locals>" in base.__qualname__ and "__annotations__" in vars(base):
            base.__annotations__ = {name: types[name] for name in base.__annotations__}
    for field in types.values():
        _resolve_local_classes(field, names, seen)
