"""What users are told: every code has its sentence in both languages, with the same values in it."""

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from imagine.asking.request import GenerateRequest
from imagine.messages import Message, language_from_header, message, sentence, sentences
from imagine.messages.english import SENTENCES as ENGLISH
from imagine.messages.russian import SENTENCES as RUSSIAN

SOURCE = Path("src/imagine")


FIELDS = frozenset(GenerateRequest.__struct_fields__)


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


def test_every_code_has_a_sentence_and_every_sentence_is_said() -> None:
    assert set(ENGLISH) - texts() == set()
    for call in calls():
        for part in ast.walk(call.args[0]):
            if isinstance(part, ast.Constant) and not isinstance(call.args[0], ast.Subscript):
                assert part.value in ENGLISH


def test_what_stands_in_a_sentence_is_given_or_a_field() -> None:
    for call in calls():
        code, given = call.args[0], {keyword.arg for keyword in call.keywords}
        if isinstance(code, ast.Constant) and None not in given:  # None: **values, which can't be read here
            assert values_in(ENGLISH[code.value]) - given - FIELDS <= {"field"}, code.value


@pytest.mark.parametrize("code", sorted({*ENGLISH, *RUSSIAN}))
def test_both_languages_say_the_same(code: str) -> None:
    english, russian = ENGLISH[code], RUSSIAN[code]
    assert values_in(english) == values_in(russian)
    assert not english or any("а" <= letter.lower() <= "я" for letter in russian)
    for template in (english, russian):
        assert not template.endswith(".")
        values = dict.fromkeys(values_in(template) - {"field"}, 3)
        for language in ("en", "ru"):
            assert "{" not in sentence(Message(code, "img", values), language)


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
    assert sentence(said, called={"hires": "upscale"}) == "upscale.scale has no effect without img"
    assert sentences([said, said, "plain"]) == ["hires.scale has no effect without img", "plain"]


def test_a_message_crosses_a_pipe_with_its_code() -> None:
    said = message("model.missing", "model", name="fox")
    bytes_ = msgspec.msgpack.encode([said, "plain"])
    assert msgspec.msgpack.decode(bytes_, type=list[str | Message]) == [said, "plain"]
    assert str(said) == "model 'fox' not found"


def test_a_code_of_a_newer_version_is_still_told() -> None:
    assert "fox" in sentence(Message("not.there.yet", None, {"name": "fox"}), "ru")


@pytest.mark.parametrize(("accepted", "language"), ACCEPTED.items())
def test_the_language_is_the_one_that_is_preferred(accepted: str, language: str) -> None:
    assert language_from_header(accepted) == language
