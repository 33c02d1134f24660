"""Methods to Python source: namespaces of calls, and handlers for the CLI's requests.

The body of a method is empty: `_protocol.calls` makes a call of its signature, and checks
arguments and results by it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import attrs

from .._names import camel
from . import names
from .layout import module_of_calls
from .model import Method, Vocabulary
from .source import bracketed, string

Path = tuple[str, ...]

ROOTS = {"server": "ServerRpc", "session": "SessionRpc"}
"""The classes of the outermost namespaces, by scope."""
HANDLERS = {"clientSession": "SessionHandlers", "clientGlobal": "ClientHandlers"}
"""The classes that hold handlers, by scope."""

_ABOUT = {
    "ServerRpc": "Every method of the CLI that concerns no session; see `Client.rpc`.",
    "SessionRpc": "Every method of the CLI that concerns a session; see `Session.rpc`.",
    "SessionHandlers": "Handlers for the CLI's requests that concern a session.",
    "ClientHandlers": "Handlers for the CLI's requests that concern no session.",
}


@attrs.frozen
class Namespace:
    """A class of calls: `session.rpc.mcp.oauth`."""

    name: str
    scope: str
    path: Path
    methods: tuple[Method, ...]
    children: tuple[Path, ...]


def namespaces(vocabulary: Vocabulary) -> list[Namespace]:
    """Return all namespaces of calls, the roots included, in the order of their names."""
    methods: dict[tuple[str, Path], list[Method]] = defaultdict(list)
    for method in vocabulary.methods:
        if method.scope in ROOTS:
            for depth in range(len(method.path)):  # also those that have no methods
                methods[method.scope, method.path[:depth]] += ()
            methods[method.scope, method.path[:-1]].append(method)
    return [
        Namespace(
            class_of(scope, path),
            scope,
            path,
            tuple(sorted(here, key=lambda method: method.path)),
            tuple(sorted(p for s, p in methods if s == scope and p and p[:-1] == path)),
        )
        for (scope, path), here in sorted(methods.items())
    ]


def class_of(scope: str, path: Path) -> str:
    """Return the name of the class of a namespace."""
    words = "".join(map(names.class_name, path))
    return f"{names.class_name(scope)}{words}Rpc"


def home_of(namespace: Namespace) -> str:
    """Return the module of a namespace."""
    return module_of_calls(namespace.path) if namespace.path else "rpc.roots"


def namespace_source(namespace: Namespace) -> str:
    """Return the class of a namespace."""
    about = _ABOUT.get(namespace.name)
    if about is None:
        about = f"The calls `{_prefix(namespace.scope, namespace.path)}.*`."
    parts = [f'    """{about}"""\n']
    parts += [_child(namespace, path) for path in namespace.children]
    parts += [_call(method) for method in namespace.methods]
    return f"class {namespace.name}(Namespace):\n" + "\n".join(parts)


def _prefix(scope: str, path: Path) -> str:
    return ".".join(("session", *path) if scope == "session" else path)


def _child(parent: Namespace, path: Path) -> str:
    name = class_of(parent.scope, path)
    lines = [
        "@property",
        f"def {names.field_name(path[-1])}(self) -> {name}:",
        f'    """The calls `{_prefix(parent.scope, path)}.*`."""',
    ]
    if not parent.path:  # the roots load a module when it is first used
        lines += [f"    from .{names.field_name(path[0])} import {name}", ""]
    lines += [f"    return {name}(self._call)"]
    return "".join(f"    {line}\n" if line else "\n" for line in lines)


def _call(method: Method) -> str:
    odd = {f.name: f.wire for f in method.params if camel(f.name) != f.wire}
    pairs = [f"{string(name)}: {string(wire)}" for name, wire in odd.items()]
    wires = [f"{{{', '.join(pairs)}}}"] if pairs else []
    params: list[str] = []
    for field in sorted(method.params, key=lambda field: not field.required):
        kind = field.annotation if field.required else field.annotation.optional()
        default = " | Unset = UNSET" if field.nullable else " = None"
        params.append(f"{field.name}: {kind.text}{'' if field.required else default}")
    star = ["*"] if params else []
    name = names.field_name(method.path[-1])
    marks = " ".join(("", *method.marks))
    return (
        bracketed("@method", [string(method.wire), *wires], "", "    ")
        + bracketed(
            f"async def {name}",
            ["self", *star, *params],
            f" -> {method.result.text}:",
            "    ",
        )
        + f'        """Call `{method.wire}`.{marks}"""\n        ...\n'
    )


# -- handlers


def requests(vocabulary: Vocabulary) -> Mapping[tuple[str, str], list[Method]]:
    """Return the CLI's own requests by scope and namespace."""
    found: dict[tuple[str, str], list[Method]] = defaultdict(list)
    for method in vocabulary.methods:
        if method.scope in HANDLERS:
            found[method.scope, method.path[0]].append(method)
    return dict(sorted(found.items()))


def field_of(namespace: str) -> str:
    """Return the name of a namespace as an attribute."""
    return names.field_name(namespace)


def handler_class(namespace: str) -> str:
    """Return the name of that class for the requests of a namespace."""
    return f"{names.class_name(namespace)}Handler"


def handler_method(method: Method) -> str:
    """Return the name of the method that answers a request."""
    return names.field_name("_".join(method.path[1:]))


def handler_source(namespace: str, methods: Sequence[Method]) -> str:
    """Return the base class of handlers for the requests of a namespace."""
    about = f"Answers `{namespace}.*`: subclass it with the methods that you answer."
    parts = [f'    """{about}"""\n']
    for method in methods:
        verb = "Take note of" if method.notification else "Answer"
        marks = " ".join(("", *method.marks))
        parts.append(
            bracketed(
                f"async def {handler_method(method)}",
                ["self", f"request: {method.params_type}"],
                f" -> {method.result.text}:",
                "    ",
            )
            + f'        """{verb} `{method.wire}`.{marks}"""\n'
            + "        raise NotImplementedError\n"
        )
    return f"class {handler_class(namespace)}(Handler):\n" + "\n".join(parts)


def handlers_source(scope: str, found: Iterable[str]) -> str:
    """Return the class that holds the handlers of a scope."""
    name = HANDLERS[scope]
    fields = "".join(
        f"    {names.field_name(namespace)}: {handler_class(namespace)} | None = None\n"
        for namespace in found
    )
    return (
        "@attrs.frozen(kw_only=True, repr=False)\n"
        f"class {name}(Handlers):\n"
        f'    """{_ABOUT[name]}"""\n\n{fields}'
    )
