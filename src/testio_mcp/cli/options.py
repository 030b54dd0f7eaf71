"""Options and arguments that several commands share, and the settings they lead to."""

import argparse
from pathlib import Path

from testio_mcp.cli.logs import log_to
from testio_mcp.domain.ids import MAX_ID
from testio_mcp.errors import ConfigurationError
from testio_mcp.settings import Loaded, load_settings


def add_global_options(parser: argparse.ArgumentParser, **defaults: object) -> None:
    """Without defaults, as behind a command, those that are left out change nothing."""
    unset = argparse.SUPPRESS
    options = parser.add_argument_group("global options")
    options.add_argument(
        "--env-file",
        type=Path,
        metavar="FILE",
        default=defaults.get("env_file", unset),
        help="read settings from this file too",
    )
    options.add_argument(
        "--verbose",
        action="store_true",
        default=defaults.get("verbose", unset),
        help="log everything",
    )
    options.add_argument(
        "--quiet",
        action="store_true",
        default=defaults.get("quiet", unset),
        help="no progress, and log errors only",
    )


def add_product_ids(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--product-ids", type=_ids, default=(), metavar="1,2", help="only these products"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def positive_id(text: str) -> int:
    """A positive number; people also write a number sign before it."""
    digits = text.strip().removeprefix("#")
    if digits.isascii() and digits.isdecimal() and 0 < int(digits) <= MAX_ID:
        return int(digits)
    raise argparse.ArgumentTypeError(f"{text!r} is not an id such as 123")


def usable_settings(options: argparse.Namespace) -> Loaded:
    """Load the settings and begin to log; raises ConfigurationError for bad ones."""
    loaded = load_settings(options.env_file)
    log_to(loaded, verbose=options.verbose, quiet=options.quiet)
    if loaded.problems:
        raise ConfigurationError(" ".join(loaded.problems))
    return loaded


def _ids(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of ids such as 1,2") from None
