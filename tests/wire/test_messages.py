"""Bodies become messages and back; anything else is a ProtocolError."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, strategies as st

from trio_copilot._errors import ProtocolError
from trio_copilot._json import MAX_DEPTH
from trio_copilot._wire.excerpts import EXCERPT_SIZE
from trio_copilot._wire.messages import (
    ErrorResponse,
    Notification,
    Request,
    Response,
    cancel_request,
    decode_message,
    encode_message,
)

text = st.text(st.characters(), max_size=20)  # halves of UTF-16 pairs included
readable_text = st.text(st.characters(codec="utf-8"), max_size=20)


def values_with(strings):
    return st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**70), 2**70)
        | st.floats(allow_nan=False, allow_infinity=False)
        | strings,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(strings, inner, max_size=3)
        ),
        max_leaves=8,
    )


def messages_with(strings):
    ids = st.integers(-(2**70), 2**70) | readable_text
    values = values_with(strings)
    return st.one_of(
        st.builds(Request, ids, strings, values),
        st.builds(Notification, strings, values),
        st.builds(Response, ids, values),
        st.builds(ErrorResponse, st.none() | ids, st.integers(), strings, values),
    )


values = values_with(text)
envelopes = st.dictionaries(
    st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error", "x"]),
    st.sampled_from(["2.0", 1, "a", None, {"code": 1, "message": ""}, {}]) | values,
)


@given(messages_with(readable_text))
def test_messages_round_trip(message):
    assert decode_message(encode_message(message)) == message


@given(messages_with(text))
def test_what_a_cli_in_javascript_sends_round_trips_whatever_its_text(message):
    assert decode_message(encode_message(message, as_cli=True)) == message


@given(messages_with(text))
def test_what_is_sent_is_utf8_json_of_version_2_without_halves_of_pairs(message):
    tree = json.loads(encode_message(message).decode())
    assert tree["jsonrpc"] == "2.0"
    json.dumps(tree, ensure_ascii=False).encode()


@given(envelopes.map(json.dumps).map(str.encode) | st.binary(max_size=50))
def test_any_body_is_a_message_or_a_protocol_error(body):
    try:
        outcome: object = decode_message(body)
    except ProtocolError as error:
        outcome = error
    kinds = (Request, Notification, Response, ErrorResponse, ProtocolError)
    assert isinstance(outcome, kinds)
    assert len(str(outcome)) < 5 * EXCERPT_SIZE + 300


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"method":"m"}', Notification("m")),
        (b'{"jsonrpc":"2.0","method":"m","x":1}', Notification("m")),
        (b'{"method":"m","params":[1]}', Notification("m", [1])),
        (b'{"id":7,"method":"m","params":{}}', Request(7, "m", {})),
        (b'{"id":"7","method":"m"}', Request("7", "m")),
        (b'{"id":0,"result":null}', Response(0)),
        (
            b'{"id":0,"result":null,"error":{"code":1,"message":""}}',
            ErrorResponse(0, 1, ""),
        ),
        (b'{"id":0,"result":1,"error":null}', Response(0, 1)),
        (
            b'{"id":null,"error":{"code":-32700,"message":"m","data":[]}}',
            ErrorResponse(None, -32700, "m", []),
        ),
    ],
)
def test_messages_of_these_forms_are_understood(body, message):
    assert decode_message(body) == message


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Expecting value"),
        (b"hello", "Expecting value.*b'hello'"),
        (b"\xff\xfe", "utf-8"),
        (b"[]", "got `array`"),
        (b'[{"jsonrpc":"2.0","method":"m"}]', "got `array`"),
        (b"null", "got `null`"),
        (b"{}", "neither a call nor an answer"),
        (b'{"jsonrpc":"1.0","method":"m"}', "jsonrpc"),
        (b'{"id":null,"method":"m"}', "neither"),
        (b'{"id":null,"result":1}', "neither"),
        (b'{"id":1}', "neither"),
        (b'{"id":1,"error":null}', "neither"),
        (b'{"error":{"code":1,"message":""}}', "neither"),
        (b'{"id":1.5,"method":"m"}', r"\$\.id"),
        (b'{"id":true,"result":1}', r"\$\.id"),
        (b'{"method":null}', r"\$\.method"),
        (b'{"id":1,"error":{"message":"m"}}', "code"),
        (b'{"id":1,"error":"boom"}', r"\$\.error"),
        (b'{"method":"m","params":NaN}', "NaN is not JSON"),
        (b'{"method":"m","params":%b}' % (b"[" * 100_000), "Expecting"),
        (b'{"method":"m"} x', "Extra data"),
    ],
)
def test_a_body_that_is_no_message_is_refused_with_what_was_seen(body, reason):
    with pytest.raises(ProtocolError, match=reason):
        decode_message(body)


def params_of(body: bytes):
    message = decode_message(body)
    assert isinstance(message, Notification)
    return message.params


def test_half_of_a_utf16_pair_is_received():
    """The CLI cuts an emoji between two deltas; both halves arrive, and join again."""
    first, second = (
        params_of(rb'{"method":"m","params":["%b"]}' % half)[0]
        for half in (rb"\ud83d", rb"\ude00")
    )
    assert (first + second).encode("utf-16", "surrogatepass").decode("utf-16") == "😀"


def test_numbers_beyond_a_double_are_received():
    body = b'{"method":"m","params":[1e999,-1e999,18446744073709551617]}'
    assert params_of(body) == [math.inf, -math.inf, 2**64 + 1]


def test_what_json_cannot_express_is_a_type_error_that_names_the_method():
    with pytest.raises(TypeError, match="tell cannot be sent: "):
        encode_message(Notification("tell", [print]))


def test_what_the_cli_cannot_read_is_a_value_error_that_names_the_method():
    with pytest.raises(ValueError, match="tell cannot be sent: "):
        encode_message(Notification("tell", 10**400))


def test_the_repr_of_a_message_does_not_show_what_may_hold_a_token():
    shown = [
        Request(1, "connect", {"token": "sesame"}),
        Notification("n", {"token": "sesame"}),
        Response(1, "sesame"),
        ErrorResponse(1, 2, "no", "sesame"),
    ]
    assert "connect" in repr(shown)
    assert "sesame" not in repr(shown)


def test_a_request_can_be_cancelled():
    body = encode_message(cancel_request(3))
    assert json.loads(body) == {
        "jsonrpc": "2.0",
        "method": "$/cancelRequest",
        "params": {"id": 3},
    }


def test_an_integer_of_any_number_of_digits_is_read() -> None:
    message = decode_message(
        b'{"method":"m","params":[1%b,-%b]}' % (b"0" * 400, b"9" * 9000)
    )

    assert message == Notification("m", [10**400, -math.inf])


@pytest.mark.parametrize("depth", [400, 100_000])
def test_what_is_nested_too_deep_for_python_is_null(depth: int) -> None:
    beside = b'"[{]}\\" ",[1]'
    body = b'{"method":"m","params":[%b%b,%b]}' % (b"[" * depth, b"]" * depth, beside)

    message = decode_message(body)

    assert isinstance(message, Notification)
    deep, *others = message.params
    assert others == ['[{]}" ', [1]]
    levels = 1
    while deep:
        deep, levels = deep[0], levels + 1
    assert levels == min(depth, MAX_DEPTH - 1)
