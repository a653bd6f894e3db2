"""A recipe, written into a file and asked for again, is the same recipe."""

import base64
import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imagine.asking.replay import request_from_meta
from imagine.asking.request import PartDigests, names_in, parse
from imagine.asking.resolve import Defaults, Picture, Resolved, resolve
from imagine.messages import sentences
from imagine.pictures import images, metadata
from imagine.words.entry import Entry
from imagine.words.errors import BadRequest
from imagine.words.model_names import OWN
from imagine.words.recipe import MAX_SEED, Extend, GenerationParams, Hires, meta_from_params
from imagine.words.samplers import SAMPLERS, pairs

OTHER = Defaults(num_steps=3, guidance=1.5, sampler="lcm", schedule="simple", width=192, height=256, neg="default neg")
DIGEST = st.text("0123456789abcdef", min_size=64, max_size=64)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAMES = st.lists(TEXT.filter(bool), max_size=2).map(tuple)


def again(params: GenerationParams, meta: dict, source: tuple[int, int] = (300, 200)) -> Resolved:
    """What comes of asking for `meta` again, on the same model, at a server with other defaults."""
    given = {name: None if getattr(params, name) is None else "aGk=" for name in ("img", "mask")}
    parsed = request_from_meta(meta, **given)
    assert parsed.warnings == []
    entry = Entry(name=params.model, path="/m", kind="checkpoint", digest=params.digest, resolution=768)
    named = {f"text_encoder_{i}": name for i, name in enumerate(names_in(parsed.request.text_encoders)) if name != OWN}
    named |= {
        field: name for field in ("vae", "refiner") if (name := getattr(parsed.request, field)) not in (None, OWN)
    }
    parts = {role: Entry(name=name, path="/p") for role, name in named.items()}
    return resolve(
        parsed.request, parts=parts, model=entry, defaults=OTHER,
        random_seed=lambda: pytest.fail("the seed was not kept"),
        img=params.img and Picture(params.img, *source), mask=params.mask and Picture(params.mask, 64, 64),
    )  # fmt: skip


@st.composite
def recipes(draw) -> GenerationParams:
    """Any recipe that a request can lead to."""
    sampler, schedules = draw(st.sampled_from(sorted(pairs().items())))
    schedule = draw(st.sampled_from(schedules))
    row = SAMPLERS[sampler]
    with_img = draw(st.booleans())
    side = st.integers(64, 2000) if with_img else st.integers(8, 256).map(lambda n: n * 8)
    width, height = draw(side), draw(side)
    most = min(4.0, 4096 / (max(width, height) + 48))
    hires = st.builds(
        Hires, scale=st.floats(1.01, most), strength=st.floats(0, 1), steps=st.integers(0, 150),
        upscaler=st.sampled_from(["lanczos", "bicubic", "latent"]),
    ) if most > 1.01 else st.none()  # fmt: skip
    margin = st.integers(0, 24)
    extend = st.builds(Extend, margin, margin, margin, margin).filter(lambda margins: margins != Extend())
    reproducible = draw(st.booleans())
    of_img = {
        "img": draw(DIGEST), "mask": draw(st.none() | DIGEST), "strength": draw(st.floats(0, 1)),
        "extend": draw(st.none() | extend), "resize": draw(st.sampled_from(["crop", "fit", "stretch"])),
    } if with_img else {}  # fmt: skip
    refined = st.fixed_dictionaries({"refiner": TEXT.filter(bool), "refiner_at": st.floats(0, 1)})
    return GenerationParams(
        model=draw(TEXT.filter(bool)), digest=draw(DIGEST), prompt=draw(TEXT), neg=draw(TEXT), width=width,
        height=height, num_steps=draw(st.integers(row.min_steps(schedule, "ordinary"), min(row.max_steps, 150))),
        guidance=draw(st.floats(0, 30)), sampler=sampler, schedule=schedule, seed=draw(st.integers(0, MAX_SEED)),
        clip=draw(st.integers(1, 12)), fit=draw(st.sampled_from(["native", "scale"])), hires=draw(st.none() | hires),
        vae=draw(st.none() | TEXT.filter(bool)), text_encoders=draw(NAMES), reproducible=reproducible,
        **draw(st.just({}) | refined),
        buckets=draw(st.none() | st.sampled_from(["1x12,1/8x3"] + ["1x12,4/8x13"] * (not reproducible))), **of_img,
    )  # fmt: skip


@given(recipes())
@settings(deadline=None)
def test_a_recipe_asked_for_again_is_the_same(params):
    assert again(params, meta_from_params(params)).params == [params]


@given(recipes())
@settings(max_examples=15, deadline=None)
def test_a_recipe_that_went_through_a_file_is_the_same(params):
    data = images.encode(Image.new("RGB", (8, 8)), "image/png", meta=meta_from_params(params))
    found = metadata.read_metadata(data)
    assert found.warnings == []
    assert again(params, found.meta).params == [params]


@given(
    st.fixed_dictionaries(
        {"prompt": TEXT},
        optional={
            "width": st.integers(64, 2048), "height": st.integers(64, 2048), "num_steps": st.integers(12, 50),
            "guidance": st.floats(0, 30), "sampler": st.sampled_from(["Euler a", "DPM++ 2M Karras", "heun"]),
            "hires": st.floats(1, 2), "neg": TEXT, "seed": st.integers(-1, MAX_SEED), "strength": st.floats(0, 1),
            "resize": st.sampled_from(["crop", "fit"]), "count": st.integers(1, 3), "stream": st.integers(0, 9),
        },
    ),
    st.none() | st.tuples(st.integers(1, 4096), st.integers(1, 4096)),
)  # fmt: skip
@settings(deadline=None)
def test_whatever_a_request_became_it_becomes_again(body, source):
    request = parse(body | ({"img": "aGk="} if source else {})).request
    img = source and Picture("3" * 64, *source)
    model = Entry(name="m", path="/m", kind="checkpoint", digest="4" * 64, resolution=512)
    for params in resolve(request, model=model, img=img, random_seed=lambda: 5).params:
        assert again(params, meta_from_params(params), source or (1, 1)).params == [params]


def test_files_of_the_original_are_asked_for_again():
    saved = {
        "model": "dreamshaper_8", "prompt": "a fox", "width": 768, "height": 512, "steps": 25, "guidance": 7.0,
        "sampler": "euler a", "seed": "591445185899376350", "neg": "ugly", "stream": 5, "img": None, "strength": 0.8,
        "clip": 1, "hires": 1.0, "date": "20231027_153045",
    }  # fmt: skip
    recipe = metadata.read_metadata(json.dumps({"meta": saved, "out": "aGk="}).encode())
    parsed = request_from_meta(recipe.meta)
    assert parsed.warnings == []
    same = ("model", "prompt", "width", "height", "guidance", "sampler", "neg", "clip")
    expected = {name: saved[name] for name in same}
    assert parsed.request == parse(expected | {"num_steps": 25, "seed": 591445185899376350}).request


def test_a_saved_source_picture_is_taken_and_a_given_one_goes_first():
    meta = {"prompt": "a", "img": "c2F2ZWQ=", "strength": 0.5}
    assert request_from_meta(meta).request == parse(meta).request
    assert request_from_meta(meta, img="Z2l2ZW4=").request.img == "Z2l2ZW4="
    assert request_from_meta({"prompt": "a", "img": "", "strength": 0.5}).request == parse({"prompt": "a"}).request


@pytest.mark.parametrize("name", ["img", "mask"])
def test_a_picture_of_which_only_the_digest_is_known_must_be_given(name):
    meta = {"prompt": "a", "img": "aGk=", name: "5" * 64}
    with pytest.raises(BadRequest, match="give the picture itself") as caught:
        request_from_meta(meta)
    assert caught.value.field == name
    assert getattr(request_from_meta(meta, **{name: "aGk="}).request, name) == "aGk="


def test_pictures_of_controls_and_references_are_known_by_their_digests():
    one, other = (base64.b64encode(data).decode() for data in (b"one", b"other"))
    digests = [hashlib.sha256(data).hexdigest() for data in (b"one", b"other")]
    control = {"model": "canny", "image": digests[0], "strength": 0.5, "digest": "0" * 64}
    style = {"img": digests[1], "mask": digests[0], "kind": "style", "adapter": "ip", "noise": 0.3}
    meta = {"prompt": "a", "control": [control], "references": [style]}
    request = request_from_meta(meta, pictures=[other, one]).request
    said = meta | {"control": [control | {"image": one}], "references": [style | {"img": other, "mask": one}]}
    assert request == parse(said).request
    assert request_from_meta(said).request == request, "a saved JSON holds them"
    with pytest.raises(BadRequest, match="give the picture itself") as caught:
        request_from_meta(meta, pictures=[one])
    assert caught.value.field == "references.0.img"
    started = request_from_meta(
        {"prompt": "a", "img": digests[1], "references": [{"img": digests[1], "adapter": OWN}]}, img=other
    ).request
    assert (started.img, started.references[0].img) == (other, other), "it started from what it was shown"


def test_a_control_without_any_picture_gets_a_spare_one_or_is_left_out():
    one, other = (base64.b64encode(data).decode() for data in (b"one", b"other"))
    own = {"model": "depth", "image": hashlib.sha256(b"one").hexdigest()}
    meta = {"prompt": "a", "control": [{"model": "canny"}, own]}
    found = request_from_meta(meta, pictures=[one, other])
    assert [(each.model, each.image) for each in found.request.control] == [("canny", other), ("depth", one)]
    left = request_from_meta(meta, pictures=[one])
    assert [each.model for each in left.request.control] == ["depth"]
    assert [(note.code, note.values["name"]) for note in left.warnings] == [("recipe.unshown", "canny")]
    assert request_from_meta({"prompt": "a", "control": [{"model": "canny"}]}).request.control is None


def test_what_cannot_be_asked_for_is_refused_and_what_is_unknown_named():
    with pytest.raises(BadRequest, match="num_steps is 200") as caught:
        request_from_meta({"prompt": "a", "num_steps": 200})
    assert caught.value.field == "num_steps"
    made_by = {"environment": {"torch": "2"}, "parts": {"vae": "7" * 64}, "digest": "6" * 64}
    parsed = request_from_meta({"prompt": "a", **made_by, "of_later": 1})
    assert sentences(parsed.warnings) == ["unknown and left out: 'of_later'"]
    assert parsed.request.parts == PartDigests(vae="7" * 64)
    assert request_from_meta({"prompt": "a", "parts": {"vae": 5, "unet": "7" * 64}}).request.parts is None


def test_settings_saved_before_a_picture_was_made_keep_their_preset_and_count():
    saved = {"prompt": "a fox", "preset": "watercolor", "count": 4, "seed": "5", "stream": 2, "img": None}
    recipe = metadata.read_metadata(json.dumps({"meta": saved}).encode())
    assert recipe.warnings == []
    expected = {"prompt": "a fox", "preset": "watercolor", "count": 4, "seed": 5}
    assert request_from_meta(recipe.meta).request == parse(expected).request


@pytest.mark.parametrize(("strength", "kept"), [(1.0, None), (0.8, 0.8)])
def test_a_strength_that_kept_nothing_of_a_picture_is_not_taken_over_to_one(strength, kept):
    parsed = request_from_meta({"prompt": "a", "strength": strength}, img="aGk=")
    assert parsed.request.strength == kept
    assert [warning.code for warning in parsed.warnings] == ([] if kept else ["recipe.strength"])
    assert request_from_meta({"prompt": "a", "img": "5" * 64, "strength": strength}, img="aGk=").warnings == []


@pytest.mark.parametrize(
    ("meta", "digest"),
    [
        ({"digest": "6" * 64, "sha256": "7" * 64}, "6" * 64), ({"sha256": "0123456789"}, "0123456789"),
        ({"digest": "\x1b[2J"}, None), ({}, None),
    ],
)  # fmt: skip
def test_the_model_that_drew_it_is_asked_for_by_its_digest(meta, digest):
    assert request_from_meta({"prompt": "a", "model": "m"} | meta).request.digest == digest
    assert request_from_meta({"prompt": "a"} | meta).request.digest is None


@pytest.mark.parametrize(("vae", "asked"), [(None, "own"), ("good", "good")])
def test_a_recipe_keeps_its_vae_whatever_is_configured_by_now(vae, asked):
    meta = {"model": "fox", "digest": "0" * 64, "prompt": "a fox", "vae": vae}
    assert request_from_meta(meta).request.vae == asked
    assert request_from_meta({**meta, "digest": None}).request.vae == vae
