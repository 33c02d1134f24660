"""Which provider a session uses: the option, or the one in the CLI's environment."""

from __future__ import annotations

import pytest

from trio_copilot import Provider, SessionOptions

URL = "http://127.0.0.1:11434/v1"
VARIABLES = {"COPILOT_PROVIDER_BASE_URL": URL, "COPILOT_MODEL": "qwen3"}


def test_no_variable_is_no_provider() -> None:
    assert Provider.from_environment({}) is None
    assert Provider.from_environment({"COPILOT_PROVIDER_BASE_URL": ""}) is None
    assert SessionOptions().filled_from({"COPILOT_MODEL": "x"}) == SessionOptions()


def test_each_variable_has_its_field() -> None:
    provider = Provider.from_environment(
        {
            "COPILOT_PROVIDER_BASE_URL": URL,
            "COPILOT_PROVIDER_TYPE": "azure",
            "COPILOT_PROVIDER_API_KEY": "key",
            "COPILOT_PROVIDER_BEARER_TOKEN": "token",
            "COPILOT_PROVIDER_WIRE_API": "responses",
            "COPILOT_PROVIDER_HEADERS": "X-Tenant: 7\nno header\nX-Url: http://a:1",
        }
    )

    assert provider == Provider(
        base_url=URL,
        type="azure",
        api_key="key",
        bearer_token="token",
        wire_api="responses",
        headers={"X-Tenant": "7", "X-Url": "http://a:1"},
    )
    assert repr(provider) == (
        "Provider(base_url=..., type=..., api_key=..., bearer_token=..., wire_api=..., "
        "headers=...)"
    )


@pytest.mark.parametrize("name", ["TYPE", "WIRE_API"])
def test_a_value_that_the_cli_does_not_know_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must be one of"):
        Provider.from_environment({**VARIABLES, f"COPILOT_PROVIDER_{name}": "other"})


def test_a_session_is_filled_with_provider_and_model() -> None:
    filled = SessionOptions(name="n").filled_from(VARIABLES)

    assert filled.provider == Provider(base_url=URL)
    assert (filled.model, filled.name) == ("qwen3", "n")
    wire = filled.to_wire("id")
    assert wire["provider"] == {"baseUrl": URL, "type": "openai"}


def test_what_is_given_wins() -> None:
    own = Provider(base_url="http://localhost:1/v1")
    options = SessionOptions(model="mine", provider=own)

    assert options.filled_from(VARIABLES) is options
    assert SessionOptions(model="mine").filled_from(VARIABLES).model == "mine"


def test_a_provider_without_a_model_is_refused() -> None:
    with pytest.raises(ValueError, match="needs model="):
        SessionOptions().filled_from({"COPILOT_PROVIDER_BASE_URL": URL})
