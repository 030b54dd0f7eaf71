"""Where settings come from, and what of them may be shown or handed on."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from dotenv import dotenv_values
from pydantic import SecretStr

from testio_mcp.settings import PREFIX, Loaded, Settings, shown

ENVIRONMENT = "the environment"
SECRET = {
    name for name, field in Settings.model_fields.items() if SecretStr in get_args(field.annotation)
}


def sources(loaded: Loaded, environment: Mapping[str, str]) -> dict[str, str]:
    """For each setting that somebody has made: where, in words."""
    found: dict[str, str] = {}
    for file in loaded.files:
        found |= dict.fromkeys(_given(dotenv_values(file)), shown(file))
    return found | dict.fromkeys(_given(environment), ENVIRONMENT)


def handed_on(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that are settings and no secrets, for a program that starts elsewhere."""
    given = {name.upper(): value for name, value in environment.items()}
    variables = {f"{PREFIX}{name.upper()}": name for name in sorted(_given(environment) - SECRET)}
    return {
        # A path may be relative to the folder that this program was started in.
        variable: str(value)
        if isinstance(value := getattr(settings, name), Path)
        else given[variable]
        for variable, name in variables.items()
    }


def shown_values(settings: Settings) -> dict[str, str]:
    """All settings as people may see them."""
    return {name: _shown(name, value) for name, value in settings}


def without_password(address: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", address)


def _shown(name: str, value: object) -> str:
    if value is None or value == ():
        return ""
    if name in SECRET:
        return "(set)"
    if isinstance(value, Path):
        return shown(value)
    listed = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return without_password(listed)


def _given(values: Mapping[str, str | None]) -> set[str]:
    """The settings that these name, unless with an empty value."""
    names = {name.upper() for name, value in values.items() if value}
    return {name for name in Settings.model_fields if f"{PREFIX}{name.upper()}" in names}
