"""Draws the pictures of the pages from real runs over invented data.

    uv run python docs/_pictures.py

Each command runs on a terminal of its own, in an empty home folder, against a sandbox. Times and
ids differ from run to run, so that no test compares them. The report is drawn by Chromium; where
there is none, that picture stays as it is. Needs Linux.
"""

import asyncio
import fcntl
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from rich.console import Console
from rich.text import Text

IMAGES = Path(__file__).with_name("images")
COLUMNS, ROWS = 100, 400
PROGRAM = (sys.executable, "-m", "testio_mcp")
# Where the installation of the pages puts the program, instead of this checkout.
INSTALLED = "~/.local/share/uv/tools/testio-mcp"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")

SVG = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px ui-monospace, Menlo, Consolas,
"DejaVu Sans Mono", monospace; }}
.{unique_id}-title {{ font: bold 18px sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def main() -> None:
    with TemporaryDirectory() as folder:
        home = Path(folder)
        for client in (".config/Claude", ".cursor"):
            (home / client).mkdir(parents=True)
        environment = {
            "HOME": folder,
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }
        # The log would be written across the lines that are drawn over.
        silent = {**environment, "TESTIO_LOG_LEVEL": "error"}
        demo = run(("demo",), silent)
        draw("demo", demo[: index(demo, "How is the one")])
        asyncio.run(draw_chart(environment))
        with sandbox(environment) as (address, token):
            with_sandbox = {**environment, "TESTIO_CUSTOMER_API_BASE_URL": address}
            answers = {"is not shown": token, "[Y/n]": ""}
            draw("setup", run(("setup",), {**silent, **with_sandbox}, answers))
            draw("doctor", run(("doctor",), with_sandbox))
            report = home / "report.html"
            period = ("--period", "last 12 months")
            run(("report", "Nordwind Shop", *period, "-o", str(report)), with_sandbox)
            photograph("report", report)


def run(
    words: Sequence[str], environment: dict[str, str], answers: dict[str, str] | None = None
) -> list[str]:
    """The lines, in colour, that stand on the screen after the command."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        (*PROGRAM, *words),
        env=environment,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    printed, seen = b"", 0
    while more := _read(leader):
        printed += more
        for question, answer in (answers or {}).items():
            if question.encode() in printed[seen:]:
                seen = len(printed)
                os.write(leader, f"{answer}\n".encode())
    process.wait()
    os.close(leader)
    lines = on_screen(printed.decode())
    command = " ".join(("testio-mcp", *words))
    return [f"\x1b[1m$ {command}\x1b[0m", *(line.replace(sys.prefix, INSTALLED) for line in lines)]


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 65536)
    except OSError:
        # So Linux says that the other end is closed.
        return b""


def on_screen(printed: str) -> list[str]:
    """What is left to see of lines that were drawn over."""
    lines, row = [""], 0
    for part in re.split(r"(\r\n|\n|\r|\x1b\[\d*A|\x1b\[2K|\x1b\[\?25[hl])", printed):
        if part in ("\n", "\r\n"):
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part.endswith("A") and part.startswith("\x1b["):
            row -= int(part[2:-1] or 1)
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part and part != "\r" and not part.startswith("\x1b[?"):
            lines[row] += part
    return lines


def index(lines: Sequence[str], words: str) -> int:
    return next(number for number, line in enumerate(lines) if words in line)


def draw(name: str, lines: Sequence[str]) -> None:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi("\n".join(lines).strip("\n")), soft_wrap=False)
    svg = console.export_svg(title=f"testio-mcp {name}", code_format=SVG, unique_id=name)
    lean = "\n".join(line.strip() for line in svg.splitlines() if line.strip())
    (IMAGES / f"{name}.svg").write_text(f"{lean}\n", encoding="utf-8")


async def draw_chart(environment: dict[str, str]) -> None:
    """As a client gets it from the demo."""
    transport = StdioTransport(sys.executable, ["-m", "testio_mcp", "serve", "--demo"], environment)
    async with Client(transport) as client:
        answer = await client.call_tool(
            "query_metrics",
            {"metrics": ["bug_count"], "by": ["month", "severity"], "period": "last 6 months"}
            | {"chart": "auto"},
        )
    (image,) = (part for part in answer.content if part.type == "image")
    (IMAGES / "chart.png").write_bytes(b64decode(image.data))


def photograph(name: str, page: Path) -> None:
    """The top of a page, as a browser shows it."""
    browser = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if browser is None:
        return
    subprocess.run(
        (
            *(browser, "--headless", "--no-sandbox", "--hide-scrollbars"),
            *("--window-size=900,1100", f"--screenshot={IMAGES / f'{name}.png'}", page.as_uri()),
        ),
        check=True,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def sandbox(environment: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Its address and token."""
    serving = (*PROGRAM, "sandbox", "--port", "0")
    with subprocess.Popen(serving, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = dict(process.stdout.readline().strip().split("=", 1) for _ in range(2))
        try:
            yield said["TESTIO_CUSTOMER_API_BASE_URL"], said["TESTIO_CUSTOMER_API_TOKEN"]
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
