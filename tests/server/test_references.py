"""References asked for: by the image adapter that fits, else started from; refused before the queue, recorded."""

import base64
import hashlib
import io
import json

import msgspec
import pytest
from PIL import Image

from imagine.words.recipe import meta_from_params
from tests.registry import declared
from tests.server.beside import (
    add,
    add_kontext,
    add_transformer,
    add_unclip,
    asked,
    controlnet,
    flux_adapter,
    image_adapter,
    image_encoder,
    png,
    siglip,
    timed_adapter,
)
from tests.server.served import ask

_BLOCK = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0"
DOG, SEA = png((120, 80, 20)), png((20, 80, 200))


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """Where an engine runs them, and none is there."""
    runs = dict.fromkeys(("", "plus", "faceid"), frozenset({"stable_diffusion", "sdxl"}))
    monkeypatch.setattr("imagine.server.orders.references.IMAGE_ADAPTERS", runs)
    return tmp_path


@pytest.fixture
def home(bare):
    add(bare, "ip/ip-adapter_sd15", image_adapter())
    add(bare, "ip/ip-adapter-plus_sd15", image_adapter("plus", width=1280))
    add(bare, "ip/ip-adapter-plus-face_sd15", image_adapter("plus", width=1280))
    add(bare, "ip/ip-adapter_sdxl", image_adapter(context=2048, width=1280))
    add(bare, "clip/ViT-H", image_encoder())
    add(bare, "clip/bigG", image_encoder(1664, 1280))
    return bare


def said(**reference):
    return {"references": [{"img": DOG} | reference]}


def digest(text):
    return hashlib.sha256(base64.b64decode(text)).hexdigest()


@pytest.mark.parametrize(
    ("reference", "adapter", "weights"),
    [
        ({}, "ip-adapter-plus_sd15", "linear"),
        ({"kind": "style"}, "ip-adapter_sd15", "style"),
        ({"kind": "content"}, "ip-adapter-plus_sd15", "composition"),
        ({"kind": "face"}, "ip-adapter-plus-face_sd15", "linear"),
        ({"adapter": "IP-Adapter_sd15", "weights": "linear", "kind": "style"}, "ip-adapter_sd15", "linear"),
    ],
)
def test_each_kind_has_the_adapter_that_is_for_it(home, reference, adapter, weights):
    ((job, warnings),) = asked(home, said(**reference))
    (recorded,), (use,) = job.params.references, job.references
    assert (recorded.adapter, recorded.weights, warnings, job.params.img) == (adapter, weights, [], None)
    assert (use.component.digest, use.encoder.digest) == (recorded.digest, recorded.encoder)
    assert use.encoder.path.endswith("ViT-H.safetensors")
    assert (recorded.img, use.img) == (digest(DOG), base64.b64decode(DOG))
    assert (recorded.strength, recorded.crop, recorded.max_side) == (0.6, "pad", 1024)


def test_several_stay_in_their_order_and_a_mask_is_handed_on(home):
    mask = png((255, 255, 255))
    body = {
        "references": [{"img": SEA, "kind": "style", "strength": 1}, {"image": DOG, "mask": mask, "crop": "square"}]
    }
    ((job, _),) = asked(home, body, ref_image_max_size=300)
    assert [(each.img, each.mask) for each in job.params.references] == [
        (digest(SEA), None),
        (digest(DOG), digest(mask)),
    ]
    assert [each.max_side for each in job.params.references] == [300, 300]
    assert [use.mask for use in job.references] == [None, base64.b64decode(mask)]


@pytest.mark.parametrize("path", ["/v1/images/generations", "/api/generate", "/generate"])
def test_without_an_adapter_the_first_is_what_the_picture_starts_from(bare, path):
    bodies = {
        "/generate": {"references": [{"img": DOG}, {"img": SEA}]},
        "/v1/images/generations": {"reference_images": [DOG, SEA]},
        "/api/generate": {"images": [DOG, SEA], "stream": False},
    }
    ((job, warnings),) = asked(bare, bodies[path], path=path)
    assert (job.params.img, job.params.strength, job.params.references) == (digest(DOG), 0.7, ())
    why = (
        "no image adapter for stable_diffusion can attend to it here; ip-adapter-plus_sd15.safetensors with its image "
    )
    why += "encoder would, among the models"
    img = {"/generate": "img", "/v1/images/generations": "image", "/api/generate": "images"}
    field = {"/generate": "references", "/v1/images/generations": "reference_images", "/api/generate": "images"}[path]
    assert warnings[-1] == f"{field}: 1 picture has no effect: {why}"
    assert warnings[:-1] == (
        [f"{field}: the picture starts from the first, as from {img[path]}: {why}"] if len(warnings) > 1 else []
    )
    assert (len(warnings) == 1) is (path == "/api/generate"), "there the first is what is edited"


@pytest.mark.parametrize("kind", ["subject", "face"])
def test_to_a_model_narrower_than_what_is_published_no_published_file_is_recommended(home, kind):
    narrow = declared.tiny() | {f"{_BLOCK}.attn2.to_k.weight": (48, 64)}
    declared.write(home / "models/narrow.safetensors", narrow)
    body = said(kind=kind) | {"model": "narrow"}
    ((job, warnings),) = asked(home, body)
    assert (job.params.references, warnings) == (
        (),
        [
            "references: the picture starts from the first, as from img: no image adapter that fits can attend to it "
            "here; one made for a stable_diffusion with 64 numbers a token, with its image encoder, would, among the "
            "models"
        ],
    )
    add(home, "ip/ip-adapter-narrow", image_adapter(context=64))
    ((job, warnings),) = asked(home, body)
    faceless = "references of the kind face: no adapter for faces is here, so 'ip-adapter-narrow' attends to it"
    assert [each.adapter for each in job.params.references] == ["ip-adapter-narrow"]
    assert warnings == ([faceless] if kind == "face" else [])


def test_what_is_started_from_is_made_smaller_first(bare):
    ((job, _),) = asked(bare, {"references": [{"img": png(size=(200, 100)), "strength": 0.4}]}, ref_image_max_size=128)
    assert (job.params.width, job.params.height, job.params.strength) == (128, 64, 0.8)


def test_so_is_one_that_is_larger_than_a_picture_to_start_from_may_be(bare):
    ((job, warnings),) = asked(bare, {"references": [{"img": png(size=(5000, 500)), "box": [0, 0, 1, 0.5]}]})
    started = Image.open(io.BytesIO(job.img))
    assert (started.size, job.params.img) == ((2048, 205), hashlib.sha256(job.img).hexdigest())
    assert warnings[1:2] == ["references: where the picture starts from the first, this has no effect: box"]


@pytest.mark.parametrize("path", ["/v1/images/variations", "/generate"])
def test_a_variation_is_a_neighbour_where_an_adapter_makes_it_one(home, path):
    bodies = {"/generate": {"img": DOG, "variations": {"strength": 0.25}}, "/v1/images/variations": {"image": DOG}}
    ((job, warnings),) = asked(home, bodies[path], path=path)
    (recorded,) = job.params.references
    assert (job.params.img, job.img, recorded.img) == (None, None, digest(DOG))
    assert (recorded.noise, recorded.strength) == (0.25 if path == "/generate" else 0.3, 1.0)
    assert (job.params.width, job.params.height) == (128, 96), "its size"
    assert not warnings


def test_else_it_starts_from_the_picture(bare):
    native, other = (
        asked(bare, {"img": DOG, "variations": 0.25}),
        asked(bare, {"image": DOG}, path="/v1/images/variations"),
    )
    for ((job, warnings),), strength in ((native, 0.25), (other, 0.7)):
        assert (job.params.img, job.params.strength, job.params.references) == (digest(DOG), strength, ())
        assert warnings[0].startswith("variations: the picture starts from im")


@pytest.fixture
def shown(home):
    """A model that is shown pictures, beside adapters that it needs none of."""
    add_unclip(home)
    return home


@pytest.mark.parametrize(
    ("path", "body", "noise", "starts"),
    [
        ("/generate", {"img": DOG, "variations": {"strength": 0.25}}, 0.25, False),
        ("/v1/images/variations", {"image": DOG}, 0.3, False),
        ("/generate", {"references": [{"img": DOG}]}, 0.0, False),
        ("/v1/images/generations", {"reference_images": [DOG]}, 0.0, False),
        ("/generate", {"img": DOG}, 0.0, True),
        ("/v1/images/edits", {"image": DOG}, 0.0, True),
        ("/api/generate", {"images": [DOG], "stream": False}, 0.0, True),
    ],
)
def test_a_model_that_is_shown_pictures_is_shown_them_by_the_same_fields(shown, path, body, noise, starts):
    """What a picture starts from is shown, too, where nothing else is."""
    ((job, warnings),) = asked(shown, body | {"model": "bird"}, path=path)
    (recorded,), (use,) = job.params.references, job.references
    assert (recorded.adapter, recorded.img, recorded.noise) == ("own", digest(DOG), noise)
    assert (recorded.strength, recorded.crop, use.component, use.img) == (1.0, "square", None, base64.b64decode(DOG))
    assert (job.img is not None) is (job.params.img is not None) is starts
    assert not warnings


def test_its_recipe_says_the_same_again(shown):
    body = {"references": [{"img": DOG, "strength": 0.6, "crop": "pad"}, {"img": SEA}], "model": "bird", "seed": 1}
    ((first, _),) = asked(shown, body)
    assert [(each.strength, each.crop) for each in first.params.references] == [(0.6, "pad"), (1.0, "square")]
    meta = meta_from_params(first.params)
    parts = [each | {"img": img} for each, img in zip(meta["references"], (DOG, SEA), strict=True)]
    ((again, warnings),) = asked(shown, meta | {"references": parts})
    assert (again.params, warnings) == (first.params, [])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "model 'bird' makes pictures from other pictures only; give one as img"),
        (said(mask=DOG), "references.0.mask can't be had of model 'bird', which is shown pictures as a whole"),
        (said(weights="style"), "references.0.weights can't be had of model 'bird'"),
        (said(combine="concat"), "references.0.combine can't be had of model 'bird'"),
        (said(adapter="ip-adapter_sd15"), "references.0.adapter 'ip-adapter_sd15' is for stable_diffusion"),
        ({"references": [{"embedding": [0.5] * 512}]}, "references.0.img is missing: model 'bird' is shown pictures"),
    ],
)
def test_what_such_a_model_cannot_do_is_refused(shown, body, error):
    ((status, told),) = asked(shown, body | {"model": "bird"})
    assert (status, told.startswith(error)) == (400, True), told


def test_a_kind_that_it_cannot_tell_apart_is_named(shown):
    ((_, warnings),) = asked(shown, said(kind="style") | {"model": "bird"})
    assert warnings == ["references: the kind style has no effect: model 'bird' is shown pictures as a whole"]


@pytest.mark.parametrize(
    ("reference", "vain", "crop"),
    [
        ({}, "", "pad"),
        ({"crop": "square", "combine": "average"}, "crop, combine", "pad"),
        ({"crop": "pad", "combine": "concat"}, "crop", "pad"),
        ({"box": [0, 0, 0.5, 1]}, "", "box"),
        ({"digest": "a" * 64, "encoder": "b" * 64}, "digest, encoder", "pad"),
    ],
)
def test_what_has_no_effect_on_pictures_that_are_seen_as_they_are_is_named(home, reference, vain, crop):
    add_kontext(home)
    ((job, warnings),) = asked(home, said(**reference) | {"model": "swan"})
    (recorded,) = job.params.references
    told = f"references: no effect on model 'swan', which attends to pictures itself: {vain}"
    assert warnings == ([told] if vain else [])
    assert (recorded.adapter, recorded.crop, recorded.combine) == ("own", crop, "concat")


def test_it_is_shown_as_much_of_a_picture_as_it_sees_unless_the_settings_say_less(home):
    add_kontext(home)
    for settings, side in (({}, 2048), ({"ref_image_max_size": 512}, 512)):
        ((job, _),) = asked(home, said() | {"model": "swan"}, **settings)
        assert job.params.references[0].max_side == side


def test_more_pictures_than_a_model_sees_at_once_are_refused(home):
    add_transformer(home, "heron", "QwenImageEditPipeline", in_channels=64)
    both = [{"img": DOG}, {"img": SEA}]
    ((status, told),) = asked(home, {"model": "heron", "references": both})
    assert (status, "there are 2, and this model sees at most 1 picture at once" in told) == (400, True), told
    both[1]["strength"] = 0
    ((job, _),) = asked(home, {"model": "heron", "references": both})
    assert len(job.params.references) == 2


def test_what_openais_clients_have_it_edit_is_seen_and_not_started_from(home):
    add_kontext(home)
    body = {"model": "swan", "image": f"data:image/png;base64,{DOG}"}
    ((job, _),) = asked(home, body, path="/v1/images/edits")
    (recorded,) = job.params.references
    assert (recorded.adapter, recorded.img, job.params.strength) == ("own", job.params.img, 1.0)


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (said(adapter="ip-adapter_sd16"), 404, "references.0.adapter 'ip-adapter_sd16' not found; did you mean"),
        (
            said(adapter="ip-adapter_sdxl"),
            400,
            "references.0.adapter 'ip-adapter_sdxl' is for sdxl, model 'fox' is stable_diffusion",
        ),
        (said(adapter="canny"), 400, "references.0.adapter 'canny' is a file of the kind controlnet"),
        (said(adapter="own"), 400, "references.0.adapter is own, and model 'fox' attends to no pictures by itself"),
        (said(adapter="tiny-plus"), 400, "references.0.adapter 'tiny-plus' sees by an image encoder of width 77"),
        (said(adapter="faceid"), 400, "references.0.embedding is missing"),
        (said(img=None), 400, "references.0.img is missing"),
        (said(img="AAAA"), 400, "references.0.img is not a PNG, JPEG or WebP picture"),
        (said(strength=3), 400, "references.0.strength is 3; it must be a number from 0 to 2"),
        (said(crop="box"), 400, "references.0.box is missing"),
        (said(box=[0.5, 0, 0.1, 1]), 400, "references.0.box must be left, top, right and bottom"),
        (said(start=1, end=0.5), 400, "references.0.end is 0.5, before its start, 1"),
        (said(embedding=[0.5] * 511), 400, "references.0.embedding"),
        ({"variations": 0.3}, 400, "variations"),
        ({"img": DOG, "mask": DOG, "variations": 0.3}, 400, "mask can't be together with variations"),
        (
            {"references": [{"img": DOG}] * 9},
            400,
            "references is a list of 9 entries; it must be a list of at most 8 objects, each with a picture",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_the_queue(home, body, status, error):
    add(home, "canny", controlnet())
    add(home, "tiny-plus", image_adapter("plus", width=77))
    add(home, "faceid", image_adapter("faceid"))
    ((got, told),) = asked(home, body)
    assert (got, error in told) == (status, True), told


def test_a_face_is_given_as_its_numbers(home):
    add(home, "faceid", image_adapter("faceid"))
    ((job, warnings),) = asked(home, {"references": [{"embedding": [0.5] * 512}]})
    (use,), (recorded,) = job.references, job.params.references
    assert (use.img, use.encoder, use.embedding[:4], len(use.embedding)) == (None, None, b"\0\0\0?", 2048)
    assert recorded.embedding == hashlib.sha256(use.embedding).hexdigest()
    assert (recorded.adapter, warnings) == ("faceid", [])


def test_a_recipe_finds_an_adapter_that_was_renamed(home):
    ((first, _),) = asked(home, said(kind="style", weights="linear") | {"seed": 1})
    meta = meta_from_params(first.params)
    (home / "models/ip/ip-adapter_sd15.safetensors").rename(home / "models/ip/stil.safetensors")
    ((job, warnings),) = asked(home, meta | {"references": [meta["references"][0] | {"img": DOG}]})
    assert (job.params.references[0].adapter, warnings) == ("stil", [])
    assert job.params.references[0] == msgspec.structs.replace(first.params.references[0], adapter="stil")


def test_a_second_seed_is_the_one_that_goes_on(home, monkeypatch):
    monkeypatch.setattr("imagine.asking.resolve.SECOND_SEEDS", frozenset({"stable_diffusion"}))
    body = {"seed": 5, "subseed": 2**64 - 1, "subseed_strength": 0.2, "count": 2}

    def jobs():
        async def act(client):
            async with client.post("/generate", data=json.dumps({"prompt": "a fox"} | body)) as answer:
                assert answer.status == 200
            return client.worker.seen

        return ask(home, act)

    told = [(job.params.seed, job.params.subseed, job.params.subseed_strength) for job in jobs()]
    assert told == [(5, 2**64 - 1, 0.2), (5, 0, 0.2)]
    ((_, warnings),) = asked(home, {"subseed": 3})
    assert warnings == ["subseed has no effect without subseed_strength"]


@pytest.fixture
def flux(tmp_path):
    """A FLUX.1, its image adapters and what they see by."""
    add_transformer(tmp_path, "otter", "FluxPipeline", in_channels=64, guidance_embeds=True)
    add(tmp_path, "style/flux1-redux-dev", flux_adapter("redux"))
    add(tmp_path, "ip/flux-ip-adapter-v2", flux_adapter("xlabs"))
    add(tmp_path, "clip/sigclip", siglip())
    add(tmp_path, "clip/ViT-L", image_encoder(1024, 768))
    return tmp_path


@pytest.mark.parametrize(
    ("reference", "adapter", "encoder", "usual"),
    [
        ({}, "flux1-redux-dev", "sigclip", (1.0, "square", "linear")),
        ({"kind": "style", "strength": 0.4}, "flux1-redux-dev", "sigclip", (0.4, "square", "linear")),
        ({"adapter": "flux-ip-adapter-v2"}, "flux-ip-adapter-v2", "ViT-L", (0.6, "pad", "linear")),
        ({"kind": "face"}, "flux-ip-adapter-v2", "ViT-L", (0.6, "pad", "linear")),
    ],
)
def test_flux_has_adapters_of_its_own_each_with_its_encoder(flux, reference, adapter, encoder, usual):
    ((job, warnings),) = asked(flux, said(**reference) | {"model": "otter"})
    (recorded,), (use,) = job.params.references, job.references
    assert (recorded.adapter, use.component.path.rpartition("/")[2]) == (adapter, f"{adapter}.safetensors")
    assert use.encoder.path.endswith(f"/{encoder}.safetensors")
    assert (recorded.strength, recorded.crop, recorded.weights) == usual
    assert bool(warnings) is ("kind" in reference and reference["kind"] == "face")


def test_what_its_adapters_can_not_heed_is_refused_by_name(flux):
    mask = png(size=(64, 64))
    answers = asked(
        flux, *(said(**each) | {"model": "otter"} for each in (
            {"mask": mask}, {"weights": "style"}, {"adapter": "flux-ip-adapter-v2", "weights": "composition"},
        )),
    )  # fmt: skip
    fields = ("references.0.mask", "references.0.weights", "references.0.weights")
    for (status, error), field, name in zip(
        answers, fields, ("flux1-redux-dev",) * 2 + ("flux-ip-adapter-v2",), strict=True
    ):
        assert status == 400
        assert (
            error
            == f"{field} can't be had of the image adapter '{name}', which tells the model of a picture as a whole"
        )


def test_stable_diffusion_3_5_large_has_one_of_its_own(tmp_path):
    normed = {"qk_norm": "rms_norm"}
    add_transformer(tmp_path, "large", "StableDiffusion3Pipeline", num_layers=38, **normed)
    add_transformer(tmp_path, "medium", "StableDiffusion3Pipeline", dual_attention_layers=[0], **normed)
    (_, lacking), (_, none) = asked(tmp_path, *(said() | {"model": name} for name in ("large", "medium")))
    assert "ip-adapter.safetensors (guiyrt/InstantX-SD3.5-Large-IP-Adapter-diffusers)" in lacking[0]
    assert "this version has no image adapters for sd3.5 medium" in none[0]
    add(tmp_path, "style/instantx", timed_adapter())
    add(tmp_path, "clip/sigclip", siglip())
    (job, warnings), *refused = asked(
        tmp_path, said(kind="style") | {"model": "large"}, said(weights="style") | {"model": "large"},
        said(mask=png(size=(64, 64))) | {"model": "large"}, said(adapter="instantx") | {"model": "medium"},
    )  # fmt: skip
    (recorded,), (use,) = job.params.references, job.references
    assert (recorded.adapter, recorded.strength, recorded.weights, warnings) == ("instantx", 0.6, "linear", [])
    assert use.encoder.path.endswith("/sigclip.safetensors")
    assert [(code, error.partition(" ")[0]) for code, error in refused] == [
        (400, "references.0.weights"), (400, "references.0.mask"), (400, "references.0.adapter"),
    ]  # fmt: skip
    assert "is for the large model, 'medium' is medium" in refused[-1][1]


def test_without_its_encoder_the_picture_is_started_from_and_the_file_is_named(flux):
    for name in ("clip/sigclip", "clip/ViT-L"):
        (flux / "models" / f"{name}.safetensors").unlink()
    (job, warnings), (status, error) = asked(
        flux, said() | {"model": "otter"}, said(adapter="flux1-redux-dev") | {"model": "otter"}
    )
    assert (job.params.references, job.img) == ((), base64.b64decode(DOG))
    assert "flux1-redux-dev.safetensors (black-forest-labs/FLUX.1-Redux-dev)" in warnings[0]
    assert (status, "image encoder of width 1152" in error) == (400, True)
