"""What users are told: every code has its sentence in both languages, with the same values in it."""

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from imagine.asking.checking import value_of
from imagine.asking.request import GenerateRequest
from imagine.messages import (
    NO_NAMES,
    Language,
    Message,
    field_of,
    in_english,
    language_from_header,
    message,
    sentence,
    sentences,
    template,
)
from imagine.messages.english import SENTENCES as ENGLISH
from imagine.messages.russian import SENTENCES as RUSSIAN
from imagine.server.ollama.answers import NAMED as OLLAMA
from imagine.server.openai.fields import NAMED as OPENAI

SOURCE = Path("src/imagine")


FIELDS = frozenset(GenerateRequest.__struct_fields__)
ENGLISH_ONLY = (
    "cli/", "client/", "binary/", "settings/", "asking/presets.py", "asking/checking.py", "server/own_socket.py",
    "server/serve.py", "machines/ray/cluster.py", "machines/ray/fetching.py", "machines/ray/starting.py",
    "machines/ray/token.py",
)  # fmt: skip
"""Who may say sentences that have no code: to whoever started a command, or to the owner's log and of his files."""
DIALECTS = {"ours": NO_NAMES, "OpenAI's": OPENAI, "Ollama's": OLLAMA}
CODES = sorted({*ENGLISH, *RUSSIAN})


def calls() -> Iterator[ast.Call]:
    """Every call of `message` in the source."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "message":
                yield node


def texts() -> set[str]:
    """Every text that stands in the source beside the catalogue."""
    paths = [path for path in SOURCE.rglob("*.py") if path.parent.name != "messages"]
    nodes = (node for path in paths for node in ast.walk(ast.parse(path.read_text())))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def values_in(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def placeholders(template: str) -> set[tuple[str, bool, str | None]]:
    """What stands in a template: its name, whether it is itself a field's name, and whether it is quoted."""
    parts = string.Formatter().parse(template)
    return {(name, spec == "field", quoted) for _, name, spec, quoted in parts if name is not None}


def test_every_code_has_a_sentence_and_every_sentence_is_said() -> None:
    assert set(ENGLISH) - texts() == {"plain"}
    for call in calls():
        for part in ast.walk(call.args[0]):
            if isinstance(part, ast.Constant) and not isinstance(call.args[0], ast.Subscript):
                assert part.value in ENGLISH


def test_what_stands_in_a_sentence_is_given_or_a_field() -> None:
    for call in calls():
        code, given = call.args[0], {keyword.arg for keyword in call.keywords}
        if isinstance(code, ast.Constant) and None not in given:  # None: **values, which can't be read here
            assert values_in(ENGLISH[code.value]) - given - FIELDS <= {"field"}, code.value


def test_what_has_no_code_is_said_by_commands_only() -> None:
    for path in SOURCE.rglob("*.py"):
        place = path.relative_to(SOURCE).as_posix()
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        assert "in_english" not in names or place.startswith(ENGLISH_ONLY), place


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_dialect_says_it_in_its_own_names(language: Language) -> None:
    for code in CODES:
        form = {"en": ENGLISH, "ru": RUSSIAN}[language][code]
        values = dict.fromkeys(values_in(form) - {"field"} - FIELDS, 3) | (
            {"other": "img"} if "{other:field" in form else {}
        )
        for called in DIALECTS.values():
            own = {name: called.get(name, name) for name in ("img", "neg", "num_steps")}
            for field, name in own.items():
                said = sentence(Message(code, field, values), language, called)
                assert "{" not in said, code
                assert ("{field}" not in form) or name in said, code
                assert set(re.findall(r"\w+", said)) & own.keys() <= set(own.values()), code
        literal = "".join(text for text, *_ in string.Formatter().parse(form))
        assert not {"img", "neg", "num_steps"} & set(re.findall(r"\w+", literal)), code


def test_both_languages_say_the_same() -> None:
    for code in CODES:
        english, russian = ENGLISH[code], RUSSIAN[code]
        assert placeholders(english) == placeholders(russian), code
        assert not english or code == "plain" or any("а" <= letter.lower() <= "я" for letter in russian), code
        for form in (english, russian):
            assert not form.endswith("."), code
            for _, name, spec, _ in string.Formatter().parse(form):
                kinds = 2 if form is english else 3
                assert not spec or spec == "field" or len(spec.split("|")) == kinds, (code, name, spec)


BARE = re.compile(r"(\w*) ?\{\w+\} (?:чисел|тензоров|каналов|блоков|шагов|токенов|знаков|байт)\b")
OF_ANY_NUMBER = {"больше", "длиннее", "до", "из"}
"""After these all numbers but 1 have one form: больше 1024 чисел."""


def test_a_russian_word_beside_a_number_has_all_its_forms() -> None:
    found = {code: BARE.findall(form) for code, form in RUSSIAN.items()}
    assert {code: words for code, words in found.items() if set(words) - OF_ANY_NUMBER} == {}


COUNTED = [
    (1, "1 step", "1 шаг"),
    (2, "2 steps", "2 шага"),
    (5, "5 steps", "5 шагов"),
    (11, "11 steps", "11 шагов"),
    (21, "21 steps", "21 шаг"),
    (1.5, "1.5 steps", "1.5 шага"),
]
ACCEPTED = {
    "": "en",
    "ru": "ru",
    "ru-RU,ru;q=0.9,en-US;q=0.8": "ru",
    "en-GB,ru;q=0.5": "en",
    "de,ru;q=0.3": "ru",
    "de": "en",
    "*": "en",
    "ru;q=x": "en",
    "fr;q=0.9, ru ;q=0.2, en;q=0.4": "en",
}


@pytest.mark.parametrize(("count", "english", "russian"), COUNTED)
def test_a_word_goes_with_its_number(count: float, english: str, russian: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGLISH, "made up", "{count:step|steps}")
    monkeypatch.setitem(RUSSIAN, "made up", "{count:шаг|шага|шагов}")
    said = message("made up", count=count)
    assert (sentence(said), sentence(said, "ru")) == (english, russian)


def test_a_field_has_the_readers_name() -> None:
    said = message("no_effect.without", "hires.scale", other="img")
    names = {"hires": "upscale", "img": "image"}
    assert sentence(said, called=names) == "upscale.scale has no effect without image"
    assert field_of(said, names) == "upscale.scale"
    assert sentences([said, said, in_english("plain")]) == ["hires.scale has no effect without img", "plain"]


def test_the_name_that_it_was_said_by_goes_before_the_readers() -> None:
    said = message("clip.least", "clip", value=0).called("skip")
    assert sentence(said, called={"clip": "clip_skip"}) == "skip is 0; it counts from 1"
    assert (field_of(said, {"clip": "clip_skip"}), said.field) == ("skip", "clip")
    nested = message("part.unusable", "vae", value="fox", why=said)
    assert (
        sentence(nested, called={"vae": "autoencoder"})
        == "autoencoder 'fox' can't be used: skip is 0; it counts from 1"
    )


@pytest.mark.parametrize(
    ("value", "shown", "told"),
    [
        (7, "7", 7), (0.25, "0.25", 0.25), (True, "true", True), ("{neg}", "'{neg}'", "{neg}"), ("ё", "'ё'", "ё"),
        ("x" * 50, "'" + "x" * 40 + "'… (50 characters)", "x" * 40 + "…"), ([1], "a list", None),
        ({"a": 1}, "an object", None), (10**50, "a number of more than 40 digits", None),
    ],
)  # fmt: skip
def test_a_value_is_told_as_it_was_said_and_shortened(value: object, shown: str, told: object) -> None:
    said = message("value.refused", "neg", value=value_of(value), allowed=message("allowed.text"))
    assert sentence(said, called={"neg": "avoid"}) == f"avoid is {shown}; it must be text"
    assert said.value == told


def test_a_template_leaves_our_fields_open_and_nothing_else() -> None:
    said = message("sampler.kind", "sampler", value="{neg}", kind=message("kind.flow"), able="{a}")
    assert template(said) == "{sampler} '{{neg}}' doesn't run on a flow-matching model; these do: {{a}}"
    assert str(template(said, "ru")).format(sampler="«Сэмплер»").endswith("(«Сэмплер»); работают: {a}")
    assert template(message("unknown", names="{neg}")) is None


def test_a_message_crosses_a_pipe_whole() -> None:
    said = message("part.unusable", "vae", value="fox", why=message("value.range", "seed", value=1.5, least=0, most=1))
    said = said.called("autoencoder")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode([said]), type=list[Message]) == [said]
    assert str(said) == "autoencoder 'fox' can't be used: seed must be from 0 to 1, not 1.5"


def test_a_code_of_a_newer_version_is_still_told() -> None:
    assert "fox" in sentence(Message("not.there.yet", None, {"name": "fox"}), "ru")


@pytest.mark.parametrize(("accepted", "language"), ACCEPTED.items())
def test_the_language_is_the_one_that_is_preferred(accepted: str, language: str) -> None:
    assert language_from_header(accepted) == language
