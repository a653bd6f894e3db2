"""Files that somebody names: a regular one of bounded size is read, all else is refused at once and in a sentence."""

import os
import socket
from pathlib import Path

import pytest

from imagine.files.reading import read_file, read_text
from imagine.settings.settings import settings_from
from imagine.words.errors import ImagineError


def refusal(path: Path, most: int = 100) -> str:
    with pytest.raises(ImagineError) as caught:
        read_file(path, most, field="api_key_file")
    assert caught.value.field == "api_key_file"
    return str(caught.value).replace(str(path), "PATH")


def test_a_regular_file_is_read_through_links_and_up_to_its_bound(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 100)
    (tmp_path / "link").symlink_to("a")
    assert read_file(tmp_path / "link", 100) == b"x" * 100
    assert refusal(tmp_path / "a", 99) == "PATH can't be read: it is larger than 99 B"


def test_within_a_folder_no_link_is_followed_however_late_it_was_laid(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a").write_bytes(b"x")
    (tmp_path / "way").symlink_to("inner")
    (tmp_path / "inner" / "link").symlink_to("a")
    assert read_file(tmp_path / "inner" / "a", 9, within=tmp_path) == b"x"
    for late in (tmp_path / "way" / "a", tmp_path / "inner" / "link"):
        assert read_file(late, 9) == b"x"
        with pytest.raises(ImagineError, match="can't be read"):
            read_file(late, 9, within=tmp_path)


def test_what_has_no_end_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
    (tmp_path / "link").symlink_to("/dev/zero")
    said = {"fifo": "a pipe", "socket": "a socket", "link": "a device", ".": "a folder"}
    for name, kind in said.items():
        assert refusal(tmp_path / name).startswith(f"PATH is {kind}, not ")
    assert refusal(tmp_path / "none") == "PATH can't be read: no such file or directory"


def test_gigabytes_are_refused_unread(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(3 * 2**30)
    assert "larger than 64 MiB" in refusal(tmp_path / "large", 64 * 2**20)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs files that have no size")
def test_a_file_without_a_size_is_read_and_bounded():
    assert b"Name:" in read_file(Path("/proc/self/status"), 2**20)
    with pytest.raises(ImagineError, match="larger than 10 B"):
        read_file(Path("/proc/self/status"), 10)


def test_text_is_utf_8_with_or_without_a_mark(tmp_path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfkey")
    (tmp_path / "b").write_bytes(b"\xff\xfe")
    assert read_text(tmp_path / "a", 100) == "key"
    with pytest.raises(ImagineError, match="not text in UTF-8"):
        read_text(tmp_path / "b", 100)


@pytest.mark.parametrize("name", ["api_key_file", "preset_files"])
def test_settings_that_name_files_do_not_wait_for_a_pipe(tmp_path, name):
    from imagine.settings.preset_files import presets_of

    os.mkfifo(tmp_path / "fifo")
    value = str(tmp_path / "fifo")
    with pytest.raises(ImagineError, match="is a pipe"):
        presets_of(settings_from({name: (value,) if name == "preset_files" else value}, environ={})[0]).check()
