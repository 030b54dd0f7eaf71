"""Devices that testers own, as a bug names them and as a test asks for them."""

from collections.abc import Mapping, Sequence
from typing import Any

type Json = dict[str, Any]


def _device(row: str) -> Json:
    category, vendor, name, system, version, browsers = row.split("|")
    return {
        "category": category,
        "vendor": vendor,
        "devices": name,
        "operating_system": system,
        "operating_system_version": version or None,
        "browsers": browsers.split(",") if browsers else [],
    }


_IPHONES = (
    "Smartphones|Apple|iPhone 15|iOS|17.5|{}",
    "Smartphones|Apple|iPhone 13 mini|iOS|16.7|{}",
    "Tablets|Apple|iPad Air|iPadOS|17.4|{}",
)
_ANDROIDS = (
    "Smartphones|Google|Pixel 8|Android|14|{}",
    "Smartphones|Xiaomi|Redmi Note 12|Android|13|{}",
    "Smartphones|OnePlus|Nord 3|Android||{}",
    "Tablets|Samsung|Galaxy Tab S9|Android|14|{}",
)
_COMPUTERS = (
    "Computers|Dell|XPS 13|Windows|11|{}",
    "Computers|Lenovo|ThinkPad T14|Windows|10|{}",
)


def _pool(*groups: tuple[Sequence[str], str]) -> tuple[Json, ...]:
    return tuple(_device(row.format(browser)) for rows, browser in groups for row in rows)


_MAC = ("Computers|Apple|MacBook Air|macOS|14.5|{}",)

# By product type; several entries of one device make it more frequent.
POOLS: Mapping[str, tuple[Json, ...]] = {
    "website": _pool(
        (_COMPUTERS, "Chrome 126"),
        (_COMPUTERS, "Firefox 127"),
        (_COMPUTERS, "Edge 126"),
        (_MAC, "Safari 17"),
        (_IPHONES, "Safari 17"),
        (_ANDROIDS, "Chrome 126"),
    ),
    "mobile_app_ios": _pool((_IPHONES, "")),
    "mobile_app_android": _pool((_ANDROIDS, "")),
    "mobile_app_windows": _pool(
        (_COMPUTERS, ""), (("Tablets|Microsoft|Surface Go|Windows|11|{}",), "")
    ),
    "streaming_app": _pool(
        (
            (
                "Smart TVs|LG|OLED C3|webOS|23|{}",
                "Smart TVs|Samsung|QE55|Tizen|7.0|{}",
                "Streaming sticks|Amazon|Fire TV Stick 4K|Fire OS|7.6|{}",
                "Streaming sticks|Roku|Express|Roku OS||{}",
            ),
            "",
        ),
        (_IPHONES, ""),
        (_ANDROIDS, ""),
    ),
    "gaming": _pool(
        (
            (
                "Game consoles|Sony|PlayStation 5|PS5 system software|24.04|{}",
                "Game consoles|Microsoft|Xbox Series X|Xbox OS||{}",
                "Game consoles|Nintendo|Switch|Switch system software|18.0|{}",
            ),
            "",
        ),
        (_COMPUTERS, ""),
    ),
}

# The device of the planted spike (see stories.py).
SPIKE = _device("Smartphones|Samsung|Galaxy S24|Android|15|Chrome 126")
# One device on which a bug was seen in several browsers.
SEVERAL_BROWSERS = _device("Computers|Dell|XPS 13|Windows|11|Chrome 126,Firefox 127,Edge 126")


def _requirement(category: str, system: str, lowest: str | None, browsers: list[str]) -> Json:
    return {
        "category": category,
        "operating_system": system,
        "operating_system_version_min": lowest,
        "browsers": browsers,
        "devices": [],
    }


REQUIREMENTS: Mapping[str, list[Json]] = {
    "website": [
        _requirement("Computers", "Windows", "10", ["Chrome", "Firefox", "Edge"]),
        _requirement("Smartphones", "iOS", "16", ["Safari"]),
        _requirement("Smartphones", "Android", None, ["Chrome"]),
    ],
    "mobile_app_ios": [_requirement("Smartphones", "iOS", "16", [])],
    "mobile_app_android": [_requirement("Smartphones", "Android", "12", [])],
    "mobile_app_windows": [_requirement("Computers", "Windows", "10", [])],
    "streaming_app": [
        _requirement("Smart TVs", "webOS", None, []),
        _requirement("Streaming sticks", "Fire OS", "7", []),
    ],
    "gaming": [_requirement("Game consoles", "PS5 system software", None, [])],
}
