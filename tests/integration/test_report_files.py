"""Reports are saved under plain names, whole or not at all, and replace nothing unasked."""

import os
import resource
import stat
from pathlib import Path

import pytest

from testio_mcp.errors import FileError, InvalidRequest
from testio_mcp.reports.files import bare_name, save, save_anywhere, save_as_new

LINE = b"a line of the report\n"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "home" / "reports"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("name", "saved_as"),
    [
        ("quarter.html", "quarter.html"),
        ("quarter", "quarter.html"),
        (
            " Q3 2026 \u2013 M\u00fcller & S\u00f6hne ",
            "Q3 2026 \u2013 M\u00fcller & S\u00f6hne.html",
        ),
        ("version 1.2", "version 1.2.html"),
        ("Quarter.HTML", "Quarter.HTML"),
        ("console", "console.html"),
    ],
)
def test_a_plain_name_gets_the_ending_of_its_format(name, saved_as):
    assert bare_name(name, ".html") == saved_as


@pytest.mark.parametrize(
    "name",
    [
        *("../quarter.html", "..", ".", "", "  ", "/etc/passwd", "sub/quarter.html"),
        *("..\\quarter.html", "C:\\quarter.html", "C:quarter.html", "quarter.html:stream"),
        *(".quarter.html", ".ssh", "quarter.", "~/quarter.html", "\\\\host\\share\\x"),
        *("con", "CON.html", "nul.html", "aux", "com1.html", "LPT9", "com\u00b9.html"),
        *("quarter\x00.html", "quarter\n.html", "quarter\u202elmth", "quar\u200bter"),
        *("a*b", "a?b", "a|b", 'a"b', "<a>", "x" * 201, "\u00e4" * 101),
        *("quarter.xlsx", "quarter.csv", "quarter.json", "quarter.MD"),
    ],
)
def test_what_is_no_plain_name_is_refused_with_what_to_do(name):
    with pytest.raises(InvalidRequest, match=r"^output_file .* cannot be used: ") as refused:
        bare_name(name, ".html")
    assert "quality-report.html" in refused.value.hint


def test_folder_and_file_are_private(folder):
    path = save(folder, "a.html", LINE, overwrite=False)
    assert path == folder / "a.html"
    assert path.read_bytes() == LINE
    assert (mode(folder), mode(path)) == (0o700, 0o600)
    assert os.listdir(folder) == ["a.html"]


def test_nothing_is_replaced_unasked(folder):
    save(folder, "a.html", LINE, overwrite=False)
    with pytest.raises(InvalidRequest, match=r"a\.html exists already\. .* set overwrite"):
        save(folder, "a.html", b"other", overwrite=False)
    assert (folder / "a.html").read_bytes() == LINE
    save(folder, "a.html", b"other", overwrite=True)
    assert (folder / "a.html").read_bytes() == b"other"
    assert mode(folder / "a.html") == 0o600
    assert os.listdir(folder) == ["a.html"]


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize("leads", ["somewhere", "nowhere"])
def test_no_link_is_followed_or_replaced(folder, tmp_path, overwrite, leads):
    target = tmp_path / "precious"
    if leads == "somewhere":
        target.write_bytes(b"precious")
    folder.mkdir(parents=True)
    (folder / "a.html").symlink_to(target)
    with pytest.raises(InvalidRequest):
        save(folder, "a.html", LINE, overwrite=overwrite)
    assert (folder / "a.html").is_symlink()
    assert target.exists() == (leads == "somewhere")
    assert not target.exists() or target.read_bytes() == b"precious"


def test_a_folder_that_is_a_link_is_refused(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder.parent.mkdir()
    folder.symlink_to(elsewhere)
    with pytest.raises(InvalidRequest, match="is a link to another place"):
        save(folder, "a.html", LINE, overwrite=False)
    assert os.listdir(elsewhere) == []


def test_a_folder_of_that_name_is_not_replaced(folder):
    (folder / "a.html").mkdir(parents=True)
    with pytest.raises(InvalidRequest, match="not a file that could be overwritten"):
        save(folder, "a.html", LINE, overwrite=True)
    assert os.listdir(folder) == ["a.html"]


def test_a_chosen_name_is_one_that_nothing_has(folder):
    names = [save_as_new(folder, "report", ".html", LINE).name for _ in range(3)]
    assert names == ["report.html", "report-2.html", "report-3.html"]
    (folder / "report-4.html").symlink_to("/nowhere")
    assert save_as_new(folder, "report", ".html", LINE).name == "report-5.html"


def test_a_file_where_the_folder_should_be_is_explained(folder):
    folder.parent.mkdir()
    folder.write_text("in the way")
    with pytest.raises(FileError, match=r"could not be saved in .*reports: .*Nothing was written"):
        save(folder, "a.html", LINE, overwrite=False)
    assert folder.read_text() == "in the way"


@pytest.fixture
def little_room():
    """As on a full disk, a write ends in the middle."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(LINE) + 5, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("overwrite", [True, False])
def test_half_a_report_is_never_left(folder, little_room, overwrite):
    save(folder, "a.html", LINE, overwrite=False)
    name = "a.html" if overwrite else "b.html"
    with pytest.raises(FileError, match=r"could not be saved in .*: File too large\."):
        save(folder, name, LINE * 2, overwrite=overwrite)
    assert os.listdir(folder) == ["a.html"]
    assert (folder / "a.html").read_bytes() == LINE


def test_a_path_that_somebody_typed_may_be_any(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    umask = os.umask(0o022)
    os.umask(umask)
    path = save_anywhere(Path("r.html"), LINE, overwrite=False)
    assert path == tmp_path / "r.html"
    assert mode(path) == 0o666 & ~umask
    home = save_anywhere(Path("~/h.html"), LINE, overwrite=False)
    assert home == tmp_path / "h.html"
    with pytest.raises(InvalidRequest, match=r"exists already\. .* add --overwrite\."):
        save_anywhere(path, b"other", overwrite=False)
    save_anywhere(path, b"other", overwrite=True)
    assert path.read_bytes() == b"other"
    with pytest.raises(InvalidRequest, match="There is no folder"):
        save_anywhere(tmp_path / "no" / "r.html", LINE, overwrite=False)


def test_a_link_that_somebody_typed_is_followed(tmp_path):
    target = tmp_path / "target.html"
    target.write_bytes(b"old")
    (tmp_path / "link.html").symlink_to(target)
    save_anywhere(tmp_path / "link.html", LINE, overwrite=True)
    assert (tmp_path / "link.html").is_symlink()
    assert target.read_bytes() == LINE


def test_a_device_is_not_replaced():
    device = Path(os.devnull)
    with pytest.raises(InvalidRequest, match="not a file that could be overwritten"):
        save_anywhere(device, LINE, overwrite=True)
    assert device.is_char_device()
