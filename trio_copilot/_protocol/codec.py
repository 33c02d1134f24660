"""Raw payloads to typed ones and back.

Strategy: the index says which module has the class of a wire type; that module is
imported, and cattrs learns the class, when the first such payload is read. What is not in
the vocabulary, or does not fit it, becomes an object that says so and keeps the raw
payload: nothing that the CLI sends raises here, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from msgspec import Raw

from .._json import decode_json
from .index import EVENTS
from .unknown import MalformedEvent, UnknownEvent, UnknownVariant

_hooks: dict[str, Callable[[Any, Any], Any]] = {}  # {wire type: hook}, as first used
_readers: dict[str, Callable[[Raw], object]] = {}  # likewise

_MAX_REASONS = 3


def structure_data(wire_type: str, raw_data: Any) -> object:
    """Return the typed payload of an event.

    Args:
      wire_type: the event's type, such as `assistant.message_delta`.
      raw_data: its payload, as a JSON decoder makes it.

    Returns:
      An instance of the class of that type in `trio_copilot.events`; an `UnknownEvent`
      if there is none, a `MalformedEvent` if the payload does not fit it.
    """
    hook = _hooks.get(wire_type)
    if hook is None:
        if wire_type not in EVENTS:
            return UnknownEvent(wire_type, raw_data)
        hook = _hooks[wire_type] = _hook_of(_class(wire_type))
    try:
        return hook(raw_data, None)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it arrives
        return MalformedEvent(
            wire_type, raw_data, explain(_class(wire_type), raw_data, "data")
        )


def read_data(wire_type: str, raw_data: Raw) -> object:
    """Return the typed payload of an event, as `structure_data` does, from its JSON."""
    read = _readers.get(wire_type)
    if read is None:
        if wire_type not in EVENTS:  # not cached: a CLI could fill the memory
            return UnknownEvent(wire_type, decode_json(raw_data))
        read = _readers[wire_type] = _reader(wire_type)
    try:
        return read(raw_data)
    except Exception:  # noqa: BLE001 - irregular: the other way can say how
        return structure_data(wire_type, decode_json(raw_data))


def unstructure(data: object) -> Any:
    """Return a payload, or any part of one, as JSON values.

    What `structure_data` read comes back as it was: absent fields are absent, unknown
    ones in their places.
    """
    from .structure import converter

    if isinstance(data, (UnknownEvent, MalformedEvent, UnknownVariant)):
        return data.raw
    return converter().unstructure(data)


def _hook_of(of: Any) -> Callable[[Any, Any], Any]:
    from .structure import converter

    return converter().get_structure_hook(of)


def _reader(wire_type: str) -> Callable[[Raw], object]:
    from .short_cut import reader

    of = _class(wire_type)
    if isinstance(of, type):
        return reader(of, _hook_of)
    hook = _hook_of(of)  # a union of classes
    return lambda raw: hook(decode_json(raw), None)


def _class(wire_type: str) -> Any:
    module, name = EVENTS[wire_type]
    return getattr(import_module(f"{__package__}.generated.{module}"), name)


def explain(of: Any, raw: Any, name: str) -> str:
    """Say where and why a value does not fit a type, by trying again the slow way."""
    from cattrs import transform_error

    from .structure import converter, message

    try:
        converter(detailed=True).get_structure_hook(of)(raw, of)
    except Exception as error:  # noqa: BLE001 - any error becomes a reason
        reasons = transform_error(error, name, lambda each, _: message(each))
        return "; ".join(reasons[:_MAX_REASONS])
    return "it does not fit"  # pragma: no cover - the two converters agree
