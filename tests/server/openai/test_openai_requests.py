"""What OpenAI's clients say, as our requests: nothing but translation."""

import asyncio
import base64
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imagine.asking.references import VariationsWish
from imagine.asking.request import GenerateRequest
from imagine.messages import field_of, sentences
from imagine.pictures.images import decode_base64
from imagine.pictures.looking.decoder import Looked
from imagine.pictures.looking.look import LookRequest, look
from imagine.server.openai import pictures
from imagine.server.openai.fields import EDIT, GENERATION, NAMED, VARIATION, Fields
from imagine.server.openai.requests import images_request_from
from imagine.server.openai.tables import QUALITIES, STYLES, Usual, second_pass_of
from imagine.words.errors import BadPicture, BadRequest, Unsupported

USUAL = Usual(512, 25)
DATA_URL = "data:image/png;base64,QUJD"


def wish(kind=GENERATION, **said):
    return images_request_from({"prompt": "a fox"} | said, kind, USUAL)


def refused(kind=GENERATION, **said):
    with pytest.raises(BadRequest) as caught:
        wish(kind, **said)
    assert len(str(caught.value)) < 300
    return caught.value


def test_what_says_nothing_asks_for_nothing_but_a_size_that_fits():
    asked = wish()
    assert asked.request == GenerateRequest(prompt="a fox", fit="scale")
    assert asked.warnings == []
    assert wish(**dict.fromkeys(Fields.__struct_fields__)).request == asked.request


def test_every_field_of_openai_has_its_meaning():
    asked = wish(model="dall-e-3", n=3, size="1792x1024", quality="low", style="vivid", output_format="jpeg")
    assert asked.request == GenerateRequest(
        prompt="a fox", model="dall-e-3", count=3, width=1792, height=1024, num_steps=13, preset="vivid", fit="scale"
    )
    assert asked.delivery.format == "jpeg"
    assert (asked.delivery.compression, asked.delivery.quality, asked.delivery.url) == (100, "low", True)


def test_extensions_are_ours_under_the_names_that_are_common():
    asked = wish(
        seed="12345", steps=30, guidance_scale=5, negative_prompt="rain", sampler="euler", clip_skip=2, hires=1.5,
        style_preset="oil", width=640, height=384, reproducible=True,
    )  # fmt: skip
    assert asked.request == GenerateRequest(
        prompt="a fox", seed=12345, num_steps=30, guidance=5, neg="rain", sampler="euler", clip=2, hires=1.5,
        preset="oil", width=640, height=384, reproducible=True, fit="scale",
    )  # fmt: skip
    for other in ({"step": 30}, {"num_inference_steps": 30}, {"num_steps": 30}):
        assert wish(**other).request.num_steps == 30
    for other in ({"cfg": 5}, {"cfg_scale": 5}, {"guidance": 5}):
        assert wish(**other).request.guidance == 5


@pytest.mark.parametrize(
    ("model", "asked", "url"),
    [
        (None, None, True), ("dall-e-3", None, True), ("gpt-image-1", None, False), ("gpt-image-2.5-x", None, False),
        ("chatgpt-image-latest", None, False), ("yandexgpt/yandex-art", None, True), ("my-gpt-image-1", None, True),
        ("gpt-image-1", "url", True), ("dall-e-3", "b64_json", False), ("", None, True),
    ],
)  # fmt: skip
def test_where_the_picture_comes_from_when_it_is_not_said(model, asked, url):
    assert wish(model=model, response_format=asked).delivery.url is url
    assert wish(model="").request.model is None


@pytest.mark.parametrize("quality", QUALITIES)
def test_a_quality_is_steps_and_a_second_pass(quality):
    asked = wish(quality=quality, size="1024x1024").request
    row = QUALITIES[quality]
    assert asked.num_steps == (None if row.steps == 1 else {0.5: 13, 1.6: 40, 2: 50, 3: 75}[row.steps])
    made = (asked.width, asked.height, asked.hires)
    assert made == ((512, 512, 2.0) if row.second_pass else (1024, 1024, None))


def test_what_is_said_itself_wins_over_the_quality():
    asked = wish(quality="hd", steps=7, hires=1, size="1024x1024").request
    assert (asked.num_steps, asked.hires, asked.width) == (7, 1, 1024)
    assert wish(quality="hd", size="512x512").request.hires is None
    assert wish(quality="hd", size="1024x1024", reference_images=[DATA_URL]).request.hires is None
    assert images_request_from({"prompt": "x", "quality": "max"}, GENERATION, Usual(512, 100)).request.num_steps == 150


@settings(deadline=None)
@given(st.integers(64, 2048), st.integers(64, 2048), st.sampled_from([128, 512, 768, 1024]))
def test_two_passes_make_exactly_the_size(width, height, side):
    passes = second_pass_of(width, height, Usual(side, 25))
    if passes is not None:
        first_width, first_height, scale = passes
        assert (round(first_width * scale), round(first_height * scale)) == (width, height)
        assert min(first_width, first_height) >= 64
        assert width % 8 or height % 8 or first_width % 8 == first_height % 8 == 0
        assert 1 < scale <= 4


@pytest.mark.parametrize("size", ["1024x1024", "1792x1024", "1024x1792", "1536x1024", "1024x1536", "768x768"])
def test_the_sizes_of_hosted_models_have_two_passes(size):
    width, height = map(int, size.split("x"))
    assert second_pass_of(width, height, USUAL) is not None


@pytest.mark.parametrize("size", ["auto", "AUTO", None])
def test_auto_is_the_models_own_size(size):
    assert (wish(size=size).request.width, wish(size=size).request.height) == (None, None)


@pytest.mark.parametrize(
    "size",
    ["", "big", "1024", "1024x", "x", "1024×1024", "63x512", "512x2049", "0x0", "-1x5", "1e3x5", "5" * 39 + "x1"],
)
def test_a_size_that_is_none_is_refused(size):
    error = refused(size=size)
    assert (error.field, error.reason) == ("size", "value")
    assert "auto, or WIDTHxHEIGHT" in str(error)


@pytest.mark.parametrize(
    ("said", "field", "reason"),
    [
        ({"prompt": None}, "prompt", "missing"), ({"prompt": ""}, "prompt", "value"), ({"prompt": 1}, "prompt", "type"),
        ({"prompt": "x" * 32_001}, "prompt", "too long"), ({"n": 0}, "n", "too small"), ({"n": 11}, "n", "too large"),
        ({"n": "2"}, "n", "type"), ({"n": True}, "n", "type"), ({"quality": "ultra"}, "quality", "value"),
        ({"style": "loud"}, "style", "value"), ({"response_format": "png"}, "response_format", "value"),
        ({"output_format": "gif"}, "output_format", "value"),
        ({"output_compression": 101}, "output_compression", "too large"),
        ({"partial_images": 4}, "partial_images", "too large"), ({"stream": "yes"}, "stream", "type"),
        ({"seed": -2}, "seed", "too small"), ({"steps": 0}, "steps", "too small"), ({"cfg": 31}, "cfg", "too large"),
        ({"steps": 1, "num_steps": 2}, "num_steps", "value"), ({"hires": {"scale": 9}}, "hires.scale", "too large"),
        ({"model": 5}, "model", "type"), ({"sampler": ""}, "sampler", "value"),
        ({"reference_images": ["https://example.org/a.png"]}, "reference_images", "value"),
        ({"reference_images": []}, "reference_images", "value"),
        ({"reference_images": [1]}, "reference_images", "type"),
    ],
)  # fmt: skip
def test_a_refusal_names_what_the_client_said(said, field, reason):
    error = refused(**said)
    assert (field_of(error.note, NAMED), error.reason) == (field, reason)
    assert field in str(error)


def test_what_can_not_be_honoured_is_refused():
    assert isinstance(refused(background="transparent"), Unsupported)
    assert wish(background="opaque").warnings == wish(background="auto").warnings == []
    assert refused(VARIATION, image=DATA_URL, stream=True).field == "stream"


def warned(**said):
    asked = wish(**said)
    return sentences(asked.warnings, called=asked.spelled)


def test_what_has_no_effect_is_named():
    said = {
        "colour": "red",
        "mask": "x",
        "count": 9,
        "input_fidelity": "high",
        "output_compression": 50,
        "partial_images": 1,
    }
    assert warned(**said) == [
        "unknown and left out: 'count', 'mask'",
        "input_fidelity has no effect; strength says how much is painted anew",
        "output_compression has no effect on png",
        "partial_images has no effect without stream",
        "unknown and left out: 'colour'",
    ]
    assert warned(style="vivid", style_preset="oil") == ["style has no effect beside style_preset"]
    assert warned(size="512x512", width=64) == ["size has no effect on what width or height say"]
    assert wish(user="u", moderation="low", safety_identifier="s").warnings == []


@pytest.mark.parametrize(
    "said",
    [
        {"image": DATA_URL}, {"image": [DATA_URL]}, {"image": b"ABC"}, {"images": [{"image_url": DATA_URL}]},
        {"images": [{"image_url": {"url": DATA_URL}}]}, {"images": [DATA_URL]}, {"image": "QUJD"},
    ],
)  # fmt: skip
def test_a_picture_to_edit_comes_in_many_ways(said):
    asked = wish(EDIT, **said).request
    assert base64.b64decode(asked.img.removeprefix("data:image/png;base64,")) == b"ABC"
    assert (asked.strength, asked.mask, asked.width) == (0.7, None, None)


def test_a_model_that_edits_what_it_sees_is_shown_all_of_it_and_begins_with_noise():
    body = {"prompt": "make it blue", "image": [DATA_URL, DATA_URL]}
    asked, usual = (images_request_from(body, EDIT, Usual(512, 25, sees=sees)).request for sees in (True, False))
    assert (asked.strength, len(asked.references), asked.img) == (1.0, 2, DATA_URL)
    assert (usual.strength, len(usual.references)) == (0.7, 1)
    assert images_request_from(body | {"strength": 0.4}, EDIT, Usual(512, 25, sees=True)).request.strength == 0.4


def test_strength_is_the_requests_else_that_of_the_kind():
    assert wish(EDIT, image=DATA_URL, mask=DATA_URL).request.strength == 1.0
    assert wish(EDIT, image=DATA_URL, mask=DATA_URL, strength=0.4).request.strength == 0.4
    assert wish(EDIT, image=DATA_URL, denoising_strength=0).request.strength == 0
    assert wish(strength=0.5).request.strength == 0.5
    variation = images_request_from({"image": DATA_URL, "n": 2}, VARIATION, USUAL).request
    near = VariationsWish()
    assert variation == GenerateRequest(prompt="", img=DATA_URL, strength=0.7, count=2, fit="scale", variations=near)


def test_pictures_beyond_the_one_that_is_edited_are_references():
    said = {"image": [DATA_URL, "QUJE"], "reference_images": "QUJF", "references": [{"img": "QUJG", "kind": "style"}]}
    asked = wish(EDIT, **said)
    assert asked.warnings == []
    assert [each.img for each in asked.request.references] == ["QUJE", "QUJF", "QUJG"]
    named = [asked.spelled[f"references.{place}.img"] for place in range(2)]
    assert named == ["image 2", "reference_images"]
    asked = wish(ref_images=["QUJD", "QUJE"])
    assert (asked.request.img, [each.img for each in asked.request.references]) == (None, ["QUJD", "QUJE"])


def test_what_is_painted_anew_is_not_the_references():
    assert wish(reference_images=[DATA_URL]).request.references[0].strength is None
    asked = wish(reference_images=[DATA_URL], strength=0.7).request
    assert (asked.strength, asked.references[0].strength) == (None, 0.6)
    with pytest.raises(BadRequest) as caught:
        wish(reference_images=[DATA_URL], strength=7)
    assert caught.value.field == "strength"


@pytest.mark.parametrize(
    "said",
    [
        {"images": [{"image_url": "http://10.0.0.1/secret.png"}]}, {"images": [{"image_url": " HTTPS://x/y"}]},
        {"images": [{"file_id": "file-1"}]}, {"image": "file:///etc/passwd"}, {"image": "ftp://x/y"},
        {"images": [{"image_url": {"url": "gopher://x"}}]}, {"image": DATA_URL, "mask": {"image_url": "http://x/y"}},
        {"image": DATA_URL, "mask": {"file_id": "f"}}, {"image": [DATA_URL] * 17}, {"images": [{}]}, {"images": [[]]},
        {"image": DATA_URL, "mask": [DATA_URL, DATA_URL]}, {"image": [""]},
    ],
)  # fmt: skip
def test_nothing_is_fetched_and_nothing_else_is_a_picture(said):
    assert refused(EDIT, **said).field in said


def test_an_edit_needs_its_picture():
    assert (refused(EDIT).field, refused(EDIT).reason) == ("image", "missing")
    assert (refused(VARIATION).field, refused(VARIATION, image=[]).reason) == ("image", "missing")


def test_the_pictures_own_transparency_is_the_mask_of_one_model_only():
    assert wish(EDIT, image=DATA_URL, model="dall-e-2").own_alpha
    assert not wish(EDIT, image=DATA_URL, mask=DATA_URL, model="dall-e-2").own_alpha
    assert not wish(EDIT, image=DATA_URL, model="gpt-image-1").own_alpha


def test_a_style_is_a_preset():
    for style, preset in STYLES.items():
        assert wish(style=style).request.preset == preset
        assert wish(style=style).spelled["preset"] == "style"


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**65) | FLOATS | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
NAMES = st.sampled_from([*Fields.__struct_fields__, *GenerateRequest.__struct_fields__, "style_preset", "steps"])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES | st.text(max_size=9), JSON, max_size=6), st.sampled_from([GENERATION, EDIT, VARIATION]))
def test_any_json_is_a_request_or_a_refusal(body, kind):
    try:
        images_request_from(body, kind, USUAL)
    except BadRequest as error:
        assert str(error)  # noqa: PT017 - either is fine, nothing else is


def picture(size, mode="RGBA", alpha=255):
    file = io.BytesIO()
    Image.new(mode, size, (9, 9, 9, alpha)[: len(mode)]).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


async def look_here(text, field, *, copy=None, largest=0):
    """As a gateway looks, without a process of its own."""
    data = decode_base64(text, field=field)
    seen, made = look(LookRequest(size=len(data), field=field, copy=copy, largest=largest), data)
    if seen.refused is not None:
        raise BadPicture(seen.refused)
    return data, Looked("", seen, made)


def with_notes(asked, ref_image_max_size=None):
    return asyncio.run(pictures.with_pictures(asked, look_here))


def with_pictures(asked):
    request, notes = with_notes(asked)
    assert notes == []
    return request


def test_a_mask_must_be_transparent_somewhere_and_as_large_as_the_picture():
    source = picture((64, 64), "RGB")
    good = wish(EDIT, image=source, mask=picture((64, 64), alpha=0))
    assert with_pictures(good) == good.request
    for mask in (picture((64, 64)), picture((64, 64), "RGB"), picture((32, 64), alpha=0), "AAAA"):
        with pytest.raises(BadRequest) as caught:
            with_pictures(wish(EDIT, image=source, mask=mask))
        assert caught.value.field == "mask"


def test_what_is_transparent_is_painted_even_where_a_brush_seems_to_have_made_the_mask():
    """Elsewhere these strokes would paint, so the mask that goes on says in black and white what OpenAI means."""
    drawn = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    drawn.paste((255, 255, 255, 255), (0, 0, 16, 64))
    file = io.BytesIO()
    drawn.save(file, "PNG")
    mask = base64.b64encode(file.getvalue()).decode()
    request, notes = with_notes(wish(EDIT, image=picture((64, 64), "RGB"), mask=mask))
    assert [note.code for note in notes] == ["mask.holes"]
    made = Image.open(io.BytesIO(base64.b64decode(request.mask)))
    assert [made.convert("L").getpixel((x, 5)) for x in (5, 40)] == [0, 255]
    request, notes = with_notes(wish(EDIT, image=mask, model="dall-e-2"))
    assert notes == []
    assert Image.open(io.BytesIO(base64.b64decode(request.mask))).convert("L").getpixel((40, 5)) == 255


def test_a_picture_that_says_what_it_shows_is_varied_with_its_own_words():
    from imagine.pictures import images

    meta = {"prompt": "a red fox", "neg": "rain", "seed": "1", "model": "fox", "num_steps": 9}
    ours = images.encode(Image.new("RGB", (64, 64)), meta=meta)
    asked = with_pictures(images_request_from({"image": ours}, VARIATION, USUAL))
    assert (asked.prompt, asked.neg, asked.num_steps) == ("a red fox", "rain", None)
    asked = with_pictures(images_request_from({"image": ours, "prompt": "an owl"}, VARIATION, USUAL))
    assert (asked.prompt, asked.neg) == ("an owl", None)
    asked = with_pictures(images_request_from({"image": ours, "negative_prompt": ""}, VARIATION, USUAL))
    assert (asked.prompt, asked.neg) == ("a red fox", "")
    for silent in (picture((64, 64)), base64.b64encode(ours.replace(b"meta\0{", b"meta\0[")).decode()):
        assert with_pictures(images_request_from({"image": silent}, VARIATION, USUAL)).prompt == ""
    assert with_pictures(wish(EDIT, image=ours)).prompt == "a fox"


def test_holes_in_the_picture_are_its_mask_where_the_model_says_so():
    holed = picture((64, 64), alpha=0)
    asked = with_pictures(wish(EDIT, image=holed, model="dall-e-2"))
    assert (asked.mask, asked.strength) == (holed, 1.0)
    assert with_pictures(wish(EDIT, image=holed, model="dall-e-2", strength=0.3)).strength == 0.3
    assert with_pictures(wish(EDIT, image=picture((64, 64)), model="dall-e-2")).mask is None
