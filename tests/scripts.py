"""Texts in ten scripts, and odd ones, by which tokenizers are held to others."""

from __future__ import annotations

import random

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


def prompts() -> list[str]:
    """More than 1,200 of them, always the same."""
    rng = random.Random(0)
    words = {script: text.split() for script, text in SCRIPTS.items()}
    texts = ["", *SCRIPTS.values(), *ODD]
    for script in words:  # a hundred of each, and each of them with something of another
        texts += [" ".join(rng.choices(words[script], k=rng.randint(1, 40))) for _ in range(50)]
        mixed = [*words[script], *ODD, *rng.choice(list(words.values()))]
        texts += [rng.choice([" ", ", ", ""]).join(rng.choices(mixed, k=rng.randint(1, 40))) for _ in range(50)]
    texts += ["".join(chr(rng.choice([rng.randint(1, 0xD7FF), rng.randint(0xE000, 0x1FFFF)])) for _ in range(9))
              for _ in range(200)]  # fmt: skip
    return texts
