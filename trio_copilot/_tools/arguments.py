"""The parameters of a function as one type: its schema and its check."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, cast, get_args, get_origin

import msgspec

from .._errors import ToolDefinitionError

_REF = "#/$defs/{name}"


def arguments_type(
    function: Callable[..., Any],
    label: str,
    hints: Mapping[str, Any],
    *,
    ignored: Collection[str],
) -> type[msgspec.Struct]:
    """Return a class with a field for each parameter of the function.

    Raises:
      ToolDefinitionError: a parameter has no annotation, cannot be given by name, or
        has a default that JSON cannot express.
    """
    fields: list[Any] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in ignored:
            fields.append(_field(label, parameter, hints))
    return msgspec.defstruct(
        label, fields, kw_only=True, forbid_unknown_fields=True, rename=None
    )


def schema_of(arguments: type[msgspec.Struct], label: str) -> dict[str, Any]:
    """Return the JSON schema of the arguments, an object with its definitions inside.

    Raises:
      ToolDefinitionError: no schema can be made of a field's type; says of which.
    """
    for field in msgspec.structs.fields(arguments):
        _check(label, field.name, field.type)
    (reference,), definitions = msgspec.json.schema_components(
        [arguments], ref_template=_REF
    )
    root = definitions.pop(reference["$ref"].rpartition("/")[2])
    root.pop("title", None)
    return {**root, "$defs": definitions} if definitions else root


def _field(
    label: str, parameter: inspect.Parameter, hints: Mapping[str, Any]
) -> tuple[Any, ...]:
    name = parameter.name
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise ToolDefinitionError(
            f"{label}: {parameter} has no schema; name each parameter of a tool"
        )
    if parameter.kind is parameter.POSITIONAL_ONLY or name.startswith("__"):
        raise ToolDefinitionError(
            f"{label}: parameter {name!r} is positional-only; the model gives arguments "
            "by name"
        )
    if name not in hints:
        raise ToolDefinitionError(
            f"{label}: parameter {name!r} has no annotation, so no schema can be made "
            "of it"
        )
    field_type = _described(hints[name])
    if parameter.default is parameter.empty:
        return (name, field_type)
    return (name, field_type, _default(label, parameter))


def _described(hint: Any) -> Any:
    """`Annotated[T, "text"]` describes T; msgspec wants that as a `Meta`."""
    if get_origin(hint) is not Annotated:
        return hint
    base, *notes = get_args(hint)
    texts = [note for note in notes if isinstance(note, str)]
    others = [note for note in notes if not isinstance(note, str)]
    if texts:
        others.append(msgspec.Meta(description=" ".join(texts)))
    return cast("Any", Annotated)[(base, *others)]


def _default(label: str, parameter: inspect.Parameter) -> Any:
    value = parameter.default
    # A mutable default is the function's own business: copy it, as msgspec demands.
    if isinstance(value, (list, dict, set)):
        return msgspec.field(default_factory=cast("list[Any]", value).copy)
    try:
        msgspec.to_builtins(value)
    except TypeError as error:
        raise ToolDefinitionError(
            f"{label}: the default of parameter {parameter.name!r} cannot be told in "
            f"JSON: {error}"
        ) from error
    return value


def _check(label: str, name: str, field_type: Any) -> None:
    try:
        msgspec.json.schema(field_type)
    except (TypeError, ValueError, NameError) as error:
        shown = getattr(field_type, "__name__", None) or repr(field_type)
        raise ToolDefinitionError(
            f"{label}: no JSON schema can be made of parameter {name!r} of type "
            f"{shown}: use builtin types, enums, Literal, collections, TypedDict, "
            "dataclasses or attrs classes"
        ) from error
