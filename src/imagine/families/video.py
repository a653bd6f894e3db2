"""Transformers that were made for moving pictures, and what was tuned from them."""

from __future__ import annotations

from ..messages import message
from .facts import FLOW, FamilyDefaults, FamilyFacts, Need, classes, loras, signatures

_SPACED = "scale_shift_table"
_COSMOS = "time_embed.t_embedder.linear_1.weight"
_IN = "decoder.conv_in.weight"
_WRAPPED = "decoder.conv_in.conv.weight"

ROWS = (
    FamilyFacts(
        "kandinsky5",
        tells=signatures(("", "visual_transformer_blocks.0.cross_attention.key_norm.weight")),
        loras=loras(r"visual_transformer_blocks_"),
        pipelines=classes("Kandinsky5"),
        predicts=FLOW,
        defaults=FamilyDefaults(50, 3.5),
    ),
    FamilyFacts(
        "wan",
        makes="videos",
        tells=signatures(
            ("vace", "head.modulation", "vace_blocks.0.after_proj.bias"),
            ("", "head.modulation"),
            ("vace", "condition_embedder.time_proj.weight", "vace_blocks.0.proj_out.weight"),
            ("", "condition_embedder.time_proj.weight", "blocks.0.attn1.to_q.weight"),
        ),
        loras=loras(r"^blocks_\d+_(?:(?:cross|self)_attn_[qkvo](?:_img)?$|ffn_|attn[12]_to_)"),
        # Its first VAE and Qwen-Image's are one network; 48 channels are Wan 2.2's.
        vaes=signatures(
            ("2.2", "decoder.middle.0.residual.0.gamma", ("decoder.conv1.weight", 1, 48)),
            ("", "decoder.middle.0.residual.0.gamma"),
            ("2.2", "decoder.mid_block.resnets.0.norm1.gamma", (_IN, 1, 48)),
            ("", "decoder.mid_block.resnets.0.norm1.gamma", (_IN, 5)),
        ),
        pipelines=classes("Wan"),
        architectures=("wan",),
        gguf="wan",
        native=480,
        predicts=FLOW,
        defaults=FamilyDefaults(50, 5.0),
        needs=(Need("text_encoder", ("umt5-xxl",)), Need("vae", ("wan",))),
    ),
    # Cosmos 2 of 2B is the network that Anima was tuned from; LoRAs of that width are Anima's.
    FamilyFacts(
        "anima",
        tells=signatures(("", "llm_adapter.blocks.0.cross_attn.q_proj.weight")),
        loras=loras(r"llm_adapter_|^te_layers_\d+_self_attn_", (r"^blocks_\d+_(?:cross|self)_attn_q_proj", 2048)),
        pipelines=classes("Anima"),
        architectures=("anima",),
        predicts=FLOW,
        refused={"": message("unfit.anima")},
    ),
    FamilyFacts(
        "cosmos-2.0",
        tells=signatures(
            ("", "x_embedder.proj.1.weight", "blocks.0.self_attn.q_proj.weight"),
            ("", _COSMOS, "transformer_blocks.0.attn2.to_q.weight", "!learnable_pos_embed.pos_emb_t"),
        ),
        loras=loras(r"^blocks_\d+_(?:cross|self)_attn_[qkv]_proj|^transformer_blocks_\d+_norm[123]_linear_1"),
        pipelines=classes("Cosmos2"),
    ),
    FamilyFacts(
        "cosmos-1.0",
        makes="videos",
        tells=signatures(
            ("", "x_embedder.proj.1.weight", "blocks.block1.blocks.0.block.attn.to_q.0.weight"),
            ("", _COSMOS),
        ),
        vaes=signatures(("", "decoder.conv_in.conv_s.weight"), ("", "decoder.unpatcher.wavelets")),
        pipelines=classes("Cosmos"),
        gguf="cosmos",
    ),
    FamilyFacts("allegro", makes="videos", vaes=signatures(("", "decoder.temp_conv_in.weight"))),
    FamilyFacts(
        "cogvideox",
        makes="videos",
        vaes=signatures(("", _WRAPPED, "decoder.mid_block.resnets.0.norm1.conv_y.conv.weight")),
    ),
    FamilyFacts(
        "ltx2",
        makes="videos",
        tells=signatures(
            ("", "av_ca_a2v_gate_adaln_single.emb.timestep_embedder.linear_1.weight"),
            ("", "audio_proj_out.weight", _SPACED),
        ),
        loras=loras(r"_audio_|^audio_|_a2v_"),
        pipelines=classes("LTX2"),
        predicts=FLOW,
    ),
    FamilyFacts(
        "mochi",
        makes="videos",
        tells=signatures(("", "blocks.0.attn.qkv_x.weight"), ("", "time_embed.pooler.to_kv.weight")),
        loras=loras(r"_attn1_add_[qkv]_proj|_attn_qkv_x"),
        vaes=signatures(("", "decoder.block_in.resnets.0.norm1.norm_layer.weight")),
        pipelines=classes("Mochi"),
        predicts=FLOW,
    ),
    FamilyFacts(
        "ltx",
        makes="videos",
        tells=signatures(
            ("", "patchify_proj.weight", "transformer_blocks.27.scale_shift_table"),
            ("", "time_embed.linear.weight", "caption_projection.linear_1.weight", _SPACED, ("proj_in.weight", 1, 128)),
        ),
        loras=loras(
            (r"^transformer_blocks_\d+_attn2_to_[qkv]", 2048, 4096),
            (r"^transformer_blocks_\d+_attn1_to_[qkv]", 2048),
        ),
        vaes=signatures(("", (_WRAPPED, 1, 128))),
        pipelines=classes("LTX"),
        gguf="ltxv",
        native=704,
        predicts=FLOW,
    ),
    FamilyFacts(
        "minimax-h3",
        makes="videos",
        tells=signatures(("", "token_refiner.blocks.0.attn.qkv_proj.weight")),
        predicts=FLOW,
    ),
)
