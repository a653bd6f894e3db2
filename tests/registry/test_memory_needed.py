"""What a model weighs by its headers, with what goes beside it, and what is told of that."""

import msgspec
import pytest

from imagine.families.memory import WAYS
from imagine.registry.memory_needed import memory_of
from imagine.words.frames import Room
from imagine.words.sizes import NO_SIZES, Sizes, Weight
from tests.registry.declared import SDXL_UNET, clip_text, open_clip, sdxl, tiny, unet, vae, write
from tests.registry.listing import listed, only
from tests.registry.published import frame_vae, qwen25, qwen_image

UNET, CLIP_L, CLIP_G, VAE = 2_567_463_684, 123_060_480, 694_659_840, 83_653_863
"""Numbers of SDXL's networks, as they are published."""
LAYER = 49408 * 1280


@pytest.fixture
def whole(tmp_path):
    write(tmp_path / "xl.safetensors", sdxl())
    return only(tmp_path)


def test_a_checkpoint_weighs_by_role_what_its_networks_are(whole):
    assert whole.sizes == Sizes(
        encoders=Weight(CLIP_L + CLIP_G), denoiser=Weight(UNET), vae=Weight(VAE), layer=Weight(LAYER)
    )
    assert whole.companions == NO_SIZES


def test_split_files_weigh_the_same_together(tmp_path, whole):
    folder = tmp_path / "split"
    files = {"unet": unet(**SDXL_UNET), "l": clip_text(), "g": open_clip(), "sdxl-vae": vae()}
    for name, shapes in files.items():
        write(folder / f"{name}.safetensors", shapes)
    (model,) = listed(folder).models()
    assert model.sizes == Sizes(denoiser=Weight(UNET), layer=model.sizes.layer)
    assert model.sizes + model.companions == whole.sizes


def test_what_is_missing_counts_as_the_file_that_people_have(tmp_path, whole):
    write(tmp_path / "alone" / "unet.safetensors", unet(**SDXL_UNET))
    (model,) = listed(tmp_path / "alone").files()
    together = model.sizes + model.companions
    assert together.encoders.floats == pytest.approx(CLIP_L + CLIP_G, rel=0.01)
    assert together.vae.floats == pytest.approx(2 * VAE, rel=0.01), "SDXL's VAE is published in 32 bits: at most this"


def test_what_sees_of_a_text_encoder_counts_beside_models_that_see(tmp_path):
    write(tmp_path / "qwen_2.5_vl_7b.safetensors", qwen25() | {"visual.merger.mlp.0.weight": (5120, 5120)})
    write(tmp_path / "qwen_image_vae.safetensors", frame_vae())
    for name in ("qwen_image", "qwen_image_edit_2509"):
        write(tmp_path / f"{name}.safetensors", qwen_image(depth=2))
    plain, edit = sorted(listed(tmp_path).models(), key=lambda entry: entry.variant)
    of_text = [memory_of(entry)["weights"]["text_encoders"] for entry in (plain, edit)]
    assert of_text[1] - of_text[0] == 2 * 5120**2
    first = msgspec.structs.replace(edit, variant="edit")
    shown = [{work["beside"] for work in memory_of(entry)["works"]} for entry in (plain, edit, first)]
    net = "a ControlNet"
    assert shown == [{"", net}, {"", net, "1 reference", "3 references"}, {"", net, "1 reference"}]


def test_few_bits_stay_and_averaged_copies_are_not_counted(tmp_path):
    shapes = sdxl()
    ema = {f"model_ema.diffusion_model{name.replace('.', '')}": shape for name, shape in unet(**SDXL_UNET).items()}
    kept = "model.diffusion_model.input_blocks.0.0.weight"
    write(tmp_path / "a.safetensors", shapes | ema, dtypes={kept: "F8_E4M3"})
    denoiser = only(tmp_path).sizes.denoiser
    assert denoiser == Weight(UNET - 320 * 4 * 9, 320 * 4 * 9)


def test_the_numbers_of_places_that_published_files_have_are_no_weights(tmp_path, whole):
    places = "conditioner.embedders.0.transformer.text_model.embeddings.position_ids"
    write(tmp_path / "with" / "xl.safetensors", sdxl() | {places: (1, 77)}, dtypes={places: "I64"})
    assert only(tmp_path / "with").sizes == whole.sizes


def test_what_is_told_of_it(whole):
    told = memory_of(whole)
    assert told["weights"]["denoiser"] == 2 * UNET
    assert told["layer"] == 2 * LAYER
    works = {(work["width"], work["pictures"], work["beside"]): work for work in told["works"]}
    assert set(works) >= {
        (1024, 1, ""),
        (1024, 4, ""),
        (1536, 1, ""),
        (1024, 1, "a ControlNet"),
        (1024, 1, "3 references"),
    }
    assert all(work["minimum"] < work["comfortable"] for work in told["works"])
    assert not any("way" in work for work in told["works"]), "there is no device to say it of"


def test_a_second_guidance_is_told_of_where_there_is_one(whole):
    flux = msgspec.structs.replace(whole, family="flux", variant="dev")
    first, *others = memory_of(flux)["works"]
    (second,) = (work for work in others if work["beside"] == "true_cfg")
    assert second["minimum"] - first["minimum"] == pytest.approx(491e6, rel=0.02), "another row"
    assert not any(work["beside"] == "true_cfg" for work in memory_of(whole)["works"])


@pytest.mark.parametrize(
    ("memory", "way"), [(20e9, "all"), (6.9e9, "encoders"), (6.5e9, "stages"), (3e9, "layers"), (0, None)]
)
def test_how_it_is_held_on_a_device(whole, memory, way):
    (first, *_) = memory_of(whole, Room(memory=int(memory), left=2**29))["works"]
    assert first["way"] == way
    assert way is None or way in WAYS


def test_nothing_is_told_of_what_goes_beside_narrower_models_nor_of_what_has_no_weights(tmp_path):
    write(tmp_path / "narrow.safetensors", tiny())
    entry = only(tmp_path)
    assert [work["beside"] for work in memory_of(msgspec.structs.replace(entry, context=48))["works"]] == [""] * 4
    assert memory_of(msgspec.structs.replace(entry, sizes=NO_SIZES)) == {}
