"""What is refused, and what has no effect, in every dialect: by one code, in the names that its client knows."""

import json

import pytest

from tests.server.served import ask

NATIVE, OPENAI, OLLAMA = "/generate", "/v1/images/generations", "/api/generate"
RUSSIAN = {"Accept-Language": "ru"}
SAMPLER = "sampler 'neg' doesn't exist; there are: "
STEPS = "steps is 0; it must be a whole number from 1 to 150"
REFUSED = {
    "a value that is the name of a field": (
        (NATIVE, {"sampler": "neg"}, SAMPLER, "sampler", "neg"),
        (NATIVE, {"sampler_name": "neg"}, SAMPLER.replace("sampler", "sampler_name", 1), "sampler_name", "neg"),
        (OPENAI, {"sampler": "neg"}, SAMPLER, "sampler", None),
        (OLLAMA, {"sampler": "neg"}, SAMPLER, "sampler", "neg"),
    ),
    "a field by each of its names": (
        (NATIVE, {"num_steps": 0}, "num_" + STEPS, "num_steps", 0),
        (NATIVE, {"steps": 0}, STEPS, "steps", 0),
        (OPENAI, {"steps": 0}, STEPS, "steps", None),
        (OPENAI, {"num_steps": 0}, "num_" + STEPS, "num_steps", None),
        (OLLAMA, {"options": {"steps": 151}}, "steps is 151; it must", "steps", 151),
    ),
    "a field that a dialect calls otherwise": (
        (NATIVE, {"img": "?"}, "img is not base64", "img", None),
        (OPENAI, {"reference_images": "?"}, "reference_images is not base64", "reference_images", None),
        (OLLAMA, {"images": ["?"]}, "images is not base64", "images", None),
    ),
    "a field that a dialect has for itself": (
        (NATIVE, {"stream": "no"}, "stream is 'no'; it must be a whole number", "stream", "no"),
        (OPENAI, {"stream": "no"}, "stream is 'no'; it must be true or false", "stream", None),
        (OLLAMA, {"stream": "no"}, "stream is 'no'; it must be true or false", "stream", "no"),
        (OLLAMA, {"preview": "no"}, "preview is 'no'; it must be a whole number", "preview", "no"),
        (OPENAI, {"size": "big"}, "size is 'big'; it must be auto, or WIDTHxHEIGHT", "size", None),
    ),
    "a value that is long": (
        (NATIVE, {"seed": "x" * 100}, "seed is 'xxxxxxxx", "seed", "x" * 40 + "…"),
        (OLLAMA, {"seed": [1]}, "seed is a list", "seed", None),
    ),
    "what belongs to a picture that isn't there": (
        (NATIVE, {"extend": 8}, "extend needs the picture that it belongs to, as img", "extend", None),
        (OLLAMA, {"extend": 8}, "extend needs the picture that it belongs to, as images", "extend", None),
    ),
}  # fmt: skip
CASES = [case for cases in REFUSED.values() for case in cases]


def answered(folder, path, body, headers=None):
    async def act(client):
        own = {} if path == NATIVE or "stream" in body or "preview" in body else {"stream": False}
        async with client.post(path, json={"prompt": "a fox"} | own | body, headers=headers) as answer:
            return answer.status, json.loads((await answer.text()).splitlines()[-1])

    return ask(folder, act)


@pytest.mark.parametrize(("path", "body", "sentence", "field", "value"), CASES)
def test_a_refusal_speaks_its_clients_language(tmp_path, path, body, sentence, field, value):
    status, said = answered(tmp_path, path, body, {"Accept-Language": "en"} if path == NATIVE else RUSSIAN)
    assert status == 400
    if path == OPENAI:
        assert (said["error"]["message"][: len(sentence)], said["error"]["param"]) == (sentence, field)
    else:
        assert (said["error"][: len(sentence)], said.get("field"), said.get("value")) == (sentence, field, value)
        assert said["code"]


def test_our_own_dialect_answers_in_russian_with_the_field_by_the_name_that_was_used(tmp_path):
    status, said = answered(tmp_path, NATIVE, {"steps": 0}, RUSSIAN)
    assert (status, said) == (
        400,
        {
            "error": "steps: здесь 0, а допустимо: целое число от 1 до 150",
            "code": "value.refused",
            "field": "steps",
            "value": 0,
            "template": "{num_steps}: здесь 0, а допустимо: целое число от 1 до 150",
        },
    )


WARNED = [
    (NATIVE, {"neg": "x", "guidance": 1}, "neg has no effect where guidance is at most 1, and it is 1"),
    (NATIVE, {"negative_prompt": "x", "cfg_scale": 1},
     "negative_prompt has no effect where cfg_scale is at most 1, and it is 1"),
    (OPENAI, {"negative_prompt": "x", "guidance": 1},
     "negative_prompt has no effect where guidance is at most 1, and it is 1"),
    (OPENAI, {"neg": "x", "guidance_scale": 1}, "neg has no effect where guidance_scale is at most 1, and it is 1"),
    (OPENAI, {"strength": 0.5}, "strength has no effect without image"),
    (OLLAMA, {"negative": "x", "guidance": 1}, "negative has no effect where guidance is at most 1, and it is 1"),
    (OLLAMA, {"strength": 0.5}, "strength has no effect without images"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "warning"), WARNED)
def test_a_warning_speaks_its_clients_language(tmp_path, path, body, warning):
    status, said = answered(tmp_path, path, body)
    assert (status, said["warnings"]) == (200, [warning])


def test_warnings_come_with_what_a_program_can_act_on(tmp_path):
    said = answered(tmp_path, NATIVE, {"strength": 0.5, "negative_prompt": "x", "guidance": 1, "a{neg}b": 1})[1]
    assert len(said["warnings"]) == 3
    assert said["notes"] == [
        {"code": "unknown"},
        {"code": "no_effect.without", "field": "strength", "template": "{strength} has no effect without {img}"},
        {
            "code": "no_effect.guidance",
            "field": "negative_prompt",
            "template": "{neg} has no effect where {guidance} is at most 1, and it is 1",
        },
    ]
