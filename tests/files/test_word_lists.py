"""Lists of words lie in one folder, and nothing outside of it is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagine.files import word_lists
from imagine.files.word_lists import WordLists
from imagine.words.errors import ImagineError


def test_a_list_is_a_text_file_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "animals").mkdir()
    (tmp_path / "animals/wild.txt").write_text("\ufeffwolf\n\n# a comment\n  bear  \n", "utf-8")
    (tmp_path / "colour.txt").write_text("red")
    (tmp_path / "notes.md").write_text("no list")
    lists = WordLists(tmp_path)
    assert lists.names() == ["animals/wild", "colour"]
    assert lists.lines("animals/wild") == ["wolf", "bear"]


def test_no_link_leads_out_of_the_folder(tmp_path: Path) -> None:
    inside, outside = tmp_path / "lists", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
    (outside / "secret.txt").write_text("password")
    (inside / "secret.txt").symlink_to(outside / "secret.txt")
    (inside / "folder").symlink_to(outside)
    (inside / "own.txt").write_text("red")
    (inside / "alias.txt").symlink_to(inside / "own.txt")
    lists = WordLists(inside)
    assert lists.names() == ["alias", "own"]
    for name in ("secret", "folder/secret", "../outside/secret", str(outside / "secret")):
        with pytest.raises(KeyError):
            lists.lines(name)


def test_a_list_that_cannot_be_read_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "large.txt").write_text("x" * 101)
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    monkeypatch.setattr(word_lists, "MAX_SIZE", 100)
    lists = WordLists(tmp_path)
    for name in lists.names():
        with pytest.raises(ImagineError, match=name):
            lists.lines(name)


def test_all_that_one_request_reads_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(3):
        (tmp_path / f"{i}.txt").write_text("x" * 50)
    monkeypatch.setattr(word_lists, "MOST_READ", 120)
    lists = WordLists(tmp_path)
    assert lists.lines("0") == lists.lines("0") == lists.lines("1")
    with pytest.raises(ImagineError, match="larger than 20 B"):
        lists.lines("2")
    monkeypatch.setattr(word_lists, "MOST_LISTS", 2)
    with pytest.raises(ImagineError, match="more than 2 files"):
        WordLists(tmp_path)


def test_a_folder_that_is_not_there_has_none(tmp_path: Path) -> None:
    assert WordLists(tmp_path / "nowhere").names() == []
