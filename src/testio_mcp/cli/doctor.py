"""Examine everything that answers depend on, from the settings to the clients, and say what to do.

It ends with code 1 when it finds a problem; warnings do not count. Clients' entries of testio-mcp
are started for a moment, to see whether they would work; nobody else's are.
"""

import argparse
import os
import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from testio_mcp.cli.exit_codes import ExitCode
from testio_mcp.cli.logs import log_to
from testio_mcp.cli.options import add_json
from testio_mcp.cli.output import show
from testio_mcp.clients.locations import Computer
from testio_mcp.credentials import with_stored_token
from testio_mcp.domain.findings import Verdict
from testio_mcp.rendering.doctor import (
    HEADERS,
    SETTING_HEADERS,
    examination,
    finding_rows,
    setting_rows,
    verdict,
)
from testio_mcp.services.doctor import examine
from testio_mcp.services.doctor.findings import Case
from testio_mcp.settings import load_settings
from testio_mcp.views.doctor import Examination

STYLES = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.PROBLEM: "bold red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fix",
        action="store_true",
        help="mend who may read the files, an old cache and the index of words; move a damaged "
        "cache aside, which loses what earlier syncs had written down of changes",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    # Whatever is wrong with the settings is a finding here.
    loaded = load_settings(options.env_file)
    log_to(loaded, verbose=options.verbose, quiet=options.quiet)
    complete = with_stored_token(loaded)
    computer = Computer(sys.platform, Path.home(), os.environ)
    case = Case(complete, computer, has_keyring_token=complete is not loaded)
    found = examine(case, mend=options.fix)
    if sys.stdout.isatty() and not options.json:
        _draw(found, Console(highlight=False))
    else:
        data = {"doctor": found.model_dump(mode="json")}
        show(examination(found), data, as_json=options.json)
    return ExitCode.OK if found.is_sound else ExitCode.FAILED


def _draw(found: Examination, console: Console) -> None:
    findings = Table(*HEADERS, box=box.SIMPLE_HEAD)
    for state, *rest in finding_rows(found):
        findings.add_row(Text(state, STYLES[Verdict(state)]), *map(Text, rest))
    console.print(findings)
    if rows := setting_rows(found):
        settings = Table(*SETTING_HEADERS, box=box.SIMPLE_HEAD)
        for row in rows:
            settings.add_row(*map(Text, row))
        console.print(settings)
    for sentence in found.mended:
        console.print(f"Mended: {sentence}", markup=False)
    console.print(verdict(found), style="bold")
