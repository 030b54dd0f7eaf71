"""The prompts a client offers to people. Their texts are the Markdown files of the same names."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from fastmcp.prompts import Prompt, PromptArgument
from pydantic.json_schema import SkipJsonSchema

from testio_mcp.prompts.filling import GetApp, filled

PRODUCTS = "Names or ids of products, separated by commas; empty means all."


@dataclass(frozen=True)
class Argument:
    """What stands in its place where nothing is given."""

    description: str
    default: str = ""


@dataclass(frozen=True)
class Text:
    name: str
    title: str
    description: str
    arguments: Mapping[str, Argument]


PROMPTS = (
    Text(
        "analyze-product-quality",
        "Analyze product quality",
        "Judge the quality of products over a period: figures, causes, what to do.",
        {
            "products": Argument(PRODUCTS),
            "period": Argument(
                'Such as "last quarter" (the default), "2026-10" or "last 30 days".', "last quarter"
            ),
            "focus": Argument(
                'What to look at most, such as "checkout", "rejections" or "iOS"; may be empty.',
                "nothing in particular: look at the whole",
            ),
        },
    ),
    Text(
        "prep-meeting",
        "Prepare a meeting",
        "Brief a person for a meeting about products: what runs, what is new, what to raise.",
        {
            "products": Argument(PRODUCTS),
            "audience": Argument(
                'Who will be there, such as "customer", "executives", "developers"; may be empty.',
                "the customer's QA lead and product manager",
            ),
        },
    ),
)


class _Filled(Prompt):
    """A prompt whose text is written when it is asked for."""

    fill: SkipJsonSchema[Callable[[Mapping[str, str]], Awaitable[str]]]

    async def render(self, arguments: dict[str, Any] | None = None) -> str:
        return await self.fill(arguments or {})


def create_prompts(get_app: GetApp, missing: Collection[str] = ()) -> list[Prompt]:
    """All prompts; `missing` are the names of tools that this server does not offer."""
    return [_create(text, get_app, missing) for text in PROMPTS]


def _create(text: Text, get_app: GetApp, missing: Collection[str]) -> Prompt:
    async def fill(given: Mapping[str, str]) -> str:
        asked = {
            name: given.get(name, "").strip() or argument.default
            for name, argument in text.arguments.items()
        }
        return await filled(text.name, asked, await get_app(), missing)

    return _Filled(
        name=text.name,
        title=text.title,
        description=text.description,
        arguments=[
            PromptArgument(name=name, description=argument.description)
            for name, argument in text.arguments.items()
        ],
        fill=fill,
    )
