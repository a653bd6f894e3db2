"""What a prompt asks for and doesn't get is named, and no tag is read as words."""

from __future__ import annotations

import pytest

from imagine.asking.prompt_tags import without_tags
from imagine.messages import sentences


@pytest.mark.parametrize(
    ("prompt", "text", "named"),
    [
        ("a fox", "a fox", []),
        ("a <lora:ink:0.8> fox", "a  fox", ["asks for lora 'ink'"]),
        ("<lora:ink v2:0.8:lbw=OUTD> <hypernet:x>", " ", ["asks for lora 'ink v2'", "asks for hypernet 'x'"]),
        ("<LyCO:a/b:1>, a fox", ", a fox", ["asks for lyco 'a/b'"]),
        ("fox, embedding:bad-hands_v2", "fox, ", ["asks for embedding 'bad-hands_v2'"]),
        ("word embedding: fox", "word embedding: fox", []),
        ("a fox AND a dog", "a fox AND a dog", ["joins prompts with AND"]),
        ("cats and dogs, ANDES", "cats and dogs, ANDES", []),
        ("2 < 3 > 1 <b>", "2 < 3 > 1 <b>", []),
    ],
)
def test_tags_are_taken_out_and_named(prompt: str, text: str, named: list[str]) -> None:
    cleaned, messages = without_tags(prompt, "neg")
    assert cleaned == text
    said = sentences(messages)
    assert len(said) == len(named)
    assert all(sentence.startswith("neg ") and part in sentence for sentence, part in zip(said, named, strict=True))
