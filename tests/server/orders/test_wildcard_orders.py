"""Wildcards of a request: chosen by each picture's seed, recorded, and never chosen again."""

from __future__ import annotations

import os

import pytest

from imagine.asking.presets import Preset
from tests.server.served import ask


def answers(folder, *bodies, **said):
    """What each request was answered, and the metas of its pictures' jobs."""

    async def act(client):
        told = []
        for body in bodies:
            async with client.post("/generate", json=body) as answer:
                told.append((answer.status, await answer.json()))
        return told, [job.params for job in client.worker.seen]

    return ask(folder, act, **said)


def lists_at(folder):
    (folder / "lists").mkdir()
    (folder / "lists/colour.txt").write_text("red\nblue\ngreen\n")
    return folder / "lists"


def test_each_picture_is_of_words_chosen_by_its_own_seed(tmp_path):
    body = {"prompt": "a {big|small} __colour__ fox", "neg": "{ugly|dull}", "seed": 5, "count": 4}
    told, jobs = answers(tmp_path, body, {**body, "count": 1, "seed": 7}, wildcards=lists_at(tmp_path))
    assert [status for status, _ in told] == [200, 200]
    assert [params.seed for params in jobs] == [5, 6, 7, 8, 7]
    assert len({params.prompt for params in jobs}) > 1
    assert {params.template for params in jobs} == {body["prompt"]}
    assert {params.neg_template for params in jobs} == {body["neg"]}
    assert jobs[4] == jobs[2], "whatever it was ordered with"
    assert not {"{", "_"} & set(jobs[0].prompt + jobs[0].neg)


def test_a_recipe_is_made_again_from_its_words(tmp_path):
    body = {"prompt": r"a {red|blue} fox, {2$$x|y} \{a|b\}", "wildcards": True, "seed": 3}
    lists = lists_at(tmp_path)
    ((_, made),), (first,) = answers(tmp_path, body)
    told, (again, changed) = answers(
        tmp_path, made["meta"], {**made["meta"], "seed": 4, "wildcards": True}, wildcards=lists
    )
    assert again == first
    assert changed.prompt == first.prompt
    assert told[0][1]["meta"]["template"] == body["prompt"]
    assert "wildcards has no effect on a recipe with template: its words are chosen already" in told[1][1]["warnings"]


@pytest.mark.parametrize(
    ("said", "folder", "chosen", "named"),
    [
        ({}, False, False, True),
        ({"wildcards": False}, True, False, False),
        ({"buckets": "1x25"}, True, False, True),
        ({}, True, True, False),
        ({"wildcards": True}, False, True, False),
    ],
)
def test_they_are_chosen_where_they_are_switched_on(tmp_path, said, folder, chosen, named):
    settings = {"wildcards": lists_at(tmp_path)} if folder else {}
    ((_, made),), (params,) = answers(tmp_path, {"prompt": "a {red|red} fox", **said}, **settings)
    assert params.prompt == ("a red fox" if chosen else "a {red|red} fox")
    assert (params.template is not None) == chosen
    assert any("has '{red|red}', read as words" in warning for warning in made["warnings"]) == named


def test_what_they_become_is_held_against_the_owners_rules_and_freed_of_tags(tmp_path):
    lists = lists_at(tmp_path)
    (lists / "bad.txt").write_text("go")
    told, jobs = answers(
        tmp_path,
        {"prompt": "a __bad__ry fox", "wildcards": True},
        {"prompt": "a fox{<hypernet:ink:1>|<hypernet:ink:1>}"},
        {"prompt": "a fox", "preset": "wild"},
        wildcards=lists,
        blocked_terms=("gory",),
        presets=(Preset(name="wild", prompt_suffix="in {snow|snow}"),),
    )
    assert told[0] == (400, told[0][1])
    assert told[0][1]["field"] == "prompt"
    assert [params.prompt for params in jobs] == ["a fox", "a fox, in snow"]


def test_a_list_that_is_not_there_is_refused_before_the_queue(tmp_path):
    lists = lists_at(tmp_path)
    os.mkfifo(lists / "pipe.txt")
    told, jobs = answers(tmp_path, {"prompt": "a __color__ fox"}, {"prompt": "a __pipe__ fox"}, wildcards=lists)
    assert [(status, said["error"]) for status, said in told] == [
        (400, "prompt names the list 'color', which isn't there; did you mean colour?"),
        (400, "prompt names the list 'pipe', which can't be read"),
    ]
    assert jobs == []
