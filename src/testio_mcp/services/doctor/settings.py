"""What was set, and whether it makes sense."""

from collections.abc import Iterator

from testio_mcp.domain.findings import Verdict
from testio_mcp.services.doctor.findings import Case, Found
from testio_mcp.settings import PREFIX, shown

EXAMPLE = " For example: "


def check(case: Case) -> Iterator[Found]:
    for problem in case.loaded.problems:
        said, _, example = problem.partition(EXAMPLE)
        to_do = f"Mend it where it is set, for example {example}." if example else "Mend it."
        yield Found("settings", Verdict.PROBLEM, said, to_do)
    for warning in case.loaded.warnings:
        # Others say what to do themselves.
        mend = "Mend or remove it where it is set." if warning.startswith(PREFIX) else None
        yield Found("settings", Verdict.WARNING, warning, mend)
    number, places = len(case.sources), sorted({*case.sources.values()})
    made = "no setting is made, so that all have their usual values"
    if number:
        settings = "1 setting is" if number == 1 else f"{number} settings are"
        where = " and ".join(f"in {place}" for place in places)
        made = f"{settings} made, {where}; all others have their usual values"
    yield Found("settings", Verdict.OK, f"{made}; home is {shown(case.loaded.settings.home)}")
