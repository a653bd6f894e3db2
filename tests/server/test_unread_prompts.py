"""A prompt in letters that a model's text encoders were never taught: said in every dialect, with what helps."""

import pytest

from imagine.families.scripts import scripts_in, taught_scripts
from imagine.words.assistant import AssistantSettings
from tests.registry import declared
from tests.server.served import ask

RUSSIAN = "красный дом на синем фоне"
SAID = (
    "{} is in Cyrillic letters, which fox was never taught: what it says won't be seen in the picture. "
    "Write it in English"
)
TOLD = (
    "prompt содержит кириллицу, а модель «fox» этому не учили: на картинке этого не будет. "
    "Напишите по-английски или поручите это ассистенту (assist)"
)
EXAMPLES = '{"ru": ["красный дом"], "en": ["a red house"]}'


async def told(client, path, body, language="en"):
    async with client.post(path, json=body, headers={"Accept-Language": language}) as answer:
        assert answer.status == 200, await answer.text()
        return (await answer.json()).get("warnings", [])


def test_it_is_said_in_every_dialect_and_of_what_a_model_has_examples_of_it_is_not(tmp_path):
    declared.write(tmp_path / "models/bear.safetensors", declared.tiny(), metadata={"imagine.examples": EXAMPLES})

    async def act(client):
        asked = {"prompt": RUSSIAN, "model": "fox"}
        assert await told(client, "/generate", asked) == [SAID.format("prompt")]
        assert await told(client, "/generate", {"prompt": "a fox", "neg": "дом"}) == [SAID.format("neg")]
        assert await told(client, "/api/generate", asked | {"stream": False}) == [SAID.format("prompt")]
        assert await told(client, "/v1/images/generations", asked) == [SAID.format("prompt")]
        assert await told(client, "/generate", {"prompt": RUSSIAN, "model": "bear"}) == []
        assert (
            await told(client, "/generate", {"prompt": 'a sign that says "ДОМ", in the middle', "model": "fox"}) == []
        )
        (chinese,) = await told(client, "/generate", {"prompt": "蓝色背景上的红房子", "model": "bear"})
        assert chinese.startswith("prompt is in Chinese characters, which bear was never taught")

    ask(tmp_path, act)


def test_where_an_assistant_is_it_is_named_in_the_users_language(tmp_path):
    async def act(client):
        assert await told(client, "/generate", {"prompt": RUSSIAN}, "ru") == [TOLD]

    ask(tmp_path, act, assistant=AssistantSettings(url="http://127.0.0.1:9"))


@pytest.mark.parametrize(
    ("family", "lacking", "russian", "chinese"),
    [("sdxl", (), False, False), ("sd3", (), True, False), ("sd3", ("text_encoder_3",), False, False),
     ("flux", (), True, False), ("qwen-image", (), True, True), ("kolors", (), True, True), ("", (), True, True)],
)  # fmt: skip
def test_what_encoders_were_taught(family, lacking, russian, chinese):
    taught = taught_scripts(family, lacking)
    reads = [taught is None or scripts_in(text) <= taught for text in (RUSSIAN, "红色的房子", "une maison à Đà Nẵng")]
    assert reads == [russian, chinese, True]
