"""Stable Diffusion 3 and 3.5 are diffusers' own: same networks, same seed, float32, in every layout of their files."""

import copy

import diffusers
import msgspec
import pytest
import torch
from diffusers.loaders.single_file_utils import convert_sd3_transformer_checkpoint_to_diffusers
from safetensors.torch import save_file

from imagine.engine.loading.maps import flux as flux_names
from imagine.engine.loading.maps import sd3
from imagine.engine.loading.rows_of import RowsOf
from imagine.engine.loading.transformer_names import shapes_of
from imagine.engine.quantised.tensor import Quantised
from imagine.messages import sentences
from imagine.words.errors import Unsupported
from imagine.words.recipe import Hires
from tests.checkpoints import save
from tests.engine.adapters.low_rank import used
from tests.engine.parity import MASK, PHOTO, STEPS, assert_same, plain_latents
from tests.engine.running import Watching, engine_of, finished, latents_of, made, model_at, picture, run, wish
from tests.engine.test_loading_quantised import psnr, stored_as
from tests.quantised_files import write_gguf
from tests.sd3_files import KINDS, T5, L, original, sd3_pipeline, tiny_sd3, write_sd3
from tools.original_layout import original_tensors

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """(where it lies, its modules) of each kind, as one file."""
    folder, there = tmp_path_factory.mktemp("sd3"), {}

    def get(kind="3.5 medium"):
        if kind not in there:
            modules = tiny_sd3(kind)
            there[kind] = write_sd3(folder / kind, modules, "all"), modules
        return there[kind]

    return get


@pytest.fixture
def plain(models, tmp_path):
    """The latents that diffusers' own pipeline ends with."""

    def latents(of="3.5 medium", kind=diffusers.StableDiffusion3Pipeline, *, t5=True, **asked):
        return plain_latents(sd3_pipeline(models(of)[1], tmp_path, kind, t5=t5), **asked)

    return latents


def ours(path, img=None, **changes):
    asked = {"guidance": 4.5, "num_steps": STEPS, "sampler": "euler", "img": img, **changes}
    return latents_of(wish(model_at(path), **asked))


@pytest.mark.parametrize("guidance", [1.0, 4.5])
@pytest.mark.parametrize("kind", KINDS)
def test_text_to_image(models, plain, kind, guidance):
    words = {"neg": "a blurry dog", "guidance": guidance, "width": 64, "height": 96}
    got = ours(models(kind)[0], **words)
    without = ours(models(kind)[0], **words | {"prompt": ""})
    asked = {"guidance_scale": guidance, "negative_prompt": "a blurry dog", "height": 96}
    assert_same(got, plain(kind, **asked), without)


def test_clip_skip(models, plain):
    got = ours(models()[0], clip=2, guidance=1.0)
    assert_same(got, plain(guidance_scale=1.0, clip_skip=1), ours(models()[0], guidance=1.0))


@pytest.mark.parametrize("strength", [0.3, 0.6, 0.95])
def test_image_to_image(models, plain, strength):
    got = ours(models()[0], PHOTO, strength=strength)
    kind = diffusers.StableDiffusion3Img2ImgPipeline
    expected = plain(kind=kind, image=PHOTO, strength=strength, guidance_scale=4.5)
    assert_same(got, expected, within=1e-5)  # of a source whose pixels diffusers scales otherwise


def test_inpainting_is_blended(models, plain):
    got = ours(models()[0], PHOTO, mask=MASK, strength=0.8)
    asked = {"image": PHOTO, "mask_image": MASK, "strength": 0.8, "guidance_scale": 4.5}
    assert_same(got, plain(kind=diffusers.StableDiffusion3InpaintPipeline, **asked), within=1e-5)


def test_without_t5_zeros_are_in_its_place(models, plain, tmp_path):
    path = write_sd3(tmp_path / "model", models()[1], "all", t5=False)
    assert_same(ours(path), plain(t5=False, guidance_scale=4.5), ours(models()[0]))


def test_more_than_clip_reads_is_said_to_be_cut_where_nobody_reads_it(models, tmp_path):
    path = write_sd3(tmp_path / "model", models()[1], "all", t5=False)
    prompt = "fox, " * 60
    warned = sentences(made(engine_of(), wish(model_at(path), prompt=prompt, num_steps=1)).warnings)
    assert warned == ["prompt is too long for this model: 45 tokens behind the first 75 were left out"]
    assert made(engine_of(), wish(model_at(models()[0]), prompt=prompt, num_steps=1)).warnings == []


@pytest.mark.parametrize("layout", ["diffusers", "folder"])
def test_every_layout_is_the_same(models, tmp_path, layout):
    path = write_sd3(tmp_path / "model", models()[1], layout)
    assert torch.equal(ours(path), ours(models()[0]))


class Given:
    """Weights that are there already."""

    def __init__(self, tensors):
        self.metadata, self._tensors = {}, tensors
        self.names = tensors.keys()

    def shape(self, name):
        return tuple(self._tensors[name].shape)

    def stored(self, name):
        return self._tensors[name].dtype

    def read(self, name):
        return self._tensors[name]


@pytest.mark.parametrize("kind", KINDS)
def test_names_and_rows_are_those_of_diffusers_converter(kind):
    modules = tiny_sd3(kind, blocks=3)
    file = original(modules)
    there = Given(file)
    ours = RowsOf(there, sd3.taken(shapes_of(there)))
    expected = convert_sd3_transformer_checkpoint_to_diffusers(dict(file))
    assert set(ours.names) == set(expected) == set(modules.transformer.state_dict())
    for name, tensor in expected.items():
        assert torch.equal(ours.read(name), tensor), name
    mapped = {each.untyped_storage().data_ptr() for each in file.values()}
    copied = {name for name in ours.names if ours.read(name).untyped_storage().data_ptr() not in mapped}
    assert {name.rpartition(".")[0] for name in copied} == {
        "norm_out.linear", "transformer_blocks.2.norm1_context.linear",
    }  # fmt: skip
    told = sd3.config(shapes_of(ours))
    assert {name: modules.transformer.config[name] for name in told} == told


def test_flux_and_it_hold_their_t5_and_clip_once(models, tmp_path):
    modules = models()[1]
    path = write_sd3(tmp_path, modules, "split")
    with torch.random.fork_rng():
        flux = diffusers.FluxTransformer2DModel(
            num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=T5,
            pooled_projection_dim=L, axes_dims_rope=(4, 6, 6), guidance_embeds=True,
        )  # fmt: skip
    save(tmp_path / "flux.safetensors", original_tensors(flux.state_dict(), flux_names.LAYOUT))
    clip_l, clip_g, t5, vae = (tmp_path / f"{name}.safetensors" for name in ("clip_l", "clip_g", "t5xxl", "sd3_vae"))
    theirs = {"text_encoder": clip_l, "text_encoder_2": t5, "vae": vae}
    own = {"text_encoder": clip_l, "text_encoder_2": clip_g, "text_encoder_3": t5, "vae": vae}
    watching = Watching()
    engine = engine_of(open_model=watching)
    run(engine, wish(model_at(tmp_path / "flux.safetensors", "flux", parts=theirs), "a", sampler="euler", num_steps=1))
    before = engine.stats().models[0].size
    run(engine, wish(model_at(path, "sd3", parts=own), "b", sampler="euler", num_steps=1))
    clip, long = watching.families["flux"].parts("encode")
    assert watching.families["sd3"].parts("encode")[::2] == (clip, long)
    files = sum(file.stat().st_size for file in (path, clip_g, vae))  # whose scale is another in each family
    shown = {model.name: model.size for model in engine.stats().models}
    assert set(shown) == {"flux", "sd3"}
    assert before > long.nbytes
    assert engine._models.residency.nbytes() - before < 1.05 * files, "neither T5 nor CLIP-L came again"


@pytest.fixture(scope="module")
def lora(models, tmp_path_factory):
    """(a LoRA beside every layer of the original's denoiser, fused ones too, and of both CLIPs; the original's tensors
    with it merged, at a weight of 1)."""
    file, merged = {}, original(models()[1])
    generator = torch.Generator().manual_seed(3)
    for name, tensor in merged.items():
        if tensor.dim() == 2 and name.endswith(".weight"):
            down = torch.randn(4, tensor.shape[1], generator=generator)
            up = torch.randn(len(tensor), 4, generator=generator) * float(tensor.std()) / 8
            layer = f"lora_unet_{name.removesuffix('.weight').replace('.', '_')}"
            file |= {
                f"{layer}.lora_down.weight": down,
                f"{layer}.lora_up.weight": up,
                f"{layer}.alpha": torch.tensor(4.0),
            }
            merged[name] = tensor + up @ down
    path = tmp_path_factory.mktemp("loras") / "a.safetensors"
    save_file(file, path)
    return path, merged


def beside(one, *uses):
    return msgspec.structs.replace(one, adapters=uses)


def test_a_lora_of_the_originals_names_is_as_if_merged(models, lora, tmp_path):
    path, modules = models()
    there = Given(lora[1])
    changed = copy.deepcopy(modules.transformer)
    read = RowsOf(there, sd3.taken(shapes_of(there)))
    changed.load_state_dict({name: read.read(name) for name in read.names})
    merged = write_sd3(tmp_path, modules._replace(transformer=changed), "all")
    one = wish(model_at(path), num_steps=STEPS)
    got, expected = latents_of(beside(one, used(lora[0], "aa"))), latents_of(wish(model_at(merged), num_steps=STEPS))
    assert_same(got, expected, latents_of(one), within=1e-5)


def test_a_crowd_of_prompts_loras_and_pictures_is_made_again_one_by_one(models, lora):
    model, use = model_at(models()[0]), used(lora[0], "aa", 0.5)
    several = [
        wish(model, "plain", num_steps=7),
        beside(wish(model, "lora", num_steps=7, seed=2, prompt="a house"), use),
        wish(model, "from", num_steps=9, img=PHOTO, strength=0.6, guidance=1.0),
        beside(wish(model, "mask", num_steps=8, img=PHOTO, mask=MASK, strength=0.8, neg="dark"), use),
        wish(model, "twice", num_steps=6, hires=Hires(scale=1.5, strength=0.5), sampler="dpm++ 2m sde"),
        wish(model, "long", num_steps=7, prompt="(a fox:1.3) " * 40, sampler="unipc"),
    ]
    results = finished(run(engine_of(), *several))
    assert len({each.split("x")[0] for one in results.values() for each in one.meta["buckets"].split(",")}) >= 2
    engine = engine_of()
    for one in several:
        params = msgspec.structs.replace(one.params, buckets=results[one.job].meta["buckets"])
        assert made(engine, msgspec.structs.replace(one, params=params)).data == results[one.job].data, one.job


def test_a_picture_that_it_has_no_places_for_is_refused(models):
    for changes, field in (({"width": 192}, "width"), ({"hires": Hires(scale=2.5, strength=0.5)}, "width")):
        engine = engine_of()
        engine.submit(wish(model_at(models()[0]), num_steps=1, **changes))
        with pytest.raises(Unsupported, match="places for at most 128") as refused:
            run(engine)
        assert refused.value.field == field


def few_bits(folder, modules, stored):
    """The denoiser in a file of few bits, and what lies beside it, by their roles."""
    write_sd3(folder, modules, "split", t5=False)
    tensors, file = original(modules), folder / "few.safetensors"
    if stored == "int8":
        made = {}
        for name, tensor in tensors.items():
            blocks = tensor.dim() == 2 and name.startswith("joint_blocks.")
            made |= stored_as(stored, name, tensor) if blocks else {name: tensor}
        save(file, made)
    else:
        file = folder / "few.gguf"
        write_gguf(file, tensors, stored, architecture="sd3", plain="pos_embed")
    names = {"text_encoder": "clip_l", "text_encoder_2": "clip_g", "vae": "sd3_vae"}
    return file, {role: folder / f"{name}.safetensors" for role, name in names.items()}


@pytest.mark.parametrize(("stored", "least"), [("Q8_0", 35), ("Q4_0", 15), ("int8", 25)])
def test_few_bits_are_kept_and_drawn_nearly_as_whole(models, tmp_path, stored, least):
    file, parts = few_bits(tmp_path, models()[1], stored)
    watching = Watching()
    few, whole = (wish(model_at(each, parts=parts), num_steps=STEPS) for each in (file, tmp_path / "sd3.safetensors"))
    drawn = made(engine_of(open_model=watching), few)
    weights = dict(watching.families["tiny"].networks["denoiser"].named_parameters())
    kept = {name for name, weight in weights.items() if isinstance(weight, Quantised)}
    assert {f"transformer_blocks.{block}.attn.{part}.weight" for block in (0, 1) for part in ("to_q", "to_v")} <= kept
    assert least < psnr(picture(drawn), picture(made(engine_of(), whole))) < 70
