"""The public surface is what we say, and importing it costs next to nothing."""

from __future__ import annotations

import ast
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import attrs
import pytest

import trio_copilot
import trio_copilot.testing
from tests.interpreter import modules_after
from trio_copilot._codegen.public import TABLE, table

SUBMODULES = {"bridge", "events", "rpc", "testing", "web", "wire"}
PUBLIC = sorted(
    name
    for name in set(dir(trio_copilot)) - SUBMODULES - {"annotations", "TYPE_CHECKING"}
    if not name.startswith("_")
)
HANDLERS = {name for name in PUBLIC if name.endswith("Handler")}
ALIASES = {
    *("Attachment", "AutoModeAnswer", "Decision", "HookOutput", "SectionChange"),
    *("TurnEvent", *HANDLERS),
}


def test_importing_loads_nothing_that_is_used_later() -> None:
    loaded = modules_after("import trio_copilot") - modules_after("import trio")
    heavy = {"cattrs", "trio_websocket", "asyncio", "h11", "click", "rich"}

    assert {name.partition(".")[0] for name in loaded}.isdisjoint(heavy)
    assert not [name for name in loaded if "generated" in name]
    assert "asyncio" not in modules_after("import trio_copilot")


def test_what_a_session_needs_is_not_loaded_before_a_cli_is_started() -> None:
    loaded = modules_after("from trio_copilot import open_client")

    assert "trio_copilot._client.client" in loaded
    assert "trio_copilot._session.session" not in loaded


def test_the_vocabulary_is_loaded_when_a_payload_is_looked_at() -> None:
    look = (
        "from trio_copilot import SessionEvent\n"
        "e = SessionEvent({'type': 'assistant.message_delta',"
        " 'data': {'messageId': 'm', 'deltaContent': 'x'}})\n"
    )

    assert "cattrs" not in modules_after(look)
    loaded = modules_after(look + "assert e.data.delta_content == 'x'")
    assert "cattrs" in loaded
    assert "trio_copilot._protocol.generated.stream" in loaded
    assert "trio_copilot._protocol.generated.turn" not in loaded


def test_the_table_of_names_is_up_to_date() -> None:
    package = Path(trio_copilot.__file__).parent

    assert (package / TABLE).read_text() == table(package), (
        "run: python trio_copilot/_codegen"
    )


def test_what_type_checkers_see_is_what_there_is() -> None:
    facade = ast.parse(Path(trio_copilot.__file__).read_text("utf-8"))
    imports = [node for node in ast.walk(facade) if isinstance(node, ast.ImportFrom)]
    seen = {
        (name.asname, f"trio_copilot.{node.module}")
        for node in imports
        for name in node.names
        if name.name == name.asname
    }

    assert {name for name, _ in seen} == {*PUBLIC, "__version__"}
    for name, home in seen:
        assert getattr(import_module(home), name) is getattr(trio_copilot, name)


@pytest.mark.parametrize(
    "module", ["trio_copilot", *(f"trio_copilot.{name}" for name in sorted(SUBMODULES))]
)
def test_a_star_import_brings_every_public_name_and_no_other(module: str) -> None:
    namespace: dict[str, object] = {}
    exec(f"from {module} import *", namespace)
    del namespace["__builtins__"]

    public = import_module(module)
    assert sorted(namespace) == sorted(public.__all__)
    assert namespace.keys() <= set(dir(public))
    for name, value in namespace.items():
        assert value is getattr(public, name)
        assert not isinstance(value, ModuleType)
    if module == "trio_copilot":
        assert sorted(namespace) == PUBLIC


def test_a_star_import_of_the_testing_kit_does_not_need_the_extra_for_models() -> None:
    loaded = modules_after(
        "sys.modules['h11'] = None", "from trio_copilot.testing import *"
    )

    assert "trio_copilot.testing._sweep" in loaded
    assert "trio_copilot.testing._scripted_model" not in loaded


def test_the_version_is_that_of_the_distribution() -> None:
    assert trio_copilot.__version__ == version("trio-copilot")
    assert "importlib.metadata" not in modules_after("import trio_copilot")


def test_a_name_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(AttributeError, match="no attribute 'open_cleint'"):
        _ = trio_copilot.open_cleint  # type: ignore[attr-defined]  # that is the point


@pytest.mark.parametrize("name", sorted(set(PUBLIC) - ALIASES))
def test_public_names_report_the_public_module(name: str) -> None:
    value = getattr(trio_copilot, name)
    if isinstance(value, type) or callable(value):
        assert value.__module__ == "trio_copilot"


def test_every_public_exception_is_a_copilot_error() -> None:
    for name in PUBLIC:
        value = getattr(trio_copilot, name)
        if isinstance(value, type) and issubclass(value, BaseException):
            assert issubclass(value, trio_copilot.CopilotError)
            assert value.__doc__


def test_everything_public_is_documented() -> None:
    for name in PUBLIC:
        value = getattr(trio_copilot, name)
        if name not in ALIASES:
            assert (value.__doc__ or "").strip(), name


def test_secrets_are_in_no_repr() -> None:
    provider = trio_copilot.Provider(
        base_url="http://x/v1",
        api_key="secret",
        bearer_token="secret",
        headers={"X-Key": "secret"},
    )
    options = trio_copilot.SessionOptions(provider=provider, model="m")
    tcp = trio_copilot.Tcp("localhost", 1, "secret")

    assert "secret" not in repr((provider, options, tcp))


def test_values_are_frozen() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        trio_copilot.Allow().for_session = True  # type: ignore[misc]
