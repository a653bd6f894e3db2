"""Pictures: hostile ones are refused in one sentence; ours are deterministic and carry nothing they shouldn't."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from imagine.files.writing import write_atomically
from imagine.pictures import containers, images, metadata
from imagine.pictures.images import MediaType, decode, decode_base64, encode
from imagine.words.errors import BadPicture, BadRequest

RED, GREEN, BLUE = (250, 10, 20), (10, 240, 30), (20, 30, 230)
META = {"model": "toybox", "prompt": "a fox", "num_steps": 20, "sampler": "euler", "guidance": 7.0, "seed": 2**64 - 1,
        "width": 64, "height": 48}  # fmt: skip
MEDIA: list[MediaType] = ["image/png", "image/jpeg", "image/webp"]


def picture(mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Red above left, green above right, blue below."""
    made = Image.new("RGB", size, BLUE)
    made.paste(RED, (0, 0, size[0] // 2, size[1] // 2))
    made.paste(GREEN, (size[0] // 2, 0, size[0], size[1] // 2))
    return made.convert(mode)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks: bytes) -> bytes:
    return containers.PNG_MAGIC + b"".join(chunks) + chunk(b"IEND", b"")


def header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def near(pixel: object, expected: tuple[int, ...], tolerance: int = 12) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(a - b) <= tolerance for a, b in zip(pixel, expected, strict=True))


def refusal(data: bytes) -> str:
    with pytest.raises(BadPicture) as caught:
        decode(data, field="img")
    assert caught.value.field == "img"
    message = str(caught.value)
    assert message.startswith("img ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_decodes_the_three_formats_by_content(kind: str) -> None:
    decoded = decode(saved(picture(), kind, quality=95), field="img")
    assert (decoded.mode, decoded.size) == ("RGB", (64, 48))
    assert near(decoded.getpixel((5, 5)), RED)
    assert near(decoded.getpixel((60, 5)), GREEN)
    assert near(decoded.getpixel((30, 40)), BLUE)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "BMP", "ICO", "PPM", "PDF", "JPEG2000", "TGA", "EPS", "AVIF"])
def test_refuses_other_formats(kind: str) -> None:
    Image.init()
    if kind not in Image.SAVE:
        pytest.skip(f"this Pillow can't write {kind}")
    assert "not a PNG, JPEG or WebP" in refusal(saved(picture(), kind))


@pytest.mark.parametrize("data", [b"", b"<svg/>", b"8BPS", b"\x89PNG", b"\xff\xd8", b"RIFF\0\0\0\0WAVE", b"GIF89a"])
def test_refuses_what_is_no_picture(data: bytes) -> None:
    assert "not a PNG, JPEG or WebP" in refusal(data)


@pytest.mark.parametrize(
    ("mode", "kind", "expected"),
    [
        ("L", "PNG", "RGB"), ("L", "JPEG", "RGB"), ("1", "PNG", "RGB"), ("P", "PNG", "RGB"), ("I;16", "PNG", "RGB"),
        ("CMYK", "JPEG", "RGB"), ("LA", "PNG", "RGBA"), ("RGBA", "PNG", "RGBA"), ("RGBA", "WEBP", "RGBA"),
    ],
)  # fmt: skip
def test_every_mode_becomes_rgb_or_rgba(mode: str, kind: str, expected: str) -> None:
    source = picture("L").convert("I").point(lambda v: v * 256).convert("I;16") if mode == "I;16" else picture(mode)
    if mode == "RGBA":
        source.putpixel((0, 0), (0, 0, 0, 0))
    decoded = decode(saved(source, kind), field="img")
    assert decoded.mode == expected
    grey = picture("L").convert("RGB") if mode in ("L", "LA", "I;16") else picture()
    if mode != "1":
        assert near(decoded.convert("RGB").getpixel((5, 5)), grey.getpixel((5, 5)), 45)


def test_alpha_is_kept_for_masks() -> None:
    source = picture("RGBA")
    source.putalpha(Image.linear_gradient("L").resize(source.size))
    decoded = decode(saved(source, "PNG"), field="mask")
    assert decoded.getchannel("A").tobytes() == source.getchannel("A").tobytes()


@pytest.mark.parametrize("mode", ["P", "RGB", "L"])
def test_a_transparent_colour_becomes_alpha(mode: str) -> None:
    source = picture(mode)
    colour = source.getpixel((5, 5))
    decoded = decode(saved(source, "PNG", transparency=colour), field="mask")
    assert decoded.mode == "RGBA"
    assert [decoded.getpixel(place)[3] for place in ((5, 5), (60, 5), (30, 40))] == [0, 255, 255]


def test_sixteen_bits_keep_their_high_byte() -> None:
    source = Image.new("I;16", (256, 1))
    for x in range(256):
        source.putpixel((x, 0), x * 256 + 255)
    decoded = decode(saved(source, "PNG"), field="img")
    assert [decoded.getpixel((x, 0)) for x in range(256)] == [(x, x, x) for x in range(256)]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_turned_photo_is_put_upright(kind: str, orientation: int) -> None:
    undo = images._TURNS.get(orientation)
    inverse = {
        Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
        Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
    }
    stored = picture() if undo is None else picture().transpose(inverse.get(undo, undo))
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode(saved(stored, kind, exif=exif.tobytes(), quality=95), field="img")
    assert decoded.size == (64, 48)
    assert near(decoded.getpixel((5, 5)), RED)
    assert near(decoded.getpixel((60, 5)), GREEN)


@pytest.mark.parametrize(
    "exif", [b"", b"MM", b"Exif\0\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff" + b"\x01" * 90]
)
def test_nonsense_in_exif_does_not_spoil_a_photo(exif: bytes) -> None:
    photo = saved(picture(), "JPEG", exif=b"Exif\0\0" + exif)
    assert decode(photo, field="img").size == (64, 48)


def test_a_wide_gamut_photo_is_converted_to_srgb() -> None:
    """A profile with red and blue swapped makes the conversion easy to see."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = profile[blue : blue + 4], profile[red : red + 4]
    swapped = bytes(profile).replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be"))
    for kind, mode in (("PNG", "RGB"), ("PNG", "RGBA"), ("JPEG", "RGB"), ("WEBP", "RGB")):
        decoded = decode(saved(picture(mode), kind, icc_profile=swapped), field="img")
        assert decoded.mode == mode
        red_, _, blue_ = decoded.convert("RGB").getpixel((5, 5))
        assert blue_ > red_
        assert "icc_profile" not in decoded.info


@pytest.mark.parametrize(
    "profile", [b"junk", b"\0" * 200, ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()]
)
def test_srgb_and_broken_profiles_change_nothing(profile: bytes) -> None:
    assert decode(saved(picture(), "PNG", icc_profile=profile), field="img").tobytes() == picture().tobytes()


def test_only_the_first_frame_is_taken() -> None:
    second = Image.new("RGB", (64, 48), "white")
    for kind in ("PNG", "WEBP"):
        animated = saved(picture(), kind, save_all=True, append_images=[second], duration=50, lossless=True)
        assert near(decode(animated, field="img").getpixel((5, 5)), RED)


def test_nothing_of_the_file_stays_with_the_picture() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("secret", "here")
    exif = Image.Exif()
    exif[0x010E] = "secret"
    for kind in ("PNG", "JPEG", "WEBP"):
        data = saved(picture(), kind, exif=exif.tobytes(), pnginfo=info, dpi=(72, 72))
        assert decode(data, field="img").info == {}


@pytest.mark.parametrize(("width", "height"), [(4097, 1), (1, 4097), (100_000, 100_000), (2**31 - 1, 2**31 - 1)])
def test_refuses_a_size_before_decoding(width: int, height: int) -> None:
    assert f"{width}×{height}" in refusal(png(header(width, height), chunk(b"IDAT", b"")))


def test_refuses_the_size_of_every_format() -> None:
    for kind in ("JPEG", "WEBP"):
        assert "4104×8" in refusal(saved(Image.new("RGB", (4104, 8)), kind))
    lossless = saved(Image.new("RGB", (4104, 8)), "WEBP", lossless=True)
    assert "4104×8" in refusal(lossless)
    extended = saved(Image.new("RGB", (4104, 8)), "WEBP", exif=b"Exif\0\0MM\0*")
    assert "4104×8" in refusal(extended)


def test_max_side_is_the_callers() -> None:
    decode(saved(picture(), "PNG"), field="img", max_side=64)
    with pytest.raises(BadPicture, match="at most 63"):
        decode(saved(picture(), "PNG"), field="img", max_side=63)


def test_a_jpeg_that_says_two_sizes_is_judged_by_the_greater() -> None:
    data = saved(picture(), "JPEG")
    frame = data.index(b"\xff\xc0")
    huge = bytearray(data[frame : frame + 19])
    huge[5:9] = struct.pack(">HH", 60_000, 60_000)
    assert "60000×60000" in refusal(data[:frame] + bytes(huge) + data[frame:])


def test_refuses_a_file_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(picture(), "PNG")
    monkeypatch.setattr(images, "MAX_BYTES", len(data) - 1)
    assert "bytes long" in refusal(data)


def test_texts_are_not_inflated() -> None:
    bomb = b"bomb\0\0" + zlib.compress(b"\0" * 60_000_000, 9)
    data = saved(picture(), "PNG")
    with_bombs = data[:33] + chunk(b"zTXt", bomb) * 40 + data[33:]
    assert decode(with_bombs, field="img").tobytes() == picture().tobytes()


def test_refuses_a_profile_that_inflates_without_end() -> None:
    data = saved(picture(), "PNG")
    bomb = chunk(b"iCCP", b"bomb\0\0" + zlib.compress(b"\0" * 60_000_000, 9))
    assert "damaged" in refusal(data[:33] + bomb + data[33:])


def test_refuses_a_jpeg_of_endless_scans() -> None:
    data = saved(picture(), "JPEG", progressive=True)
    scan = data.index(b"\xff\xda")
    assert decode(data, field="img").size == (64, 48)
    assert "more than 64 scans" in refusal(data[:scan] + data[scan:-2] * 20 + data[-2:])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_refuses_a_truncated_file(kind: str) -> None:
    data = saved(picture(size=(200, 150)).resize((200, 150)), kind)
    for length in (12, 20, 40, len(data) // 2, len(data) - 12):
        refusal(data[:length])


@pytest.mark.parametrize("depth", [0, 1, 3, 255])
def test_refuses_a_broken_header(depth: int) -> None:
    assert "damaged" in refusal(png(header(8, 8, depth), chunk(b"IDAT", zlib.compress(b"\0" * 400))))


@pytest.mark.parametrize("size", [(0, 5), (5, 0)])
def test_refuses_a_picture_without_size(size: tuple[int, int]) -> None:
    assert "no size" in refusal(png(header(*size), chunk(b"IDAT", b"")))


FILES = [
    saved(picture(), "PNG"), saved(picture("P"), "PNG"), saved(picture("RGBA"), "PNG"), saved(picture(), "JPEG"),
    saved(picture(), "JPEG", progressive=True), saved(picture("CMYK"), "JPEG"), saved(picture(), "WEBP"),
    saved(picture("RGBA"), "WEBP", lossless=True), *[encode(picture(), media, meta=META) for media in MEDIA],
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)) | st.integers(0, min(len(data), 120)))
        change = draw(st.sampled_from(["set", "insert", "delete", "cut"]))
        if change == "set":
            data[at : at + 1] = draw(st.binary(min_size=1, max_size=4))
        elif change == "insert":
            data[at:at] = draw(st.binary(max_size=30))
        elif change == "delete":
            del data[at : at + draw(st.integers(0, 30))]
        elif draw(st.integers(0, 9)) == 0:
            del data[at:]
    return bytes(data)


@settings(max_examples=300, deadline=None)
@given(mutated() | st.binary(max_size=200))
def test_a_mutated_file_is_a_picture_or_refused(data: bytes) -> None:
    with contextlib.suppress(BadPicture):
        decoded = decode(data, field="img")
        assert decoded.mode in ("RGB", "RGBA")
        assert max(decoded.size) <= 4096


def test_base64_is_taken_plain_and_as_a_data_url() -> None:
    data = saved(picture(), "PNG")
    text = base64.b64encode(data).decode()
    wrapped = "\n".join(text[i : i + 76] for i in range(0, len(text), 76))
    for form in (text, wrapped, f"data:image/png;base64,{text}", f"DATA:image/x;name=a;BASE64,{wrapped}"):
        assert decode_base64(form, field="img") == data


@pytest.mark.parametrize("length", range(9))
def test_base64_is_taken_in_either_alphabet_padded_or_not_and_of_any_type(length: int) -> None:
    """As openedai-vision, browsers, curl and phones' SDKs write it."""
    data = b"\xfb\xff\xbe" * 3 + b"\xff" * length
    plain, other = base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()
    assert plain != other
    for text in (plain, plain.rstrip("="), other, other.rstrip("="), f"  \n{plain}\n"):
        heads = ("data:application/octet-stream;base64,", "data:;base64,", "\n data:image/png;charset=utf-8;base64, ")
        for form in (text, *(head + text for head in heads)):
            assert decode_base64(form, field="img") == data


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"), ("data:image/png;base64,", "is empty"), ("not base64!", "is not base64"),
        ("AAAAA", "is not base64"), ("ÄÖÜ=", "is not base64"), ("AA=A", "is not base64"), ("data:", "data URL"),
        ("https://example.org/a.png", "is an address"),
        ("data:image/svg+xml,<svg/>", "data URL"),
    ],
)  # fmt: skip
def test_refuses_junk_for_base64(text: str, says: str) -> None:
    with pytest.raises(BadPicture, match=says) as caught:
        decode_base64(text, field="mask")
    assert caught.value.field == "mask"


PARTS = {
    "segments": b"\xff\xd8" + b"\xff\xfe\x00\x02" * 2**21,
    "markers": b"\xff\xd8\xff" + b"\xff\x01" * 2**22,
    "chunks": png(header(8, 8), b"\0\0\0\0tEXt\0\0\0\0" * 2**19),
    "pixels": png(header(8, 8), b"\0\0\0\0IDAT\0\0\0\0" * 2**19),
    "riff": b"RIFF\0\0\0\0WEBP" + b"abcd\0\0\0\0" * 2**20,
}
"""8 MB each, of parts that hold nothing."""


@pytest.mark.parametrize("parts", PARTS)
def test_a_file_in_countless_parts_is_refused_before_they_cost_anything(parts: str) -> None:
    tracemalloc.start()
    try:
        assert f"more than {containers.MAX_PARTS} parts" in refusal(PARTS[parts])
        with pytest.raises(BadRequest, match="parts"):
            metadata.read_metadata(PARTS[parts])
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


def test_a_picture_in_as_many_parts_as_programs_write_is_taken() -> None:
    raw = zlib.compress(b"\0" + b"\x80" * 24)
    pieces = [chunk(b"IDAT", raw[i : i + 1]) for i in range(len(raw))]
    padding = [chunk(b"IDAT", b"")] * (containers.MAX_PARTS - len(pieces) - 2)
    assert decode(png(header(8, 1), *pieces, *padding), field="img").getpixel((0, 0)) == (128, 128, 128)


def test_a_marker_may_be_filled_up_for_megabytes() -> None:
    plain = saved(picture(), "JPEG")
    assert decode(plain[:2] + b"\xff" * 2**22 + plain[2:], field="img").size == (64, 48)


def test_refuses_base64_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_BYTES", 100)
    with pytest.raises(BadPicture, match="too long"):
        decode_base64("A" * 200, field="img")


@settings(max_examples=100)
@given(st.text(max_size=50))
def test_base64_never_raises_anything_else(text: str) -> None:
    with contextlib.suppress(BadPicture):
        assert decode_base64(text, field="img")


@pytest.mark.parametrize("media", MEDIA)
def test_encoding_is_deterministic_and_drops_what_the_picture_holds(media: MediaType) -> None:
    loaded = picture()
    loaded.info.update(
        icc_profile=b"secret", exif=b"secret", dpi=(1, 1), xmp=b"secret", comment=b"secret", Software="secret"
    )
    data = encode(loaded, media, meta=META)
    assert data == encode(picture(), media, meta=dict(reversed(META.items())))
    assert b"secret" not in data
    assert loaded.info["comment"] == b"secret"
    assert containers.sniff(data) == media.removeprefix("image/")


def test_png_loses_no_pixel() -> None:
    for mode in ("RGB", "RGBA", "L"):
        with Image.open(io.BytesIO(encode(picture(mode)))) as image:
            assert image.tobytes() == picture(mode).tobytes()


def test_quality_is_that_of_jpeg_and_webp() -> None:
    noise = Image.effect_noise((128, 128), 50).convert("RGB")
    for media in MEDIA[1:]:
        assert len(encode(noise, media, quality=95)) > 2 * len(encode(noise, media, quality=30))


def test_jpeg_has_no_alpha() -> None:
    with Image.open(io.BytesIO(encode(picture("RGBA"), "image/jpeg"))) as image:
        assert image.mode == "RGB"


def test_writes_and_replaces_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_mode_of_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "a.png", b"data")
    finally:
        os.umask(before)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("failure", [OSError(28, "no space"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, failure: BaseException
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(*((os, "fsync", fail) if step == "fsync" else (Path, "replace", fail)))
    with pytest.raises(type(failure)):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_data_is_on_disk_before_it_takes_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append("fsync"), fsync(fd))[1])
    monkeypatch.setattr(Path, "replace", lambda self, to: (done.append("replace"), replace(self, to))[1])
    write_atomically(tmp_path / "a.png", b"data")
    assert done == ["fsync", "replace", "fsync"]


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "no" / "a.png", b"data")
