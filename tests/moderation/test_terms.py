"""The owner's checks: whole words, however they are written, in what was said or in what a preset adds."""

import asyncio

import pytest

from imagine.moderation.check import ModerationInput
from imagine.moderation.terms import BlockedTerms
from imagine.settings.settings import settings_from
from imagine.words.errors import Blocked
from tests.moderation.obfuscations import OBFUSCATIONS
from tests.server.served import ask

CHECK = BlockedTerms(["gore", "Éclair", "naked truth", "Straße", "кровь", "3d"])


def blocked(prompt, final=None, preset=None):
    try:
        CHECK(ModerationInput(prompt, final or prompt, preset))
    except Blocked as error:
        return error.field
    return None


@pytest.mark.parametrize(
    "prompt",
    [
        "gore", "GORE everywhere", "some, gore!", "(gore:1.3)", "a_gore_b", "go\u200bre", "ｇｏｒｅ", "an eclair",
        "ÉCLAIR",
        "e\u0301clair", "the naked, truth", "STRASSE", "strasse", "Кровь на снегу", "a 3D render", "gōré",
    ],
)  # fmt: skip
def test_a_blocked_word_is_found_however_it_is_written(prompt):
    assert blocked(prompt) == "prompt"


@pytest.mark.parametrize(
    "prompt", ["gored", "Gregoreth", "eclairs", "naked and truth", "truth naked", "кровью", "3 d", "", "a fox"]
)
def test_a_part_of_a_word_is_no_word(prompt):
    assert blocked(prompt) is None


def test_a_preset_is_looked_at_by_its_name_and_by_what_it_adds():
    assert blocked("a fox", preset="gore") == "preset"
    assert blocked("a fox", "a fox, gore", "horror") == "preset"
    assert blocked("a fox", "a fox, oil paint", "oil") is None


@pytest.mark.parametrize("name", OBFUSCATIONS)
def test_no_disguise_hides_a_term(name):
    write = OBFUSCATIONS[name]
    assert blocked(write("some gore")) == "prompt"
    assert blocked(write("кровь на снегу")) == "prompt"


def test_the_terms_are_the_settings():
    settings, _ = settings_from(environ={"IMAGINE_BLOCKED_TERMS": "gore, naked truth"})
    assert settings.blocked_terms == ("gore", "naked truth")
    settings, _ = settings_from(environ={}, config="blocked_terms: [gore, 42]")
    assert settings.blocked_terms == ("gore", "42")


def test_what_is_blocked_is_refused_before_it_is_queued(tmp_path):
    async def act(client):
        async with client.post("/generate", json={"prompt": "some gore"}) as answer:
            assert answer.status == 400
            assert "prompt holds 'gore'" in (await answer.json())["error"]
        async with client.post("/generate", json={"prompt": "a fox", "neg": "gore"}) as answer:
            assert answer.status == 200
        await asyncio.sleep(0)
        assert len(client.worker.seen) == 1

    ask(tmp_path, act, blocked_terms=("gore",))
