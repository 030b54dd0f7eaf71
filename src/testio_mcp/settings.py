"""Configuration: the only module that reads the environment."""

import os
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import (
    Field,
    HttpUrl,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "TESTIO_"
PRODUCTION = "https://api.test.io/customer/v2"
DEFAULT_HOME = "~/.testio-mcp"

Seconds = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]

THRESHOLD, WARNING, CRITICAL = "threshold_", "_warning", "_critical"


class Settings(BaseSettings):
    """Read once at start-up; every field is a TESTIO_* variable."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        extra="ignore",
        env_ignore_empty=True,
        env_file_encoding="utf-8",
        frozen=True,
        validate_default=True,
    )

    customer_api_token: SecretStr | None = Field(
        default=None,
        description="Token of the TestIO Customer API.",
        examples=["0123456789abcdef"],
    )
    customer_api_base_url: HttpUrl = Field(
        default=HttpUrl(PRODUCTION),
        description="Base URL of the TestIO Customer API.",
        examples=[PRODUCTION],
    )
    customer_id: int = Field(
        default=0,
        ge=0,
        description="Tells the cache files of several customers apart.",
        examples=["1"],
    )
    customer_name: str | None = Field(
        default=None,
        description="Name of the customer, shown in diagnostics and report titles.",
        examples=["Nordwind"],
    )
    product_ids: Annotated[tuple[int, ...], NoDecode] = Field(
        default=(),
        description="Products to sync and to answer about, separated by commas; empty means all.",
        examples=["21362,22000"],
    )
    home: Path = Field(
        default=Path(DEFAULT_HOME),
        description="Folder of the cache, its lock, `reports/` and the settings file `.env`.",
        examples=[DEFAULT_HOME],
    )
    db_path: Path | None = Field(
        default=None,
        description="The cache file; by default `cache.db` in the home folder.",
        examples=["~/.testio-mcp/cache.db"],
    )
    refresh_interval_seconds: float = Field(
        default=3600,
        ge=0,
        description="Pause between background syncs, in seconds; 0 turns them off.",
        examples=["3600"],
    )
    cache_ttl_seconds: float = Field(
        default=5400,
        ge=1,
        description="Age in seconds from which data that may still change counts as stale.",
        examples=["5400"],
    )
    read_budget_seconds: float = Field(
        default=5,
        ge=0,
        le=15,
        description="Seconds that an answer may wait for TestIO when the copy is stale.",
        examples=["5"],
    )
    sync_since: str | None = Field(
        default=None,
        description="Period that limits every sync to tests that ended in it or since.",
        examples=["last 12 months"],
    )
    http_timeout: Seconds = Field(
        default=30,
        description="Longest wait for one answer of TestIO, in seconds.",
        examples=["30"],
    )
    lock_timeout: Seconds = Field(
        default=30,
        description="Longest wait in seconds for another process that upgrades the cache.",
        examples=["30"],
    )
    max_concurrent_requests: int = Field(
        default=10,
        ge=1,
        le=10,
        description="Requests to TestIO in flight at the same time.",
        examples=["10"],
    )
    review_days: int = Field(
        default=60,
        ge=0,
        description="Days after a test's end during which its bugs may still be reviewed.",
        examples=["60"],
    )
    offline: bool = Field(
        default=False,
        description="Answer from the copy alone and never open a connection.",
        examples=["true"],
    )
    timezone: str = Field(
        default="UTC",
        description="Time zone of periods and of the dates in texts.",
        examples=["Europe/Berlin"],
    )
    http_token: SecretStr | None = Field(
        default=None,
        description="Token that clients of `serve --transport http` have to send.",
        examples=["a-long-random-value"],
    )
    log_level: str = Field(
        default="WARNING",
        pattern="(?i)^(debug|info|warning|error)$",
        description="Least severe messages to log: debug, info, warning or error.",
        examples=["info"],
    )
    log_file: Path | None = Field(
        default=None,
        description="File for the log; by default it goes to the standard error output.",
        examples=["~/.testio-mcp/logs/testio-mcp.log"],
    )
    enabled_tools: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Names of the tools to offer, separated by commas; empty means all. "
        "`get_server_diagnostics` is always offered.",
        examples=["list_products,list_tests,list_bugs"],
    )
    disabled_tools: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Names of tools not to offer, separated by commas; wins over enabled ones.",
        examples=["sync_data"],
    )
    threshold_rejection_warning: Share = Field(
        default=0.20,
        description="Share of rejected bugs from which it is a warning.",
        examples=["0.20"],
    )
    threshold_rejection_critical: Share = Field(
        default=0.35,
        description="Share of rejected bugs from which it is critical.",
        examples=["0.35"],
    )
    threshold_auto_acceptance_warning: Share = Field(
        default=0.20,
        description="Share of accepted bugs that nobody reviewed, from which it is a warning.",
        examples=["0.20"],
    )
    threshold_auto_acceptance_critical: Share = Field(
        default=0.40,
        description="Share of accepted bugs that nobody reviewed, from which it is critical.",
        examples=["0.40"],
    )
    threshold_active_acceptance_warning: Share = Field(
        default=0.35,
        description="Share of bugs accepted by a person, at or below which it is a warning.",
        examples=["0.35"],
    )
    threshold_active_acceptance_critical: Share = Field(
        default=0.20,
        description="Share of bugs accepted by a person, at or below which it is critical.",
        examples=["0.20"],
    )
    threshold_review_warning: Share = Field(
        default=0.80,
        description="Share of bugs a person reviewed, at or below which it is a warning.",
        examples=["0.80"],
    )
    threshold_review_critical: Share = Field(
        default=0.60,
        description="Share of bugs a person reviewed, at or below which it is critical.",
        examples=["0.60"],
    )

    @field_validator("product_ids", "enabled_tools", "disabled_tools", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.strip("[] ").split(",") if part.strip())

    @field_validator("home", "db_path", "log_file")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        try:
            return value.expanduser().absolute() if value else None
        except RuntimeError:
            raise ValueError("there is no such home folder") from None

    @field_validator("timezone")
    @classmethod
    def _existing(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("no such time zone") from None
        return value

    @field_validator("threshold_rejection_critical", "threshold_auto_acceptance_critical")
    @classmethod
    def _not_below(cls, value: float, checked: ValidationInfo) -> float:
        warning = _warning_of(checked)
        if warning is not None and value < warning[1]:
            raise ValueError(f"it must not be below {PREFIX}{warning[0]}, which is {warning[1]:g}")
        return value

    @field_validator("threshold_active_acceptance_critical", "threshold_review_critical")
    @classmethod
    def _not_above(cls, value: float, checked: ValidationInfo) -> float:
        warning = _warning_of(checked)
        if warning is not None and value > warning[1]:
            raise ValueError(f"it must not be above {PREFIX}{warning[0]}, which is {warning[1]:g}")
        return value

    @property
    def limits(self) -> dict[str, tuple[float, float]]:
        """By rate, from where on it is a warning and from where on it is critical."""
        return {
            f"{rate}_rate": (
                getattr(self, f"{THRESHOLD}{rate}{WARNING}"),
                getattr(self, f"{THRESHOLD}{rate}{CRITICAL}"),
            )
            for rate in ("rejection", "auto_acceptance", "active_acceptance", "review")
        }

    @property
    def database_path(self) -> Path:
        return self.db_path or self.home / "cache.db"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def host(self) -> str:
        """What the cache file remembers of where its data came from."""
        return self.customer_api_base_url.host or ""


@dataclass(frozen=True)
class Loaded:
    """Settings, with everything that was wrong with them said in sentences."""

    settings: Settings
    # Values that could not be used; the defaults stand in their place.
    problems: list[str]
    # Variables nobody reads.
    warnings: list[str]
    # Files that settings were read from; of two that speak the later one wins.
    files: tuple[Path, ...] = ()
    # What the log must not show; more is added when more becomes known.
    secrets: set[str] = field(default_factory=set, repr=False)


def load_settings(env_file: Path | None = None, **flags: Any) -> Loaded:
    """Flags, environment, `env_file`, then `.env` in the home folder: the first that speaks wins.

    Never raises: a server that does not start cannot say what is wrong.
    """
    problems: list[str] = []
    named = _readable(env_file, problems, required=True) if env_file else ()
    home = _Home(_env_file=named, **{k: v for k, v in flags.items() if k == "home"}).home
    # Of several files pydantic-settings lets the last one win.
    files = (*_readable(home / ".env", problems), *named)
    try:
        settings = Settings(_env_file=files, **flags)
    except ValidationError as error:
        wrong = {str(item["loc"][0]): item for item in error.errors(include_url=False)}
        problems += [_problem(name, item["msg"], item["input"]) for name, item in wrong.items()]
        unusable = {part for name in wrong for part in _with_partner(name)}
        defaults = {name: Settings.model_fields[name].get_default() for name in unusable}
        settings = Settings(_env_file=files, **{**flags, **defaults})
    tokens = (settings.customer_api_token, settings.http_token)
    secrets = {token.get_secret_value() for token in tokens if token}
    return Loaded(settings, problems, _unknown(files), files, secrets)


def _readable(file: Path, problems: list[str], *, required: bool = False) -> tuple[Path, ...]:
    """The file, or nothing and one more problem where it cannot be read."""
    # Whoever is started without a shell gets the tilde as it is; here it may name nobody.
    path = Path(os.path.expanduser(file)).absolute()
    try:
        if path.is_file():
            dotenv_values(path)
            return (path,)
        if required:
            problems.append(f"There is no file {file}.")
    except (OSError, UnicodeDecodeError):
        problems.append(f"The file {file} cannot be read: it must be plain text in UTF-8.")
    return ()


class _Home(BaseSettings):
    """The one setting that says where others may stand."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", env_ignore_empty=True)

    home: Path = Path(DEFAULT_HOME)


def _warning_of(checked: ValidationInfo) -> tuple[str, float] | None:
    """The variable and the value of the warning beside a critical threshold, if it is valid."""
    name = (checked.field_name or "").replace(CRITICAL, WARNING)
    return (name.upper(), checked.data[name]) if name in checked.data else None


def _with_partner(name: str) -> set[str]:
    """The setting; of thresholds also the other of its pair, which means little without it."""
    if not name.startswith(THRESHOLD):
        return {name}
    rate = name.removesuffix(WARNING).removesuffix(CRITICAL)
    return {f"{rate}{WARNING}", f"{rate}{CRITICAL}"}


def _problem(name: str, message: str, value: Any) -> str:
    field = Settings.model_fields[name]
    shown = "" if name == "customer_api_token" else f" is {str(value)[:60]!r}, which"
    reason = message.removeprefix("Value error, ")
    return (
        f"{PREFIX}{name.upper()}{shown} is not valid: {reason[:1].lower()}{reason[1:]}. "
        f"For example: {PREFIX}{name.upper()}={(field.examples or [''])[0]}"
    )


def _unknown(files: tuple[Path, ...]) -> list[str]:
    given = {
        *os.environ,
        *(name for file in files for name in dotenv_values(file)),
    }
    names = {name.upper() for name in given}
    known = [name.upper() for name in Settings.model_fields]
    sentences = []
    for name in sorted(name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)):
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f" Did you mean {PREFIX}{close[0]}?" if close else ""
            sentences.append(f"{PREFIX}{name} is not a setting.{hint}")
    return sentences


def shown(path: Path) -> str:
    """A path as people write it, relative to their home."""
    home = Path.home()
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)
