"""Where pictures say they come from: ours, others', cameras', changed ones; hostile files; nothing fetched."""

import asyncio
import io
import random
import socket
import struct
import threading

import msgspec
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imagine.messages import sentence
from imagine.pictures.canonical import Cut, halves, joined
from imagine.pictures.looking import inspection, origins
from imagine.pictures.looking.decoder import Decoder
from imagine.pictures.looking.inspection import Inspection, inspected, summary
from imagine.pictures.looking.origins import InspectRequest
from imagine.provenance import library, manifest
from imagine.provenance.manifest import Provenance
from imagine.watermark.tiles import marked
from imagine.words.errors import BadPicture
from tests.provenance.signing import TYPES, flipped, picture, sign, somebody

DST = "http://cv.iptc.org/newscodes/digitalsourcetype/"
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description {}>{}</rdf:Description></rdf:RDF></x:xmpmeta>'


def plain(kind="PNG", **said):
    file = io.BytesIO()
    Image.new("RGB", (20, 20), "blue").save(file, kind, **said)
    return file.getvalue()


def claims(program, action, source_type):
    """What another program's manifest says."""
    done = {"action": f"c2pa.{action}", "digitalSourceType": DST + source_type}
    return {
        "claim_generator_info": [{"name": program, "version": "9"}],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [done]}}],
    }


def signed_by(monkeypatch, program, action, source_type):
    with monkeypatch.context() as patched:
        patched.setattr(manifest, "_claimed", lambda *_: claims(program, action, source_type))
        return sign(plain("JPEG"), who=somebody("a stranger"))


@pytest.mark.parametrize("media_type", TYPES)
def test_ours_is_told_from_another_machine_s_and_from_what_was_changed(media_type):
    signed = sign(picture(media_type))
    ours, strange = inspected(signed, somebody().roots), inspected(signed, somebody("else").roots)
    assert (ours.origin, ours.signature, ours.program.split()[0], ours.model) == ("here", "ours", "Imagine", "fox")
    assert (strange.origin, strange.signature) == ("imagine", "valid")
    changed = inspected(flipped(signed, signed.index(b"urn:imagine:1")), somebody().roots)
    assert (changed.origin, changed.signature) == ("changed", "invalid")
    assert "assertion.dataHash.mismatch" in changed.faults
    assert inspected(picture(media_type)).origin == "imagine", "it says so itself"
    assert inspected(picture(media_type)).signature == "none"


@pytest.mark.parametrize(
    ("program", "source_type", "origin"),
    [
        ("Firefly", "trainedAlgorithmicMedia", "ai"),
        ("GPT", "compositeWithTrainedAlgorithmicMedia", "ai"),
        ("Leica M11-P", "digitalCapture", "camera"),
        ("Pixel", "computationalCapture", "camera"),
        ("Painter", "humanEdits", "signed"),
    ],
)
def test_manifests_of_others(monkeypatch, program, source_type, origin):
    told = inspected(signed_by(monkeypatch, program, "created", source_type))
    assert (told.origin, told.signature, told.program, told.source_type) == (
        origin,
        "valid",
        f"{program} 9",
        source_type,
    )


def test_what_an_edited_picture_was_made_of(monkeypatch):
    photo = signed_by(monkeypatch, "Leica", "created", "digitalCapture")
    told = inspected(sign(picture(), Provenance(how="edited"), source=photo), somebody().roots)
    (source,) = told.sources
    assert (told.origin, told.actions) == ("here", ("opened", "edited"))
    assert (source.program, source.source_type, source.signed) == ("Leica 9", "digitalCapture", True)
    assert sentence(summary(told)) == "made by Imagine on this machine of another picture, and unchanged since"


def exif_of(maker):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = maker, "X100"
    return exif


def automatic():
    info = PngInfo()
    info.add_text("parameters", "a fox\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 20x20, Model: wolf")
    return info


def png_xmp(text):
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", text, zip=True)
    return info


def iptc(record, text):
    block = b"\x1c\x02" + bytes([record]) + struct.pack(">H", len(text)) + text
    body = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(block)) + block
    data = plain("JPEG")
    return data[:2] + b"\xff\xed" + struct.pack(">H", len(body) + 2) + body + data[2:]


@pytest.mark.parametrize(
    ("data", "origin", "program", "read"),
    [
        (plain(), "unknown", "", ()),
        (plain("JPEG", exif=exif_of("Fuji")), "camera", "Fuji X100", ("exif",)),
        (plain("WEBP", exif=exif_of("ab")), "camera", "ab X100", ("exif",)),
        (plain(pnginfo=automatic()), "ai", "", ("recipe",)),
        (plain("JPEG", xmp=XMP.format(f'a:Type="{DST}digitalCapture"', "").encode()), "camera", "", ("xmp",)),
        (plain(pnginfo=png_xmp(XMP.format('xmp:CreatorTool="Dream 2"', f"<d>{DST}trainedAlgorithmicMedia</d>"))),
         "ai", "Dream 2", ("xmp",)),
        (iptc(110, b"Made with Somebody's AI"), "unknown", "Made with Somebody's AI", ("iptc",)),
    ],
    ids=["nothing", "a camera's", "a camera's WebP", "AUTOMATIC1111's", "XMP", "compressed XMP", "IPTC's credit"],
)  # fmt: skip
def test_what_unsigned_files_say_of_themselves(data, origin, program, read):
    told = inspected(data)
    assert (told.origin, told.signature, told.program, told.read) == (origin, "none", program, read)


def test_every_verdict_has_its_sentence_in_both_languages():
    for origin in inspection.Origin.__args__:
        for signature in ("ours", "valid", "invalid", "none", "unread"):
            note = summary(Inspection(origin=origin, signature=signature))
            assert sentence(note, "en") != sentence(note, "ru")


def test_a_manifest_that_nothing_here_can_read_is_said(monkeypatch):
    monkeypatch.setattr(inspection, "is_there", lambda: False)
    told = inspected(sign(picture()))
    assert (told.signature, told.origin) == ("unread", "unknown")


@pytest.mark.parametrize("media_type", TYPES)
def test_broken_manifests_are_told_and_bounded(media_type):
    signed, dice = sign(picture(media_type)), random.Random(3)
    plain, (cut,) = halves(signed)
    for _ in range(60):
        at = dice.randrange(12, len(cut.data))
        told = inspected(joined(plain, [Cut(cut.at, flipped(cut.data, at))]), somebody().roots)
        assert told.origin in ("changed", "here", "imagine", "unknown")
        assert all(len(text) <= 200 for text in (told.program, told.signer, *told.faults))


def nested(depth):
    """A PNG whose manifest is boxes in boxes."""
    box = b""
    for _ in range(depth):
        box = struct.pack(">I", len(box) + 8) + b"jumb" + box
    data = plain()
    chunk = struct.pack(">I", len(box)) + b"caBX" + box + b"\0\0\0\0"
    return data[:33] + chunk + data[33:]


def test_a_hostile_file_ends_no_process_but_the_one_that_reads_it():
    async def act():
        decoder = Decoder()
        try:
            told = []
            for data in (nested(40_000), b"no picture", sign(picture())):
                try:
                    told.append((await decoder.inspect(data, "file", "", somebody().roots)).origin)
                except BadPicture as error:
                    told.append(error.note.code)
            return told
        finally:
            await decoder.stop()

    deep, none, ours = asyncio.run(act())
    assert deep in ("changed", "picture.too_costly")
    assert (none, ours) == ("picture.format", "here")


def looked_at(data):
    """What the process that looks says of it."""
    request = InspectRequest(size=len(data), field="file", roots=somebody().roots)
    return msgspec.msgpack.decode(origins.inspect(request, data)[1], type=Inspection)


def saved_again(picture, kind="JPEG"):
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def test_a_mark_in_the_pixels_outlasts_what_the_file_said():
    pixels = marked(Image.linear_gradient("L").resize((256, 256)).convert("RGB"), "painted")
    told = looked_at(saved_again(pixels))
    assert (told.origin, told.signature, told.read, told.watermark.says) == (
        "imagine", "none", ("watermark",), "painted"
    )  # fmt: skip
    assert "invisible mark" in sentence(summary(told))
    signed = sign(saved_again(pixels, "PNG"))
    assert looked_at(signed).origin == "here"
    changed = looked_at(flipped(signed, signed.index(b"IHDR") + 20))
    assert (changed.origin, changed.signature) == ("changed", "invalid")
    unmarked = looked_at(plain())
    assert (unmarked.watermark, unmarked.looked, unmarked.origin) == (None, True, "unknown")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_file_that_breaks_off_is_told(kind):
    data = saved_again(Image.effect_noise((80, 80), 50).convert("RGB"), kind)
    told = looked_at(data[: len(data) * 2 // 3])
    assert (told.whole, told.looked, told.watermark) == (False, False, None)
    assert sentence(summary(told)).startswith("the file breaks off")


def test_a_camera_that_begins_with_its_maker_is_named_once():
    exif = exif_of("NIKON CORPORATION")
    exif[0x0110] = "NIKON Z 6_2"
    assert inspected(plain("JPEG", exif=exif)).program == "NIKON Z 6_2"


def test_nothing_that_a_file_names_is_fetched():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        came = []

        def hear():
            try:
                came.append(listening.accept())
            except OSError:
                return

        thread = threading.Thread(target=hear)
        thread.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/manifest.c2pa"
        packet = XMP.format(f'xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="{address}"', "")
        photo = plain("JPEG", xmp=packet.encode())
        assert inspected(photo).origin == "unknown"
        told = inspected(sign(picture(), Provenance(how="edited"), source=photo), somebody().roots)
        assert told.origin == "here"
        c2pa = library.library()
        with pytest.raises(c2pa.C2paError):
            c2pa.Reader("image/jpeg", io.BytesIO(photo), context=library.context())
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert came == []
