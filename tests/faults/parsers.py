"""Random, mutated and built pictures at everything that parses them: each is a picture or a refusal, soon, in little
memory, and the process that looks at them survives.

`python -m tests.faults.parsers SECONDS [SEED]` goes on for so long and says what came of it; the test does a part.
"""

from __future__ import annotations

import asyncio
import io
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from random import Random, SystemRandom

import psutil
from PIL import Image

from imagine.pictures import containers, images, metadata
from imagine.pictures.looking.decoder import Decoder, Patience
from imagine.words.errors import BadPicture, BadRequest

LONGEST = 5.0
"""Seconds of a processor for one file: none here is larger than a megabyte."""
MOST = 64 * 2**20
"""Bytes that the process that looks may hold on to."""
KINDS = ("PNG", "JPEG", "WEBP")
_META = {"prompt": "a fox", "seed": 1, "num_steps": 3, "model": "m", "width": 8, "height": 8}
_PNG_KINDS = (
    b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"iCCP", b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"acTL", b"fcTL", b"fdAT", b"gAMA",
    b"cHRM", b"sRGB", b"sBIT", b"pHYs", b"IEND", b"\0\0\0\0",
)  # fmt: skip
_RIFF_KINDS = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP ", b"junk")
_SIDES = (0, 1, 7, 64, 4096, 4097, 2**16 - 1, 2**31 - 1, 2**32 - 1)


def sound(random: Random) -> bytes:
    """A picture as programs write it: of any kind, mode and size, with a recipe or a profile or neither."""
    kind, mode = random.choice(KINDS), random.choice(("RGB", "RGBA", "L", "P", "LA", "1", "CMYK", "I;16"))
    size = (random.randint(1, 90), random.randint(1, 90))
    picture = Image.frombytes("RGB", size, random.randbytes(3 * size[0] * size[1]))
    if random.random() < 0.3:
        media = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}[kind]
        return images.encode(picture, media, meta=_META)
    said = {"exif": random.randbytes(random.randint(0, 60))} if random.random() < 0.3 else {}
    file = io.BytesIO()
    try:
        converted = picture.convert("L").convert("I").convert("I;16") if mode == "I;16" else picture.convert(mode)
        converted.save(file, kind, progressive=random.random() < 0.5, **said)
    except (OSError, ValueError):  # not every kind has every mode
        picture.save(file, kind)
    return file.getvalue()


def mutated(random: Random) -> bytes:
    """A sound file, `changed`."""
    return changed(sound(random), random)


def changed(sound_file: bytes, random: Random) -> bytes:
    """A file with bytes set, put in, taken out, repeated, or cut off."""
    data = bytearray(sound_file)
    for _ in range(random.randint(1, 8)):
        at = random.randint(0, min(len(data), random.choice((60, 300, len(data)))))
        match random.randint(0, 4):
            case 0:
                data[at : at + 1] = random.randbytes(random.randint(1, 4))
            case 1:
                data[at:at] = random.randbytes(random.randint(1, 40))
            case 2:
                del data[at : at + random.randint(1, 40)]
            case 3:
                data[at:at] = data[at : at + random.randint(1, 200)] * random.randint(1, 50)
            case _ if random.random() < 0.2:
                del data[at:]
    return bytes(data)


def built_png(random: Random) -> bytes:
    """Chunks of right lengths and checksums in any order, with sizes, depths and contents of any kind."""
    depth, colour = random.choice((0, 1, 2, 4, 8, 16)), random.choice((0, 1, 2, 3, 4, 6))
    sides = (random.choice(_SIDES), random.choice(_SIDES)) if random.random() < 0.5 else (9, 9)
    head = struct.pack(">IIBBBBB", *sides, depth, colour, 0, 0, random.randint(0, 2))
    raw = zlib.compress(bytes(random.choice((10, 1000, 200_000))))
    bodies = {b"IHDR": head, b"IDAT": raw, b"zTXt": b"parameters\0\0" + raw, b"iTXt": b"meta\0\1\0\0\0" + raw,
              b"tEXt": b"meta\0{" + random.randbytes(20), b"iCCP": b"x\0\0" + raw}  # fmt: skip
    chunks = [(b"IHDR", head)]
    for _ in range(random.randint(0, 30)):
        kind = random.choice(_PNG_KINDS)
        chunks.append((kind, bodies.get(kind, random.randbytes(random.randint(0, 40)))))
    chunks += [(b"IDAT", raw)] * random.choice((0, 1, 1, 3, 5000)) + [(b"IEND", b"")] * random.randint(0, 1)
    framed = (struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks[:6000])
    return containers.PNG_MAGIC + b"".join(framed)


def built_jpeg(random: Random) -> bytes:
    """Segments of right lengths in any order around those of a sound file, with markers that nobody asked for."""
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "JPEG")
    parts = [bytes(file.getvalue()[c.start : c.end]) for c in containers.chunks(file.getvalue())]
    scan = file.getvalue()[-40:]
    for _ in range(random.randint(0, 20)):
        body = random.randbytes(random.randint(0, 60))
        part = (
            b"\xff" * random.choice((1, 1, 9000)) + bytes([random.randint(1, 254)]) + struct.pack(">H", len(body) + 2)
        )
        parts.insert(random.randint(0, len(parts)), part + body)
    random.shuffle(parts) if random.random() < 0.3 else None
    return b"\xff\xd8" + b"".join(parts) + scan * random.choice((1, 1, 70))


def built_webp(random: Random) -> bytes:
    """Chunks of right and of wrong lengths in any order."""
    parts = b""
    for _ in range(random.choice((1, 3, 20, 3000))):
        body = random.randbytes(random.randint(0, 30))
        length = len(body) if random.random() < 0.95 else random.randint(0, 2**32 - 1)
        parts += random.choice(_RIFF_KINDS) + struct.pack("<I", length) + body + b"\0" * (len(body) % 2)
    return b"RIFF" + struct.pack("<I", len(parts) + 4) + b"WEBP" + parts


def noise(random: Random) -> bytes:
    """Bytes that begin as a picture does, or don't."""
    start = random.choice((b"", containers.PNG_MAGIC, b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", b'{"meta":'))
    return start + random.randbytes(random.randint(0, 500))


MAKERS = (sound, mutated, mutated, mutated, built_png, built_jpeg, built_webp, noise)


def files(random: Random) -> Iterator[bytes]:
    """Without end."""
    while True:
        yield random.choice(MAKERS)(random)


async def parse(every: Iterator[bytes]) -> Counter[str]:
    """What came of each file; raises AssertionError for one that cost too much or took the process with it."""
    told: Counter[str] = Counter()
    decoder = Decoder(patience=Patience(answer=240.0, idle=240.0))  # for a busy machine: CPU time is what is held
    try:
        for data in every:
            told[read(data)] += 1
            before = decoder.pid
            spent = psutil.Process(before).cpu_times().user if before else 0.0
            told[await look(decoder, data)] += 1
            assert before in (None, decoder.pid), f"the process died of {data[:300]!r}… ({len(data)} bytes)"
            now = psutil.Process(decoder.pid)
            assert now.cpu_times().user - spent < LONGEST, f"too long: {data[:300]!r}… ({len(data)} bytes)"
        while now.memory_info().rss > MOST:  # what the last one took is freed just after its answer
            await asyncio.sleep(0.01)
    finally:
        await decoder.stop()
    return told


async def look(decoder: Decoder, data: bytes) -> str:
    """What the process says."""
    try:
        await decoder.look(data, "img", "fuzz")
    except BadPicture:
        return "refused"
    return "sound"


def read(data: bytes) -> str:
    """What the reader of recipes says, which runs in the gateway itself."""
    begun = time.process_time()
    try:
        recipe = metadata.read_metadata(data)
    except BadRequest:
        return "unreadable"
    finally:
        assert time.process_time() - begun < LONGEST, f"too long: {data[:300]!r}… ({len(data)} bytes)"
    return "silent" if recipe is None else "recipe"


def for_seconds(seconds: float, random: Random) -> Iterator[bytes]:
    """Files until the time is over."""
    end = time.monotonic() + seconds
    for data in files(random):
        if time.monotonic() > end:
            return
        yield data


if __name__ == "__main__":
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else SystemRandom().randrange(2**32)
    print(f"seed {seed}: {dict(asyncio.run(parse(for_seconds(float(sys.argv[1]), Random(seed)))))}")
