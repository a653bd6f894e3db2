"""Two sets compared: whatever is lost is told, and nothing else is."""

import copy
import io

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tools.same_pictures import requests
from tools.same_pictures.compare import compared, table
from tools.same_pictures.records import Pictures, load, record_of

META = {"model": "toybox", "digest": "ab", "environment": {"threads": 2}, "hires": {"scale": 1.5}}


def png(colour="red", meta='{"seed": "4"}'):
    info, out = PngInfo(), io.BytesIO()
    info.add_text("meta", meta)
    Image.new("RGB", (8, 4), colour).save(out, "PNG", pnginfo=info)
    return out.getvalue()


@pytest.fixture
def before():
    drawn = record_of(png()) | {"meta": META, "warnings": ["slow"]}
    return {"a/drawn": drawn, "b/answer": {"answer": {"kind": "identical", "rows": [1, {"least": 4}]}}}


def changed(before, name, path, value):
    """A copy with the value at a path of a record changed, or taken away where it is None."""
    after = copy.deepcopy(before)
    place = after[name]
    *way, last = path
    for key in way:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return after


def test_the_same_is_the_same(before):
    rows = compared(before, copy.deepcopy(before))
    assert [(row.name, row.verdict, row.words) for row in rows] == [("a/drawn", "same", ""), ("b/answer", "same", "")]
    assert table(rows).endswith("2 records, 2 as before, 0 not")


@pytest.mark.parametrize(
    ("path", "value", "verdict", "words"),
    [
        (("pixels",), "ff", "PIXELS", ""),
        (("file",), "ff", "FILE", "the same pixels and recipe in other bytes"),
        (("meta", "digest"), "cd", "RECIPE", "digest: 'ab' is now 'cd'"),
        (("meta", "environment", "threads"), 4, "RECIPE", "environment.threads: 2 is now 4"),
        (("meta", "model"), None, "RECIPE", "model: 'toybox' is gone"),
        (("meta", "parts"), {}, "RECIPE", "parts: is new"),
    ],
)
def test_what_changed_in_a_picture_is_lost(before, path, value, verdict, words):
    lost = [row for row in compared(before, changed(before, "a/drawn", path, value)) if row.lost]
    assert lost == [("a/drawn", verdict, words)]
    assert f"{verdict}  a/drawn  {words}" in table(lost)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("answer", "kind"), "near", "kind: 'identical' is now 'near'"),
        (("answer", "rows"), [1], "rows: [1, {'least': 4}] is now [1]"),
        (("answer", "rows", 1, "least"), True, "rows[1].least: 4 is now True"),
        (("answer", "rows", 0), True, "rows[0]: 1 is now True"),
        (("answer", "kind"), None, "kind: 'identical' is gone"),
    ],
)
def test_an_answer_has_to_say_what_it_said(before, path, value, words):
    lost = [row for row in compared(before, changed(before, "b/answer", path, value)) if row.lost]
    assert lost == [("b/answer", "ANSWER", words)]


def test_an_answer_may_say_more_and_warnings_other_words(before):
    after = changed(before, "b/answer", ("answer", "more"), 1)
    after = changed(after, "a/drawn", ("warnings",), ["slower"])
    rows = compared(before, after)
    assert not any(row.lost for row in rows)
    assert "['slow'] are now ['slower']" in table(rows)


def test_what_is_missing_new_or_refused_is_lost(before):
    after = {"a/drawn": {"refused": "500: no"}, "c/new": before["a/drawn"]}
    assert [row[:2] for row in compared(before, after) if row.lost] == [
        ("a/drawn", "REFUSED"),
        ("b/answer", "MISSING"),
        ("c/new", "MISSING"),
    ]


def test_what_was_mended_is_told_and_not_lost(before):
    after = changed(before, "a/drawn", ("meta", "environment", "threads"), 4)
    (row, _) = compared(before, after, mended=["environment"])
    assert (row.verdict, row.lost) == ("mended", False)
    after = changed(after, "a/drawn", ("meta", "digest"), "cd")
    assert compared(before, after, mended=["environment"])[0] == ("a/drawn", "RECIPE", "digest: 'ab' is now 'cd'")
    assert compared(before, changed(after, "a/drawn", ("pixels",), "ff"), mended=["environment"])[0].lost


def test_a_set_comes_back_from_disk_as_it_was_made(tmp_path):
    pictures = Pictures(tmp_path)
    pictures.drawn("x/one", png())
    pictures.answered("y/two", {"a": 1})
    pictures.refused("z/three", "no")
    pictures.save()
    assert not any(row.lost for row in compared(pictures.records, load(tmp_path)) if row.name != "z/three")
    assert load(tmp_path)["x/one"]["meta"] == {"seed": "4"}
    assert record_of(png())["pixels"] == record_of(png(meta="{}"))["pixels"] != record_of(png("blue"))["pixels"]


def test_the_set_has_every_sampler_and_more_than_sixty_pictures():
    rows = [{"name": name, "schedules": ["default"], "min_steps": {"default": 12}} for name in ("euler", "heun")]
    alone, crowd = requests.alone(rows), requests.crowd(rows)
    assert {body.get("sampler") for name, body in alone.items() if name.startswith("sampler/")} == {"euler", "heun"}
    stepped = {name: body for name, body in (alone | crowd).items() if name.startswith(("sampler/", "crowd/"))}
    assert {body["num_steps"] for body in stepped.values()} == {12}
    assert sum("model" not in body for body in alone.values()) + len(crowd) >= 60
