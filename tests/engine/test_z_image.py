"""Z-Image is diffusers' own: same networks, same seed, float32, in every layout, in a crowd too."""

from collections import Counter

import diffusers
import pytest
import torch

from imagine.engine import families
from imagine.engine.families.z_image import KIND
from imagine.engine.loading.layer_names import LayerNames
from imagine.engine.loading.maps import z_image
from imagine.engine.loading.part_file import open_weights
from imagine.engine.loading.transformer_names import shapes_of, with_diffusers_names
from imagine.engine.parts.chat_text import read_chat
from imagine.engine.quantised.tensor import Quantised
from imagine.words.adapter_names import layer_tensor
from imagine.words.errors import Unsupported
from tests.engine.adapters.test_lora_files import under
from tests.engine.parity import MASK, PHOTO, STEPS, assert_same, plain_latents
from tests.engine.running import Watching, engine_of, finished, latents_of, made, model_at, run, wish
from tests.flux2_files import tiny_flux2, write_flux2
from tests.quantised_files import write_gguf
from tests.z_image_files import tiny_z_image, write_z_image, z_image_pipeline
from tools.original_layout import original_tensors

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")
LONG = "a red house beside a lake, in the evening, " * 5


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Where it lies as a folder, and its modules."""
    modules = tiny_z_image()
    return write_z_image(tmp_path_factory.mktemp("z-image") / "one", modules), modules


@pytest.fixture
def plain(tiny):
    """The latents that diffusers' own pipeline ends with. Its guidance counts from the prompt's own answer."""

    def latents(kind=diffusers.ZImagePipeline, guidance=1.0, neg="", **asked):
        pipe = z_image_pipeline(tiny[1], kind)
        return plain_latents(pipe, guidance_scale=max(0.0, guidance - 1), negative_prompt=neg, **asked)

    return latents


def ours(path, img=None, **changes):
    return latents_of(wish(model_at(path), num_steps=STEPS, sampler="euler", img=img, **changes))


@pytest.mark.parametrize(("guidance", "neg"), [(0.0, ""), (4.0, ""), (3.0, LONG), (3.0, "a blurry dog")])
def test_text_to_image(tiny, plain, guidance, neg):
    """Its 4 × 6 tokens are filled up to 32; a long negative prompt has more tokens than the prompt."""
    got = ours(tiny[0], guidance=guidance, neg=neg, width=64, height=96)
    other = ours(tiny[0], guidance=guidance, neg=neg, width=64, height=96, prompt="a blue house")
    assert_same(got, plain(guidance=guidance, neg=neg, height=96), other if guidance else None)


@pytest.mark.parametrize("strength", [0.3, 0.8])
def test_image_to_image(tiny, plain, strength):
    got = ours(tiny[0], PHOTO, guidance=3.0, strength=strength)
    assert_same(got, plain(diffusers.ZImageImg2ImgPipeline, guidance=3.0, image=PHOTO, strength=strength))


def test_inpainting_is_blended(tiny, plain):
    got = ours(tiny[0], PHOTO, guidance=3.0, mask=MASK, strength=0.8)
    asked = {"image": PHOTO, "mask_image": MASK, "strength": 0.8, "guidance": 3.0}
    assert_same(got, plain(diffusers.ZImageInpaintPipeline, **asked))


@pytest.mark.parametrize("layout", ["all", "split"])
def test_every_layout_is_the_same(tiny, tmp_path, layout):
    path, modules = tiny
    file = write_z_image(tmp_path, modules, layout)
    parts = {"text_encoder": "qwen_3_4b", "vae": "ae"} if layout == "split" else {}
    parts = {role: file.with_name(f"{name}.safetensors") for role, name in parts.items()}
    model = model_at(file, parts=parts, role="denoiser" if parts else "checkpoint")
    assert torch.equal(latents_of(wish(model, guidance=3.0, num_steps=STEPS)), ours(path, guidance=3.0))


def test_a_crowd_of_prompts_of_any_length_is_made_again_bit_for_bit(tiny):
    model = model_at(tiny[0])
    prompts = {"a": "a fox", "b": "", "c": LONG, "d": "a cat " * 600, "e": "a (red:1.3) fox"}
    wishes = [wish(model, job, guidance=3.0, num_steps=3, prompt=prompt) for job, prompt in prompts.items()]
    crowd = finished(run(engine_of(), *wishes))
    for one in wishes:
        again = wish(
            model, one.job, guidance=3.0, num_steps=3, prompt=prompts[one.job], buckets=crowd[one.job].meta["buckets"]
        )
        assert made(engine_of(), again).data == crowd[one.job].data, one.job
    assert any("4x" in bucket or "2x" in bucket for bucket in crowd["a"].meta["buckets"].split(",")), (
        "some were together"
    )
    assert sorted(job for job, picture in crowd.items() if picture.warnings) == ["d", "e"], (
        "of what was cut, and of weights"
    )


def test_a_pictures_prompts_are_read_for_their_lengths_once(tiny, monkeypatch):
    read = []

    def noted(tokenizer, text, *others, **said):
        read.append(text)
        return read_chat(tokenizer, text, *others, **said)

    monkeypatch.setattr(families.z_image, "read_chat", noted)
    latents_of(wish(model_at(tiny[0]), num_steps=1, guidance=3.0, prompt="a fox AND a dog AND a cat", neg="a blur"))
    assert sorted(Counter(read).values()) == [2, 2, 2, 2], "for that, and for what it says"


def test_a_picture_that_it_has_no_places_for_is_refused(tiny):
    engine = engine_of()
    engine.submit(wish(model_at(tiny[0]), num_steps=1, width=8208))
    with pytest.raises(Unsupported, match="places for at most 8192"):
        run(engine)


def test_klein_and_it_hold_their_text_encoder_once(tmp_path):
    klein = write_flux2(tmp_path / "klein", tiny_flux2(), "split")
    path = write_z_image(tmp_path / "z", tiny_z_image(heard=tiny_flux2().text.config.hidden_size), "split")
    qwen = klein.with_name("qwen_3_4b.safetensors")
    theirs = {"text_encoder": qwen, "vae": klein.with_name("flux2-vae.safetensors")}
    own = {"text_encoder": qwen, "vae": path.with_name("ae.safetensors")}
    watching = Watching()
    engine = engine_of(open_model=watching)
    run(engine, wish(model_at(klein, "klein", parts=theirs, role="denoiser"), "a", sampler="euler", num_steps=1))
    before = engine.stats().models[0].size
    run(engine, wish(model_at(path, "z", parts=own, role="denoiser"), "b", sampler="euler", num_steps=1))
    (encoder,) = watching.families["klein"].parts("encode")
    assert watching.families["z"].parts("encode") == (encoder,)
    files = sum(file.stat().st_size for file in (path, own["vae"]))
    assert before > encoder.nbytes
    assert engine._models.residency.nbytes() - before < 1.05 * files, "Qwen3 didn't come again"


ORIGINAL = (
    lambda name: f"diffusion_model.{name}.lora_A.weight", lambda name: f"lora_unet_{under(name)}.lora_down.weight",
)  # fmt: skip
DIFFUSERS = (
    lambda name: f"transformer.{name}.lora_A.weight", lambda name: f"diffusion_model.{name}.lora_B.weight",
    lambda name: f"lora_unet_{under(name)}.lora_up.weight", lambda name: f"lora_transformer_{under(name)}.lokr_w1",
    lambda name: f"base_model.model.{name}.lora_A.default.weight", lambda name: f"lycoris_{under(name)}.hada_w1_a",
)  # fmt: skip


def test_every_trainers_name_finds_the_layer_that_it_means(tiny):
    """Whether a trainer has queries, keys and values in one layer, as Tongyi has, or apart, as diffusers has."""
    network = tiny[1].transformer
    names = LayerNames({"denoiser": network, "text_encoder": tiny[1].qwen})
    weighty = [each.removesuffix(".weight") for each in network.state_dict() if each.endswith(".weight")]
    for spelled in ORIGINAL:
        for original, ours_ in z_image.LAYOUT.originals(weighty):
            if not set(ours_) <= set(weighty):  # what only other blocks have
                continue
            assert [each.name for each in names.find(layer_tensor(spelled(original)).layer)] == list(ours_), original
        fused = names.find(layer_tensor(spelled("layers.1.attention.qkv")).layer)
        assert [each.rows.taken[0] for each in fused] == [slice(0, 48), slice(48, 96), slice(96, 144)]
    for spelled in DIFFUSERS:
        for ours_ in weighty:
            found = names.find(layer_tensor(spelled(ours_)).layer)
            assert [(each.name, each.rows) for each in found] == [(ours_, None)], ours_
    for spelled in ("lora_te_layers_0_mlp_up_proj", "lora_te1_model_layers_0_mlp_up_proj"):
        (found,) = names.find(layer_tensor(f"{spelled}.lora_down.weight").layer)
        assert (found.role, found.name) == ("text_encoder", "layers.0.mlp.up_proj")


def test_gguf_has_padding_of_one_side_and_every_weight_stays_as_it_is_kept(tiny, tmp_path):
    modules = tiny[1]
    state = dict(modules.transformer.state_dict())
    padding = {name: state.pop(name).flatten() for name in z_image.PADDING}
    write_gguf(tmp_path / "z.gguf", original_tensors(state, z_image.LAYOUT) | padding, architecture="lumina2")
    weights = open_weights(str(tmp_path / "z.gguf"), torch.float32)[0]
    named = with_diffusers_names(weights, original=KIND.original, theirs=KIND.theirs, taken=KIND.taken)
    assert named.unknown == []
    assert z_image.config(shapes_of(named.weights)).items() <= dict(modules.transformer.config).items()
    for name, expected in modules.transformer.state_dict().items():
        assert named.weights.shape(name) == tuple(expected.shape), name
        assert named.weights.read(name).shape == expected.shape, name
    assert torch.equal(named.weights.read("x_pad_token"), modules.transformer.x_pad_token)
    assert isinstance(named.weights.read("layers.0.feed_forward.w1.weight"), Quantised)
