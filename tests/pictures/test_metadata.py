"""The recipe goes into every kind of file and comes back whole, ours and others'; hostile files are refused."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import struct
import zlib
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from imagine.messages import sentences
from imagine.pictures import metadata
from imagine.pictures.images import MediaType, encode
from imagine.pictures.metadata import read_metadata
from imagine.words.errors import BadRequest
from imagine.words.recipe import Extend, GenerationParams, Hires

PARAMS = GenerationParams(
    model="dreamshaper_8", digest="ab" * 32, prompt='a "red" fox, <b>&amp; \'it\'', neg="ugly, deformed", width=768,
    height=512, num_steps=25, guidance=7.5, sampler="dpm++ 2m", schedule="karras", seed=2**64 - 1, clip=2,
)  # fmt: skip
META: dict[str, Any] = msgspec.to_builtins(PARAMS)
MEDIA: list[MediaType] = ["image/png", "image/jpeg", "image/webp"]
PICTURE = Image.new("RGB", (32, 24), (200, 30, 40))
GENERATED = b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMPOSITE = b"http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
A1111 = (
    "a red fox\nin the snow\nNegative prompt: ugly,\ndeformed\nSteps: 25, Sampler: DPM++ 2M, Schedule type: Karras, "
    "CFG scale: 7.5, Seed: 591445185899376350, Size: 768x512, Model hash: 879db523c3, Model: dreamshaper_8, "
    "Denoising strength: 0.7, Clip skip: 2, Version: v1.10.1"
)


def walk(png: bytes) -> list[tuple[str, bytes]]:
    """A PNG's chunks by the specification, checksums and all."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = [], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0]
        found.append((kind.decode(), body))
        at += 12 + length
    assert found[-1] == ("IEND", b"")
    return found


def png_with(**texts: str | PngImagePlugin.iTXt) -> bytes:
    info, file = PngImagePlugin.PngInfo(), io.BytesIO()
    for key, text in texts.items():
        info.add_text(key, text)
    PICTURE.save(file, "PNG", pnginfo=info)
    return file.getvalue()


def json_file(meta: object, **more: object) -> bytes:
    return json.dumps({"meta": meta, "out": base64.b64encode(encode(PICTURE)).decode(), **more}).encode()


def read(data: bytes) -> dict[str, Any]:
    recipe = read_metadata(data)
    assert recipe is not None
    assert recipe.warnings == []
    return recipe.meta


@pytest.mark.parametrize("media", MEDIA)
@pytest.mark.parametrize(
    "params",
    [
        PARAMS,
        msgspec.structs.replace(PARAMS, prompt="красный круг 🦊\nвторая строка\t\\", neg="нет"),
        msgspec.structs.replace(PARAMS, hires=Hires(scale=1.5), extend=Extend(left=64), img="cd" * 32, strength=0.7),
        msgspec.structs.replace(PARAMS, prompt="", neg="", seed=0),
    ],
    ids=["plain", "unicode", "edit", "empty"],
)
def test_the_recipe_comes_back_whole(media: MediaType, params: GenerationParams) -> None:
    meta = read(encode(PICTURE, media, meta=msgspec.to_builtins(params)))
    assert meta == msgspec.to_builtins(params)
    assert msgspec.convert(meta, GenerationParams) == params


@pytest.mark.parametrize("media", MEDIA)
@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), max_size=60))
def test_any_prompt_comes_back(media: MediaType, prompt: str) -> None:
    assert read(encode(PICTURE, media, meta=META | {"prompt": prompt}))["prompt"] == prompt


@pytest.mark.parametrize("media", MEDIA)
def test_what_has_no_place_in_a_file_is_left_out_of_the_prompt(media: MediaType) -> None:
    assert read(encode(PICTURE, media, meta=META | {"prompt": "a \ud800fox\uffff"}))["prompt"] == "a fox"


@pytest.mark.parametrize("media", MEDIA)
def test_without_a_recipe_there_is_none(media: MediaType) -> None:
    assert read_metadata(encode(PICTURE, media)) is None


def test_png_has_three_texts_and_nothing_of_the_clock() -> None:
    chunks = walk(encode(PICTURE, meta=META))
    assert [kind for kind, _ in chunks] == ["IHDR", "tEXt", "tEXt", "iTXt", "IDAT", "IEND"]
    texts = {key: body for key, _, body in (body.partition(b"\0") for kind, body in chunks if kind.endswith("Xt"))}
    assert json.loads(texts[b"meta"]) == META | {"seed": str(2**64 - 1)}
    assert texts[b"parameters"].decode().startswith(PARAMS.prompt)
    assert GENERATED in texts[b"XML:com.adobe.xmp"]


def test_png_text_is_utf8_where_latin_1_does_not_do() -> None:
    chunks = walk(encode(PICTURE, meta=META | {"prompt": "лиса"}))
    assert [kind for kind, _ in chunks] == ["IHDR", "iTXt", "iTXt", "iTXt", "IDAT", "IEND"]
    assert "лиса".encode() in chunks[1][1]


def test_pillow_reads_our_texts() -> None:
    with Image.open(io.BytesIO(encode(PICTURE, meta=META | {"prompt": "лиса"}))) as image:
        assert json.loads(image.info["meta"])["prompt"] == "лиса"
        assert image.info["parameters"].startswith("лиса\nNegative prompt: ugly, deformed\nSteps: 25, ")
    for media in MEDIA[1:]:
        with Image.open(io.BytesIO(encode(PICTURE, media, meta=META | {"prompt": "лиса"}))) as image:
            comment = image.getexif().get_ifd(0x8769)[0x9286]
            assert comment[:8] == b"UNICODE\0"
            assert comment[8:].decode("utf-16-be").startswith("лиса\nNegative prompt")
            (description,) = ElementTree.fromstring(image.info["xmp"]).iter(
                "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"
            )
            source = description.get("{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType")
            assert source == GENERATED.decode()
            assert json.loads(description.get("{urn:imagine:1}meta"))["prompt"] == "лиса"


@pytest.mark.parametrize("media", MEDIA)
def test_says_that_a_model_made_it(media: MediaType) -> None:
    for meta in (None, META):
        data = encode(PICTURE, media, meta=meta)
        assert GENERATED in data
        assert COMPOSITE not in data
    edited = encode(PICTURE, media, meta=META | {"img": "cd" * 32})
    assert COMPOSITE in edited


def test_a_recipe_too_long_for_a_jpeg_is_left_out_of_it_alone() -> None:
    meta = META | {"prompt": "word " * 20_000}
    assert read_metadata(encode(PICTURE, "image/jpeg", meta=meta)) is None
    assert GENERATED in encode(PICTURE, "image/jpeg", meta=meta)
    for media in (MEDIA[0], MEDIA[2]):
        assert read(encode(PICTURE, media, meta=meta)) == meta
    middling = META | {"prompt": "word " * 10_000}  # its EXIF is twice as long as its XMP
    assert read(encode(PICTURE, "image/jpeg", meta=middling)) == middling


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_recipe_that_is_not_json_is_our_mistake(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode(PICTURE, meta=META | {"guidance": number})


ORIGINAL = {
    "model": "dreamshaper_8", "prompt": "лиса", "width": 768, "height": 512, "guidance": 7, "sampler": "dpm++ 2m",
    "seed": "591445185899376350", "neg": "ugly", "stream": 5, "img": None, "strength": 0.8,
}  # fmt: skip
READ = {
    "model": "dreamshaper_8", "prompt": "лиса", "width": 768, "height": 512, "guidance": 7.0, "sampler": "dpm++ 2m",
    "seed": 591445185899376350, "neg": "ugly", "strength": 0.8, "num_steps": 25,
}  # fmt: skip


@pytest.mark.parametrize("spelling", ["num_steps", "steps"])
def test_reads_what_the_original_imagine_saved(spelling: str) -> None:
    meta = ORIGINAL | {spelling: 25}
    assert read(json_file(meta)) == READ
    assert read(b"\xef\xbb\xbf \n" + json_file(meta)) == READ
    assert read(png_with(meta=json.dumps(meta))) == READ
    assert read(png_with(meta=json.dumps(meta, ensure_ascii=False))) == READ


@pytest.mark.parametrize(
    ("hires", "expected"), [(1.5, {"scale": 1.5}), (2, {"scale": 2.0}), (0, None), (1, None), (False, None)]
)
def test_reads_the_extras_of_later_versions(hires: object, expected: object) -> None:
    meta = read(json_file(ORIGINAL | {"steps": 25, "clip": 2, "hires": hires, "date": "2024-01-01 10:00:00"}))
    assert meta == READ | {"clip": 2} | ({"hires": expected} if expected else {})


def test_reads_our_json_and_keeps_what_it_does_not_know() -> None:
    assert read(json_file(META | {"seed": str(PARAMS.seed), "environment": {"torch": "2.13"}}, warnings=[])) == META | {
        "environment": {"torch": "2.13"}
    }


@pytest.mark.parametrize(
    "data", [b"", b"text", b"[1]", b"{}", b'{"out": "AA=="}', b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"]
)
def test_a_file_without_a_recipe_has_none(data: bytes) -> None:
    assert read_metadata(data) is None


@pytest.mark.parametrize("carrier", ["png", "json"])
@pytest.mark.parametrize(
    ("meta", "says"),
    [
        ("[" * 100_000, "can't be read"),
        ('{"a":' * 100_000, "can't be read"),
        ('{"prompt": [[[[[[[[1]]]]]]]]}', "nested more than 8"),
        ('{"guidance": NaN}', "can't be read"),
        ('{"guidance": Infinity}', "can't be read"),
        ('{"guidance": 1e999}', "can't be read"),
        ('{"seed": 18446744073709551616}', "too big"),
        ('{"seed": "18446744073709551616"}', "a seed that can't be used"),
        ('{"seed": "12.5"}', "a seed that can't be used"),
        ('{"seed": -1}', "a seed that can't be used"),
        ('{"environment": {"n": -99999999999999999999}}', "too big"),
        ('{"width": ' + "9" * 6000 + "}", "can't be read"),
        ('{"width": 512.5}', "a width that can't be used"),
        ('{"width": true}', "a width that can't be used"),
        ('{"guidance": "7"}', "a guidance that can't be used"),
        ('{"prompt": 5}', "a prompt that can't be used"),
        ('{"hires": "big"}', "a hires that can't be used"),
        ("[]", "can't be read"),
        ("{", "can't be read"),
    ],
    ids=lambda text: text[:30],
)
def test_refuses_a_recipe_that_is_hostile_or_broken(carrier: str, meta: str, says: str) -> None:
    data = png_with(meta=meta) if carrier == "png" else f'{{"meta": {meta}, "out": ""}}'.encode()
    with pytest.raises(BadRequest, match=says) as caught:
        read_metadata(data, field="recipe")
    assert caught.value.field == "recipe"
    assert str(caught.value).startswith("recipe holds ")
    assert len(str(caught.value)) < 250


def test_the_picture_in_a_json_is_not_looked_at() -> None:
    nested = b'{"out": ' + b"[" * 50_000 + b"]" * 50_000 + b', "meta": {}}'
    with pytest.raises(BadRequest, match="can't be read"):
        read_metadata(nested)


def test_refuses_a_file_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "MAX_FILE", 100)
    with pytest.raises(BadRequest, match="at most 100"):
        read_metadata(b"{" * 101)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize(
    "text",
    [
        chunk(b"zTXt", b"meta\0\0" + zlib.compress(json.dumps(ORIGINAL | {"steps": 25}).encode())),
        chunk(b"iTXt", b"meta\0\1\0ru\0key\0" + zlib.compress(json.dumps(ORIGINAL | {"steps": 25}).encode())),
        chunk(b"iTXt", b"meta\0\0\0\0\0" + json.dumps(ORIGINAL | {"steps": 25}, ensure_ascii=False).encode()),
    ],
    ids=["zTXt", "iTXt compressed", "iTXt"],
)
def test_reads_every_kind_of_text(text: bytes) -> None:
    plain = png_with()
    assert read(plain[:33] + text + plain[33:]) == READ
    assert read(plain[:-12] + text + plain[-12:]) == READ


@pytest.mark.parametrize(
    "text",
    [
        chunk(b"zTXt", b"meta\0\0" + zlib.compress(b"{" * 5_000_000, 9)),
        chunk(b"iTXt", b"meta\0\1\0\0\0" + zlib.compress(b"{" * 5_000_000, 9)),
        chunk(b"tEXt", b"meta\0" + b"{" * 5_000_000),
        chunk(b"zTXt", b"meta\0\0junk"),
        chunk(b"zTXt", b"meta"),
        chunk(b"iTXt", b""),
    ],
)
def test_a_text_that_is_too_long_or_damaged_is_not_there(text: bytes) -> None:
    plain = png_with()
    assert read_metadata(plain[:33] + text + plain[33:]) is None


def a1111_jpeg(byte_order: str) -> bytes:
    """EXIF as piexif writes it for the web UI (`>`), and in the other byte order."""
    comment = b"UNICODE\0" + A1111.encode("utf-16-be" if byte_order == ">" else "utf-16-le")
    order = b"MM" if byte_order == ">" else b"II"
    first = struct.pack(byte_order + "2sHIHHHIII", order, 42, 8, 1, 0x8769, 4, 1, 26, 0)
    block = first + struct.pack(byte_order + "HHHIII", 1, 0x9286, 7, len(comment), 44, 0) + comment
    file = io.BytesIO()
    PICTURE.save(file, "JPEG", exif=b"Exif\0\0" + block)
    return file.getvalue()


@pytest.mark.parametrize(
    "data", [png_with(parameters=A1111), a1111_jpeg(">"), a1111_jpeg("<")], ids=["png", "jpeg", "jpeg II"]
)
def test_reads_the_web_uis_pictures(data: bytes) -> None:
    assert read(data) == {
        "prompt": "a red fox\nin the snow", "neg": "ugly,\ndeformed", "num_steps": 25, "sampler": "dpm++ 2m",
        "schedule": "karras", "guidance": 7.5, "seed": 591445185899376350, "width": 768, "height": 512,
        "model": "dreamshaper_8", "sha256": "879db523c3", "strength": 0.7, "clip": 2,
    }  # fmt: skip


def test_warns_of_what_is_not_here() -> None:
    recipe = read_metadata(png_with(parameters="fox\nSteps: 5, Sampler: Restart, Seed: 1, Size: 8x8, ENSD: 31337"))
    assert recipe is not None
    assert recipe.meta == {"prompt": "fox", "num_steps": 5, "seed": 1, "width": 8, "height": 8}
    assert sentences(recipe.warnings) == [
        "there is no sampler 'Restart' here; it was left out",
        "not understood and left out: ENSD",
    ]


FILES = [
    *[encode(PICTURE, media, meta=META) for media in MEDIA],
    json_file(META),
    a1111_jpeg(">"),
    png_with(parameters=A1111),
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FILES), st.lists(st.tuples(st.integers(0, 3000), st.binary(max_size=4)), min_size=1, max_size=5))
def test_a_mutated_file_has_a_recipe_or_none_or_is_refused(data: bytes, changes: list[tuple[int, bytes]]) -> None:
    mutated = bytearray(data)
    for at, new in changes:
        mutated[at % len(data) : at % len(data) + 2] = new
    with contextlib.suppress(BadRequest):
        recipe = read_metadata(bytes(mutated))
        assert recipe is None or isinstance(recipe.meta, dict)


@settings(max_examples=100)
@given(st.binary(max_size=100).map(lambda tail: b"\xff\xd8\xff\xe1" + tail) | st.binary(max_size=100))
def test_any_bytes_have_a_recipe_or_none_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(BadRequest):
        read_metadata(data)
