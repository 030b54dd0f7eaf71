"""Reads what clients and models send: lists in four forms, ids in links, words in any case."""

import json
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from pydantic import ValidatorFunctionWrapHandler

from testio_mcp.domain.ids import MAX_ID

# How the parts of links to TestIO are called.
LINKED = {
    "product": "products",
    "test": "exploratory_tests|test_cycles|tests",
    "feature": "features",
    "bug": "bugs",
}
# Words that people use for ours.
BUG_STATUSES = {"forwarded": ("open",), "pending": ("open",), "autoaccepted": ("auto_accepted",)}
SEVERITIES = {"functional": ("critical", "high", "low")}
TESTING_TYPES = {"external": ("custom",)}
TEST_STATUSES = {"canceled": ("cancelled",), "draft": ("initialized",), "live": ("running",)}

_ORDER = re.compile(r"(?P<name>\w+)[ :]+(?P<direction>asc|desc)(ending)?")


class ProductName(str):
    """What was said instead of a product's id; the product is found before the tool is called."""


def listed(value: Any) -> Any:
    """The forms in which clients and models send a list: JSON text, words with commas, one word."""
    if not isinstance(value, str):
        return [value] if isinstance(value, int) else value
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = None
    if isinstance(parsed, list):
        return parsed
    if isinstance(parsed, str):
        return [parsed]
    return [word.strip() for word in value.strip("[] ").split(",") if word.strip()]


def id_of(noun: str) -> Callable[[Any], Any]:
    """Ids as people copy them: with a number sign, or a link to TestIO that names such a thing."""
    link = re.compile(rf"https?://\S*/(?:{LINKED[noun]})/(\d+)")

    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        text = value.strip()
        if text.startswith(("http://", "https://")):
            found = link.match(text)
            if found is None:
                raise ValueError(f"that is not a link to a {noun}")
            return found[1]
        return text.removeprefix("#")

    return read


def storable(value: int) -> int:
    if abs(value) > MAX_ID:
        raise ValueError("no id is that large")
    return value


def product(value: Any, read_id: ValidatorFunctionWrapHandler) -> Any:
    """An id, or the name of a product."""
    text = value.strip() if isinstance(value, str) else ""
    # What begins like an id is none of the names that people have for products.
    if not text or re.match(r"[#+-]?\d+(\.\d*)?$|https?://", text):
        return read_id(value)
    return ProductName(text)


def text_of(value: Any) -> Any:
    """Models send ids as numbers as well as text."""
    return str(value) if type(value) is int else value


def word(value: Any) -> Any:
    """One of our words however it is written: `Auto-accepted`, `severity desc`."""
    if not isinstance(value, str):
        return value
    text = " ".join(value.lower().split())
    if order := _ORDER.fullmatch(text):
        text = f"{'-' * (order['direction'] == 'desc')}{order['name']}"
    sign = "-" * text.startswith("-")
    return sign + re.sub("[ -]+", "_", text.removeprefix("-").strip())


def switch(on: str, off: str) -> Callable[[Any], Any]:
    """One of our words, or whether: true and false stand for two of them."""

    def read(value: Any) -> Any:
        said = word(value)
        if not isinstance(said, str | bool):
            return said
        return {True: on, "true": on, False: off, "false": off}.get(said, said)

    return read


def words(synonyms: Mapping[str, tuple[str, ...]]) -> Callable[[Any], Any]:
    """A list of our words, of which some are what people say for several."""

    def read(value: Any) -> Any:
        found = listed(value)
        if not isinstance(found, list | tuple):
            return found
        ours = [word(one) for one in found]
        every = [one for said in ours for one in _meant(said, synonyms)]
        return list(dict.fromkeys(every)) if all(isinstance(one, str) for one in every) else every

    return read


def _meant(said: Any, synonyms: Mapping[str, tuple[str, ...]]) -> tuple[Any, ...]:
    return synonyms.get(said, (said,)) if isinstance(said, str | StrEnum) else (said,)
