"""The parameters of a function as one type, which gives both schema and check."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
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
      ToolDefinitionError: a field has a type without a schema.
    """
    for field in msgspec.structs.fields(arguments):
        try:
            msgspec.json.schema(field.type)
        except Exception as error:
            shown = getattr(field.type, "__name__", None) or repr(field.type)
            # The lines before are advice on msgspec, which users do not see here.
            reason = str(error).rpartition("\n")[2]
            raise ToolDefinitionError(
                f"{label}: no JSON schema can be made of parameter {field.name!r} of "
                f"type {shown}: {reason}. Use builtin types, enums, Literal, "
                "collections, TypedDict, dataclasses or attrs classes"
            ) from error
    (reference,), definitions = msgspec.json.schema_components(
        [arguments], ref_template=_REF
    )
    root = definitions.pop(reference["$ref"].rpartition("/")[2])
    root.pop("title", None)
    schema = {**root, "$defs": definitions} if definitions else root
    _drop_void_defaults(schema)
    return schema


def read_arguments(arguments: Any, expected: Any) -> Any:
    """Return the model's arguments as the type that is expected.

    An integer may have a fraction of zero: in a schema, as in JavaScript, 100.0 is an
    integer, and some models write it so.

    Raises:
      msgspec.ValidationError: it does not fit.
    """
    try:
        # Keys are strings in JSON: `str_keys` reads numbers in them.
        return msgspec.convert(arguments, expected, str_keys=True)
    except msgspec.ValidationError as misfit:
        try:
            return msgspec.convert(_integral(arguments), expected, str_keys=True)
        except msgspec.ValidationError:
            raise misfit from None  # it names what the model has written


def _integral(tree: Any) -> Any:
    if isinstance(tree, float) and tree.is_integer():
        return int(tree)
    if isinstance(tree, dict):
        members = cast("dict[str, Any]", tree)
        return {name: _integral(value) for name, value in members.items()}
    if isinstance(tree, list):
        items = cast("Sequence[Any]", tree)
        return [_integral(item) for item in items]
    return tree


def _drop_void_defaults(schema: Any) -> None:
    """Drop null as a default where null is not allowed, as in `unit: str = None`."""
    if isinstance(schema, list):
        items = cast("Sequence[Any]", schema)
        for item in items:
            _drop_void_defaults(item)
    elif isinstance(schema, dict):
        members = cast("dict[str, Any]", schema)
        if members.get("default", ...) is None and not _allows_null(members):
            del members["default"]
        for member in members.values():
            _drop_void_defaults(member)


def _allows_null(schema: dict[str, Any]) -> bool:
    kinds = schema.keys() & {"type", "enum", "anyOf", "$ref"}
    return (
        not kinds
        or schema.get("type") == "null"
        or None in schema.get("enum", ())
        or {"type": "null"} in schema.get("anyOf", ())
    )


def _field(
    label: str, parameter: inspect.Parameter, hints: Mapping[str, Any]
) -> tuple[Any, ...]:
    name = parameter.name
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise ToolDefinitionError(
            f"{label}: {parameter} has no schema; a tool names each of its parameters"
        )
    if parameter.kind is parameter.POSITIONAL_ONLY or name.startswith("__"):
        raise ToolDefinitionError(
            f"{label}: parameter {name!r} is positional-only; the model gives arguments "
            "by name"
        )
    if name not in hints:
        raise ToolDefinitionError(
            f"{label}: parameter {name!r} has no annotation, so it has no schema"
        )
    # The "text" in `Annotated[T, "text"]` describes T; other notes are for msgspec.
    hint, text = hints[name], ""
    if get_origin(hint) is Annotated:
        base, *notes = get_args(hint)
        text = " ".join(note for note in notes if isinstance(note, str))
        others = [note for note in notes if not isinstance(note, str)]
        hint = cast("Any", Annotated)[(base, *others)] if others else base
    if parameter.default is None and not _fits(None, hint):
        hint = hint | None  # as `unit: str = None` means
    if text:
        hint = Annotated[hint, msgspec.Meta(description=text)]
    if parameter.default is parameter.empty:
        return (name, hint)
    return (name, hint, _default(label, parameter, hint))


def _default(label: str, parameter: inspect.Parameter, hint: Any) -> Any:
    value = parameter.default
    # msgspec demands a copy of a mutable default; the function has its own anyway.
    if isinstance(value, (list, dict, set)):
        return msgspec.field(default_factory=cast("list[Any]", value).copy)
    try:
        plain = msgspec.to_builtins(value)
    except TypeError as error:
        raise ToolDefinitionError(
            f"{label}: the default of parameter {parameter.name!r} has no form in "
            f"JSON: {error}"
        ) from error
    if not _fits(plain, hint):  # do not offer the model what we would refuse
        return msgspec.field(default_factory=lambda: value)
    return value


def _fits(plain: Any, hint: Any) -> bool:
    """Whether a value of JSON passes the check."""
    try:
        msgspec.convert(plain, hint, str_keys=True)
    except msgspec.ValidationError:
        return False
    except Exception:  # noqa: BLE001  # no such type: `schema_of` reports why
        return True
    return True
