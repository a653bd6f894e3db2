"""Tags in prompts: taken out before anything is made of the prompt, wherever it came from."""

from imagine.asking.resolve import Defaults
from tests.server.served import ask


def test_those_of_the_servers_own_negative_prompt_are_no_words_of_it(tmp_path):
    async def act(client):
        async with client.post("/generate", json={"prompt": "a fox"}) as answer:
            said = await answer.json()
        return said["meta"]["neg"], said["warnings"]

    left_out = "neg asks for hypernet 'x', which can't be used here yet; it was left out"
    assert ask(tmp_path, act, defaults=Defaults(neg="dull<hypernet:x:1>")) == ("dull", [left_out])


def test_a_tag_hides_no_word_from_the_owners_check(tmp_path):
    async def act(client):
        async with client.post("/generate", json={"prompt": "a blood<lora:x:1>y fox"}) as answer:
            return answer.status, client.worker.seen

    assert ask(tmp_path, act, blocked_terms=("bloody",)) == (400, [])
