"""Payloads become objects; a misfit carries its reason, and nothing is lost."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import attrs
import pytest

from trio_copilot._protocol import codec
from trio_copilot._protocol.codec import structure_data, unstructure
from trio_copilot._protocol.structure import converter
from trio_copilot.events import (
    AbortReason,
    AgentInterrupted,
    AssistantMessage,
    AssistantMessageDelta,
    AssistantMessageToolRequest,
    AssistantMessageToolRequestType,
    AssistantUsage,
    EmbeddedBlobResourceContents,
    EmbeddedTextResourceContents,
    MalformedEvent,
    McpAppToolCallComplete,
    PermissionRequested,
    PermissionRequestUrl,
    SessionIndexedSearchServerError,
    ToolExecutionCompleteContentResource,
    UnknownEvent,
    UnknownVariant,
    WireObject,
)

MESSAGE: dict[str, Any] = {
    "messageId": "m1",
    "content": "It rains.",
    "toolRequests": [{"toolCallId": "t1", "name": "get_weather", "type": "function"}],
}
URL_REQUEST = {"kind": "url", "url": "https://example.org", "intention": "read it"}


def malformed(wire_type: str, raw: object) -> str:
    """The codec's reason why a payload does not fit."""
    data = structure_data(wire_type, raw)
    assert isinstance(data, MalformedEvent)
    assert (data.type, data.raw) == (wire_type, raw)
    assert unstructure(data) == raw
    return data.error


def test_a_payload_gets_python_names_and_types() -> None:
    message = structure_data("assistant.message", MESSAGE)

    assert message == AssistantMessage(
        message_id="m1",
        content="It rains.",
        tool_requests=(
            AssistantMessageToolRequest(
                tool_call_id="t1",
                name="get_weather",
                type=AssistantMessageToolRequestType.FUNCTION,
            ),
        ),
    )
    assert unstructure(message) == MESSAGE


def test_an_absent_optional_field_is_none_and_stays_absent() -> None:
    raw = {"messageId": "m1", "content": ""}
    message = structure_data("assistant.message", raw)

    assert isinstance(message, AssistantMessage)
    assert message.tool_requests is None
    assert unstructure(message) == raw


def test_an_explicit_null_is_none_and_stays_null() -> None:
    raw = {**MESSAGE, "turnId": None}
    message = structure_data("assistant.message", raw)

    assert isinstance(message, AssistantMessage)
    assert message.turn_id is None
    assert unstructure(message) == raw


def test_unknown_fields_are_kept_at_any_depth() -> None:
    raw = copy.deepcopy(MESSAGE)
    raw["mood"] = {"good": True}
    raw["toolRequests"][0]["colour"] = "red"
    message = structure_data("assistant.message", raw)

    assert isinstance(message, AssistantMessage)
    assert message.extra == {"mood": {"good": True}}
    assert message.tool_requests is not None
    assert message.tool_requests[0].extra == {"colour": "red"}
    assert unstructure(message) == raw


def test_an_unknown_type_keeps_its_payload() -> None:
    data = structure_data("session.brand_new", {"some": ["data"]})

    assert data == UnknownEvent("session.brand_new", {"some": ["data"]})
    assert unstructure(data) == {"some": ["data"]}


def test_unknown_types_leave_no_trace() -> None:
    before = len(codec._hooks)
    for number in range(100):
        structure_data(f"new.{number}", {})

    assert len(codec._hooks) == before


# -- enumerations


def test_a_known_enumeration_value_is_its_member() -> None:
    data: Any = structure_data("abort", {"reason": "user_abort"})

    assert data.reason is AbortReason.USER_ABORT


def test_an_unknown_enumeration_value_reads_as_itself() -> None:
    data: Any = structure_data("abort", {"reason": "full_moon"})

    assert isinstance(data.reason, AbortReason)
    assert data.reason == "full_moon"
    assert str(data.reason) == f"{data.reason}" == data.reason.value == "full_moon"
    assert hash(data.reason) == hash("full_moon")
    assert json.dumps(unstructure(data)) == '{"reason": "full_moon"}'


def test_unknown_enumeration_values_are_not_registered() -> None:
    before = list(AbortReason), len(AbortReason._value2member_map_)
    assert AbortReason("full_moon") == AbortReason("full_moon")
    assert (list(AbortReason), len(AbortReason._value2member_map_)) == before


def test_unknown_enumeration_values_can_be_copied_and_pickled() -> None:
    reason = AbortReason("full_moon")
    for twin in copy.deepcopy(reason), pickle.loads(pickle.dumps(reason)):
        assert twin == reason
        assert type(twin) is AbortReason


def test_an_enumeration_takes_strings_only() -> None:
    with pytest.raises(ValueError, match="5 is not a valid AbortReason"):
        AbortReason(5)  # type: ignore[arg-type] # that is the test
    assert malformed("abort", {"reason": 5}) == (
        "expected a string, got an integer @ data.reason"
    )


# -- unions


def test_a_tag_chooses_the_class() -> None:
    data: Any = structure_data(
        "permission.requested",
        {"requestId": "r1", "permissionRequest": URL_REQUEST},
    )

    assert isinstance(data, PermissionRequested)
    assert isinstance(data.permission_request, PermissionRequestUrl)
    assert data.permission_request.url == "https://example.org"


def test_an_unknown_tag_keeps_the_object() -> None:
    request = {"kind": "telepathy", "thought": "?"}
    raw = {"requestId": "r1", "permissionRequest": request}
    data: Any = structure_data("permission.requested", raw)

    assert data.permission_request == UnknownVariant("telepathy", request)
    assert unstructure(data) == raw
    assert unstructure(data.permission_request) == request


@pytest.mark.parametrize("tag", [{}, {"kind": None}, {"kind": 5}])
def test_an_object_without_its_tag_does_not_fit(tag: dict[str, Any]) -> None:
    raw = {"requestId": "r1", "permissionRequest": tag}

    assert malformed("permission.requested", raw) == (
        "expected a string as 'kind', the tag of its class @ data.permission_request"
    )


def test_a_payload_may_itself_be_a_union() -> None:
    raw = {"kind": "server_error", "errorType": "unexpected_exit"}
    data = structure_data("session.indexed_search", raw)

    assert isinstance(data, SessionIndexedSearchServerError)
    assert unstructure(data) == raw


def test_a_payload_may_itself_have_an_unknown_tag() -> None:
    data = structure_data("session.indexed_search", {"kind": "brand_new"})

    assert data == UnknownVariant("brand_new", {"kind": "brand_new"})


def test_objects_without_a_tag_are_told_apart_by_what_they_must_have() -> None:
    hook = converter().get_structure_hook(ToolExecutionCompleteContentResource)

    def resource(**raw: str) -> Any:
        return hook({"type": "resource", "resource": raw}, None).resource

    assert isinstance(resource(uri="u", text="t"), EmbeddedTextResourceContents)
    assert isinstance(resource(uri="u", blob="b"), EmbeddedBlobResourceContents)
    assert resource(uri="u") == UnknownVariant("", {"uri": "u"})


# -- numbers


def test_an_integer_will_do_for_a_number() -> None:
    raw = {"activity": "tool_call", "elapsedMs": 5, "turn": 0}
    data: Any = structure_data("agent.interrupted", raw)

    assert isinstance(data, AgentInterrupted)
    assert data.elapsed_ms == 5
    assert unstructure(data) == raw


def test_an_integral_number_will_do_for_an_integer() -> None:
    data: Any = structure_data("assistant.usage", {"model": "m", "inputTokens": 5.0})

    assert isinstance(data, AssistantUsage)
    assert type(data.input_tokens) is int
    assert unstructure(data) == {"model": "m", "inputTokens": 5}


@pytest.mark.parametrize("number", [5.5, float("inf"), float("nan"), True, "5"])
def test_nothing_else_will_do_for_an_integer(number: object) -> None:
    raw = {"activity": "tool_call", "elapsedMs": 5, "turn": number}

    assert "data.turn" in malformed("agent.interrupted", raw)


@pytest.mark.parametrize("number", [True, "5.5", None])
def test_nothing_else_will_do_for_a_number(number: object) -> None:
    raw = {"activity": "tool_call", "elapsedMs": number, "turn": 1}

    assert "data.elapsed_ms" in malformed("agent.interrupted", raw)


# -- what does not fit


def test_a_missing_field_is_named() -> None:
    raw = {**MESSAGE, "toolRequests": [{"toolCallId": "t1"}]}

    assert malformed("assistant.message", raw) == (
        "required, but missing @ data.tool_requests[0].name"
    )


def test_a_wrong_type_is_named_without_the_value() -> None:
    raw = {"messageId": ["secret"], "deltaContent": None}

    assert malformed("assistant.message_delta", raw) == (
        "expected a string, got an array @ data.message_id; "
        "expected a string, got null @ data.delta_content"
    )


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (None, "expected an object, got null @ data"),
        ([], "expected an object, got an array @ data"),
        ({**MESSAGE, "toolRequests": "x"}, "data.tool_requests"),
        ({**MESSAGE, "toolRequests": {}}, "data.tool_requests"),
        ({**MESSAGE, "toolRequests": [7]}, "@ data.tool_requests[0]"),
        ({**MESSAGE, "turnId": 7}, "@ data.turn_id"),
        (
            {**MESSAGE, "content": object()},
            "got object, which is not JSON @ data.content",
        ),
    ],
)
def test_a_wrong_shape_is_named(raw: object, error: str) -> None:
    assert error in malformed("assistant.message", raw)


def test_a_wrong_mapping_is_named() -> None:
    raw = {"success": True, "serverName": "s", "toolName": "t", "durationMs": 1}
    raw["arguments"] = []

    assert "data.arguments" in malformed("mcp_app.tool_call_complete", raw)
    raw["arguments"] = {"x": [1]}
    data = structure_data("mcp_app.tool_call_complete", raw)
    assert isinstance(data, McpAppToolCallComplete)
    assert unstructure(data) == raw


def test_an_error_is_about_a_few_fields_only() -> None:
    tools: list[dict[str, str]] = [{} for _ in range(100)]

    assert len(malformed("assistant.message", {**MESSAGE, "toolRequests": tools})) < 300


# -- the objects


def test_objects_compare_by_value_and_class() -> None:
    one = AssistantMessageDelta(message_id="m", delta_content="x")

    assert one == AssistantMessageDelta(message_id="m", delta_content="x")
    assert one != AssistantMessageDelta(message_id="m", delta_content="y")
    assert one != attrs.evolve(one, extra={"new": 1})
    assert one != "x"
    assert hash(one) == hash(attrs.evolve(one, extra={"new": 1}))


def test_objects_cannot_be_changed() -> None:
    one = AssistantMessageDelta(message_id="m", delta_content="x")

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        one.delta_content = "y"  # type: ignore[misc] # that is the test


def test_the_repr_shows_what_was_sent_and_is_short() -> None:
    one = AssistantMessageDelta(message_id="m", delta_content="x")
    long = AssistantMessageDelta(message_id="m", delta_content="x" * 1_000_000)
    new = attrs.evolve(one, extra={"new": 1})

    assert repr(one) == "AssistantMessageDelta(message_id='m', delta_content='x')"
    assert repr(new).endswith("delta_content='x', extra={'new': 1})")
    assert len(repr(long)) < 500
    for stand_in in (
        UnknownEvent("t", "x" * 1_000_000),
        MalformedEvent("t", "x" * 1_000_000, "why"),
        UnknownVariant("t", {"x": "x" * 1_000_000}),
    ):
        assert len(repr(stand_in)) < 200


def test_objects_can_be_copied_and_pickled() -> None:
    message = structure_data("assistant.message", {**MESSAGE, "new": 1})

    for twin in copy.deepcopy(message), pickle.loads(pickle.dumps(message)):
        assert isinstance(twin, WireObject)
        assert twin == message
