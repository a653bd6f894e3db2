"""LoRAs in a prompt's tags are what is asked for; what else it asks for and doesn't get is named, and none is words."""

from __future__ import annotations

import pytest

from imagine.asking.prompt_tags import without_tags
from imagine.messages import sentences
from imagine.words.errors import BadRequest


@pytest.mark.parametrize(
    ("prompt", "text", "loras", "named"),
    [
        ("a fox", "a fox", [], []),
        (" a fox ", " a fox ", [], []),
        ("a <lora:ink:0.8> fox", "a  fox", [("ink", 0.8)], []),
        ("<lora:ink v2:0.8:lbw=OUTD> <hypernet:x:1>", "", [("ink v2", 0.8)], ["lbw=OUTD", "asks for hypernet 'x'"]),
        ("<LyCO:a/b:1>, a fox", ", a fox", [("a/b", 1.0)], []),
        ("fox, embedding:bad-hands_v2 <ink>", "fox, embedding:bad-hands_v2 <ink>", [], []),
        ("word embedding: fox", "word embedding: fox", [], []),
        ("a fox AND a dog", "a fox AND a dog", [], []),
        ("cats and dogs, ANDES", "cats and dogs, ANDES", [], []),
        ("2 < 3 > 1 <b>", "2 < 3 > 1 <b>", [], []),
    ],
)
def test_tags_are_taken_out(prompt: str, text: str, loras: list[tuple[str, float]], named: list[str]) -> None:
    plain = without_tags(prompt, "prompt")
    assert (plain.text, [(lora.name, lora.weight) for lora in plain.loras]) == (text, loras)
    said = sentences(plain.notes)
    assert len(said) == len(named)
    assert all(sentence.startswith("prompt ") and part in sentence for sentence, part in zip(said, named, strict=True))


def test_a_lora_in_a_negative_prompt_is_only_named() -> None:
    plain = without_tags("bad <lora:ink:-1:lbw=X>", "neg")
    assert (plain.text, plain.loras) == ("bad", ())
    assert sentences(plain.notes) == ["neg names LoRA 'ink', which has no effect there; in prompt it has"]


@pytest.mark.parametrize("weight", ["x", "", "4.1", "-5", "nan", "1:9"])
def test_a_weight_that_is_none_is_refused(weight: str) -> None:
    with pytest.raises(BadRequest, match="where a LoRA's weight belongs") as caught:
        without_tags(f"<lora:ink:{weight}>", "prompt")
    assert caught.value.field == "prompt"


def test_a_negative_prompt_joins_nothing() -> None:
    (note,) = without_tags("a fox AND a dog", "neg").notes
    assert sentences([note]) == ["neg has AND, which joins prompts only in prompt; it was read as a word"]
