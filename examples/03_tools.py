"""A function that the model calls, with checked arguments and a deadline.

The model never reaches `eval`: its text is parsed, and only a little arithmetic is
done. A `ToolError`, or any other exception, reaches the model as a failure, not as a
result.

Run: python examples/03_tools.py "What is 17 times (3 + 4)?"
"""

from __future__ import annotations

import argparse
import ast
import operator
from collections.abc import Callable
from typing import Annotated

import trio

from trio_copilot import ToolCall, ToolError, open_client, tool

OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda left, right: left / right,
}


LONGEST = 200
"""Characters in an expression; this also bounds its nesting and the time it takes."""


def evaluate(node: ast.expr) -> float:
    """Return the value of an arithmetic expression."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -evaluate(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](evaluate(left), evaluate(right))
        case _:
            raise ToolError(f"Only numbers and + - * /, not {ast.unparse(node)}")


@tool(timeout=5)
async def calculate(expression: Annotated[str, "such as -2 * (3 + 4)"]) -> float:
    """Work out an arithmetic expression."""
    await trio.lowlevel.checkpoint()
    if len(expression) > LONGEST:
        raise ToolError(f"Not more than {LONGEST} characters at once")
    return evaluate(ast.parse(expression, mode="eval").body)


def show(call: ToolCall) -> None:
    """Print what the model calls."""
    print(f"[{call.name} {call.arguments}]")


async def main(prompt: str) -> None:
    """Ask something that needs the tool."""
    async with open_client() as client:
        async with client.open_session(tools=[calculate]) as session:
            end = await session.ask(prompt, timeout=60, on_tool_call=show)
            print(end.answer)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default="What is 17 times (3 + 4)?")
    trio.run(main, parser.parse_args().prompt)
