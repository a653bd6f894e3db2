"""Tags in prompts: taken out before anything is made of the prompt, wherever it came from."""

import pytest

from imagine.asking.presets import Preset
from imagine.asking.resolve import Defaults
from tests.server.served import ask

LEFT_OUT = "asks for lora 'ink', which can't be used here yet; it was left out"


@pytest.mark.parametrize(
    ("body", "prompt", "neg", "field"),
    [
        ({"prompt": "a fox<lora:ink:0.8>"}, "a fox", "dull", "prompt"),
        ({"prompt": "a fox", "neg": "blurred<lora:ink:1>"}, "a fox", "blurred", "neg"),
        ({"prompt": "a fox", "preset": "inked"}, "a fox, in ink ", "dull", "prompt"),
    ],
)
def test_tags_are_no_words_of_a_prompt_and_are_named(tmp_path, body, prompt, neg, field):
    async def act(client):
        async with client.post("/generate", json=body) as answer:
            said = await answer.json()
        return said["meta"], said["warnings"]

    inked = Preset(name="inked", prompt_suffix="in ink <lora:ink:1>")
    meta, warnings = ask(tmp_path, act, presets=(inked,), defaults=Defaults(neg="dull"))
    assert (meta["prompt"], meta["neg"]) == (prompt, neg)
    assert f"{field} {LEFT_OUT}" in warnings


def test_those_of_the_servers_own_negative_prompt_too(tmp_path):
    async def act(client):
        async with client.post("/generate", json={"prompt": "a fox"}) as answer:
            said = await answer.json()
        return said["meta"]["neg"], said["warnings"]

    assert ask(tmp_path, act, defaults=Defaults(neg="dull<lora:ink:1>")) == ("dull", [f"neg {LEFT_OUT}"])


def test_a_tag_hides_no_word_from_the_owners_check(tmp_path):
    async def act(client):
        async with client.post("/generate", json={"prompt": "a blood<lora:x:1>y fox"}) as answer:
            return answer.status, client.worker.seen

    assert ask(tmp_path, act, blocked_terms=("bloody",)) == (400, [])
