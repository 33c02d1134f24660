"""What each prompt and the whole session cost: tokens by model, sub-agents included.

The token counts are the provider's, in the report on each model call: pieces of text
are not tokens, and tokens are not requests. A model without a known price is shown as
such, not as free. Premium requests are the CLI's own count.

Run: python examples/31_billing.py "Hello" --price gpt-5-mini=0.25,0.025,2
"""

from __future__ import annotations

import argparse

import trio

from trio_copilot import Session, SessionEvent, Usage, open_client
from trio_copilot.events import AssistantUsage

MILLION = 1_000_000
Prices = dict[str, list[float]]
"""By model: dollars for a million input, cached and output tokens."""


def bill(used: Usage, price: list[float] | None) -> str:
    """Return a line on the tokens used and their cost."""
    cached = used.cache_read_tokens
    line = f"{used.calls} calls, {used.input_tokens} in ({cached} cached), "
    line += f"{used.output_tokens} out"
    if price is None:
        return f"{line}: no price known"
    tokens = (used.input_tokens - cached, cached, used.output_tokens)
    dollars = sum(n * each / MILLION for n, each in zip(tokens, price, strict=True))
    return f"{line}: ${dollars:.6f}"


async def ask(session: Session, prompt: str) -> dict[str, Usage]:
    """Print the answer; return each model's usage for it."""
    used: dict[str, Usage] = {}
    async with session.subscribe("assistant.usage") as calls:
        end = await session.ask(prompt, idle_timeout=120)
        await calls.aclose()
        async for call in calls:
            match call:
                case SessionEvent(data=AssistantUsage(model=model), raw=raw):
                    used[model] = used.get(model, Usage()).plus(raw["data"])
                case _:
                    raise RuntimeError(f"cannot be billed: {call}")
    print(end.answer)
    return used


def print_bill(used: dict[str, Usage], prices: Prices) -> None:
    """Print a line for each model."""
    for model, usage in used.items():
        print(f"  {model}: {bill(usage, prices.get(model))}")


async def main(prompts: list[str], prices: Prices) -> None:
    """Print the bill of each prompt, and of the session."""
    total: dict[str, Usage] = {}
    async with open_client() as client, client.open_session() as session:
        for prompt in prompts:
            used = await ask(session, prompt)
            print_bill(used, prices)
            total |= {m: total.get(m, Usage()) + usage for m, usage in used.items()}
        metrics = await session.rpc.usage.get_metrics()
        print(f"In all, {metrics.total_premium_request_cost:g} premium requests:")
        print_bill(total, prices)


def price(text: str) -> tuple[str, list[float]]:
    """Read MODEL=INPUT,CACHED,OUTPUT."""
    model, _, numbers = text.rpartition("=")
    fresh, cached, written = map(float, numbers.split(","))
    return model, [fresh, cached, written]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompts", nargs="*", default=["Greet the world."])
    parser.add_argument("--price", type=price, action="append", default=[])
    options = parser.parse_args()
    trio.run(main, options.prompts, dict(options.price))
