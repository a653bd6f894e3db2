"""Identification: each kind and family by the names and shapes that real files have."""

import pytest
from declared import (
    FLUX,
    SD3,
    SD35_LARGE,
    SD35_MEDIUM,
    SDXL_UNET,
    clip_text,
    header_json,
    open_clip,
    refiner,
    sd1,
    sd2,
    sdxl,
    tiny,
    under,
    unet,
    vae,
)
from headers import HEADERS, IP_KEY, peft

from imagine.families.table import FAMILIES
from imagine.registry.header import parse_header
from imagine.registry.identify import identify


def told(shapes, **options):
    text, size = header_json(shapes, **options)
    return identify(parse_header(text, 8 + len(text) + size))


def kind_of(shapes, **options):
    identity = told(shapes, **options)
    return identity.kind, identity.family, identity.variant


def test_sd1_is_told_whole():
    """860 M, 123 M and 84 M parameters are what the model cards and torch count for the three parts."""
    identity = told(sd1())
    assert (identity.kind, identity.family, identity.variant) == ("checkpoint", "stable_diffusion", "")
    assert identity.parameters == 859_520_964 + 123_060_480 + 83_653_863
    assert (identity.dtype, identity.resolution) == ("float16", 512)
    assert (identity.in_channels, identity.latent_channels) == (4, 4)
    assert identity.has_vae
    assert identity.text_encoders == ("clip_l",)


def test_sd2_sdxl_and_the_refiner_are_told_by_their_shape():
    identity = told(sd2())
    assert (identity.kind, identity.family, identity.variant) == ("checkpoint", "sd2", "")
    assert identity.text_encoders == ("clip_h",)
    assert identity.resolution == 768
    identity = told(sdxl())
    assert (identity.kind, identity.family, identity.variant) == ("checkpoint", "sdxl", "")
    assert identity.text_encoders == ("clip_g", "clip_l")
    assert identity.resolution == 1024
    identity = told(refiner())
    assert (identity.kind, identity.family, identity.variant) == ("checkpoint", "sdxl_refiner", "")


@pytest.mark.parametrize(
    ("network", "parameters"),
    [
        ({}, 859_520_964),
        ({"context": 1024, "linear": True}, 865_910_724),
        (SDXL_UNET, 2_567_463_684),
    ],
)
def test_a_denoiser_alone_is_counted_and_is_no_model(network, parameters):
    for prefix in ("model.diffusion_model.", ""):
        identity = told(under(prefix, unet(**network)))
        assert identity.kind == "diffusion-model"
        assert identity.parameters == parameters


@pytest.mark.parametrize(
    "options", [{"width": 48, "context": 64}, {"width": 64, "context": 64, "factors": (1, 2, 3, 3)}]
)
def test_sd1_topology_of_any_width_is_sd1(options):
    identity = told(sd1(**options), metadata={"modelspec.resolution": "128x128"})
    assert (identity.kind, identity.family) == ("checkpoint", "stable_diffusion")
    assert identity.resolution == 128


def test_sd1_whose_levels_all_differ_in_width_is_sd1():
    """The shipped model's: SD1 proper has no skip convolution where the third level meets the fourth."""
    shapes = sd1(width=16, factors=(3, 4, 6, 8), context=64)
    assert "model.diffusion_model.input_blocks.10.0.skip_connection.weight" in shapes
    assert kind_of(shapes) == ("checkpoint", "stable_diffusion", "")


@pytest.mark.parametrize("make", [sd1, sd2, sdxl])
@pytest.mark.parametrize(
    ("taken", "variant"), [(9, "inpainting"), (8, "instruct-pix2pix"), (5, "depth"), (6, "6-channel")]
)
def test_more_input_channels_make_a_variant(make, taken, variant):
    identity = told(make(taken=taken))
    assert identity.variant == variant
    assert (identity.in_channels, identity.latent_channels) == (taken, 4)


@pytest.mark.parametrize(("depth", "variant"), [(10, ""), (4, "ssd-1b"), (2, "vega"), (3, "reduced")])
def test_distilled_sdxl_is_a_variant(depth, variant):
    assert kind_of(sdxl(depths=(0, 2, depth))) == ("checkpoint", "sdxl", variant)


def test_a_missing_vae_leaves_a_model_and_missing_text_encoders_do_not():
    shapes = sd1()
    without_vae = {name: shape for name, shape in shapes.items() if not name.startswith("first_stage_model.")}
    assert told(without_vae).kind == "checkpoint"
    assert not told(without_vae).has_vae
    without_text = {name: shape for name, shape in shapes.items() if not name.startswith("cond_stage_model.")}
    assert told(without_text).kind == "diffusion-model"
    assert told(without_text).has_vae
    half = {name: shape for name, shape in sdxl().items() if not name.startswith("conditioner.embedders.1.")}
    assert told(half).kind == "diffusion-model"


def ema_copy(shapes):
    return {f"model_ema.diffusion_model{name.replace('.', '')}": shape for name, shape in shapes.items()}


def test_ema_copies_are_not_counted():
    plain = told(sd1())
    both = told(sd1() | ema_copy(unet()) | {"model_ema.decay": (), "model_ema.num_updates": ()})
    assert both.parameters == plain.parameters
    live = {name: shape for name, shape in sd1().items() if not name.startswith("model.diffusion_model.")}
    only = told(live | ema_copy(unet()))
    assert (only.kind, only.family, only.parameters) == ("checkpoint", "stable_diffusion", plain.parameters)


def test_buffers_and_markers_are_not_counted():
    assert told(sd1() | {"alphas_cumprod": (1000,), "v_pred": (), "ztsnr": ()}).parameters == told(sd1()).parameters


def test_the_dtype_is_that_of_most_of_the_denoiser():
    shapes = sd1()
    stored = {name: "F8_E4M3" for name in shapes if name.startswith("model.diffusion_model.") and len(shapes[name]) > 1}
    assert told(shapes, dtypes=stored).dtype == "float8_e4m3fn"
    assert told(shapes, dtype="BF16").dtype == "bfloat16"
    assert told(shapes, dtype="F32").dtype == "float32"


def test_metadata_tells_the_resolution_where_it_makes_sense():
    for said, resolution in (("768x768", 768), ("1024", 1024), ("512x2048", 1024), ("0x0", 512), ("9" * 30, 512)):
        assert told(tiny(), metadata={"modelspec.resolution": said}).resolution == resolution


COMFY = "model.diffusion_model."
TRANSFORMERS = {
    ("sd3", ""): SD3,
    ("sd3.5", "medium"): SD35_MEDIUM,
    ("sd3.5", "large"): SD35_LARGE,
    ("flux", "dev"): FLUX,
    ("flux", "schnell"): {name: shape for name, shape in FLUX.items() if not name.startswith("guidance_in")},
    ("flux", "fill"): FLUX | {"img_in.weight": (3072, 384)},
    ("flux", "control"): FLUX | {"img_in.weight": (3072, 128)},
    ("chroma", ""): FLUX | {"distilled_guidance_layer.in_proj.bias": (5120,)},
    ("flux2", "dev"): {
        "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
        "single_stream_modulation.lin.weight": (18432, 6144),
        "guidance_in.in_layer.weight": (6144, 256),
        "img_in.weight": (6144, 128),
    },
    ("flux2", "klein-4b"): {
        "single_stream_modulation.lin.weight": (9216, 3072),
        "img_in.weight": (3072, 128),
        "txt_in.weight": (3072, 7680),
    },
    ("z-image", ""): {"layers.0.adaLN_modulation.0.weight": (15360, 256), "cap_embedder.0.weight": (2560,)},
    ("lumina2", ""): {"layers.0.adaLN_modulation.1.weight": (9216, 1024), "cap_embedder.0.weight": (2304,)},
    ("qwen-image", ""): {
        "txt_norm.weight": (3584,),
        "transformer_blocks.0.img_mod.1.weight": (18432, 3072),
        "img_in.weight": (3072, 64),
    },
    ("wan", ""): {"head.modulation": (1, 2, 1536), "patch_embedding.weight": (1536, 16, 1, 2, 2)},
    ("ltx", ""): {"patchify_proj.weight": (2048, 128), "transformer_blocks.27.scale_shift_table": (6, 2048)},
    ("auraflow", ""): {
        "double_layers.0.attn.w2q.weight": (3072, 3072),
        "cond_seq_linear.weight": (3072, 2048),
        "init_x_linear.weight": (3072, 16),
    },
    ("sana", ""): {"blocks.0.cross_attn.q_linear.weight": (2240, 2240), "x_embedder.proj.weight": (2240, 32, 1, 1)},
    ("pixart", ""): {
        "blocks.0.cross_attn.q_linear.weight": (1152, 1152),
        "blocks.0.mlp.fc1.weight": (4608, 1152),
        "x_embedder.proj.weight": (1152, 4, 2, 2),
    },
    ("hunyuan-video", ""): {"txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias": (6144,)},
    ("hidream", ""): {"double_stream_blocks.0.block.adaLN_modulation.1.bias": (30720,)},
    ("stable_cascade", "stage-c"): {"clip_txt_mapper.weight": (2048, 1280)},
    ("stable_cascade", "stage-b"): {"down_blocks.1.0.channelwise.0.weight": (2560, 640)},
}


COMFYS = {
    "t5-xxl": "t5xxl",
    "umt5-xxl": "umt5xxl",
    "qwen2.5-vl-7b": "qwen25_7b",
    "qwen3-4b": "qwen3_4b",
    "gemma2-2b": "gemma2_2b",
    "pile-t5-xl": "pile_t5xl",
    "mistral3-24b": "mistral3_24b",
}
"""What ComfyUI calls them in a checkpoint."""


@pytest.mark.parametrize(("family", "variant"), TRANSFORMERS)
def test_transformers_are_told_by_their_marks(family, variant):
    shapes = TRANSFORMERS[family, variant]
    for prefix in ("", COMFY):
        assert kind_of(under(prefix, shapes)) == ("diffusion-model", family, variant)
    needs = [
        need for need in FAMILIES[family].needed(variant) if need.role.startswith("text_encoder") and not need.optional
    ]
    kinds = [need.fits[0] for need in needs] or ["t5-xxl"]
    baked = under(COMFY, shapes) | under("vae.", vae(16, quant=False))
    for kind in kinds:
        assert kind_of(baked) == ("diffusion-model", family, variant)
        baked |= under(f"text_encoders.{COMFYS.get(kind, kind)}.transformer.", {"shared.weight": (32128, 4096)})
    assert (told(baked).kind, told(baked).text_encoders) == ("checkpoint", tuple(sorted(kinds)))


@pytest.mark.parametrize(("family", "taken", "latents"), [("dev", 16, 16), ("fill", 96, 16), ("control", 32, 16)])
def test_flux_takes_patches_of_two_by_two(family, taken, latents):
    identity = told(TRANSFORMERS["flux", family])
    assert (identity.in_channels, identity.latent_channels) == (taken, latents)


DIFFUSERS_UNET = {
    "conv_in.weight": (320, 4, 3, 3),
    "conv_out.weight": (4, 320, 3, 3),
    "up_blocks.0.resnets.0.conv1.weight": (1280, 2560, 3, 3),
}


@pytest.mark.parametrize(
    ("shapes", "family"),
    [
        ({"down_blocks.0.attentions.0.proj_in.weight": (320, 320, 1, 1)}, "stable_diffusion"),
        ({"down_blocks.0.attentions.0.proj_in.weight": (320, 320)}, "sd2"),
        ({"add_embedding.linear_1.weight": (1280, 2816)}, "sdxl"),
        (
            {"add_embedding.linear_1.weight": (1536, 2560), "down_blocks.3.resnets.0.conv1.weight": (1536,)},
            "sdxl_refiner",
        ),
    ],
)
def test_a_u_net_of_diffusers_layout_is_a_diffusion_model(shapes, family):
    assert kind_of(DIFFUSERS_UNET | shapes) == ("diffusion-model", family, "")


@pytest.mark.parametrize(
    ("shapes", "found", "latents"),
    [
        (vae(), ("vae", "", ""), 4),
        (under("first_stage_model.", vae()), ("vae", "", ""), 4),
        (vae(16, quant=False), ("vae", "flux", ""), 16),
        (vae(32) | {"bn.running_mean": (128,)}, ("vae", "flux2", ""), 32),
        (
            {"decoder.middle.0.residual.0.gamma": (384, 1, 1, 1), "decoder.conv1.weight": (384, 16, 3, 3, 3)},
            ("vae", "wan", ""),
            16,
        ),
        ({"1.weight": (64, 4, 3, 3), "3.conv.0.weight": (64, 64, 3, 3)}, ("vae", "", "tiny"), 4),
    ],
)
def test_a_vae_alone(shapes, found, latents):
    assert kind_of(shapes) == found
    assert told(shapes).latent_channels == latents


def kohya(*layers, context=768, kind="lora_down"):
    up = "lora_up" if kind == "lora_down" else "hada_w1_a"
    return {f"{layer}.{kind}.weight" if "hada" not in kind else f"{layer}.{kind}": (8, context) for layer in layers} | {
        f"{layer}.{up}" + (".weight" if "hada" not in kind else ""): (320, 8) for layer in layers
    }


ATTENTION = "down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"


@pytest.mark.parametrize(
    ("shapes", "metadata", "found"),
    [
        (kohya(f"lora_unet_{ATTENTION}"), {}, ("stable_diffusion", "lora")),
        (kohya(f"lora_unet_{ATTENTION}", context=1024), {}, ("sd2", "lora")),
        (kohya(f"lora_unet_{ATTENTION}", context=64), {}, ("stable_diffusion", "lora")),
        (kohya(f"lora_unet_{ATTENTION}", context=64), {"ss_base_model_version": "sd_v2"}, ("sd2", "lora")),
        (kohya("lora_unet_input_blocks_4_1_transformer_blocks_1_attn2_to_k", context=2048), {}, ("sdxl", "lora")),
        (kohya("lora_unet_input_blocks_4_1_transformer_blocks_1_attn1_to_q", context=640), {}, ("sdxl", "lora")),
        (
            kohya("lora_te1_text_model_encoder_layers_0_mlp_fc1", "lora_te2_text_model_encoder_layers_0_mlp_fc1"),
            {},
            ("sdxl", "lora"),
        ),
        (kohya("lora_te_text_model_encoder_layers_0_mlp_fc1"), {}, ("stable_diffusion", "lora")),
        (kohya(f"lora_unet_{ATTENTION}", kind="hada_w1_b"), {}, ("stable_diffusion", "loha")),
        (
            {f"unet.{ATTENTION.replace('_attn2_to_k', '.attn2.to_k')}.lora_A.weight": (8, 768)},
            {},
            ("stable_diffusion", "lora"),
        ),
        (
            {"unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.down.weight": (4, 768)},
            {},
            ("stable_diffusion", "lora"),
        ),
        (
            {"unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora.down.weight": (4, 2048)},
            {},
            ("sdxl", "lora"),
        ),
        ({"lora_unet_down_blocks_0_attentions_0_proj_in.lokr_w1": (4, 4)}, {}, ("stable_diffusion", "lokr")),
        ({"lora_unet_down_blocks_0_attentions_0_proj_in.oft_blocks": (4, 8, 8)}, {}, ("stable_diffusion", "oft")),
        ({"transformer.single_transformer_blocks.0.attn.to_k.lora_A.weight": (16, 3072)}, {}, ("flux", "lora")),
        (
            {"transformer.single_transformer_blocks.0.attn.to_qkv_mlp_proj.lora_A.weight": (16, 6144)},
            {},
            ("flux2", "lora"),
        ),
        (kohya("lora_unet_double_blocks_0_img_attn_qkv", context=3072), {}, ("flux", "lora")),
        (
            kohya("lora_unet_double_blocks_0_img_attn_qkv", context=3072),
            {"modelspec.architecture": "hunyuan-video/lora"},
            ("hunyuan-video", "lora"),
        ),
        (kohya("lora_unet_joint_blocks_0_x_block_attn_qkv", context=1536), {}, ("sd3", "lora")),
        ({"transformer.transformer_blocks.59.attn.to_k.lora_A.weight": (16, 3072)}, {}, ("qwen-image", "lora")),
        ({"diffusion_model.blocks.0.cross_attn.k.lora_A.weight": (16, 5120)}, {}, ("wan", "lora")),
        ({"diffusion_model.layers.0.attention.to_q.lora_A.weight": (16, 3840)}, {}, ("z-image", "lora")),
        ({"something.lora_A.weight": (16, 5120)}, {}, ("", "lora")),
    ],
)
def test_loras_of_every_trainer(shapes, metadata, found):
    assert kind_of(shapes, metadata=metadata) == ("lora", *found)


@pytest.mark.parametrize(
    ("shapes", "found"),
    [
        (
            under("control_model.", {name: s for name, s in unet().items() if not name.startswith("out")}),
            ("stable_diffusion", ""),
        ),
        (under("control_model.", unet(context=1024, linear=True)), ("sd2", "")),
        (
            {
                "controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3),
                "down_blocks.0.attentions.0.proj_in.weight": (320, 320, 1, 1),
            },
            ("stable_diffusion", ""),
        ),
        (
            {"controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3), "add_embedding.linear_1.weight": (1280, 2816)},
            ("sdxl", ""),
        ),
        (FLUX | {"controlnet_blocks.0.weight": (3072, 3072)}, ("flux", "")),
        ({"controlnet_blocks.0.weight": (3072, 3072), "controlnet_x_embedder.weight": (3072, 64)}, ("flux", "")),
        (
            {"controlnet_blocks.0.weight": (1536, 1536), "pos_embed_input.proj.weight": (1536, 16, 2, 2)},
            ("sd3", ""),
        ),
        (
            {"lora_controlnet": (), "input_hint_block.0.weight": (16, 3, 3, 3), "label_emb.0.0.weight": (1280, 2816)},
            ("sdxl", "control-lora"),
        ),
        ({"body.0.block1.weight": (320, 320, 3, 3)}, ("", "t2i-adapter")),
    ],
)
def test_controlnets(shapes, found):
    marked = shapes | (
        {"control_model.input_hint_block.0.weight": (16, 3, 3, 3)}
        if "control_model.time_embed.0.weight" in shapes
        else {}
    )
    assert kind_of(marked) == ("controlnet", *found)


def test_an_image_adapter_of_nobodys_width_is_whose_it_says_it_is():
    shapes = {"image_proj.proj.weight": (256, 64), "ip_adapter.1.to_k_ip.weight": (96, 64)}
    assert kind_of(shapes) == ("ip-adapter", "", "")
    said = {"modelspec.architecture": "stable-diffusion-v1/ip-adapter"}
    assert kind_of(shapes, metadata=said) == ("ip-adapter", "stable_diffusion", "")
    wide = shapes | {"ip_adapter.1.to_k_ip.weight": (640, 2048)}
    assert kind_of(wide, metadata=said) == ("ip-adapter", "sdxl", ""), "shapes know better"


@pytest.mark.parametrize(
    ("shapes", "found"),
    [
        (
            {"image_proj.proj.weight": (3072, 1024), "ip_adapter.1.to_k_ip.weight": (320, 768)},
            ("ip-adapter", "stable_diffusion", ""),
        ),
        (
            {"image_proj.latents": (1, 16, 1280), "ip_adapter.1.to_k_ip.weight": (640, 2048)},
            ("ip-adapter", "sdxl", "plus"),
        ),
        (
            {"ip_adapter.0.to_q_lora.down.weight": (128, 320), "ip_adapter.1.to_k_ip.weight": (320, 768)},
            ("ip-adapter", "stable_diffusion", "faceid"),
        ),
        ({"emb_params": (4, 768)}, ("embedding", "stable_diffusion", "")),
        ({"emb_params": (2, 1024)}, ("embedding", "sd2", "")),
        ({"emb_params": (2, 64)}, ("embedding", "", "")),
        ({"<cat-toy>": (768,)}, ("embedding", "stable_diffusion", "")),
        ({"clip_g": (4, 1280), "clip_l": (4, 768)}, ("embedding", "sdxl", "")),
        ({"conv_first.weight": (64, 3, 3, 3), "body.0.rdb1.conv1.weight": (32, 64, 3, 3)}, ("upscaler", "esrgan", "")),
        (
            {"model.0.weight": (64, 3, 3, 3), "model.1.sub.0.RDB1.conv1.0.weight": (32, 64, 3, 3)},
            ("upscaler", "esrgan", ""),
        ),
        (
            {
                "params_ema.conv_first.weight": (180, 3, 3, 3),
                "params_ema.layers.0.residual_group.blocks.0.attn.relative_position_bias_table": (225, 6),
            },
            ("upscaler", "swinir", ""),
        ),
        (
            {"body.0.weight": (64, 3, 3, 3), "body.1.weight": (64,), "body.2.weight": (64, 64, 3, 3)},
            ("upscaler", "compact", ""),
        ),
        (
            under("model.diffusion_model.", unet(taken=7) | {"label_emb.weight": (1000, 1280)}),
            ("upscaler", "sd_x4_upscaler", "7-channel"),
        ),
        (clip_text(), ("text-encoder", "clip_l", "")),
        (clip_text(1280, 2), ("text-encoder", "clip_g", "")),
        (open_clip(1280, 2), ("text-encoder", "clip_g", "")),
        ({"model.layers.0.self_attn.q_proj.weight": (4096, 2560)}, ("text-encoder", "llm", "")),
        ({"vision_model.embeddings.patch_embedding.weight": (1280, 3, 14, 14)}, ("image-encoder", "clip_vision", "")),
        ({"classifier.weight": (1000, 2048), "classifier.bias": (1000,)}, ("unknown", "", "")),
        ({}, ("unknown", "", "")),
    ],
)
def test_what_else_lies_in_a_models_folder(shapes, found):
    assert kind_of(shapes) == found


@pytest.mark.parametrize(("shapes", "found"), HEADERS)
def test_what_people_have(shapes, found):
    assert kind_of(shapes) == found


def test_shapes_that_lie_are_identified_without_a_crash():
    """Real names over shapes of no or too many dimensions: some answer, never an exception."""
    examples = (sd1(), sdxl(), FLUX, SD3, vae(), clip_text(), kohya(f"lora_unet_{ATTENTION}"), {"emb_params": (2, 4)})
    for shapes in (*examples, *TRANSFORMERS.values(), *(row.values[0] for row in HEADERS)):
        for shape in ((), (0,), (1,) * 8):
            assert told(dict.fromkeys(shapes, shape)).kind


@pytest.mark.parametrize(
    "name", ["a\nb.lora_A.weight", ".lora_A" * 200_000 + "!", "layers_0_attention_to_q.lora_A.weight\n"]
)
def test_names_that_no_trainer_gives_are_neither_searched_nor_a_crash(name):
    told(peft("transformer.layers.0.attention.to_q", taken=3840) | {name: (8, 8)})
    assert kind_of({name: (8, 8)})[0] == "unknown"


PATCHES = {
    "vision_model.embeddings.patch_embedding.weight": (1280, 3, 14, 14),
    "vision_model.pre_layrnorm.weight": (9,),
}


@pytest.mark.parametrize(
    ("shapes", "kind", "views"),
    [
        ({"image_proj.proj.weight": (3072, 1024), IP_KEY: (320, 768)}, "ip-adapter", (0, 1024)),
        ({"image_proj.latents": (1, 16, 768), "image_proj.proj_in.weight": (768, 1280), IP_KEY: (320, 768)},
         "ip-adapter", (1280, 0)),
        ({"image_proj.proj.0.weight": (1280, 1280), "image_proj.proj.3.weight": (768,), IP_KEY: (320, 768)},
         "ip-adapter", (1280, 0)),
        (PATCHES | {"visual_projection.weight": (1024, 1280)}, "image-encoder", (1280, 1024)),
        ({"visual.conv1.weight": (1664, 3, 14, 14), "visual.proj": (1664, 1280)}, "image-encoder", (1664, 1280)),
    ],
)  # fmt: skip
def test_what_an_image_adapter_sees_by_is_told_by_widths(shapes, kind, views):
    identity = told(shapes)
    assert (identity.kind, identity.views) == (kind, views)
    assert identity.context == (768 if kind == "ip-adapter" else 0)
