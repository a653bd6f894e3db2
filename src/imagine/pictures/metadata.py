"""The recipe that a picture carries: what is embedded in our files, and what is read back from ours and others'.

| file | `meta` as JSON | AUTOMATIC1111's text | made by a model (IPTC) |
|---|---|---|---|
| PNG | text chunk `meta` | text chunk `parameters` | XMP |
| JPEG, WebP | XMP, `imagine:meta` | EXIF UserComment | XMP |

In JSON a seed is a string: a browser's numbers end at 2^53. Read from untrusted bytes: no XML parser, bounded
inflation, depth and numbers.
"""

from __future__ import annotations

import contextlib
import json
import re
import zlib
from html import escape, unescape
from typing import Any, NamedTuple, TypeVar

import msgspec
from PIL.PngImagePlugin import PngInfo

from ..messages import Message, message
from ..words.errors import BadRequest
from ..words.recipe import MAX_SEED
from . import containers
from .exif import comment, with_comment
from .foreign.infotext import infotext_from_meta, meta_from_infotext
from .foreign.programs import ALL_KEYS, recipe_from_parameters, recipe_from_texts

_T = TypeVar("_T")

MAX_FILE = 128 * 2**20
MAX_TEXT = 2**20
_MAX_SPOILT = 16
"""Texts that are inflated in vain: each may cost milliseconds and be a few bytes long."""
_MAX_DEPTH = 8
_JPEG_BLOCK = 65_000
"""What fits into one JPEG segment, less its own headers."""

_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" \
xmlns:imagine="urn:imagine:1" Iptc4xmpExt:DigitalSourceType="{source}"{meta}/>\
</rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""
_XMP_KEY = b"XML:com.adobe.xmp"
_XMP_META = re.compile(r"""imagine:meta=(?:"([^"]*)"|'([^']*)')""")
_UNWRITABLE = re.compile("[\ud800-\udfff\ufffe\uffff]")
"""What UTF-8 or XML has no place for."""
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

_LONGEST_KEY = 80
_BARE = frozenset([b"IHDR", b"IDAT", b"IEND"])
_BARE_TEXTS = frozenset([b"meta", b"parameters", _XMP_KEY])
_KEYS = {key.encode("latin-1") for key in ("meta", "parameters", *ALL_KEYS)}
_SPELLED = {"steps": "num_steps"}
_TRANSPORT = frozenset(["stream", "date"])
"""What the original Imagine's `meta` held beside the recipe."""
_TEXTS = ("model", "digest", "sha256", "prompt", "neg", "sampler", "schedule", "img", "mask", "resize", "fit", "vae",
          "refiner", "preset", "buckets", "watermark")  # fmt: skip
_WHOLE = ("width", "height", "num_steps", "seed", "subseed", "clip", "count")
_REAL = ("guidance", "true_cfg", "strength", "subseed_strength", "refiner_at")


class Recipe(NamedTuple):
    """What a file says of how it was made, under the names of `GenerationParams`; only what it says is there.

    Known names have their type; whether their values make sense is for the request to check. `warnings` are sentences
    on what was said and is not here.
    """

    meta: dict[str, Any]
    warnings: list[Message]


def png_text(meta: dict[str, Any] | None) -> PngInfo:
    """The text chunks of our PNG: Latin-1 where that does, else UTF-8."""
    info = PngInfo()
    if meta is not None:
        info.add_text("meta", _json(meta))
        info.add_text("parameters", _parameters(meta))
    info.add_itxt(_XMP_KEY.decode(), _xmp(meta, carry=False))
    return info


def blocks(meta: dict[str, Any] | None, *, limit: bool = False) -> dict[str, bytes]:
    """The `exif` and `xmp` blocks of our JPEG and WebP; `limit` leaves out what a JPEG has no room for."""
    xmp = _xmp(meta, carry=True).encode()
    if limit and len(xmp) > _JPEG_BLOCK:
        xmp = _xmp(meta, carry=False).encode()
    exif = b"" if meta is None else with_comment(_parameters(meta))
    if limit and len(exif) > _JPEG_BLOCK:
        exif = b""
    return {"xmp": xmp} | ({"exif": b"Exif\0\0" + exif} if exif else {})


def read_metadata(data: bytes, *, field: str = "file") -> Recipe | None:
    """The recipe in an untrusted file, or None where there is none.

    Files are PNG, JPEG and WebP of Imagine, of AUTOMATIC1111 and of what writes as it does, of SwarmUI and Fooocus; PNG
    of ComfyUI, InvokeAI and the original Imagine; JSON `{"meta": {…}, …}` of either Imagine, saved or answered.
    Raises BadRequest on `field` for a recipe that is there and can't be read.
    """
    if len(data) > MAX_FILE:
        raise BadRequest(message("recipe.too_long", field, size=len(data), most=MAX_FILE))
    kind = containers.sniff(data)
    if kind is None:
        return _from_json_file(data, field)
    try:
        texts = _png_texts(data) if kind == "png" else _block_texts(data)
    except containers.Fragmented as error:
        raise BadRequest(message("picture.fragmented", field, most=containers.MAX_PARTS)) from error
    if "meta" in texts:
        return _recipe(texts["meta"].encode(), field)
    if "parameters" in texts:
        text = texts["parameters"]
        return Recipe(*(recipe_from_parameters(text) or meta_from_infotext(text)))
    foreign = recipe_from_texts(texts)
    return None if foreign is None else Recipe(*foreign)


def carries(data: bytes, meta: dict[str, Any]) -> bool:
    """Is that the recipe in a PNG, word for word as `png_text` writes it? Raises Fragmented."""
    return _png_texts(data).get("meta") == _json(meta)


def is_bare(data: bytes) -> bool:
    """Is that PNG one picture and the texts that we write, each once: no further frames, profile or whatever a viewer
    might make something of, and nothing behind its end? Raises Fragmented."""
    texts: set[bytes] = set()
    end = 0
    for kind, body, _, end in containers.png_chunks(data):  # noqa: B007 - the last one's end
        if kind in (b"tEXt", b"iTXt"):
            key = bytes(body[:_LONGEST_KEY]).partition(b"\0")[0]
            if key not in _BARE_TEXTS or key in texts:
                return False
            texts.add(key)
        elif kind not in _BARE:
            return False
    return end == len(data)


def xmp_packet(data: bytes) -> str:
    """The XMP that a file carries, empty for none and for one that is too long. Raises Fragmented."""
    if containers.sniff(data) != "png":
        return (containers.xmp(data) or b"")[:MAX_TEXT].decode("utf-8", "replace")
    for kind, body, _, _ in containers.png_chunks(data):
        key, _, value = bytes(body[: MAX_TEXT + 1]).partition(b"\0")
        if kind == b"iTXt" and key == _XMP_KEY and len(body) <= MAX_TEXT:
            return _png_text(kind, key, value) or ""
    return ""


def _json(meta: dict[str, Any]) -> str:
    values = meta | {name: str(meta[name]) for name in ("seed", "subseed") if name in meta}
    return _UNWRITABLE.sub("", json.dumps(values, ensure_ascii=False, allow_nan=False, sort_keys=True))


def _parameters(meta: dict[str, Any]) -> str:
    return _CONTROLS.sub("", infotext_from_meta(meta))


def _xmp(meta: dict[str, Any] | None, *, carry: bool) -> str:
    """The XMP packet: how the picture came about, and `meta` where it is to carry it."""
    kind = "compositeWithTrainedAlgorithmicMedia" if meta and meta.get("img") else "trainedAlgorithmicMedia"
    attribute = f' imagine:meta="{escape(_json(meta))}"' if carry and meta is not None else ""
    return _XMP.format(source=_SOURCE_TYPE + kind, meta=attribute)


def _png_texts(data: bytes) -> dict[str, str]:
    """The texts we ask for, by their keys; what is too long or damaged is not there."""
    texts: dict[str, str] = {}
    spoilt = 0
    for kind, body, _, _ in containers.png_chunks(data):
        if kind not in (b"tEXt", b"zTXt", b"iTXt") or len(body) > MAX_TEXT or spoilt >= _MAX_SPOILT:
            continue
        key, _, value = bytes(body).partition(b"\0")
        if key in _KEYS and key.decode() not in texts:
            text = _png_text(kind, key, value)
            spoilt += text is None
            texts |= {} if text is None else {key.decode(): text}
    return texts


def _png_text(kind: bytes, key: bytes, value: bytes) -> str | None:
    if kind == b"tEXt":
        return _latin_or_utf8(key, value)
    if kind == b"zTXt":
        inflated = _inflated(value[1:])
        return None if inflated is None else _latin_or_utf8(key, inflated)
    text = value[2:].split(b"\0", 2)[-1]  # behind a language and a translated key
    plain = _inflated(text) if value[:1] == b"\1" else text
    return None if plain is None else plain.decode("utf-8", "replace")


def _latin_or_utf8(key: bytes, text: bytes) -> str:
    """Latin-1, as the standard says and we write; others write UTF-8, and what reads as that hardly ever isn't."""
    if key != b"meta":
        with contextlib.suppress(UnicodeDecodeError):
            return text.decode()
    return text.decode("latin-1")


def _inflated(value: bytes) -> bytes | None:
    """`value` inflated, None where that fails or takes more than `MAX_TEXT`."""
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(value, MAX_TEXT)
    except zlib.error:
        return None
    return text if inflater.eof else None


def _block_texts(data: bytes) -> dict[str, str]:
    """The texts of a JPEG or WebP, under the keys that a PNG has them."""
    texts: dict[str, str] = {}
    packet = _XMP_META.search((containers.xmp(data) or b"").decode("utf-8", "replace"))
    if packet:
        texts["meta"] = unescape(packet[1] or packet[2] or "")
    parameters = comment(containers.exif(data) or b"")
    if parameters and ("Steps: " in parameters or parameters.lstrip().startswith("{")):
        texts["parameters"] = parameters
    return texts


class _JsonFile(msgspec.Struct):
    """A file that `imagine run` or a page saved; the picture in it is skipped, not decoded."""

    meta: msgspec.Raw = msgspec.Raw()


def _from_json_file(data: bytes, field: str) -> Recipe | None:
    text = last_answer(data)
    if not text.startswith(b"{"):
        return None
    meta = bytes(_decoded(text, _JsonFile, field).meta)
    return _recipe(meta, field) if meta else None


def last_answer(data: bytes) -> bytes:
    """A JSON's text without its mark; of lines that each are one, as a stream's, the last."""
    text = data.removeprefix(b"\xef\xbb\xbf").strip()
    last = text[text.rfind(b"\n") + 1 :].lstrip()
    first = text[: text.find(b"\n")].rstrip()
    lines = last.startswith(b"{") and last.endswith(b"}") and first.startswith(b"{") and first.endswith(b"}")
    return last if lines else text


def _recipe(text: bytes, field: str) -> Recipe:
    values = _decoded(text, dict[str, Any], field)
    _check(values, field)
    meta = {_SPELLED.get(name, name): value for name, value in values.items() if name not in _TRANSPORT} | values
    names = (name for name, value in meta.items() if value is not None and name not in _TRANSPORT | _SPELLED.keys())
    typed = {name: _typed(name, meta[name], field) for name in names}
    return Recipe({name: value for name, value in typed.items() if value is not None}, [])


def _decoded(text: bytes, kind: type[_T], field: str) -> _T:
    try:
        return msgspec.json.decode(text, type=kind)
    except (ValueError, RecursionError) as error:
        raise BadRequest(message("recipe.unreadable", field, why=str(error))) from error


def _check(value: object, field: str, depth: int = _MAX_DEPTH) -> None:
    """Refuse what no recipe holds: numbers of more than 64 bits, depth without need."""
    if isinstance(value, int) and abs(value) > MAX_SEED:
        raise BadRequest(message("recipe.number", field, most=MAX_SEED))
    if isinstance(value, dict | list):
        if not depth:
            raise BadRequest(message("recipe.nested", field, most=_MAX_DEPTH))
        for part in value.values() if isinstance(value, dict) else value:
            _check(part, field, depth - 1)


def _typed(name: str, value: Any, field: str) -> Any:
    """`value` as the type that `name` has, whole numbers exact; None for a second pass that enlarges nothing."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if name == "seed" and isinstance(value, str) and re.fullmatch(r"[0-9]{1,20}", value) and int(value) <= MAX_SEED:
        return int(value)
    if name in _WHOLE and number and value >= 0 and value == int(value):
        return int(value)
    if name in _REAL and number:
        return float(value)
    if name in _TEXTS and isinstance(value, str):
        return value
    if name == "hires" and (number or isinstance(value, dict | bool)):  # a factor, in the original Imagine
        return value if isinstance(value, dict) else {"scale": float(value)} if value > 1 else None
    if name in (*_WHOLE, *_REAL, *_TEXTS, "hires"):
        raise BadRequest(message("recipe.value", field, name=name, given=str(value)[:40]))
    return value
