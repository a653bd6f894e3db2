"""Tokens counted without torch are those that the engine reads, and the lengths are its own."""

import pytest

from imagine.counting.count import count
from imagine.engine.loading.qwen_tokenizer import QwenTokenizer
from imagine.engine.loading.t5_tokenizer import T5Tokenizer
from imagine.engine.loading.tokenizer import ClipTokenizer
from imagine.engine.parts.chat_text import QWEN3, read_chat
from imagine.engine.parts.chunks import WeightedToken, split
from imagine.engine.parts.long_text import read_long
from imagine.families.hearing import hearing_of
from imagine.words.counting import CountRequest

LONG = "a (red fox:1.2) in the snow, soft light, tall trees" * 70


def counted(text, family, variant="", lacking=()):
    return count(CountRequest(hearing_of(family, variant, lacking), text, "")).prompt


@pytest.mark.parametrize("family", ["sdxl", "flux", "pixart", "z-image"])
def test_it_is_as_the_engine_reads(family):
    text = LONG
    made, most = counted(text, family), hearing_of(family, "").size
    if family == "sdxl":
        clip = ClipTokenizer()
        ids = clip.encode(text.replace("(", "").replace(":1.2)", ""), add_special_tokens=False)
        comma = clip.encode(",", add_special_tokens=False)
        chunks = split([WeightedToken(each, 1.0) for each in ids], 75, comma)
        assert made.chunks == tuple(len(each.ids) for each in chunks)
        return
    if family == "z-image":
        length = most + sum(len(QwenTokenizer().encode(each)) for each in QWEN3)
        read = read_chat(QwenTokenizer(), text, QWEN3, length)
    else:
        read = read_long(T5Tokenizer(), text.lower() if family == "pixart" else text, most + 1)
    (cut,) = [each.values["count"] for each in read.warnings if each.code == "prompt.cut"]
    assert made.cut == cut > 0
    assert made.chunks == (most,)


def test_the_length_is_that_of_what_reads_it():
    def length(family, variant="", lacking=()):
        hearing = hearing_of(family, variant, lacking)
        return hearing and (hearing.vocabulary, hearing.size, hearing.chunked)

    assert length("flux", "schnell") == ("t5", 255, False)
    assert length("sd3", lacking=("text_encoder_3",)) == ("clip", 75, False)
    assert length("qwen-image") == ("qwen", 1019, False)
    assert length("flux2") == ("qwen", 500, False)
    assert length("flux2", "dev") is length("lumina2") is length("kolors") is None
