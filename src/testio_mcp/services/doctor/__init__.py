"""Examines everything that answers depend on, and mends what can be mended without asking."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator

import psutil

from testio_mcp.domain.findings import Verdict
from testio_mcp.errors import TestIOMcpError
from testio_mcp.origins import shown_values
from testio_mcp.services.doctor import cache, clients, network, place, program, settings
from testio_mcp.services.doctor.findings import Case, Found
from testio_mcp.settings import PREFIX
from testio_mcp.views.doctor import Examination, Finding, ShownSetting

DEFAULT = "default"
# In the order in which one thing rests on another. Each has the area that its failure is told in.
CHECKS: tuple[tuple[str, Callable[[Case], Iterable[Found]]], ...] = (
    ("program", program.check),
    ("settings", settings.check),
    ("network", network.check),
    ("disk", place.check),
    ("cache", cache.check_file),
    ("syncs", cache.check_syncs),
    ("clients", clients.check),
)


def examine(case: Case, *, mend: bool = False) -> Examination:
    """What was found; with `mend` after mending what is safe to mend. Never raises."""
    found, mended = list[Found](), list[str]()
    for area, check in CHECKS:
        of_area = list(_guarded(area, check, case))
        repairs = [one.repair for one in of_area if one.repair] if mend else []
        failures = [failure for repair in repairs for failure in _failure(area, repair, mended)]
        found += [*_guarded(area, check, case), *failures] if repairs else of_area
    return Examination(
        findings=[
            Finding(area=one.area, state=one.verdict, found=one.found, to_do=one.to_do)
            for one in found
        ],
        settings=list(_settings(case)),
        mended=mended,
    )


def _guarded(area: str, check: Callable[[Case], Iterable[Found]], case: Case) -> Iterator[Found]:
    """A check that fails is a finding of its own."""
    try:
        yield from check(case)
    except TestIOMcpError as error:
        yield Found(area, Verdict.PROBLEM, error.message, error.hint)
    except (OSError, sqlite3.Error, psutil.Error, ValueError, RuntimeError) as error:
        yield Found(
            area,
            Verdict.PROBLEM,
            f"This could not be checked ({type(error).__name__}).",
            "Check the permissions of the folder, then run testio-mcp doctor again.",
        )


def _failure(area: str, repair: Callable[[], str], mended: list[str]) -> Iterator[Found]:
    """Of a repair that does not work; one that does is written down in `mended`."""
    try:
        mended.append(repair())
    except TestIOMcpError as error:
        yield Found(area, Verdict.PROBLEM, error.message, error.hint)
    except (OSError, sqlite3.Error) as error:
        said = f"It could not be mended ({type(error).__name__})."
        yield Found(area, Verdict.PROBLEM, said, "Quit the clients, then try again.")


def _settings(case: Case) -> Iterator[ShownSetting]:
    sources = case.sources
    for name, value in shown_values(case.loaded.settings).items():
        variable = f"{PREFIX}{name.upper()}"
        yield ShownSetting(variable=variable, value=value, source=sources.get(name, DEFAULT))
