"""Our T5 tokenizer gives the ids of transformers', whatever a prompt is written in."""

from __future__ import annotations

import gzip
import json
import random

import pytest
from transformers import T5Tokenizer as Theirs

from imagine.engine.loading.t5_tokenizer import FILE, T5Tokenizer
from tools.make_t5_tokenizer import packed

SCRIPTS = {
    "latin": "a photo of a cat sitting über naïve façade Straße œuvre București în fața masterpiece 8k bokeh",
    "cyrillic": "фотография кота на крыше, ёлка зимой Київ їжак вечер",
    "greek": "μια γάτα στη στέγη, ηλιοβασίλεμα Ἀθῆναι",
    "arabic": "صورة قطة على السطح عند الغروب ﷺ",
    "hebrew": "תמונה של חתול על הגג בשקיעה שָׁלוֹם",
    "devanagari": "सूर्यास्त के समय छत पर बिल्ली की तस्वीर",
    "thai": "ภาพถ่ายแมวบนหลังคาตอนพระอาทิตย์ตก",
    "han": "日落時 屋頂上 的貓 照片，高清 赛博朋克 城市",
    "kana": "夕暮れの 屋根の上の ネコの写真 ｶﾀｶﾅ がぎぐ",
    "hangul": "해질녘 지붕 위의 고양이 사진 한국어",
}
ODD = [
    "</s>", "<pad>", "<unk>", "<extra_id_0>", "<extra_id_99>", "<EXTRA_ID_0>", "▁", "▁▁cat", " ", "   ", "\t", "\n",
    "\r\n", "\x00", "\x85", "\u00a0", "\u200b", "\u200d", "\u2028", "\u3000", "\ufeff", "\ud7ff", "e\u0301", "é",
    "ﬁ", "²", "½", "ǅ", "ｆｕｌｌ", "①", "™", "🙂", "👩\u200d🚀", "(masterpiece:1.2)", "[cat|dog]", "\\(", "!?…", "—",
    "“quoted”", "it's", "1234567890", "&amp;", "a" * 99,
]  # fmt: skip


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Theirs:
    folder = tmp_path_factory.mktemp("t5")
    (folder / "tokenizer.json").write_bytes(gzip.decompress(FILE.read_bytes()))
    return Theirs.from_pretrained(folder, local_files_only=True)


def test_a_cat_on_a_mat() -> None:
    """The ids that Google's model was taught with."""
    assert T5Tokenizer().encode("a cat sitting on a mat") == [3, 9, 1712, 3823, 30, 3, 9, 6928, 1]
    assert T5Tokenizer().encode("") == [1]
    assert T5Tokenizer().encode("translate English to German", add_special_tokens=False) == [13959, 1566, 12, 2968]


def test_the_ids_are_those_of_transformers(theirs: Theirs) -> None:
    ours, rng = T5Tokenizer(), random.Random(0)
    words = {script: text.split() for script, text in SCRIPTS.items()}
    texts = ["", *SCRIPTS.values(), *ODD]
    for script in words:  # a hundred of each, and each of them with something of another
        texts += [" ".join(rng.choices(words[script], k=rng.randint(1, 40))) for _ in range(50)]
        mixed = [*words[script], *ODD, *rng.choice(list(words.values()))]
        texts += [rng.choice([" ", ", ", ""]).join(rng.choices(mixed, k=rng.randint(1, 40))) for _ in range(50)]
    texts += ["".join(chr(rng.choice([rng.randint(1, 0xD7FF), rng.randint(0xE000, 0x1FFFF)])) for _ in range(9))
              for _ in range(200)]  # fmt: skip
    assert len(texts) > 1200
    for text in texts:
        assert ours.encode(text) == theirs.encode(text), repr(text)
        assert ours.encode(text, add_special_tokens=False) == theirs.encode(text, add_special_tokens=False), repr(text)
    assert (ours.eos_token_id, ours.pad_token_id) == (theirs.eos_token_id, theirs.pad_token_id)


def test_the_shipped_file_is_what_the_tool_makes_and_small() -> None:
    text = gzip.decompress(FILE.read_bytes()).decode()
    assert packed(json.loads(text)) == text
    assert FILE.stat().st_size <= 2**20
    assert len(json.loads(text)["model"]["vocab"]) == 32_100
