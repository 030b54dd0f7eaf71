"""What is handed out holds what it must, and the proof of the suite names tests that exist."""

import re
import tomllib

import pytest
from tests.architecture.test_style import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGE = ROOT / "src/testio_mcp"
# Code, prompts and the playbook, invented texts, and the page of the report.
KINDS = {".py", ".md", ".toml", ".html", ".css"}
BOUNDED = re.compile(r"[\w-]+(\[\w+\])?>=[\d.]+,<\d+( *;.*)?")


def test_the_package_holds_no_other_kinds_of_files():
    files = [file for file in PACKAGE.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    assert {file.suffix or file.name for file in files if file.name != "py.typed"} <= KINDS
    assert PACKAGE / "py.typed" in files


def test_what_the_builds_are_told_to_take_is_there():
    targets = PROJECT["tool"]["hatch"]["build"]["targets"]
    wheel, sdist = targets["wheel"], targets["sdist"]
    taken = [*wheel["packages"], *wheel["force-include"], *sdist["include"]]
    assert [name for name in taken if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("dependency", PROJECT["project"]["dependencies"])
def test_a_dependency_has_a_lowest_version_and_a_highest_major(dependency):
    assert BOUNDED.fullmatch(dependency)


def test_the_proof_of_the_suite_names_tests_that_exist():
    page = (ROOT / "docs/proof.md").read_text("utf-8")
    code = "\n".join(file.read_text("utf-8") for file in ROOT.glob("tests/**/test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) > 10
    assert named - set(re.findall(r"def (test_\w+)\(", code)) == set()
