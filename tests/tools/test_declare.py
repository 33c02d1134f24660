"""What `@tool` makes of a function, and what it refuses."""

from __future__ import annotations

import dataclasses
import enum
import functools
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NotRequired, TypedDict

import attrs
import msgspec
import pytest
import trio

from trio_copilot import Tool, ToolContext, ToolDefinitionError, ToolError, tool

if TYPE_CHECKING:
    from decimal import Decimal

CONTEXT = ToolContext(session_id="s", call_id="c", tool_name="t")


async def add(a: int, b: int = 1) -> int:
    """Add two numbers.

    The second is 1 by default.
    """
    return a + b


class Counter:
    """Its methods can be tools."""

    def __init__(self, start: int) -> None:
        self.start = start

    async def count(self, by: int) -> int:
        """Count on."""
        return self.start + by

    @staticmethod
    async def double(by: int) -> int:
        """Count twice."""
        return by * 2

    @classmethod
    async def fresh(cls, by: int) -> int:
        """Count from zero."""
        return await cls(0).count(by)

    async def __call__(self, by: int) -> int:
        return self.start * by


# -- what a tool is called and described as


def test_a_tool_has_the_name_and_the_docstring_of_its_function() -> None:
    made = tool(add)

    assert made.name == "add"
    assert made.description == "Add two numbers.\n\nThe second is 1 by default."
    assert made.parameters["properties"].keys() == {"a", "b"}
    assert made.handler is add


def test_a_name_and_a_description_can_be_given() -> None:
    made = tool(name="plus", description="Sum.")(add)

    assert (made.name, made.description) == ("plus", "Sum.")


def test_an_empty_description_is_kept() -> None:
    assert tool(description="")(add).description == ""


def test_a_function_without_a_docstring_has_no_description() -> None:
    async def mute() -> None: ...

    assert tool(mute).description == ""


def test_a_function_without_parameters_takes_an_empty_object() -> None:
    async def mute() -> None: ...

    assert tool(mute).parameters == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }


@pytest.mark.parametrize("name", ["a", "get_weather", "mcp-like-9", "A" * 64])
def test_a_name_of_letters_digits_and_dashes_is_taken(name: str) -> None:
    assert Tool(name).name == name


@pytest.mark.parametrize("name", ["", "two words", "dotted.name", "naïve", "line\n"])
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(
        ToolDefinitionError, match="is not a name for a tool: use ASCII"
    ):
        Tool(name)


def test_the_decorator_refuses_a_bad_name_too() -> None:
    with pytest.raises(
        ToolDefinitionError, match="'two words' is not a name for a tool"
    ):
        tool(name="two words")(add)


# -- what can be a tool


@pytest.mark.parametrize(
    ("method", "expected"),
    [(Counter(7).count, 10), (Counter.double, 6), (Counter.fresh, 3)],
)
async def test_a_method_can_be_a_tool(method: Any, expected: int) -> None:
    made = tool(method)

    assert made.parameters["properties"].keys() == {"by"}
    assert await made.bind({"by": 3}, CONTEXT)() == expected


async def test_a_wrapper_shows_the_function_that_it_wraps() -> None:
    @functools.wraps(add)
    async def logged(*args: Any, **kwargs: Any) -> int:
        return await add(*args, **kwargs)

    made = tool(logged)

    assert made.name == "add"
    assert made.parameters["required"] == ["a"]
    assert await made.bind({"a": 1}, CONTEXT)() == 2


async def test_a_keyword_only_parameter_is_like_any_other() -> None:
    async def scale(x: int, *, by: int = 2) -> int:
        return x * by

    assert await tool(scale).bind({"x": 3}, CONTEXT)() == 6


def not_async(x: int) -> int:
    return x


async def generator(x: int):
    yield x


@pytest.mark.parametrize(
    ("thing", "label"),
    [
        (not_async, "not_async"),
        (generator, "generator"),
        (lambda: None, "<lambda>"),
        (Counter, "Counter"),
        (Counter(1), "<.*Counter object at .*>"),
        (7, "7"),
        (tool(add), r"Tool\(name='add'.*"),
    ],
)
def test_something_that_is_not_an_async_function_is_refused(
    thing: Any, label: str
) -> None:
    with pytest.raises(ToolDefinitionError, match=f"^{label} is not an async function"):
        tool(thing)
    with pytest.raises(ToolDefinitionError, match="declared with `async def`"):
        tool(name="x")(thing)


def test_a_partial_function_is_refused() -> None:
    with pytest.raises(ToolDefinitionError, match="annotations cannot be read"):
        tool(name="add_one")(functools.partial(add, 1))


def test_a_method_is_refused_as_long_as_it_has_no_object() -> None:
    with pytest.raises(ToolDefinitionError, match="count: parameter 'self'"):
        tool(Counter.count)


# -- annotations in strings


async def test_a_class_that_is_local_is_found_from_the_decorator() -> None:
    @attrs.frozen
    class Local:
        x: int

    @tool
    async def bare(local: Local) -> int:
        return local.x

    @tool(name="configured")
    async def called(local: Local) -> int:
        return local.x

    for made in (bare, called):
        assert await made.bind({"local": {"x": 1}}, CONTEXT)() == 1


async def test_local_classes_within_local_classes_are_found() -> None:
    """Their fields are text, too, and name what only this function knows."""

    class Kind(enum.Enum):
        SMALL = "small"

    @attrs.frozen
    class Leaf:
        kind: Kind

    @dataclasses.dataclass
    class Branch:
        leaves: list[Leaf]

    class Options(TypedDict):
        branch: NotRequired[Branch]

    class Pair(NamedTuple):
        left: Leaf
        options: Options | None = None

    @attrs.frozen
    class Tree:
        pairs: tuple[Pair, ...]
        inside: Tree | None = None

    @attrs.frozen
    class Forest(Tree):
        class Ranger(msgspec.Struct):
            name: str

        ranger: Ranger | None = None

    @tool
    async def count(
        forest: Forest, by_name: dict[str, Annotated[Branch, "a branch"]]
    ) -> Any:
        return forest, by_name

    leaf = {"kind": "small"}
    arguments = {
        "forest": {
            "pairs": [[leaf, {"branch": {"leaves": [leaf]}}]],
            "inside": {"pairs": []},
            "ranger": {"name": "Ann"},
        },
        "by_name": {"a": {"leaves": []}},
    }
    forest, by_name = await count.bind(arguments, CONTEXT)()
    (pair,) = forest.pairs
    assert pair.left == Leaf(Kind.SMALL)
    assert pair.options == {"branch": Branch([Leaf(Kind.SMALL)])}
    assert (forest.inside, forest.ranger.name) == (Tree(()), "Ann")
    assert by_name == {"a": Branch([])}


async def test_a_class_is_found_in_every_function_around_the_tool() -> None:
    @attrs.frozen
    class Local:
        x: int

    def make() -> Tool:
        return helper()

    def helper() -> Tool:
        @tool(name="look")
        async def look(local: Local) -> int:
            return local.x

        return look

    assert await make().bind({"local": {"x": 1}}, CONTEXT)() == 1


def take_hidden() -> Tool:
    def make() -> Tool:
        @tool
        async def look(at: Hidden) -> None: ...  # type: ignore[name-defined]  # noqa: F821  # on purpose

        return look

    return make()


def test_a_class_of_a_caller_that_is_not_around_the_tool_is_not_taken() -> None:
    class Hidden: ...

    with pytest.raises(ToolDefinitionError, match="names 'Hidden', which is not"):
        take_hidden()


def test_a_local_class_whose_name_is_missing_is_told() -> None:
    @attrs.frozen
    class Local:
        x: Nowhere  # type: ignore[name-defined]  # noqa: F821  # on purpose

    async def look(local: Local) -> None: ...

    with pytest.raises(
        ToolDefinitionError, match=r"look: .* 'local' of type Local: .*'Nowhere'"
    ):
        tool(look)


def test_a_name_that_cannot_be_found_is_told() -> None:
    async def count(number: Decimal) -> None: ...

    with pytest.raises(
        ToolDefinitionError, match="count: an annotation names 'Decimal', which is not"
    ):
        tool(count)


@pytest.mark.parametrize("text", ["int |", "Any.such_thing", "int[str]"])
def test_a_string_that_is_not_an_annotation_is_refused(text: str) -> None:
    async def broken(x): ...

    broken.__annotations__ = {"x": text}
    with pytest.raises(ToolDefinitionError, match="broken: its annotations cannot be"):
        tool(broken)


# -- the context of a call


async def test_a_context_is_not_an_argument_of_the_model() -> None:
    @tool
    async def whose(name: str, context: ToolContext) -> tuple[str, ToolContext]:
        return name, context

    assert whose.parameters["properties"].keys() == {"name"}
    assert await whose.bind({"name": "n"}, CONTEXT)() == ("n", CONTEXT)


async def test_every_parameter_for_the_context_receives_it() -> None:
    """The model is never asked to make one up."""

    @tool
    async def look(
        one: ToolContext,
        two: ToolContext | None = None,
        three: Annotated[ToolContext, "mine"] = CONTEXT,
    ) -> list[ToolContext | None]:
        return [one, two, three]

    assert look.parameters["properties"] == {}
    other = attrs.evolve(CONTEXT, call_id="other")
    assert await look.bind({}, other)() == [other] * 3


def test_the_model_cannot_give_a_context() -> None:
    @tool
    async def look(context: ToolContext) -> None: ...

    with pytest.raises(ToolError, match="unknown field `context`"):
        look.bind({"context": attrs.asdict(CONTEXT)}, CONTEXT)


async def test_a_function_may_return_a_context() -> None:
    @tool
    async def same(context: ToolContext) -> ToolContext:
        return context

    @tool
    async def fixed() -> ToolContext:
        return CONTEXT

    assert await same.bind({}, CONTEXT)() is CONTEXT
    assert await fixed.bind({}, CONTEXT)() is CONTEXT


# -- the options


async def test_the_options_of_the_decorator_are_those_of_the_tool() -> None:
    limiter = trio.CapacityLimiter(1)
    made = tool(
        timeout=2.5,
        limiter=limiter,
        errors="raise",
        skip_permission=True,
        overrides_built_in=True,
    )(add)

    assert (made.timeout, made.limiter, made.errors) == (2.5, limiter, "raise")
    assert (made.skip_permission, made.overrides_built_in) == (True, True)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"errors": "ignore"}, ValueError, "errors must be one of"),
        ({"timeout": -1}, ValueError, "'timeout' must be >= 0"),
        ({"timeout": float("nan")}, ValueError, "'timeout' must be >= 0"),
        ({"timeout": "1"}, TypeError, "'>=' not supported"),
        ({"timeuot": 1}, TypeError, "unexpected keyword argument 'timeuot'"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        tool(**options)(add)


# -- on the wire


def test_a_declaration_tells_the_model_what_it_needs() -> None:
    made = Tool("look", "Look.", {"type": "object", "properties": {}})

    assert made.to_wire(ask_permission=True) == {
        "name": "look",
        "description": "Look.",
        "parameters": {"type": "object", "properties": {}},
    }


@pytest.mark.parametrize(
    ("skip_permission", "ask_permission", "skips"),
    [
        (None, True, False),
        (None, False, True),
        (True, True, True),
        (True, False, True),
        (False, True, False),
        (False, False, False),
    ],
)
def test_a_tool_skips_permission_if_it_says_so_or_nobody_could_be_asked(
    skip_permission: bool | None, ask_permission: bool, skips: bool
) -> None:
    made = Tool("look", skip_permission=skip_permission)

    wire = made.to_wire(ask_permission=ask_permission)
    assert wire.get("skipPermission", False) is skips


def test_a_tool_says_that_it_replaces_a_built_in_one() -> None:
    made = Tool("bash", overrides_built_in=True)

    assert made.to_wire(ask_permission=True)["overridesBuiltInTool"] is True


# -- a tool declared by hand


async def test_a_tool_by_hand_passes_on_what_the_model_gives() -> None:
    async def take(**arguments: Any) -> dict[str, Any]:
        return arguments

    made = Tool("take", handler=take)

    assert await made.bind({"x": [1], "y": None}, CONTEXT)() == {"x": [1], "y": None}
    assert await made.bind(None, CONTEXT)() == {}


@pytest.mark.parametrize("arguments", [[1], "abc", 7])
def test_arguments_that_are_not_an_object_do_not_fit_a_tool_by_hand(
    arguments: object,
) -> None:
    with pytest.raises(ToolError, match="The arguments do not fit: Expected `object`"):
        Tool("add", handler=add).bind(arguments, CONTEXT)


def test_a_handler_by_hand_has_to_be_async_too() -> None:
    with pytest.raises(ToolDefinitionError, match="handler of look is not an async"):
        Tool("look", handler=print)  # type: ignore[arg-type]  # that is the mistake
