"""Where the assistant is said to be: a URL, a mapping, or JSON; what can't be is told in a sentence."""

import json
from pathlib import Path

import pytest
import yaml

from imagine.settings.settings import Settings, settings_from
from imagine.words.assistant import AssistantSettings
from imagine.words.errors import ImagineError

URL = "http://127.0.0.1:11434"
DOCUMENTED = Path("docs/assistant.md").read_text().partition("```yaml\n")[2].partition("```")[0]


def read(value):
    return settings_from({}, {}, yaml.safe_dump({"assistant": value}))[0].assistant


def test_there_is_none_until_it_is_named():
    assert not Settings().assistant
    for value in ("none", "off", False, {"url": "none"}):
        assert not read(value), value
    assert str(Settings().assistant) == "none"


def test_a_url_is_enough():
    said = read(URL + "/")
    assert said == AssistantSettings(url=URL)
    assert settings_from({"assistant": URL}, {})[0].assistant == said
    assert settings_from({}, {"IMAGINE_ASSISTANT": json.dumps({"url": URL})})[0].assistant == said


def test_what_is_documented_is_what_holds_anyway():
    said = settings_from({}, {}, DOCUMENTED)[0].assistant
    assert said.key_file is not None
    assert said == AssistantSettings(url=URL, revise=("dall-e-3",), key_file=said.key_file)
    assert str(said) == f"{URL}; revise dall-e-3; key_file {said.key_file}"


def test_more_can_be_said():
    said = read(
        {"url": URL, "keep_alive": "5m", "timeout": 30, "unload_before_generate": True, "allow": "a.test, b.test"}
    )
    assert (said.keep_alive, said.timeout, said.unload_before_generate) == (300.0, 30.0, "always")
    assert said.allow == ("a.test", "b.test")
    assert read({"url": URL, "keep_alive": -1, "unload_before_generate": False}).keep_alive == -1


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("ftp://127.0.0.1", "http://127.0.0.1:11434"),
        ("http://me:secret@127.0.0.1", "plain"),
        ("http://127.0.0.1?key=1", "plain"),
        ("http://127.0.0.1:99999", "plain"),
        ("{broken", "mapping"),
        ({"timeout": 5}, "url says where it is"),
        ({"url": URL, "model": "x"}, "without 'model'"),
        ({"url": URL, "dialect": "mistral"}, "auto, ollama or openai"),
        ({"url": URL, "timeout": 0}, "from 1 to 3600"),
        ({"url": URL, "timeout": -1}, "from 1 to 3600"),
        ({"url": URL, "keep_alive": "soon"}, "5m"),
        ({"url": URL, "vision_model": ""}, "auto, or names"),
        ({"url": URL, "revise": [""]}, "list of names"),
        ({"url": URL, "language": "de"}, "auto, en or ru"),
    ],
)
def test_what_cannot_be_is_told(value, why):
    with pytest.raises(ImagineError, match="assistant in the configuration file is") as caught:
        read(value)
    assert why in str(caught.value)
