"""The parameters of a function as one type: its schema and its check."""

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
      ToolDefinitionError: no schema can be made of a field's type; says of which.
    """
    for field in msgspec.structs.fields(arguments):
        _check(label, field.name, field.type)
    (reference,), definitions = msgspec.json.schema_components(
        [arguments], ref_template=_REF
    )
    root = definitions.pop(reference["$ref"].rpartition("/")[2])
    root.pop("title", None)
    schema = {**root, "$defs": definitions} if definitions else root
    _drop_void_defaults(schema)
    return schema


def read_arguments(arguments: Any, expected: Any) -> Any:
    """Return what the model has given as the type that is expected.

    An integer may be written with a fraction of zero: in a schema, as in JavaScript,
    100.0 is one, and some models write it so.

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
            raise misfit from None


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
    """Drop null as a default where it is not admitted, as in `unit: str = None` of a class."""
    if isinstance(schema, list):
        items = cast("Sequence[Any]", schema)
        for item in items:
            _drop_void_defaults(item)
    elif isinstance(schema, dict):
        members = cast("dict[str, Any]", schema)
        if members.get("default", ...) is None and not _admits_null(members):
            del members["default"]
        for member in members.values():
            _drop_void_defaults(member)


def _admits_null(schema: dict[str, Any]) -> bool:
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
    text, hint = _description(hints[name])
    if parameter.default is None and not _fits(None, hint):
        hint = hint | None  # `unit: str = None` means that
    if text:
        hint = Annotated[hint, msgspec.Meta(description=text)]
    if parameter.default is parameter.empty:
        return (name, hint)
    return (name, hint, _default(label, parameter, hint))


def _description(hint: Any) -> tuple[str, Any]:
    """`Annotated[T, "text"]` describes T: return the text, and the type without it."""
    if get_origin(hint) is not Annotated:
        return "", hint
    base, *notes = get_args(hint)
    texts = [note for note in notes if isinstance(note, str)]
    others = [note for note in notes if not isinstance(note, str)]
    if others:
        base = cast("Any", Annotated)[(base, *others)]
    return " ".join(texts), base


def _default(label: str, parameter: inspect.Parameter, hint: Any) -> Any:
    value = parameter.default
    # A mutable default is the function's own business: copy it, as msgspec demands.
    if isinstance(value, (list, dict, set)):
        return msgspec.field(default_factory=cast("list[Any]", value).copy)
    try:
        plain = msgspec.to_builtins(value)
    except TypeError as error:
        raise ToolDefinitionError(
            f"{label}: the default of parameter {parameter.name!r} cannot be told in "
            f"JSON: {error}"
        ) from error
    if not _fits(plain, hint):  # the model is not offered what would be refused
        return msgspec.field(default_factory=lambda: value)
    return value


def _fits(plain: Any, hint: Any) -> bool:
    """Whether the check admits a value of JSON."""
    try:
        msgspec.convert(plain, hint, str_keys=True)
    except msgspec.ValidationError:
        return False
    except Exception:  # noqa: BLE001  # no such type: `schema_of` says why
        return True
    return True


def _check(label: str, name: str, field_type: Any) -> None:
    try:
        msgspec.json.schema(field_type)
    except Exception as error:
        shown = getattr(field_type, "__name__", None) or repr(field_type)
        reason = str(error).rpartition("\n")[2]  # before it: what to do with msgspec
        raise ToolDefinitionError(
            f"{label}: no JSON schema can be made of parameter {name!r} of type "
            f"{shown}: {reason}. Use builtin types, enums, Literal, collections, "
            "TypedDict, dataclasses or attrs classes"
        ) from error
