"""Aliases: which name wins, what a pattern covers, and where each leads in a server."""

import json

import msgspec
import pytest

from imagine.asking.aliases import SHIPPED, Aliases, called_elsewhere
from imagine.families.table import FAMILIES
from imagine.settings.settings import settings_from
from imagine.words.entry import Entry
from imagine.words.errors import ImagineError
from tests.server.served import ask

OWN = {"art": "sdxl", "fox": "sdxl", "gpt-*": "sdxl", "gpt-image-*": None, "*-latest": "sd15", "dall-e-2": "sd15"}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("art", "sdxl"), ("owl", "owl"),
        ("fox", "sdxl"),  # the owner's own name wins over a model of that name
        ("gpt-image-real", "gpt-image-real"),  # which wins over a pattern
        ("gpt-5", "sdxl"), ("gpt-image-2", None),  # the longer of two patterns
        ("gpt-image-1", None), ("chatgpt-image-latest", "sd15"),  # the owner's pattern over what ships
        ("dall-e-2", "sd15"), ("dall-e-3", None), ("yandexgpt/yandex-art", None),
        ("nothing", "nothing"), ("dall-e-4", "dall-e-4"), ("", ""),
    ],
)  # fmt: skip
def test_what_a_name_means(name, meant):
    models = {"fox", "owl", "sdxl", "sd15", "gpt-image-real"}
    assert Aliases(OWN).resolved(name, models.__contains__) == meant


@pytest.mark.parametrize(("name", "meant"), [("aba", None), ("ababa", None), ("ab", "ab"), ("abb", "abb")])
def test_the_ends_of_a_pattern_do_not_overlap(name, meant):
    assert Aliases({"ab*a": None}).resolved(name, lambda _: False) == meant


def test_a_model_of_a_shipped_name_wins():
    for name in SHIPPED:
        assert Aliases().resolved(name, lambda _: True) == name
        assert Aliases().resolved(name, lambda _: False) is None


def test_lists_show_no_patterns():
    assert Aliases({"art": "x", "b*": None}).names()[:2] == ["art", "dall-e-2"]
    assert not any("*" in name for name in Aliases({"b*": None}).names())


def test_aliases_stand_in_the_configuration():
    said = settings_from({}, {}, "aliases: {art: sdxl, 'flux-*': }")[0].aliases
    assert said.own == {"art": "sdxl", "flux-*": None}
    assert str(said) == "art: sdxl, flux-*: the default"


@pytest.mark.parametrize("text", ["[a]", "{a: 1}", "{a: ''}", "{'a*b*': x}", "{1: x}", "text"])
def test_what_aliases_can_not_be(text):
    with pytest.raises(ImagineError, match=r"^aliases in the configuration file is .* it must be a mapping"):
        settings_from({}, {}, f"aliases: {text}")


def made_by(folder, *names, models=("fox", "owl"), **said):
    """For each name, the model that the picture was made by, or the refusal."""

    async def act(client):
        answers = []
        for name in names:
            async with client.post("/generate", data=json.dumps({"prompt": "x", "model": name})) as answer:
                body = await answer.json()
                answers.append(body["meta"]["model"] if answer.status == 200 else (answer.status, body["error"]))
        return answers

    return ask(folder, act, models=models, **said)


def test_an_alias_leads_to_its_model(tmp_path):
    own = Aliases({"art": "owl", "gone": "nowhere"})
    said = made_by(tmp_path, "art", "dall-e-3", "gpt-image-7", "gone", "x/y", model="fox", aliases=own)
    assert said[:3] == ["owl", "fox", "fox"]
    assert said[3] == (404, "model 'gone' not found: it is an alias of 'nowhere', which isn't there")
    assert said[4] == (404, "model 'x/y' not found")


def test_the_default_model_may_be_an_alias(tmp_path):
    assert made_by(tmp_path, None, "dall-e-2", model="art", aliases=Aliases({"art": "owl"})) == ["owl", "owl"]


def test_where_nothing_says_which_model_is_the_default(tmp_path):
    ((status, sentence),) = made_by(tmp_path, "dall-e-3")
    assert status == 400
    assert sentence.startswith("'dall-e-3' stands for the default model, and nothing says which one to take; there")


def test_what_programs_for_ollama_ask_for_is_found_by_what_it_is():
    made = ("base", ""), ("eight", "turbo:8"), ("other", "turbo")
    models = [Entry(name=n, path=n, kind="diffusion-model", family="z-image", distilled=how) for n, how in made]
    models.insert(0, Entry(name="x", path="x", kind="checkpoint", family="sdxl", distilled="turbo"))
    found = {name: called_elsewhere(name, models) for name in ("x/z-image-turbo", "X/Z-Image-Turbo:fp8", "x/z-image")}
    assert [each and each.name for each in found.values()] == ["eight", "eight", "base"]
    assert called_elsewhere("x/z-image-turbo", models[:2]) is None
    assert called_elsewhere("x/nothing", models) is None
    kleins = [
        Entry(name=v, path=v, kind="checkpoint", family="flux2", variant=v) for v in ("klein-base-4b", "klein-9b")
    ]
    for name, expected in {
        "x/flux2-klein:fp8": kleins[1],
        "x/flux2-klein:9b": kleins[1],
        "x/flux2-klein:4b": None,
    }.items():
        assert called_elsewhere(name, kleins) is expected, name


def test_a_name_of_ollamas_leads_to_a_model_that_is_there(tmp_path, monkeypatch):
    row = msgspec.structs.replace(FAMILIES["stable_diffusion"], called={"x/drawn": ()})
    monkeypatch.setitem(FAMILIES, "stable_diffusion", row)
    assert made_by(tmp_path, "x/drawn:latest", models=("owl",)) == ["owl"]


def listed(folder, **said):
    async def act(client):
        return {name: entry.name for name, entry in (await client.gateway.aliases()).items()}

    return ask(folder, act, **said)


def test_only_what_leads_somewhere_is_listed(tmp_path):
    own = Aliases({"art": "fox", "gone": "nowhere", "b*": "fox"})
    shown = [name for name in SHIPPED if "*" not in name]
    assert listed(tmp_path / "one", aliases=own) == {"art": "fox"} | dict.fromkeys(shown, "fox")
    assert listed(tmp_path / "two", models=("fox", "dall-e-3"), aliases=own) == {"art": "fox"}
