"""Keeps files small, names telling, failures specific and comments timeless."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC, TESTS, BENCHMARKS, SCRIPTS = (
    sorted((ROOT / folder).rglob("*.py")) for folder in ("src", "tests", "benchmarks", "scripts")
)
CODE = [*SRC, *TESTS, *BENCHMARKS, *SCRIPTS]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.md")]
COMMANDS = ROOT / "src/testio_mcp/cli"
SCHEDULER = ROOT / "src/testio_mcp/sync/scheduler.py"

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
TICKET = re.compile(r"\b(?:STORY|EPIC|TICKET|ISSUE|JIRA|AC|GH|PR)[-_ ]?\d+\b|#\d+\b", re.IGNORECASE)
UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X)\b|pragma:\s*no\s+cover", re.IGNORECASE)
SUPPRESSION = re.compile(
    r"(?:type:\s*ignore(?:\[[\w, -]+\])?|mypy:\s*\S+|noqa(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?)(.*)"
)
PICTOGRAM = re.compile("[\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\ufe0f\U0001f000-\U0001faff]")
NOT_RUN = re.compile(r"(?:pytest|mark|unittest)\.(?:skip\w*|xfail|importorskip)")
VAGUE_WORDS = {"util", "utils", "helper", "helpers", "manager"}
VAGUE_NAMES = {"common", "data", "info", "process"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BROAD = {"Exception", "BaseException"}

type Find = Callable[[Path], Iterable[int]]


def found(paths: Iterable[Path], find: Find) -> list[str]:
    return [f"{path.relative_to(ROOT)}:{line}" for path in paths for line in find(path)]


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(text_of(path))))


@cache
def comments(path: Path) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(text_of(path)).readline)
    return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    for node in nodes(path):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Module)) and ast.get_docstring(node):
            yield node.body[0].lineno, ast.get_docstring(node)


def prose(pattern: re.Pattern[str]) -> Find:
    def find(path: Path) -> Iterator[int]:
        for line, text in (*comments(path).items(), *docstrings(path)):
            if pattern.search(text):
                yield line

    return find


def is_named(node: ast.AST, names: set[str]) -> bool:
    return (isinstance(node, ast.Name) and node.id in names) or (
        isinstance(node, ast.Attribute) and node.attr in names
    )


def long_functions(path: Path) -> Iterator[int]:
    for node in nodes(path):
        if isinstance(node, FUNCTIONS) and node.end_lineno - node.lineno >= MAX_FUNCTION_LINES:
            yield node.lineno


def broad_catches(path: Path) -> Iterator[int]:
    for node in nodes(path):
        caught = []
        if isinstance(node, ast.ExceptHandler):
            if node.type is None:
                yield node.lineno
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        elif isinstance(node, ast.Call) and is_named(node.func, {"suppress"}):
            caught = node.args
        if any(is_named(error, BROAD) for error in caught):
            yield node.lineno


def prints(path: Path) -> Iterator[int]:
    return (node.lineno for node in nodes(path) if is_named(node, {"print", "pprint"}))


def unexplained_suppressions(path: Path) -> Iterator[int]:
    for line, comment in comments(path).items():
        match = SUPPRESSION.search(comment)
        beside = match and f"{match[1]} {comments(path).get(line - 1, '')}"
        if match and not re.search("[A-Za-z]{3}", beside):
            yield line


def skips(path: Path) -> Iterator[int]:
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and NOT_RUN.search(ast.unparse(node)):
            yield node.lineno
        if isinstance(node, ast.ImportFrom) and any(
            NOT_RUN.fullmatch(f"{node.module}.{alias.name}") for alias in node.names
        ):
            yield node.lineno


def sleeps(path: Path) -> Iterator[int]:
    """Only a call with a literal 0 passes: it lets other tasks run and takes no time."""
    yields = {
        node.func
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and [argument.value for argument in node.args if isinstance(argument, ast.Constant)] == [0]
    }
    return (node.lineno for node in nodes(path) if is_named(node, {"sleep"}) and node not in yields)


def placeholders(path: Path) -> Iterator[int]:
    for node in nodes(path):
        raised = node.exc if isinstance(node, ast.Raise) else None
        if is_named(
            raised.func if isinstance(raised, ast.Call) else raised, {"NotImplementedError"}
        ):
            yield node.lineno


def vague_names(path: Path) -> Iterator[int]:
    if is_vague(path.stem) or is_vague(path.parent.name):
        yield 1
    for node in nodes(path):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and is_vague(node.name):
            yield node.lineno


def is_vague(name: str) -> bool:
    words = re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower().strip("_").split("_")
    return "_".join(words) in VAGUE_NAMES or not VAGUE_WORDS.isdisjoint(words)


def pictograms(path: Path) -> Iterator[int]:
    lines = enumerate(text_of(path).splitlines(), 1)
    return (number for number, line in lines if PICTOGRAM.search(line))


def test_files_fit_on_a_few_screens():
    assert [path for path in CODE if len(text_of(path).splitlines()) > MAX_FILE_LINES] == []


def test_functions_fit_on_one_screen():
    assert found(CODE, long_functions) == []


def test_only_the_scheduler_survives_every_error():
    assert found([path for path in CODE if path != SCHEDULER], broad_catches) == []


def test_only_commands_print():
    quiet = [path for path in (*SRC, *TESTS) if not path.is_relative_to(COMMANDS)]
    assert found(quiet, prints) == []


def test_a_suppressed_check_has_its_reason_beside_it():
    assert found(CODE, unexplained_suppressions) == []


def test_every_test_runs():
    assert found(TESTS, skips) == []


def test_no_test_sleeps():
    assert found(TESTS, sleeps) == []


def test_no_comment_refers_to_a_ticket():
    assert found(CODE, prose(TICKET)) == []


def test_nothing_is_left_for_later():
    assert found(CODE, prose(UNFINISHED)) == []
    assert found(CODE, placeholders) == []


def test_names_say_what_they_name():
    assert found(CODE, vague_names) == []


def test_pictograms_are_written_as_escapes():
    assert found([*CODE, *DOCUMENTS], pictograms) == []
