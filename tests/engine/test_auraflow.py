"""AuraFlow is diffusers' own: same networks, same seed, float32, in every layout that its files come in."""

import msgspec
import pytest
import torch

from imagine.engine.execution.execution import Inputs
from imagine.engine.families.auraflow import call_auraflow
from imagine.engine.loading.llama_tokenizer import LlamaTokenizer
from imagine.engine.loading.pieces import pieces_in
from imagine.words.errors import Unsupported
from imagine.words.recipe import Hires
from tests.auraflow_files import PIECES, auraflow_pipeline, llama_tokenizer, tiny_auraflow, write_auraflow
from tests.engine.adapters.low_rank import used, write_low_rank
from tests.engine.parity import MASK, PHOTO, STEPS, assert_same, plain_latents
from tests.engine.running import crowd_made_again, latents_of, model_at, wish

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Where it lies as a folder, and its modules."""
    modules = tiny_auraflow()
    return write_auraflow(tmp_path_factory.mktemp("auraflow") / "one", modules), modules


def ours(path, img=None, **changes):
    return latents_of(wish(model_at(path), img=img, **{"num_steps": STEPS, "sampler": "euler", **changes}))


def test_its_ids_are_transformers(tiny):
    made, theirs = LlamaTokenizer(pieces_in(tiny[0] / "tokenizer"), len(PIECES)), llama_tokenizer()
    for prompt in ("", "a red fox", " The  red\nfox, in snow.", "красный 狐 🦊", "red▁house "):
        assert made.encode(prompt) == theirs(prompt).input_ids, prompt


@pytest.mark.parametrize(("guidance", "neg"), [(1.0, ""), (3.5, "a blurry dog")])
def test_text_to_image(tiny, guidance, neg):
    """By layers that each tell distances apart, padding heard as nothing, and learned places."""
    expected = plain_latents(auraflow_pipeline(tiny[1]), guidance_scale=guidance, negative_prompt=neg, height=96)
    asked = {"guidance": guidance, "neg": neg, "width": 64, "height": 96}
    assert_same(ours(tiny[0], **asked), expected, ours(tiny[0], **asked, prompt="blue houses beside a lake"))
    with pytest.raises(Unsupported, match="128"):
        ours(tiny[0], **asked | {"height": 160})


def test_times_are_rounded_once():
    """In half precision, as its pipeline's."""
    told, times = [], torch.arange(1.0, 1000.0)

    def network(latents, context, timestep, *, return_dict):
        told.append(timestep)
        return (latents,)

    seen = torch.ones(len(times), 1, dtype=torch.bool)
    latents, context = torch.zeros(len(times), 4, 2, 2).bfloat16(), torch.zeros(len(times), 1, 2).bfloat16()
    call_auraflow(network, Inputs(latents, times, context, {"seen": seen}))
    assert torch.equal(told[0], torch.stack([time / 1000 for time in times]).bfloat16())


@pytest.mark.parametrize("layout", ["all", "renamed"])
def test_every_layout_is_the_same(tiny, tmp_path, layout):
    path, modules = tiny
    file = write_auraflow(tmp_path, modules, layout)
    parts = {} if layout == "all" else {"text_encoder": "pile_t5xl", "vae": "sdxl_vae"}
    parts = {role: file.with_name(f"{name}.safetensors") for role, name in parts.items()}
    model = model_at(file, parts=parts, role="denoiser" if parts else "checkpoint")
    assert torch.equal(latents_of(wish(model, guidance=3.0, num_steps=STEPS)), ours(path, guidance=3.0))


def test_pictures_of_every_kind_share_batches_and_are_made_again(tiny, tmp_path):
    """By several samplers, of prompts of any length, painted over, masked, made larger, beside LoRAs."""
    only = "transformer_blocks"
    write_low_rank(tmp_path / "low.safetensors", {"denoiser": tiny[1].transformer}, 4, only=only)
    low = used(tmp_path / "low.safetensors", "low")
    model, hires = model_at(tiny[0]), Hires(scale=1.5, strength=0.6, upscaler="latent", steps=3)
    asked = {
        "plain": {"sampler": "heun"}, "over": {"img": PHOTO, "strength": 0.7, "sampler": "unipc"},
        "hole": {"img": PHOTO, "mask": MASK, "strength": 0.9, "prompt": "a red fox in the snow"},
        "large": {"hires": hires, "sampler": "dpm++ 2m"}, "low": {"every": 1},
    }  # fmt: skip
    wishes = [wish(model, name, guidance=2.0, num_steps=4, **each) for name, each in asked.items()]
    crowd_made_again([msgspec.structs.replace(one, adapters=(low,) if one.job == "low" else ()) for one in wishes])
