"""How single values are read: what counts as missing, which forms are taken, what is too much."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from testio_mcp.domain.ids import MAX_ID

_REPORTED_FIELDS = 5


def _utc(value: datetime) -> datetime:
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        return aware.astimezone(UTC)
    except OverflowError:
        raise ValueError("date out of range") from None


def _dated(value: Any) -> Any:
    if type(value) is not str or (value and " " not in value):
        return value
    # Rails prints "2026-10-05 12:00:00 UTC" where a field bypasses its JSON encoder.
    return value.replace(" UTC", "Z").replace(" +", "+").replace(" -", "-") or None


def _listed(value: Any) -> Any:
    if type(value) is list:
        return [item for item in value if item is not None] if None in value else value
    return [] if value is None or value == "" else [value]


def _named(value: Any) -> Any:
    """The name of what is sent as an object in one place and as plain text in another."""
    if type(value) is dict:
        return value.get("name", value.get("title"))
    return value


def _texts(value: Any) -> Any:
    return [_named(item) for item in _listed(value)]


def wrapped(field: str) -> BeforeValidator:
    """Read a bare value as an object that has nothing but this field."""

    def wrap(value: Any) -> Any:
        return {field: value} if isinstance(value, str | int) else value

    return BeforeValidator(wrap)


T = TypeVar("T")
Id = Annotated[int, Field(strict=True, ge=0, le=MAX_ID)]
# A word that an item cannot do without; elsewhere numbers pass as text.
Word = Annotated[str, Field(strict=True)]
Count = Annotated[int, Field(ge=0, le=MAX_ID)]
Flag = Annotated[bool, BeforeValidator(lambda value: False if value is None else value)]
Name = Annotated[str | None, BeforeValidator(_named)]
Instant = Annotated[
    Annotated[datetime, AfterValidator(_utc)] | None,
    BeforeValidator(_dated),
]
# Missing or null is empty, and a value on its own is a list of one.
Listed = Annotated[list[T], BeforeValidator(_listed), Field(default_factory=list)]
Texts = Annotated[list[str], BeforeValidator(_texts), Field(default_factory=list)]


class Payload(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True, hide_input_in_errors=True)

    # Fields that are optional, but whose loss would lose what other rows hang on.
    indispensable: ClassVar[frozenset[str]] = frozenset()
    # Fields that are documented, but that nobody reads under this name.
    unread: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def undocumented(cls, raw: Any) -> set[str]:
        """Names of fields that no documentation knows; they are left out."""
        if type(raw) is not dict:
            return set()
        return {str(name) for name in raw.keys() - cls.model_fields.keys() - cls.unread}

    @classmethod
    def read(cls, raw: Any) -> tuple[Self, tuple[str, ...]]:
        """The payload, and the names of optional fields left out because they made no sense.

        Raises pydantic.ValidationError if a required field is missing or of the wrong type.
        """
        try:
            return cls.model_validate(raw), ()
        except ValidationError as error:
            wrong = {str(problem["loc"][0]) for problem in _problems(error) if problem["loc"]}
            if not wrong or not wrong <= cls._dispensable():
                raise
        kept = {name: value for name, value in raw.items() if name not in wrong}
        return cls.model_validate(kept), tuple(sorted(wrong))

    @classmethod
    def _dispensable(cls) -> set[str]:
        optional = {name for name, field in cls.model_fields.items() if not field.is_required()}
        return optional - cls.indispensable


def problem_of(error: ValidationError) -> str:
    """Which fields are wrong and how; never their values, which testers wrote."""
    problems = _problems(error)
    shown = "; ".join(_shown(problem) for problem in problems[:_REPORTED_FIELDS])
    rest = len(problems) - _REPORTED_FIELDS
    return shown + (f"; and {rest} more" if rest > 0 else "")


def _shown(problem: Any) -> str:
    place = ".".join(map(str, problem["loc"])) or "item"
    # pydantic's own words name the class.
    message = "Not an object" if problem["type"] == "model_type" else problem["msg"]
    return f"{place}: {message}"


def _problems(error: ValidationError) -> list[Any]:
    return error.errors(include_url=False, include_context=False, include_input=False)
