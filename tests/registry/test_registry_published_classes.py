"""The published files that tests declare are what diffusers' and transformers' own classes hold: on `meta`, in full."""

import pytest
from declared import write
from listing import only
from published import (
    FLUX2_DEV,
    KLEIN_4B,
    KLEIN_9B,
    QWEN3_4B,
    QWEN3_8B,
    SD3_MEDIUM,
    SD35_LARGE,
    SD35_MEDIUM,
    auraflow,
    chroma,
    clip_g,
    clip_l,
    deep_vae,
    flux,
    flux2,
    flux_in_diffusers,
    frame_vae,
    gemma2,
    lumina2,
    pixart,
    qwen3,
    qwen25,
    qwen_image,
    sana,
    sd3,
    t5,
    vae16,
)

torch = pytest.importorskip("torch")

import diffusers  # noqa: E402 - needs torch
import transformers  # noqa: E402
from diffusers.loaders import single_file_utils as converters  # noqa: E402
from diffusers.models.modeling_utils import no_init_weights  # noqa: E402

from imagine.engine.loading.deep_vae import deep_config  # noqa: E402
from imagine.engine.loading.family_config import family_config  # noqa: E402
from imagine.engine.loading.maps import sd3 as sd3_names  # noqa: E402
from imagine.engine.loading.maps import sd3_controlnet as sd3_controls  # noqa: E402
from imagine.families.memory import beside_bytes  # noqa: E402
from imagine.families.table import facts_of  # noqa: E402
from imagine.messages import sentence  # noqa: E402
from imagine.registry.shown import shown  # noqa: E402
from imagine.registry.usable import use_of  # noqa: E402
from tools.original_layout import original_tensors  # noqa: E402

FLUX2 = diffusers.Flux2Transformer2DModel
FLUX, SD3 = diffusers.FluxTransformer2DModel, diffusers.SD3Transformer2DModel
from_flux = converters.convert_flux_transformer_checkpoint_to_diffusers
from_sd3 = converters.convert_sd3_transformer_checkpoint_to_diffusers
from_flux2 = converters.convert_flux2_transformer_checkpoint_to_diffusers
from_chroma = converters.convert_chroma_transformer_checkpoint_to_diffusers
from_auraflow = converters.convert_auraflow_transformer_checkpoint_to_diffusers
from_sana = converters.convert_sana_transformer_to_diffusers
from_lumina2 = converters.convert_lumina2_to_diffusers
BLOCK_OF_PIXART = {
    "attn.proj": "attn1.to_out.0", "cross_attn.q_linear": "attn2.to_q", "cross_attn.proj": "attn2.to_out.0",
    "mlp.fc1": "ff.net.0.proj", "mlp.fc2": "ff.net.2",
}  # fmt: skip
PIXART = {
    "x_embedder.proj": "pos_embed.proj",
    "t_embedder.mlp.0": "adaln_single.emb.timestep_embedder.linear_1",
    "t_embedder.mlp.2": "adaln_single.emb.timestep_embedder.linear_2",
    "t_block.1": "adaln_single.linear",
    "y_embedder.y_proj.fc1": "caption_projection.linear_1",
    "y_embedder.y_proj.fc2": "caption_projection.linear_2",
    "final_layer.linear": "proj_out",
    "final_layer.scale_shift_table": "scale_shift_table",
} | {f"blocks.{n}.{a}": f"transformer_blocks.{n}.{b}" for n in range(28) for a, b in BLOCK_OF_PIXART.items()}


def from_pixart(tensors):
    """As diffusers' `scripts/convert_pixart_sigma_to_diffusers.py` does, which isn't in its package."""
    made = {}
    for name, tensor in tensors.items():
        layer, _, parameter = name.rpartition(".")
        block = layer.replace("blocks.", "transformer_blocks.", 1)
        if name in PIXART or layer in PIXART:
            made[PIXART.get(name) or f"{PIXART[layer]}.{parameter}"] = tensor
        elif layer.endswith(("attn.qkv", "kv_linear")):
            into = ("attn1", "qkv") if layer.endswith("qkv") else ("attn2", "kv")
            for part, each in zip(into[1], tensor.chunk(len(into[1])), strict=True):
                made[f"{'.'.join(block.split('.')[:2])}.{into[0]}.to_{part}.{parameter}"] = each
        elif parameter == "scale_shift_table":
            made[f"{block}.{parameter}"] = tensor
    return made


NORMED = {"qk_norm": "rms_norm"}
GUIDED = {"guidance_embeds": True}
DENOISERS = [
    ("dev", flux(), from_flux, FLUX, GUIDED, 23_802_932_552),
    ("schnell", flux(guidance=False), from_flux, FLUX, {}, 23_782_506_688),
    ("fill", flux(taken=384), from_flux, FLUX, GUIDED | {"in_channels": 384, "out_channels": 64}, 0),
    ("depth", flux(taken=128), from_flux, FLUX, GUIDED | {"in_channels": 128, "out_channels": 64}, 0),
    ("diffusers' own", flux_in_diffusers(), dict, FLUX, GUIDED, 0),
    ("chroma", chroma(), from_chroma, diffusers.ChromaTransformer2DModel, {}, 0),
    ("klein 4B", flux2(*KLEIN_4B), from_flux2, FLUX2,
     {"num_layers": 5, "num_single_layers": 20, "num_attention_heads": 24, "joint_attention_dim": 7680,
      "guidance_embeds": False}, 0),
    ("klein 9B", flux2(*KLEIN_9B), from_flux2, FLUX2,
     {"num_layers": 8, "num_single_layers": 24, "num_attention_heads": 32, "joint_attention_dim": 12288,
      "guidance_embeds": False}, 0),
    ("FLUX.2 dev", flux2(*FLUX2_DEV), from_flux2, FLUX2, {}, 0),
    ("Qwen-Image", qwen_image(), dict, diffusers.QwenImageTransformer2DModel, {}, 0),
    ("Lumina 2", lumina2(), from_lumina2, diffusers.Lumina2Transformer2DModel, {"cap_feat_dim": 2304}, 0),
    ("PixArt-Sigma", pixart(), from_pixart, diffusers.PixArtTransformer2DModel,
     {"caption_channels": 4096, "use_additional_conditions": False}, 0),
    ("SANA", sana(), from_sana, diffusers.SanaTransformer2DModel, {}, 0),
    ("AuraFlow", auraflow(), from_auraflow, diffusers.AuraFlowTransformer2DModel, {"pos_embed_max_size": 9216}, 0),
    ("sd3", sd3(**SD3_MEDIUM), from_sd3, SD3,
     {"num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536, "pos_embed_max_size": 192}, 0),
    ("sd3.5 medium", sd3(**SD35_MEDIUM), from_sd3, SD3,
     {"num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536, "pos_embed_max_size": 384,
      "dual_attention_layers": tuple(range(13))} | NORMED, 0),
    ("sd3.5 large", sd3(**SD35_LARGE), from_sd3, SD3,
     {"num_layers": 38, "num_attention_heads": 38, "caption_projection_dim": 2432, "pos_embed_max_size": 192} | NORMED,
     0),
]  # fmt: skip


def held(made):
    """What a class built by `made` holds, name by name."""
    with torch.device("meta"), no_init_weights():
        module = made()
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def bytes_of(shapes):
    return 2 * sum(torch.Size(shape).numel() for shape in shapes.values())


@pytest.mark.parametrize(
    ("shapes", "convert", "kind", "options", "published"),
    [pytest.param(*row[1:], id=row[0]) for row in DENOISERS],
)
def test_a_denoiser_is_the_class_that_diffusers_makes_of_it(shapes, convert, kind, options, published):
    tensors = convert({name: torch.empty(shape, device="meta") for name, shape in shapes.items()})
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == held(lambda: kind(**options))
    if published:  # the size of the file that people have: its numbers, and a header
        assert 0 < published - bytes_of(shapes) < 10**6


def _t5():
    config = transformers.T5Config(
        vocab_size=32128, d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64, feed_forward_proj="gated-gelu"
    )
    return transformers.T5EncoderModel(config)


def _clip(kind, width, layers, heads, **options):
    config = transformers.CLIPTextConfig(
        hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * width, **options
    )
    return kind(config)


def _vae():
    return diffusers.AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4, latent_channels=16,
        block_out_channels=[128, 256, 512, 512], layers_per_block=2, use_quant_conv=False, use_post_quant_conv=False,
    )  # fmt: skip


def _qwen3(width, hidden):
    config = transformers.Qwen3Config(
        hidden_size=width, intermediate_size=hidden, num_hidden_layers=36, num_attention_heads=32,
        num_key_value_heads=8, head_dim=128,
    )  # fmt: skip
    return transformers.Qwen3Model(config)


def _qwen25():
    config = transformers.Qwen2_5_VLTextConfig(
        vocab_size=152_064, hidden_size=3584, intermediate_size=18944, num_hidden_layers=28, num_attention_heads=28,
        num_key_value_heads=4,
    )  # fmt: skip
    return transformers.models.qwen2_5_vl.modeling_qwen2_5_vl.Qwen2_5_VLTextModel(config)


def _gemma2():
    config = transformers.Gemma2Config(
        vocab_size=256_000, hidden_size=2304, intermediate_size=9216, num_hidden_layers=26, num_attention_heads=8,
        num_key_value_heads=4, head_dim=256,
    )  # fmt: skip
    return transformers.Gemma2Model(config)


ENCODERS = [
    ("T5", t5(), _t5, 9_787_841_024),
    ("CLIP-L", clip_l(), lambda: _clip(transformers.CLIPTextModel, 768, 12, 12), 246_144_152),
    ("CLIP-G", clip_g(),
     lambda: _clip(transformers.CLIPTextModelWithProjection, 1280, 32, 20, projection_dim=1280), 1_389_382_176),
    ("Qwen3 4B", qwen3(*QWEN3_4B), lambda: _qwen3(*QWEN3_4B), 0),
    ("Qwen3 8B", qwen3(*QWEN3_8B), lambda: _qwen3(*QWEN3_8B), 0),
    ("Gemma 2 2B", gemma2(), _gemma2, 0),
    ("Qwen2.5-VL 7B, of it what says", qwen25(), _qwen25, 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("shapes", "made", "published"), [pytest.param(*row[1:], id=row[0]) for row in ENCODERS]
)  # fmt: skip
def test_a_text_encoder_is_the_class_of_transformers(shapes, made, published):
    def plain(names):
        return {name.removeprefix("text_model.").removeprefix("model."): shape for name, shape in names.items()}

    assert plain(shapes) == plain(held(made))
    assert 0 < published - bytes_of(shapes) < 10**6 or not published


def test_sanas_vae_is_the_class_that_its_shapes_tell():
    config = deep_config(deep_vae(), family_config("sana").vae)
    assert held(lambda: diffusers.AutoencoderDC(**config)) == deep_vae()
    (public,) = facts_of("sana").needs[1].public
    assert public.size == bytes_of(deep_vae())


def test_a_vae_is_the_class_that_diffusers_makes_of_it():
    tensors = {name: torch.empty(shape, device="meta") for name, shape in vae16().items()}
    config = {"down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4}
    converted = converters.convert_ldm_vae_checkpoint(tensors, config)
    squeezed = {name: tuple(size for size in tensor.shape) for name, tensor in converted.items()}
    assert squeezed == held(_vae)
    assert 0 < 335_304_388 - 2 * bytes_of(vae16()) < 10**6, "Flux's, in float32"
    assert 0 < 167_666_902 - bytes_of(vae16()) < 10**6, "SD3's, in float16"


def test_a_vae_of_frames_is_the_class_that_diffusers_makes_of_it():
    tensors = {name: torch.empty(shape, device="meta") for name, shape in frame_vae().items()}
    converted = converters.convert_wan_vae_to_diffusers(tensors)
    assert {name: tuple(of.shape) for name, of in converted.items()} == held(diffusers.AutoencoderKLQwenImage)
    assert 0 < 254_000_000 - bytes_of(frame_vae()) < 10**6


MEDIUM = {"num_attention_heads": 24, "caption_projection_dim": 1536}
CONTROLS = [
    ("InstantX's for edges", "sd3", "", {"num_layers": 6, "pos_embed_max_size": 192} | MEDIUM, 1_190_000_000),
    ("alimama's that paints", "sd3", "",
     {"num_layers": 23, "pos_embed_max_size": 192, "extra_conditioning_channels": 1} | MEDIUM, 4_160_000_000),
    ("TensorArt's for edges", "sd3.5", "medium",
     {"num_layers": 23, "pos_embed_max_size": 384, "dual_attention_layers": tuple(range(13))} | NORMED | MEDIUM,
     4_930_000_000),
    ("Stability's", "sd3.5", "large",
     {"num_layers": 19, "num_attention_heads": 38, "caption_projection_dim": 2432, "joint_attention_dim": None,
      "pos_embed_max_size": None, "pos_embed_type": None, "use_pos_embed": False}, 8_610_000_000 // 2),
]  # fmt: skip
DENOISED_WITH = {
    "patch_size": 2, "in_channels": 16, "attention_head_dim": 64, "joint_attention_dim": 4096,
    "pooled_projection_dim": 2048,
}  # fmt: skip


@pytest.mark.parametrize(
    ("family", "variant", "settings", "published"), [pytest.param(*row[1:], id=row[0]) for row in CONTROLS]
)
def test_a_controlnet_of_sd3_is_told_and_weighed_as_it_is_published(tmp_path, family, variant, settings, published):
    usual = {"attention_head_dim": 64, "joint_attention_dim": 4096}
    shapes = held(lambda: diffusers.SD3ControlNetModel(**usual | settings))
    assert bytes_of(shapes) == pytest.approx(published, rel=0.002), "in 16 bits; Stability's is in 32"
    if not settings.get("extra_conditioning_channels"):
        assert bytes_of(shapes) == pytest.approx(beside_bytes(facts_of(family), variant).control, rel=1e-4)
    network = DENOISED_WITH | {"num_attention_heads": settings["num_attention_heads"], "num_layers": 38}
    assert held(lambda: diffusers.SD3ControlNetModel(**sd3_controls.config(shapes, network))) == shapes
    files = {"diffusers": shapes}
    if variant == "large":
        tensors = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
        files["original"] = {
            name: tuple(each.shape) for name, each in original_tensors(tensors, sd3_controls.LAYOUT).items()
        }
    for name, header in files.items():
        entry = only(write(tmp_path / name / "a_canny.safetensors", header).parent)
        assert (entry.kind, entry.family, entry.variant) == ("controlnet", family, variant)
        assert sentence(use_of(entry)) == "with a model of its family, as a control"
        assert shown(entry)["map"] == "canny"


@pytest.mark.parametrize(("shapes", "expected"), [(row[1], row[4]) for row in DENOISERS if row[3] is SD3])
def test_the_loader_tells_sd3s_settings_by_its_shapes(shapes, expected):
    ours = {}
    for name, taken in sd3_names.taken(shapes).items():
        rows, *rest = shapes[taken.name]
        ours[name] = (len(range(rows)[taken.start : taken.end]), *rest)
    told = sd3_names.config(ours)
    assert {name: told[name] for name in expected} == expected
    assert (told["attention_head_dim"], told["joint_attention_dim"], told["pooled_projection_dim"]) == (64, 4096, 2048)
    assert held(lambda: SD3(**told)) == ours
