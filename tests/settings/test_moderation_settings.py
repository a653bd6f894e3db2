"""What an owner can say of what isn't to be drawn."""

from pathlib import Path

import pytest

from imagine.settings.settings import settings_from
from imagine.words.errors import ImagineError
from imagine.words.moderation import (
    POLICIES,
    EmbeddingSettings,
    JudgeSettings,
    ModerationSettings,
    PictureSettings,
    stricter_of,
)


def in_file(text):
    settings, warnings = settings_from(environ={}, config=text)
    assert warnings == []
    return settings.moderation


@pytest.mark.parametrize(
    ("said", "policy"),
    [
        ("off", "none"), ("no", "none"), ("false", "none"), ("none", "none"), ("on", "minors-only"),
        ("yes", "minors-only"), ("true", "minors-only"), ("Strict", "strict"), ("{policy: off}", "none"),
        ("{policy: standard}", "standard"), ("{}", "minors-only"), ("", "minors-only"),
    ],
)  # fmt: skip
def test_a_policy_is_said_by_its_name_or_as_yaml_reads_a_bare_word(said, policy):
    assert in_file(f"moderation: {said}") == ModerationSettings(policy=policy)


def test_a_mapping_says_more():
    text = (
        "moderation: {policy: strict, topics: {spiders: [a spider, 'паук'], war: tanks}, stages: picture, log: a.log}"
    )
    assert in_file(text) == ModerationSettings(
        policy="strict", topics={"spiders": ("a spider", "паук"), "war": ("tanks",)}, stages=("picture",),
        log=Path("a.log"),
    )  # fmt: skip
    assert str(in_file(text)) == "strict; topics spiders, war; stages picture; log a.log"
    assert str(in_file("")) == "minors-only"


def test_pictures_are_looked_at_as_a_mapping_of_its_own_says():
    text = "moderation: {pictures: {model: mine, threshold: {hearts: 0.5, sexual: 1}, fail: open}}"
    expected = PictureSettings(model="mine", thresholds={"hearts": 0.5, "sexual": 1.0}, fail="open")
    assert in_file(text) == ModerationSettings(pictures=expected)
    assert str(in_file(text)) == "minors-only; pictures mine, above hearts 0.5, sexual 1, fail open"
    assert in_file("moderation: {pictures: {threshold: 0.4, model: }}").pictures == PictureSettings(threshold=0.4)


@pytest.mark.parametrize(
    ("said", "settings"),
    [
        ("{embeddings: {model: tiny, rule: similarity, threshold: 0.8, fail: closed}}",
         EmbeddingSettings(model="tiny", rule="similarity", threshold=0.8, fail="closed")),
        ("{model: tiny, threshold: 0.3}", EmbeddingSettings(model="tiny", threshold=0.3)),
        ("{threshold: 0.3, embeddings: {rule: similarity}}", EmbeddingSettings(rule="similarity", threshold=0.3)),
        ("{embeddings: off}", EmbeddingSettings(model="")),
        ("{embeddings: {model: none}}", EmbeddingSettings(model="")),
        ("{embeddings: on}", EmbeddingSettings()), ("{embeddings: null}", EmbeddingSettings()),
    ],
)  # fmt: skip
def test_embeddings_have_settings_of_their_own_two_of_them_for_short(said, settings):
    assert in_file(f"moderation: {said}").embeddings == settings
    assert str(in_file("moderation: {model: tiny}")) == "minors-only; embeddings tiny, margin > 0.2, fail open"
    assert (EmbeddingSettings().least, EmbeddingSettings(rule="similarity").least) == (0.2, 0.7)


@pytest.mark.parametrize(
    ("said", "settings"),
    [
        ("true", JudgeSettings()), ("on", JudgeSettings()), ("{}", JudgeSettings()), ("off", None), ("null", None),
        ("{fail: closed, model: qwen3:8b, timeout: 1m}", JudgeSettings(fail="closed", model="qwen3:8b", timeout=60.0)),
    ],
)  # fmt: skip
def test_the_assistant_is_asked_where_that_is_said(said, settings):
    found = in_file(f"assistant: http://127.0.0.1:11434\nmoderation: {{assistant: {said}}}")
    assert found.assistant == settings
    assert str(found) == "; ".join(["minors-only", *([str(settings)] if settings else [])])


def test_an_assistant_that_is_not_there_can_not_be_asked():
    with pytest.raises(ImagineError, match=r"^moderation\.assistant asks the assistant, and there is none: say where"):
        in_file("moderation: {assistant: true}")


@pytest.mark.parametrize("said", ["standard", '{"policy": "standard"}'])
def test_a_flag_and_a_variable_take_a_name_or_json(said):
    for flags, environ in (({"moderation": said}, {}), ({}, {"IMAGINE_MODERATION": said})):
        settings, _ = settings_from(flags, environ=environ, config="moderation: none")
        assert settings.moderation.policy == "standard"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("lax", "none, minors-only, standard, strict, or a mapping"), ("3", "none, minors-only"),
        ("{policy: lax}", "none, minors-only"), ("{terms: [x]}", "without 'terms'"),
        ("{topics: [x]}", "topics is a mapping"), ("{topics: {x: []}}", "the topic 'x' has 1 to 64 examples"),
        ("{topics: {x: ['!']}}", "the topic 'x'"), ("{topics: {x: [3]}}", "the topic 'x'"),
        ("{topics: {sexual: [x]}}", "a name of its own"), ("{topics: {' ': [x]}}", "a name of its own"),
        ("{stages: [prompts]}", "stages are among prompt, preview, picture"), ("'{policy'", "or a mapping"),
        ("[strict]", "none, minors-only"), ("{pictures: mine}", "pictures is a mapping of model, threshold and fail"),
        ("{pictures: {models: x}}", "without 'models'"), ("{pictures: {threshold: 1.1}}", "0 to 1"),
        ("{pictures: {threshold: {sexual: .nan}}}", "and not nan"), ("{pictures: {threshold: [1]}}", "0 to 1"),
        ("{pictures: {fail: shut}}", "pictures.fail is open or closed"),
        ("{pictures: {model: ' '}}", "the name of a file"), ("{pictures: {model: 3}}", "the name of a file"),
        ("{embeddings: {rule: nearest}}", "rule of embeddings is margin or similarity"),
        ("{embeddings: {threshold: 2}}", "threshold of embeddings is a number from 0 to 1"),
        ("{threshold: true}", "threshold of embeddings"), ("{embeddings: {fail: often}}", "open or closed"),
        ("{embeddings: {models: x}}", "without 'models'"), ("{embeddings: {model: ' '}}", "a file's name, or none"),
        ("{model: a, embeddings: {model: b}}", "model stand among embeddings, or beside it"),
        ("{threshold: 0.3, embeddings: off}", "threshold stand among embeddings"),
        ("{assistant: qwen3}", "assistant is true, false, or a mapping"),
        ("{assistant: {models: x}}", "without 'models'"),
        ("{assistant: {fail: shut}}", "assistant.fail is open or closed"),
        ("{assistant: {timeout: 0}}", "from 1 to 600"),
        ("{assistant: {timeout: soon}}", "assistant.timeout is a number"),
        ("{assistant: {model: ''}}", "model is auto"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_refused_in_a_sentence(said, why):
    with pytest.raises(ImagineError, match=r"moderation in the configuration file is .*; it must be ") as caught:
        in_file(f"moderation: {said}")
    assert why in str(caught.value)


def test_a_request_only_makes_it_stricter():
    for owner in POLICIES:
        assert stricter_of(owner, None) == owner
        for asked in POLICIES:
            assert stricter_of(owner, asked) == max(owner, asked, key=POLICIES.index)
