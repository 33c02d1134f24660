"""Generated classes and calls accept what the CLI's schemas allow, nothing else.

The witness is `_codegen.samples`, which reads the raw schemas and knows nothing of what
was generated from them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import msgspec
import pytest
from msgspec import Raw

from trio_copilot import MalformedResultError, events, rpc
from trio_copilot._codegen import names
from trio_copilot._codegen.errata import corrected
from trio_copilot._codegen.samples import Call, Kind, Sample, Sampler, Schema, calls
from trio_copilot._protocol import index, rpc_index
from trio_copilot._protocol.answers import handler_for, read_request, write_answer
from trio_copilot._protocol.call_codec import read_as, types_of
from trio_copilot._protocol.calls import Handlers
from trio_copilot._protocol.codec import read_data, structure_data, unstructure
from trio_copilot._protocol.roots import server_rpc, session_rpc
from trio_copilot._transport.find_cli import PINNED_VERSION
from trio_copilot.events import MalformedEvent, OpenEnum, WireObject

READ = {Kind.VALID, Kind.NEWER, Kind.NULL}
SHOWN = 20  # of what went wrong


@attrs.frozen
class Schemas:
    """The schemas of the real CLI."""

    events: Schema
    api: Schema
    every: int
    """Of how many events and methods one is tried."""

    def sampler(self) -> Sampler:
        return Sampler(self.api, self.events, opaque=["SessionEvent"])

    def payloads(self) -> Iterator[tuple[str, Sample]]:
        sampler = self.sampler()
        for wire, payload in [*sampler.payloads(self.events)][:: self.every]:
            for sample in sampler.samples(payload):
                yield wire, sample

    def calls(self) -> list[Call]:
        """Methods that we call."""
        ours = [
            call
            for call in calls(self.api)
            if call.scope in ("server", "session") and not call.internal
        ]
        return ours[:: self.every]

    def requests(self) -> list[Call]:
        """Every method that the CLI calls."""
        return [
            call
            for call in calls(self.api)
            if call.scope == "clientSession"
            or (call.scope == "clientGlobal" and not call.internal)
        ]


@pytest.fixture(scope="module")
def schemas(unpacked_cli: Path, every: int) -> Schemas:
    [found] = unpacked_cli.glob(f"pkg/*/{PINNED_VERSION}/schemas")
    events = json.loads((found / "session-events.schema.json").read_bytes())
    api = corrected(json.loads((found / "api.schema.json").read_bytes()))
    return Schemas(events, api, every)


def test_a_sample_has_one_thing_that_is_particular_about_it() -> None:
    """If it had none, what follows would prove nothing."""
    text: Schema = {"type": "string"}
    node: Schema = {
        "type": "object",
        "properties": {"name": text, "next": {"$ref": "#/definitions/Node"}},
        "required": ["name"],
    }
    sampler = Sampler({"definitions": {"Node": node}})
    found = list(sampler.samples({"$ref": "#/definitions/Node"}))

    by_kind = {
        kind: {sample.where for sample in found if sample.kind is kind} for kind in Kind
    }
    assert by_kind[Kind.WRONG] >= {
        " is of another type",
        ".name is missing",
        ".name is of another type",
        ".next is of another type",
        ".next.name is missing",
        ".next.name is of another type",
    }
    assert by_kind[Kind.NULL] >= {".next is of another type"}
    assert by_kind[Kind.NEWER] == {".brandNew is unknown", ".next.brandNew is unknown"}
    valid = [sample.value for sample in found if sample.kind is Kind.VALID]
    assert {"name": "text"} in valid
    assert {"name": "text", "next": {"name": "text"}} in valid
    wrong = [sample.value for sample in found if sample.kind is Kind.WRONG]
    assert not any(value in valid for value in wrong)


# -- events


@pytest.mark.repetitive
@pytest.mark.cli
def test_every_payload_is_read_or_malformed_as_the_schema_says(
    schemas: Schemas,
) -> None:
    seen = Counter[Kind]()
    wrong: list[object] = []
    for wire, sample in schemas.payloads():
        seen[sample.kind] += 1
        data = structure_data(wire, sample.value)
        if isinstance(data, MalformedEvent) != (sample.kind is Kind.WRONG):
            wrong.append((wire, sample, data))
        if unstructure(data) != sample.value:
            wrong.append((wire, sample, unstructure(data)))
        short = read_data(wire, Raw(msgspec.json.encode(sample.value)))
        if repr(short) != repr(data):  # it distinguishes 1 from 1.0 and True
            wrong.append((wire, sample, data, short))

    assert wrong[:SHOWN] == []
    assert min(seen[kind] for kind in Kind) > 100 / schemas.every


# -- calls


class Exchange:
    """A CLI that records what it is sent, and gives the answer it is set to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.answer: Any = None

    async def __call__(self, method: str, params: dict[str, Any]) -> Any:
        self.sent.append((method, params))
        return self.answer

    def method(self, call: Call) -> Any:
        """The generated method of a call."""
        place: Any = server_rpc(self) if call.scope == "server" else session_rpc(self)
        for name in call.path:
            place = getattr(place, names.field_name(name))
        return place


@attrs.frozen
class Params:
    """How the parameters of one call are said in Python and on the wire."""

    schema: Schema
    names: Mapping[str, str] | None
    """Those in Python of the fields on the wire; `None`: they are one mapping."""

    def keywords(self, value: Mapping[str, Any]) -> dict[str, Any]:
        if self.names is None:
            return {"params": value}
        return {self.names.get(wire, wire): part for wire, part in value.items()}


def params_of(call: Call, sampler: Sampler) -> Params:
    closed: Schema = {"additionalProperties": False}
    nothing: Schema = {"type": "object", "properties": {}, **closed}
    members = sampler.members(call.params or nothing)
    if len(members) > 1:
        return Params(call.params or nothing, None)
    fields = dict(members[0]["properties"])
    if call.scope == "session":
        fields.pop("sessionId", None)  # a session knows its id
    taken = set[str]()
    python = {wire: names.unique(names.field_name(wire), taken) for wire in fields}
    required = [wire for wire in members[0].get("required", ()) if wire in fields]
    known: Schema = {"properties": fields, "required": required, **closed}
    return Params({**members[0], **known}, python)


@pytest.mark.repetitive
@pytest.mark.cli
async def test_every_call_sends_what_fits_the_schema_and_nothing_else(
    schemas: Schemas,
) -> None:
    sampler = schemas.sampler()
    cli = Exchange()
    seen = Counter[Kind]()
    wrong: list[object] = []
    for call in schemas.calls():
        cli.answer = sampler.smallest(call.result)
        method, params = cli.method(call), params_of(call, sampler)
        for sample in sampler.samples(params.schema):
            if not isinstance(sample.value, dict) or sample.kind is Kind.NULL:
                continue
            seen[sample.kind] += 1
            cli.sent.clear()
            expected = [(call.wire, sample.value)]
            if sample.kind is not Kind.VALID:
                expected.clear()
            refused = None
            try:
                await method(**params.keywords(sample.value))
            except TypeError as error:
                refused = error
            if cli.sent != expected or (refused is None) != bool(expected):
                wrong.append((call.wire, sample, cli.sent, refused))

    assert wrong[:SHOWN] == []
    assert min(seen[kind] for kind in READ - {Kind.NULL}) > 100 / schemas.every


@pytest.mark.repetitive
@pytest.mark.cli
async def test_every_answer_is_read_or_malformed_as_the_schema_says(
    schemas: Schemas,
) -> None:
    sampler = schemas.sampler()
    cli = Exchange()
    wrong: list[object] = []
    for call in schemas.calls():
        method, params = cli.method(call), params_of(call, sampler)
        arguments = params.keywords(sampler.smallest(params.schema))
        for sample in sampler.samples(call.result):
            cli.answer = sample.value
            try:
                result = await method(**arguments)
            except MalformedResultError as error:
                if sample.kind is not Kind.WRONG or error.raw is not sample.value:
                    wrong.append((call.wire, sample, error))
                continue
            if says_nothing(call, sampler):
                assert result is None
            elif sample.kind is Kind.WRONG or unstructure(result) != sample.value:
                wrong.append((call.wire, sample, result))

    assert wrong[:SHOWN] == []


def says_nothing(call: Call, sampler: Sampler) -> bool:
    """Whether an answer only reports success."""
    return [member.get("type") for member in sampler.members(call.result)] == ["null"]


# -- the CLI's own calls


def serving(call: Call, serve: Callable[..., Any]) -> tuple[Handlers, Any]:
    """Handlers of one method, and what they serve it with."""
    holder, field, base, method = rpc_index.REQUESTS[call.wire]
    handler = type("Served", (getattr(rpc, base),), {method: serve})()
    handlers: Handlers = getattr(rpc, holder)(**{field: handler})
    return handlers, handler_for(handlers, call.wire)


def declared(call: Call) -> Callable[..., Any]:
    """The generated method that has the types of a request."""
    _, _, base, method = rpc_index.REQUESTS[call.wire]
    function: Callable[..., Any] = getattr(getattr(rpc, base), method)
    return function


def answer_of(call: Call) -> Any:
    return types_of(declared(call))["return"]


@pytest.mark.cli
async def test_every_request_is_read_or_malformed_as_the_schema_says(
    schemas: Schemas,
) -> None:
    sampler = schemas.sampler()
    asked: list[object] = []
    wrong: list[object] = []
    for call in schemas.requests():
        reply = read_as(answer_of(call), sampler.smallest(call.result), "")

        async def serve(_: object, request: object, reply: object = reply) -> object:
            asked.append(request)
            return reply

        handlers, handler = serving(call, serve)
        for sample in sampler.samples(call.params or {}):
            try:
                await handler(read_request(handlers, call.wire, sample.value))
            except MalformedResultError:
                if sample.kind is not Kind.WRONG:
                    wrong.append((call.wire, sample))
                continue
            if sample.kind is Kind.WRONG or unstructure(asked[-1]) != sample.value:
                wrong.append((call.wire, sample, asked[-1]))

    assert wrong[:SHOWN] == []
    assert len(asked) > 100


@pytest.mark.cli
async def test_every_answer_of_ours_is_sent_if_it_fits_the_schema_alone(
    schemas: Schemas,
) -> None:
    sampler = schemas.sampler()
    wrong: list[object] = []
    for call in schemas.requests():
        if says_nothing(call, sampler):
            continue
        request, reply = sampler.smallest(call.params or {}), [None]

        async def serve(_: object, __: object, reply: list[Any] = reply) -> object:
            return reply[0]

        handlers, handler = serving(call, serve)
        for sample in sampler.samples(call.result):
            reply[0] = sample.value
            try:
                answer = await handler(read_request(handlers, call.wire, request))
                sent = write_answer(handlers, call.wire, answer)
            except TypeError as error:
                if sample.kind is Kind.VALID:
                    wrong.append((call.wire, sample, error))
                continue
            if sent is None and may_be_nothing(call):
                continue
            allowed = sample.kind in (Kind.VALID, Kind.NULL)
            if not allowed or sent != sample.value:
                wrong.append((call.wire, sample, sent))

    assert wrong[:SHOWN] == []


def may_be_nothing(call: Call) -> bool:
    """Whether the schema allows an answer of null."""
    return any("not" in member for member in call.result.get("anyOf", ()))


# -- nothing is left out


@pytest.mark.all
@pytest.mark.repetitive
@pytest.mark.cli
def test_every_class_and_member_is_made_of_some_sample(schemas: Schemas) -> None:
    made = set[object]()
    for wire, sample in schemas.payloads():
        if sample.kind is Kind.VALID:
            made.update(parts(structure_data(wire, sample.value)))
    sampler = schemas.sampler()
    for of, schema in types(schemas, sampler):
        for sample in sampler.samples(schema):
            if sample.kind is Kind.VALID:
                made.update(parts(read_as(of, sample.value, "")))

    expected = {*listed(events, index.TYPES), *listed(rpc, rpc_index.TYPES)}
    assert expected - made == set()
    assert len(expected) > 1000


def types(schemas: Schemas, sampler: Sampler) -> Iterator[tuple[Any, Schema]]:
    """Yield what every parameter, answer and request is, here and in the schema."""
    for call in schemas.calls():
        hints = types_of(Exchange().method(call).__wrapped__)
        yield hints["return"], call.result
        params = params_of(call, sampler)
        if params.names is None:
            yield hints["params"], params.schema
        for wire, name in (params.names or {}).items():
            yield hints[name], params.schema["properties"][wire]
    for call in schemas.requests():
        hints = types_of(declared(call))
        yield hints["request"], call.params or {}
        yield hints["return"], call.result


def listed(facade: ModuleType, names: Iterable[str]) -> Iterator[object]:
    """Yield the classes of objects of a facade, and the members of enumerations."""
    for name in names:
        of = getattr(facade, name)
        if isinstance(of, type) and issubclass(of, OpenEnum):
            yield from ((of, member.value) for member in of)
        elif isinstance(of, type) and issubclass(of, WireObject):
            yield of


def parts(value: object) -> Iterator[object]:
    """Yield the classes of all objects in a value, and all members of enumerations."""
    if isinstance(value, OpenEnum):
        yield type(value), value.value
    elif isinstance(value, WireObject):
        yield type(value)
        for field in attrs.fields(type(value)):
            yield from parts(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from parts(part)
    elif isinstance(value, tuple):
        for part in value:
            yield from parts(part)
