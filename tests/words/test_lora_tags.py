"""Tags of LoRAs, as AUTOMATIC1111 reads and writes them."""

import pytest

from imagine.words.lora_tags import tag_of, tags_in
from imagine.words.recipe import Lora


def lora(name, weight=1.0, clip=None):
    return Lora(name=name, weight=weight, clip_weight=clip)


@pytest.mark.parametrize(
    ("text", "rest", "tags"),
    [
        ("a fox", "a fox", []),
        ("a <lora:ink:0.8> fox", "a  fox", [lora("ink", 0.8)]),
        ("<lora:ink>", "", [lora("ink")]),
        ("<lora:ink:0.8:0.5>", "", [lora("ink", 0.5, 0.8)]),
        ("<lora:ink:te=0.8:unet=0.5>", "", [lora("ink", 0.5, 0.8)]),
        ("<lora:ink:te=0.8>", "", [lora("ink", 0.8)]),
        ("<lora:ink:unet=0>", "", [lora("ink", 0.0, 1.0)]),
        ("<lora:ink:1:unet=.5>", "", [lora("ink", 0.5, 1.0)]),
        ("<LyCO: ink v2.1/b :-1>", "", [lora("ink v2.1/b", -1.0)]),
        ("<lora:a:1><lora:b:2>, c", ", c", [lora("a"), lora("b", 2.0)]),
        ("2 < 3 > 1 <b> <lora> <lora: <hypernet:x:1>", "2 < 3 > 1 <b> <lora> <lora: <hypernet:x:1>", []),
    ],
)
def test_a_tag_says_a_name_and_two_weights(text, rest, tags):
    assert tags_in(text) == (rest, [(tag, (), "") for tag in tags])


@pytest.mark.parametrize(
    ("text", "others", "wrong"),
    [
        ("<lora:ink:1:lbw=OUTD:lbwe=all>", ("lbw=OUTD", "lbwe=all"), ""),
        ("<lora:ink:1:MIDD>", ("MIDD",), ""),
        ("<lora:ink:1:0,1,1,0:x=0.3>", ("x=0.3", "0,1,1,0"), ""),
        ("<lora:ink:1:1:32>", ("32",), ""),
        ("<lora:ink:1:start=5>", ("start=5",), ""),
        ("<lora:ink:O.8>", (), "O.8"),
        ("<lora:ink:>", (), "''"),
        ("<lora:ink:te=nan>", (), "nan"),
        ("<lora:ink:unet=1e999>", (), "1e999"),
    ],
)
def test_what_no_weight_is_stands_apart(text, others, wrong):
    rest, (tag,) = tags_in(text)
    assert (rest, tag.others, tag.wrong) == ("", others, wrong)
    assert (tag.lora.name, tag.lora.weight) == ("ink", 1.0)


@pytest.mark.parametrize("asked", [lora("ink"), lora("ink v2", -0.75), lora("a/b", 0.3, 1.2), lora("ink", 0.1 + 0.2)])
def test_what_is_written_is_read_again(asked):
    (tag,) = tags_in(tag_of(asked))[1]
    assert tag.lora.weight == pytest.approx(asked.weight, abs=1e-9)
    assert (tag.lora.name, tag.lora.clip) == (asked.name, pytest.approx(asked.clip, abs=1e-9))


def test_a_name_that_no_tag_can_hold_is_not_written():
    assert tag_of(lora("a:b")) == tag_of(lora("a>b")) == ""
