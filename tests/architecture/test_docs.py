"""The pages say what the code says, and what they print works."""

import json
import re
import shlex
from functools import cache
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from cogapp import Cog
from markdown_it import MarkdownIt
from tests.architecture.test_style import ROOT

from testio_mcp.cli import COMMANDS, build_parser
from testio_mcp.settings import PREFIX, Settings
from testio_mcp.tools import TOOLS

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PICTURES = sorted(ROOT.glob("docs/images/*.svg"))
# What was decided once stays as it was written; the changelog tells of versions.
CURRENT = [page for page in PAGES if "decisions" not in page.parts and page.stem != "CHANGELOG"]
START = ROOT / "docs/index.md"

VARIABLES = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
VARIABLE = re.compile(rf"\b{PREFIX}[A-Z_]+\b(?![*_])")
# Perhaps behind variables or what starts it; scripts keep the place of the program in one.
COMMAND = re.compile(
    r"\s*(?:[A-Z_]+=\S+ )*(?:(?:python3 -m )?uv run |claude mcp add .* -- )?"
    r'(?:(?:/\S+/)?testio-mcp|& \$testio|"\$testio")(?:$|\s+(.*))'
)
TOOL = re.compile(r"`((?:list|get|generate|sync)_[a-z_]+)`")
TOOL_NAMES = {tool.__name__ for tool in TOOLS}


def name(page):
    return page.relative_to(ROOT).as_posix()


@cache
def text_of(page):
    return page.read_text("utf-8")


@cache
def tokens(page):
    """All of a page, what stands inside a line too."""
    blocks = MarkdownIt("commonmark").enable("table").parse(text_of(page))
    return [token for block in blocks for token in (block, *(block.children or ()))]


def targets(page):
    """Where the page's links and pictures lead, within the project."""
    for token in tokens(page):
        target = token.attrs.get("href") or token.attrs.get("src")
        if target and "://" not in target:
            path, _, anchor = unquote(target).partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


@cache
def anchors(page):
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def fenced(page, *languages):
    """Blocks of code, without the indentation that a list gives them."""
    return [token.content for token in tokens(page) if token.info in languages]


def commands(page):
    """What the page tells people to run of ours, in blocks and within sentences."""
    blocks = "\n".join(fenced(page, "sh", "powershell")).replace("\\\n", " ")
    spans = [token.content for token in tokens(page) if token.type == "code_inline"]
    for line in (*re.split(r"\n|&&|;", blocks), *spans):
        if found := COMMAND.match(line):
            yield shlex.split(found[1] or "", comments=True)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_generated_sections_are_current(page, monkeypatch):
    """Refresh with `cog -r README.md docs/*.md docs/*/*.md`."""
    monkeypatch.chdir(ROOT)
    assert Cog().main(["cog", "--check", "--diff", name(page)]) == 0


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_something(page):
    broken = [
        (target, anchor)
        for target, anchor in targets(page)
        if not target.exists() or (anchor and anchor not in anchors(target))
    ]
    assert not broken


def test_every_page_can_be_reached_from_the_first():
    reached, left = set(), {START}
    while left:
        page = left.pop()
        reached.add(page)
        left |= {target for target, _ in targets(page) if target.suffix == ".md"} - reached
    assert set(PAGES) <= reached


@pytest.mark.parametrize("page", CURRENT, ids=name)
def test_commands_of_ours_are_understood(page):
    for words in commands(page):
        if len(words) > 1:
            assert build_parser().parse_args(words).run
        # A name alone may be no more than a mention.
        assert not words or words[0] in {*COMMANDS, "--version"}


def test_commands_are_found_on_the_pages():
    found = {words[0] for page in CURRENT for words in commands(page) if words}
    assert set(COMMANDS) <= found


@pytest.mark.parametrize("page", CURRENT, ids=name)
def test_json_on_the_pages_is_valid(page):
    for block in fenced(page, "json"):
        # A part of an object is shown without the rest.
        json.loads(block if block.startswith("{") else f"{{{block}}}")


@pytest.mark.parametrize("page", CURRENT, ids=name)
def test_settings_and_tools_that_are_named_exist(page):
    assert {*VARIABLE.findall(text_of(page))} <= VARIABLES
    assert {*TOOL.findall(text_of(page))} <= TOOL_NAMES


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_pictures_are_described(page):
    assert all(token.content for token in tokens(page) if token.type == "image")


@pytest.mark.parametrize("picture", PICTURES, ids=name)
def test_drawn_pictures_are_whole_and_load_nothing(picture):
    drawn = ElementTree.parse(picture)
    namespace = "{http://www.w3.org/2000/svg}"
    assert drawn.getroot().tag == f"{namespace}svg"
    assert not re.findall(r"url\((?!#)|href|<script", picture.read_text("utf-8"))
