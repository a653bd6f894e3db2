"""Random texts at everything that moderates them, and random pictures that say where they come from: each is answered,
with no 5xx, soon.

`python -m tests.faults.moderated SECONDS [SEED]` goes on for so long and says what came of it; the test does a part.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random, SystemRandom
from typing import NamedTuple

from PIL import Image

from imagine.pictures.images import encode
from imagine.words.moderation import ModerationSettings
from tests.faults import parsers
from tests.moderation.obfuscations import OBFUSCATIONS
from tests.provenance.signing import TYPES, picture, sign
from tests.server.served import serving

LONGEST = 10.0
"""Seconds of a processor for one request: none is larger than a megabyte."""
ROUND = 50.0
"""Seconds of one server."""
_WORDS = (
    "naked", "child", "a", "nude statue", "beside a naked", "of", "девочка", "голая", "возле обнажённой",
    "статуи", "spider", "buys lingerie", "mother", "remove", "dress", "12 years old", "aged", "лет", "<lora:x:1>",
    "BREAK", "AND", "{a|b}", "__x__",
)  # fmt: skip
_MARKS = (
    "()[]{}<>:|\\/,.;!?-_*+~#@$€£'\"“”`^=&% \t\n\r\v\f\0\x1b\u200b\u200d\u202e\u202c\u2067\u2069\u00ad\ufeff\U000e0061"
)
_MOST_TEXT = 40_000
_OWNERS = ModerationSettings(
    policy="standard", topics={"spiders": ("spider*", "a ~ web ~ of ~ silk"), "паук": ("паук*", "8 ног")}
)


class Sent(NamedTuple):
    """A request."""

    path: str
    body: bytes


def any_unicode(random: Random) -> str:
    """Characters from everywhere, lone halves of others among them."""
    plane = random.choice((0x80, 0x500, 0x3000, 0xE000, 0x20000, 0x110000))
    return "".join(chr(random.randrange(plane)) for _ in range(random.choice((1, 30, 3000))))


def words(random: Random) -> str:
    """What the lists have, and marks in between, in whatever disguise."""
    parts = [random.choice((random.choice(_WORDS), random.choice(_MARKS), " ")) for _ in range(random.randint(1, 400))]
    text = random.choice(("", " ", ", ")).join(parts)
    return random.choice([str, *OBFUSCATIONS.values()])(text)


def repeated(random: Random) -> str:
    """Little, over and over: what makes a search go back and forth."""
    piece = random.choice(
        (random.choice(_WORDS), random.choice(_MARKS), any_unicode(random)[:3], "a ", "( [", "1 лет ")
    )
    return piece * random.randint(1, _MOST_TEXT // len(piece)) + random.choice(("", "!", " of", " in the museum"))


def nested(random: Random) -> str:
    """Brackets within brackets."""
    first, last = random.choice(("()", "[]", "{}", "<>", ("[a:", ":0.5]"), ("{a|", "}")))
    deep = random.choice((3, 100, 5000))
    return first * deep + random.choice(_WORDS) + last * random.choice((deep, deep - 1, 0))


TEXTS = (any_unicode, words, words, repeated, nested)


def text_of(random: Random) -> str:
    return "".join(random.choice(TEXTS)(random) for _ in range(random.choice((1, 1, 3))))[
        : random.choice((32_000, 10**6))
    ]


def moderated(random: Random) -> Sent:
    """What may be scored, or isn't that at all."""
    text = text_of(random)
    given = random.choice((text, [text, text_of(random)], [{"type": "text", "text": text}], {"input": text}, [[text]]))
    return Sent(random.choice(("/v1/moderations", "/moderations")), json.dumps({"input": given}).encode())


def prompted(random: Random) -> Sent:
    """A request for a picture with such texts wherever one may stand."""
    said = {
        name: value
        for name, value in (
            ("preset", text_of(random)[:300]), ("loras", [text_of(random)[:300]]),
            ("loras", {text_of(random)[:99]: 1}), ("embeddings", {text_of(random)[:99]: "ab" * 32}),
            ("neg", text_of(random)), ("template", text_of(random)),
            ("moderation", random.choice(("strict", "lax", text_of(random)[:20]))), ("wildcards", True),
            ("img", "aGVsbG8="),
        )
        if random.random() < 0.2
    }  # fmt: skip
    path = random.choice(("/generate", "/v1/images/generations", "/api/generate"))
    return Sent(path, json.dumps({"prompt": text_of(random), "model": "fox", **said}).encode())


def broken_json(random: Random) -> Sent:
    """Bytes that are no JSON, or too deep for it, or a megabyte of one text."""
    bodies = (
        b"[" * 100_000, b'{"input":' * 50_000, b'{"input":"\\ud800\\udc"}', b'{"input":"\xff\xfe\x00"}', b"\0" * 10,
        b'{"input":"' + b"a\xcc\x81" * 300_000 + b'"}', b'{"input":["\\ud800","\\udfff\\ud800"]}',
        json.dumps({"prompt": "(" * 32_000, "model": "fox"}).encode(), random.randbytes(random.randint(0, 99)),
    )  # fmt: skip
    return Sent(random.choice(("/v1/moderations", "/generate")), random.choice(bodies))


def looked_at(random: Random) -> Sent:
    """Texts and pictures together, most of them broken, or addresses of another kind."""
    parts: list[object] = [{"type": "text", "text": text_of(random)}] if random.random() < 0.5 else []
    for _ in range(random.choice((1, 1, 3, 9))):
        data = base64.b64encode(file_of(random)).decode()
        address = random.choice((f"data:image/png;base64,{data}",) * 5 + ("data:,", "file:///etc/passwd", data))
        parts.append({"type": "image_url", "image_url": random.choice(({"url": address},) * 5 + (address, [address]))})
    return Sent("/v1/moderations", json.dumps({"input": parts}).encode())


def inspected(random: Random) -> Sent:
    """A file that may say where it comes from."""
    return Sent("/inspect", file_of(random))


def file_of(random: Random) -> bytes:
    """One that is signed, or tells of itself in texts, with bytes set, put in, taken out or repeated."""
    media_type = random.choice(TYPES)
    data = random.choice((lambda: sign(picture(media_type)), lambda: picture(media_type), lambda: told_by(random)))()
    return data if random.random() < 0.1 else parsers.changed(data, random)


def told_by(random: Random) -> bytes:
    """A file whose recipe holds such texts."""
    text = text_of(random)[:2000].encode("utf-8", "replace").decode()
    return encode(Image.new("RGB", (8, 8)), random.choice(TYPES), meta={"prompt": text, "seed": 1, "model": text[:40]})


MAKERS: tuple[Callable[[Random], Sent], ...] = (moderated, prompted, broken_json, looked_at, inspected)


async def answered(folder: Path, every: Iterator[Sent]) -> Counter[str]:
    """How often which path said which status. Raises AssertionError for a 5xx, or what took too long."""
    told: Counter[str] = Counter()
    async with serving(folder, blocked_terms=("gore", "голая правда"), moderation=_OWNERS) as client:
        for sent in every:
            begun = time.process_time()
            async with client.post(sent.path, data=sent.body, headers={"Content-Type": "application/json"}) as answer:
                await answer.read()
            about = f"{sent.path} {sent.body[:200]!r}… ({len(sent.body)} bytes)"
            assert answer.status < 500, f"{answer.status} for {about}"
            assert time.process_time() - begun < LONGEST, f"too long for {about}"
            told[f"{sent.path} {answer.status}"] += 1
    return told


def for_seconds(seconds: float, random: Random) -> Iterator[Sent]:
    """Requests until the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield random.choice(MAKERS)(random)


def at_length(seconds: float, random: Random) -> Counter[str]:
    """What `answered` says in all, of one server after another: none is waited for endlessly."""
    told: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        with tempfile.TemporaryDirectory() as home:
            told += asyncio.run(answered(Path(home), for_seconds(min(left, ROUND), random)))
    return told


if __name__ == "__main__":
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else SystemRandom().randrange(2**32)
    print(f"seed {seed}", flush=True)
    print(dict(sorted(at_length(float(sys.argv[1]), Random(seed)).items())))
