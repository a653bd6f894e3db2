"""Imagefiles: what they say, what is wrong with one and in which line, and that they read as they were written."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagine.asking.imagefile import ImagefileError, parse, text_of
from imagine.asking.named_models import made_from
from imagine.messages import sentence
from imagine.words.errors import BadRequest
from imagine.words.named_model import NamedLora, NamedModel

WHOLE = '''# a model for ink drawings
FROM toybox
lora ink 0.8
ADAPTER "dark paper" 0.5 0.25
VAE sharp
TEXT_ENCODER clip l
EMBEDDING bad
PARAMETER steps 8
PARAMETER size 256x192
PARAMETER sampler DPM++ 2M Karras
NEGATIVE blurry, "bad"
PROMPT_PREFIX """ink drawing of """
PROMPT_SUFFIX on paper
PRESET sketch
LICENSE """
MIT

as it is
"""
DESCRIPTION Ink on paper
SAMPLE {"prompt": "a house", "seed": "7"}
'''
MADE = NamedModel(
    base="toybox",
    loras=(NamedLora(name="ink", weight=0.8), NamedLora(name="dark paper", weight=0.5, clip_weight=0.25)),
    vae="sharp", text_encoders=("clip l",), embeddings=("bad",),
    parameters={"num_steps": 8, "width": 256, "height": 192, "sampler": "dpm++ 2m", "schedule": "karras"},
    negative='blurry, "bad"', prompt_prefix="ink drawing of ", prompt_suffix="on paper", preset="sketch",
    sample={"prompt": "a house", "seed": "7"}, license="\nMIT\n\nas it is\n", description="Ink on paper",
)  # fmt: skip


def test_what_an_imagefile_says():
    assert parse(WHOLE).made == MADE
    assert parse(WHOLE.replace("\n", "\r\n")).made == MADE


def test_it_reads_as_it_was_written():
    assert parse(text_of("inky", MADE)).made == MADE
    assert text_of("toybox", NamedModel()) == "FROM toybox\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "says FROM"),
        ("FROM toybox\nPARAMETER steps many", 2, "parameters.steps is 'many'; it must be a whole number from 1 to 150"),
        ("FROM toybox\n\nPARAMETER stop x", 3, "parameters.stop is no parameter"),
        ("FROM toybox\nPARAMETER size 9", 2, "parameters.size is '9'"),
        ("FROM toybox\nPARAMETER sampler none", 2, "none"),
        ("FROM toybox\nPARAMETER steps 4\nPARAMETER num_steps 5", 3, "parameters.num_steps is said in line 2 already"),
        ("FROM toybox\nFROM other", 2, "from is said in line 1"),
        ("FROM toybox\nLORA ink much", 2, "has 'much' where a number"),
        ("FROM toybox\nLORA a\nLORA ink 9", 3, "the weight of 'ink' in loras is 9"),
        ("FROM toybox\nLORA ink\nLORA ink 2", 2, "loras names 'ink' twice"),
        ("FROM toybox\nLORA ink 1 1 1", 2, "must be a name, its weight"),
        ("FROM toybox\nSYSTEM you are", 2, "system is of language models; here it is PROMPT_PREFIX"),
        ("FROM toybox\nFROMM x", 2, "'FROMM' is no command"),
        ('FROM toybox\n# x\nLICENSE """MIT\n', 3, "begins with quotes that don't end"),
        ('FROM toybox\nLICENSE """MIT\n""" more', 3, "'more' stands behind the end"),
        ("FROM toybox\nSAMPLE ../picture.json", 2, "is the path '../picture.json'"),
        ("FROM toybox\nSAMPLE {", 2, "no recipe in JSON"),
        ("FROM toybox\nNEGATIVE", 2, "negative says nothing"),
        ("FROM toybox\nDESCRIPTION " + "x" * 4001, 2, "4001 characters long"),
        ("FROM \x1b[2J", 1, "no name"),
    ],
)
def test_what_is_wrong_is_said_of_its_line_and_field(text, line, says):
    with pytest.raises(ImagefileError) as refused:
        parse(text)
    assert refused.value.line == line
    assert str(refused.value).startswith(f"line {line}: ")
    assert says in str(refused.value)
    assert sentence(refused.value.note, "ru").startswith(f"строка {line}: ")


COMMANDS = st.sampled_from(
    ["FROM", "LORA", "VAE", "TEXT_ENCODER", "EMBEDDING", "PARAMETER steps", "PARAMETER", "NEGATIVE", "PROMPT_PREFIX",
     "PRESET", "SAMPLE", "LICENSE", "DESCRIPTION", "#", "from", "what"]
)  # fmt: skip
ENDS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(['"', '"""', '""""a"', "{", '{"a": 1e999}', "1", "nan", "-0", "a b", "\ud800"]),
)


@settings(max_examples=50)
@given(st.lists(st.one_of(st.tuples(COMMANDS, ENDS).map(" ".join), st.text(max_size=30)), max_size=8).map("\n".join))
def test_any_text_is_an_imagefile_that_reads_back_or_its_own_error(text):
    try:
        made = parse("FROM toybox\n" + text).made
    except ImagefileError:
        return
    assert parse(text_of("it", made)).made == made


LORAS = st.builds(NamedLora, name=st.sampled_from(["ink", "dark paper"]), weight=st.floats(-4, 4))


@settings(max_examples=50)
@given(st.builds(
    NamedModel, base=st.just("toybox"), negative=st.text(), prompt_prefix=st.text(), license=st.text(),
    loras=LORAS.map(lambda lora: (lora,)),
    parameters=st.fixed_dictionaries({}, optional={"guidance": st.floats(0, 30), "num_steps": st.integers(1, 150)}),
))  # fmt: skip
def test_whatever_is_made_stands_in_an_imagefile(made):
    try:
        made = made_from(made)
    except BadRequest:
        return
    assert parse(text_of("it", made)).made == made
