"""What people's folders hold, as names and shapes that real files have: one row each, with what it is.

A LoRA is written as the layers that it changes and the width that each takes, in its trainer's spelling.
"""

import pytest

Shapes = dict[str, tuple[int, ...]]
RANK = 8


def kohya(*layers, taken=768, made=320, **more):
    """kohya's `sd-scripts`; `more` are other tensors' shapes."""
    shapes = {}
    for layer in layers:
        shapes |= {f"{layer}.lora_down.weight": (RANK, taken), f"{layer}.lora_up.weight": (made, RANK)}
        shapes[f"{layer}.alpha"] = ()
    return shapes | more


def peft(*layers, taken=3072, made=3072):
    return {
        f"{layer}.lora_{half}.weight": (RANK, taken) if half == "A" else (made, RANK)
        for layer in layers
        for half in "AB"
    }


def lokr(layer, made, taken):
    return {f"{layer}.lokr_w1": (made[0], taken[0]), f"{layer}.lokr_w2": (made[1], taken[1]), f"{layer}.alpha": ()}


CROSS = "transformer_blocks_0_attn2_to_k"
DOTTED = "transformer_blocks.0.attn2.to_k"
FLUX_NORM = "double_blocks.0.img_attn.norm.key_norm.scale"

LORAS = [
    ("kohya, SD1", kohya(f"lora_unet_down_blocks_0_attentions_0_{CROSS}"), "stable_diffusion", "lora"),
    ("kohya, SD2", kohya(f"lora_unet_down_blocks_0_attentions_0_{CROSS}", taken=1024), "sd2", "lora"),
    ("kohya, SDXL", kohya(f"lora_unet_input_blocks_4_1_{CROSS}", taken=2048), "sdxl", "lora"),
    ("only the way up, SD1", kohya("lora_unet_up_blocks_3_attentions_0_transformer_blocks_0_attn1_to_q", taken=320), "stable_diffusion", "lora"),
    ("only the way up, SDXL", kohya("lora_unet_up_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q", taken=1280), "sdxl", "lora"),
    ("B-LoRA of SDXL", peft("unet.up_blocks.0.attentions.1.transformer_blocks.0.attn1.to_q", taken=1280), "sdxl", "lora"),
    ("only output blocks, SD1", kohya("lora_unet_output_blocks_9_1_transformer_blocks_0_attn1_to_q", taken=320), "stable_diffusion", "lora"),
    ("only output blocks, SDXL", kohya("lora_unet_output_blocks_1_1_transformer_blocks_0_attn1_to_q", taken=1280), "sdxl", "lora"),
    ("second up block by its width, SD1", kohya("lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q", taken=1280), "stable_diffusion", "lora"),
    ("second up block by its width, SDXL", kohya("lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q", taken=640), "sdxl", "lora"),
    ("IA3 of LyCORIS, SD1", {f"lora_unet_down_blocks_0_attentions_0_{CROSS}.weight": (320, 1), f"lora_unet_down_blocks_0_attentions_0_{CROSS}.on_input": ()}, "stable_diffusion", "ia3"),
    ("IA3 of LyCORIS, SDXL", {"lora_unet_input_blocks_7_1_transformer_blocks_3_attn2_to_k.on_input": (), "lora_unet_input_blocks_7_1_transformer_blocks_3_attn2_to_k.weight": (1280, 1)}, "sdxl", "ia3"),
    ("IA3 of peft", {"base_model.model.unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_k.ia3_l.default": (320, 1)}, "stable_diffusion", "ia3"),
    ("norms only", {"lora_unet_down_blocks_0_attentions_0_norm.w_norm": (320,), "lora_unet_down_blocks_0_attentions_0_norm.b_norm": (320,)}, "stable_diffusion", "norm"),
    ("norms only, SDXL", {"lora_unet_mid_block_attentions_0_transformer_blocks_9_norm1.w_norm": (1280,)}, "sdxl", "norm"),
    ("LoKr, SD2", lokr(f"lora_unet_down_blocks_0_attentions_0_{CROSS}", (16, 20), (32, 32)), "sd2", "lokr"),
    ("LoKr, SD1", lokr(f"lora_unet_down_blocks_0_attentions_0_{CROSS}", (16, 20), (24, 32)), "stable_diffusion", "lokr"),
    ("LoKr, SDXL, halved", {f"lora_unet_input_blocks_4_1_{CROSS}.lokr_w1": (16, 32), f"lora_unet_input_blocks_4_1_{CROSS}.lokr_w2_a": (40, 4), f"lora_unet_input_blocks_4_1_{CROSS}.lokr_w2_b": (4, 64)}, "sdxl", "lokr"),
    ("LoHa, SD2", {f"lora_unet_down_blocks_1_attentions_0_{CROSS}.hada_w1_a": (640, 8), f"lora_unet_down_blocks_1_attentions_0_{CROSS}.hada_w1_b": (8, 1024)}, "sd2", "loha"),
    ("OFT of peft, SD2", {f"base_model.model.down_blocks.1.attentions.0.{DOTTED}.oft_R.weight": (32, 496)}, "sd2", "oft"),
    ("OFT of kohya, SD2 by its text encoder", {"lora_unet_down_blocks_0_attentions_0_proj_out.oft_blocks": (4, 80, 80), "lora_te_text_model_encoder_layers_20_mlp_fc1.oft_blocks": (4, 8, 8)}, "sd2", "oft"),
    ("full difference, SD2", {f"lora_unet_down_blocks_0_attentions_0_{CROSS}.diff": (320, 1024)}, "sd2", "full"),
    ("SD2 by its linear projection", kohya("lora_unet_down_blocks_0_attentions_0_proj_in", taken=320), "sd2", "lora"),
    ("DoRA", kohya(f"lora_unet_down_blocks_0_attentions_0_{CROSS}", **{f"lora_unet_down_blocks_0_attentions_0_{CROSS}.dora_scale": (1, 768)}), "stable_diffusion", "dora"),
    ("text encoder alone, SD2", kohya("lora_te_text_model_encoder_layers_0_self_attn_q_proj", taken=1024), "sd2", "lora"),
    ("text encoder alone, SDXL", kohya("lora_te1_text_model_encoder_layers_0_mlp_fc1"), "sdxl", "lora"),
    ("motion LoRA", peft("down_blocks.3.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0.to_q", taken=320), "stable_diffusion", "motion"),
    ("LCM-LoRA of diffusers", {"unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.down.weight": (4, 2048)}, "sdxl", "lora"),
    ("Flux, kohya", kohya("lora_unet_double_blocks_18_img_attn_qkv", "lora_unet_single_blocks_37_linear1", taken=3072), "flux", "lora"),
    ("Flux, diffusers", peft("transformer.single_transformer_blocks.0.attn.to_k"), "flux", "lora"),
    ("Flux, lycoris of diffusers' names", lokr("lycoris_single_transformer_blocks_0_attn_to_k", (16, 192), (16, 192)), "flux", "lokr"),
    ("Flux, XLabs", {"double_blocks.0.processor.qkv_lora1.down.weight": (16, 3072), "double_blocks.0.processor.proj_lora2.up.weight": (3072, 16)}, "flux", "lora"),
    ("Flux, Black Forest Labs' control LoRA", peft("img_in", "double_blocks.0.img_attn.qkv") | {FLUX_NORM: (128,), "img_in.lora_A.weight": (128, 128), "guidance_in.in_layer.lora_B.bias": (3072,)}, "flux", "control"),
    ("Flux, the same under diffusers' names", peft("transformer.x_embedder", "transformer.single_transformer_blocks.0.attn.to_q") | {"transformer.x_embedder.lora_A.weight": (128, 128)}, "flux", "control"),
    ("Flux, one that has its first layer, too", peft("img_in", "double_blocks.0.img_attn.qkv") | {"img_in.lora_A.weight": (16, 64)}, "flux", "lora"),
    ("Flux, its T5", kohya("lora_te2_encoder_block_0_layer_0_SelfAttention_q", taken=4096), "flux", "lora"),
    ("FLUX.2 klein 9B, BFL's names", peft("diffusion_model.double_blocks.0.img_attn.qkv", taken=4096), "flux2", "lora"),
    ("FLUX.2 klein 4B, whole, BFL's names", peft(*[f"diffusion_model.double_blocks.{i}.img_attn.qkv" for i in range(5)], *[f"diffusion_model.single_blocks.{i}.linear1" for i in range(20)]), "flux2", "lora"),
    ("FLUX.2 dev", peft("diffusion_model.single_blocks.47.linear1", taken=6144), "flux2", "lora"),
    ("FLUX.2, diffusers", peft("transformer.single_transformer_blocks.0.attn.to_qkv_mlp_proj", taken=6144), "flux2", "lora"),
    ("HunyuanVideo", peft("diffusion_model.double_blocks.19.img_attn_qkv", "diffusion_model.single_blocks.39.linear1"), "hunyuan-video", "lora"),
    ("HunyuanVideo, diffusers", peft("transformer.context_embedder.token_refiner.refiner_blocks.0.attn.to_q"), "hunyuan-video", "lora"),
    ("AuraFlow", peft("transformer.joint_transformer_blocks.0.attn.to_q", "transformer.single_transformer_blocks.0.attn.to_q"), "auraflow", "lora"),
    ("SD3", kohya("lora_unet_joint_blocks_0_x_block_attn_qkv", taken=1536), "sd3", "lora"),
    ("SD3, diffusers", peft("transformer.transformer_blocks.0.attn.to_q", taken=1536), "sd3", "lora"),
    ("SD3.5 large", kohya("lora_unet_joint_blocks_0_x_block_attn_qkv", taken=2432), "sd3.5", "lora"),
    ("SD3.5 large, diffusers", peft("transformer.transformer_blocks.0.attn.add_k_proj", taken=2432), "sd3.5", "lora"),
    ("Qwen-Image", peft("transformer.transformer_blocks.59.attn.to_k"), "qwen-image", "lora"),
    ("Qwen-Image, one block's attention", peft("transformer_blocks.3.attn.add_q_proj"), "qwen-image", "lora"),
    ("Z-Image", peft("diffusion_model.layers.0.attention.to_q", taken=3840), "z-image", "lora"),
    ("Z-Image, kohya", kohya("lora_unet_layers_0_feed_forward_w1", taken=3840), "z-image", "lora"),
    ("Lumina2", peft("diffusion_model.layers.0.attention.qkv", taken=2304), "lumina2", "lora"),
    ("Lumina2, diffusers", peft("transformer.layers.0.attn.to_q", taken=2304), "lumina2", "lora"),
    ("Wan", peft("diffusion_model.blocks.0.cross_attn.k", taken=5120), "wan", "lora"),
    ("Wan, diffusers", peft("transformer.blocks.0.attn1.to_q", taken=5120), "wan", "lora"),
    ("Anima", peft("diffusion_model.llm_adapter.blocks.0.cross_attn.q_proj", "diffusion_model.blocks.0.cross_attn.q_proj", taken=1024), "anima", "lora"),
    ("Anima without its adapter", kohya("lora_unet_blocks_0_cross_attn_q_proj", taken=2048), "anima", "lora"),
    ("Anima's text encoder", kohya("lora_unet_blocks_0_cross_attn_v_proj", "lora_te_layers_0_self_attn_q_proj", taken=1024), "anima", "lora"),
    ("Cosmos 2, 14B", peft("diffusion_model.blocks.0.cross_attn.q_proj", taken=5120), "cosmos-2.0", "lora"),
    ("Sana", peft("transformer.transformer_blocks.0.attn1.to_q", taken=2240), "sana", "lora"),
    ("PixArt", peft("transformer.transformer_blocks.0.attn1.to_q", taken=1152), "pixart", "lora"),
    ("LTX", peft("transformer.transformer_blocks.0.attn1.to_q", taken=2048), "ltx", "lora"),
    ("CogView4", peft("transformer.transformer_blocks.0.attn1.to_q", taken=4096), "cogview4", "lora"),
    ("Krea 2, kohya", kohya("lora_unet_blocks_0_attn_wq", "lora_unet_blocks_0_mlp_gate", taken=6144), "krea2", "lora"),
    ("Krea 2", peft("transformer.transformer_blocks.0.attn.to_gate", taken=6144), "krea2", "lora"),
    ("Ernie", peft("diffusion_model.layers.0.self_attention.to_q"), "ernie-image", "lora"),
    ("HiDream", peft("diffusion_model.double_stream_blocks.0.block.attn1.to_q", taken=2560), "hidream", "lora"),
    ("Stable Cascade", peft("down_blocks.0.2.attention.attn.to_q", taken=2048), "stable_cascade", "lora"),
    ("nobody's", peft("something", taken=5120), "", "lora"),
]  # fmt: skip

IP_KEY = "ip_adapter.1.to_k_ip.weight"
ADAPTERS = [
    ("control-LoRA, SDXL", {"lora_controlnet": (), "input_blocks.0.0.weight": (320, 4, 3, 3), "label_emb.0.0.down": (64, 2816), "input_blocks.4.1.transformer_blocks.0.attn2.to_k.down": (64, 2048)}, "controlnet", "sdxl", "control-lora"),
    ("control-LoRA, SD1", {"lora_controlnet": (), "input_blocks.1.1.transformer_blocks.0.attn2.to_k.down": (64, 768)}, "controlnet", "stable_diffusion", "control-lora"),
    ("ControlNet-XS, SDXL", {"control_to_base_for_conv_in.weight": (320, 4, 1, 1), "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight": (4, 2048)}, "controlnet", "sdxl", "xs"),
    ("ControlNet-XS, SD2", {"control_to_base_for_conv_in.weight": (320, 4, 1, 1), "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight": (4, 1024)}, "controlnet", "sd2", "xs"),
    ("ControlNet Union, SDXL", {"task_embedding": (6, 320), "transformer_layes.0.attn.in_proj_weight": (960, 320), "add_embedding.linear_1.weight": (1280, 2816), "controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3)}, "controlnet", "sdxl", "union"),
    ("ControlNet of Flux, XLabs", {"input_hint_block.0.weight": (16, 3, 3, 3), FLUX_NORM: (128,)}, "controlnet", "flux", "xlabs"),
    ("ControlNet Union of Flux", {"controlnet_blocks.0.weight": (3072, 3072), "controlnet_mode_embedder.weight": (10, 3072), "controlnet_x_embedder.weight": (3072, 64)}, "controlnet", "flux", "union"),
    ("ControlNet of SD3.5 large", {"controlnet_blocks.0.weight": (2432, 2432), "pos_embed_input.proj.weight": (2432, 16, 2, 2), "transformer_blocks.0.attn.to_q.weight": (2432, 2432)}, "controlnet", "sd3.5", "large"),
    ("ControlNet of SD3.5 large, Stability AI", {"controlnet_blocks.0.weight": (2432, 2432), "pos_embed_input.proj.weight": (2432, 16, 2, 2), "transformer_blocks.0.attn.qkv.weight": (7296, 2432), "control_type": (1,)}, "controlnet", "sd3.5", "large"),
    ("ControlNet of SD3.5 medium", {"controlnet_blocks.0.weight": (1536, 1536), "pos_embed_input.proj.weight": (1536, 16, 2, 2), "transformer_blocks.0.attn.norm_q.weight": (64,)}, "controlnet", "sd3.5", "medium"),
    ("ControlNet of SD3 that paints", {"controlnet_blocks.0.weight": (1536, 1536), "pos_embed_input.proj.weight": (1536, 17, 2, 2), "transformer_blocks.0.attn.to_q.weight": (1536, 1536)}, "controlnet", "sd3", ""),
    ("T2I-Adapter, SDXL", {"body.0.block1.weight": (320, 320, 3, 3), "conv_in.weight": (320, 768, 3, 3)}, "controlnet", "sdxl", "t2i-adapter"),
    ("T2I-Adapter, SD1", {"body.0.block1.weight": (320, 320, 3, 3), "conv_in.weight": (320, 192, 3, 3)}, "controlnet", "stable_diffusion", "t2i-adapter"),
    ("T2I-Adapter of grey maps, SD1", {"body.0.block1.weight": (320, 320, 3, 3), "conv_in.weight": (320, 64, 3, 3)}, "controlnet", "stable_diffusion", "t2i-adapter"),
    ("T2I-Adapter of grey maps, SDXL", {"adapter.body.0.resnets.0.block1.weight": (320, 320, 3, 3), "adapter.conv_in.weight": (320, 256, 3, 3)}, "controlnet", "sdxl", "t2i-adapter"),
    ("T2I-Adapter, light", {"body.0.body.0.block1.weight": (80, 80, 3, 3), "body.0.in_conv.weight": (80, 64, 1, 1)}, "controlnet", "stable_diffusion", "t2i-adapter"),
    ("IP-Adapter", {"image_proj.proj.weight": (3072, 1024), IP_KEY: (320, 768)}, "ip-adapter", "stable_diffusion", ""),
    ("IP-Adapter Plus, SDXL", {"image_proj.latents": (1, 16, 1280), "image_proj.proj_in.weight": (1280, 1280), IP_KEY: (640, 2048)}, "ip-adapter", "sdxl", "plus"),
    ("IP-Adapter of SD3.5 large, InstantX", {"image_proj.latents": (1, 64, 1280), "image_proj.time_embedding.linear_1.weight": (1280, 320), IP_KEY: (2432, 2432)}, "ip-adapter", "sd3.5", "timed"),
    ("IP-Adapter Full Face", {"image_proj.proj.0.weight": (1280, 1280), "image_proj.proj.3.weight": (768,), IP_KEY: (320, 768)}, "ip-adapter", "stable_diffusion", "full-face"),
    ("IP-Adapter FaceID", {"image_proj.proj.0.weight": (1024, 512), "image_proj.norm.weight": (768,), "ip_adapter.0.to_q_lora.down.weight": (128, 320), IP_KEY: (320, 768)}, "ip-adapter", "stable_diffusion", "faceid"),
    ("IP-Adapter FaceID Plus", {"image_proj.perceiver_resampler.proj_in.weight": (768, 1280), "ip_adapter.0.to_q_lora.down.weight": (128, 320), IP_KEY: (320, 768)}, "ip-adapter", "stable_diffusion", "faceid-plus"),
    ("InstantID", {"image_proj.latents": (1, 16, 1280), "image_proj.proj_in.weight": (1280, 512), IP_KEY: (640, 2048)}, "ip-adapter", "sdxl", "instantid"),
    ("IP-Adapter of Flux, XLabs", {"double_blocks.0.processor.ip_adapter_double_stream_k_proj.weight": (3072, 4096)}, "ip-adapter", "flux", "xlabs"),
    ("IP-Adapter of Flux, InstantX", {"image_proj.proj.0.weight": (1024, 1152), IP_KEY: (3072, 4096)}, "ip-adapter", "flux", ""),
    ("PuLID", {"pulid_ca.0.norm1.weight": (2048,)}, "ip-adapter", "flux", "pulid"),
    ("motion module", {f"down_blocks.{i}.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0.to_q.weight": (320, 320) for i in range(4)}, "motion-module", "stable_diffusion", ""),
    ("motion module, SDXL", {f"down_blocks.{i}.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0.to_q.weight": (320, 320) for i in range(3)}, "motion-module", "sdxl", ""),
    ("hypernetwork", {"768.0.linear.0.weight": (1536, 768), "768.0.linear.1.weight": (768, 1536), "320.0.linear.0.weight": (640, 320)}, "hypernetwork", "stable_diffusion", ""),
    ("Redux", {"redux_up.weight": (12288, 1152), "redux_down.weight": (4096, 12288)}, "ip-adapter", "flux", "redux"),
    ("GLIGEN", {"position_net.linears.0.weight": (512, 832), "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.fuser.alpha_attn": ()}, "gligen", "stable_diffusion", ""),
    ("embedding of two tokens", {"<a>": (768,), "<a>_1": (768,)}, "embedding", "stable_diffusion", ""),
    ("embedding of A1111", {"string_to_param.*": (8, 768)}, "embedding", "stable_diffusion", ""),
    ("embedding of many words", {f"<s{i}>": (1, 1024) for i in range(12)}, "embedding", "sd2", ""),
    ("embedding of diffusers' SDXL trainer", {"text_encoders_0": (2, 768), "text_encoders_1": (2, 1280)}, "embedding", "sdxl", ""),
    ("a layer is no embedding", {"fc.weight": (16, 768), "fc.bias": (16,)}, "unknown", "", ""),
]  # fmt: skip

DECODER = "decoder.conv_in.weight"
GATE, QUERY, QUERY_NORM = (
    "layers.0.post_attention_layernorm.weight",
    "layers.0.self_attn.q_proj.weight",
    "layers.0.self_attn.q_norm.weight",
)
PARTS = [
    ("VAE of Wan and Qwen, diffusers", {DECODER: (384, 16, 3, 3, 3), "decoder.mid_block.resnets.0.norm1.gamma": (384, 1, 1, 1)}, "vae", "wan", ""),
    ("VAE of Wan 2.2", {"decoder.middle.0.residual.0.gamma": (1024, 1, 1, 1), "decoder.conv1.weight": (1024, 48, 3, 3, 3)}, "vae", "wan", "2.2"),
    ("VAE of Sana, diffusers", {DECODER: (1024, 32, 3, 3), "encoder.conv_in.weight": (128, 3, 3, 3), "decoder.up_blocks.0.0.conv.weight": (512, 256, 3, 3), "decoder.up_blocks.0.1.conv1.weight": (128, 128, 3, 3)}, "vae", "sana", ""),
    ("CLIP-L without its prefix", {"embeddings.position_embedding.weight": (77, 768)}, "text-encoder", "clip_l", ""),
    ("CLIP-G with a projection", {"text_model.embeddings.position_embedding.weight": (77, 1280), "text_projection.weight": (1280, 1280)}, "text-encoder", "clip_g", ""),
    ("T5-XXL", {"shared.weight": (32128, 4096), "encoder.block.0.layer.0.SelfAttention.q.weight": (4096, 4096)}, "text-encoder", "t5-xxl", ""),
    ("UMT5-XXL", {"shared.weight": (256384, 4096), "encoder.block.0.layer.0.SelfAttention.q.weight": (4096, 4096)}, "text-encoder", "umt5-xxl", ""),
    ("Qwen3-4B", {f"model.{QUERY}": (4096, 2560), f"model.{QUERY_NORM}": (128,), f"model.{GATE}": (2560,)}, "text-encoder", "qwen3-4b", ""),
    ("Qwen3-VL-4B", {f"model.language_model.{QUERY}": (4096, 2560), f"model.language_model.{QUERY_NORM}": (128,), f"model.language_model.{GATE}": (2560,), "model.visual.blocks.0.attn.qkv.weight": (3072, 1024)}, "text-encoder", "qwen3-vl-4b", ""),
    ("Qwen3-8B, bare", {QUERY: (4096, 4096), QUERY_NORM: (128,), GATE: (4096,)}, "text-encoder", "qwen3-8b", ""),
    ("Qwen2.5-VL-7B", {"model.layers.0.self_attn.k_proj.bias": (512,), f"model.{QUERY}": (3584, 3584)}, "text-encoder", "qwen2.5-vl-7b", ""),
    ("Gemma2-2B", {f"model.{QUERY}": (2048, 2304), "model.layers.0.pre_feedforward_layernorm.weight": (2304,), f"model.{GATE}": (2304,)}, "text-encoder", "gemma2-2b", ""),
    ("Mistral", {f"language_model.model.{QUERY}": (4096, 5120), f"language_model.model.{GATE}": (5120,)}, "text-encoder", "mistral3-24b", ""),
    ("SigLIP", {"vision_model.embeddings.patch_embedding.weight": (1152, 3, 14, 14), "vision_model.head.probe": (1, 1, 1152)}, "image-encoder", "siglip", ""),
    ("ESRGAN, old names", {"conv_first.weight": (64, 3, 3, 3), "RRDB_trunk.0.RDB1.conv1.weight": (32, 64, 3, 3)}, "upscaler", "esrgan", ""),
    ("RCAN", {"head.0.weight": (64, 3, 3, 3), "tail.1.weight": (3, 64, 3, 3), "body.0.body.0.body.0.weight": (64, 64, 3, 3), "body.0.body.0.body.3.conv_du.0.weight": (4, 64, 1, 1)}, "upscaler", "rcan", ""),
    ("RealPLKSR", {"feats.0.weight": (64, 3, 3, 3), "feats.1.refine.weight": (64, 64, 1, 1), "feats.1.channel_mixer.0.weight": (128, 64, 3, 3)}, "upscaler", "plksr", ""),
    ("ATD", {"conv_first.weight": (210, 3, 3, 3), "layers.0.residual_group.td": (1, 128, 210)}, "upscaler", "atd", ""),
    ("Depth Anything V2 Small, transformers", {"backbone.embeddings.cls_token": (1, 1, 384), "neck.reassemble_stage.layers.0.projection.weight": (48, 384, 1, 1), "head.conv3.weight": (1, 32, 1, 1)}, "preprocessor", "depth-anything", "small"),
    ("Depth Anything V2 Large, its own names", {"pretrained.cls_token": (1, 1, 1024), "depth_head.projects.0.weight": (256, 1024, 1, 1), "depth_head.scratch.output_conv1.weight": (128, 256, 3, 3)}, "preprocessor", "depth-anything", "large"),
    ("MobileNetV2, torchvision", {"features.0.0.weight": (32, 3, 3, 3), "features.1.conv.0.0.weight": (32, 1, 3, 3), "classifier.1.weight": (5, 1280)}, "safety", "mobilenet-v2", ""),
    ("diffusers' safety checker", {"concept_embeds": (17, 768), "special_care_embeds": (3, 768), "visual_projection.weight": (768, 1024), "vision_model.vision_model.embeddings.class_embedding": (1024,)}, "safety", "safety-checker", ""),
    ("Falconsai/nsfw_image_detection", {"vit.embeddings.cls_token": (1, 1, 768), "vit.encoder.layer.0.output.dense.weight": (768, 3072), "classifier.weight": (2, 768)}, "safety", "vit", ""),
    ("Marqo/nsfw-image-detection-384", {"cls_token": (1, 1, 192), "patch_embed.proj.weight": (192, 3, 16, 16), "blocks.0.attn.qkv.weight": (576, 192), "head.weight": (2, 192)}, "safety", "vit", "timm"),
    ("Freepik/nsfw_image_detector", {"timm_model.cls_token": (1, 1, 768), "timm_model.blocks.0.attn.q_proj.weight": (768, 768), "timm_model.blocks.0.mlp.fc1_g.weight": (2048, 768), "timm_model.head.weight": (4, 768)}, "safety", "eva-02", ""),
    ("EVA, giant", {"cls_token": (1, 1, 1408), "blocks.0.attn.q_bias": (1408,), "blocks.0.attn.qkv.weight": (4224, 1408), "head.weight": (4, 1408)}, "safety", "eva", ""),
    ("all-MiniLM-L6-v2", {"embeddings.word_embeddings.weight": (30522, 384), "embeddings.token_type_embeddings.weight": (2, 384), "encoder.layer.0.attention.self.query.weight": (384, 384), "pooler.dense.weight": (384, 384)}, "embedder", "bert", ""),
    ("BGE-M3, multilingual-e5", {"roberta.embeddings.word_embeddings.weight": (250002, 1024), "roberta.embeddings.token_type_embeddings.weight": (1, 1024), "roberta.encoder.layer.0.attention.self.query.weight": (1024, 1024)}, "embedder", "roberta", ""),
    ("all-mpnet-base-v2", {"embeddings.word_embeddings.weight": (30527, 768), "encoder.layer.0.attention.attn.q.weight": (768, 768), "encoder.relative_attention_bias.weight": (32, 12)}, "embedder", "mpnet", ""),
    ("potion-multilingual-128M", {"embeddings": (500353, 256)}, "embedder", "static", ""),
    ("a model2vec of few vectors", {"embeddings": (60, 768), "weights": (500,), "mapping": (500,)}, "embedder", "static", ""),
    ("a classifier of texts", {"bert.embeddings.word_embeddings.weight": (30522, 384), "bert.embeddings.token_type_embeddings.weight": (2, 384), "bert.encoder.layer.0.attention.self.query.weight": (384, 384), "classifier.weight": (2, 384)}, "unknown", "", ""),
    ("HED of ControlNet", {"norm": (1, 3, 1, 1), "block1.convs.0.weight": (64, 3, 3, 3), "block1.projection.weight": (1, 64, 1, 1), "block5.projection.weight": (1, 512, 1, 1)}, "preprocessor", "hed", ""),
    ("SPAN", {"params.conv_1.sk.weight": (48, 3, 1, 1), "params.block_1.c1_r.sk.weight": (48, 48, 1, 1)}, "upscaler", "span", ""),
]  # fmt: skip

FLUX_HEAD = {FLUX_NORM: (128,), "img_in.weight": (3072, 64)}
TRANSFORMERS = [
    ("Anima", {"net.llm_adapter.blocks.0.cross_attn.q_proj.weight": (1024, 1024), "net.x_embedder.proj.1.weight": (2048, 68), "net.blocks.0.self_attn.q_proj.weight": (2048, 2048)}, "anima", ""),
    ("LongCat", FLUX_HEAD | {"txt_in.weight": (3072, 3584)}, "longcat-image", ""),
    ("Flex.2", FLUX_HEAD | {"img_in.weight": (3072, 196)}, "flux", "flex2"),
    ("klein 9B", {"single_stream_modulation.lin.weight": (12288, 4096), "txt_in.weight": (4096, 12288)}, "flux2", "klein-9b"),
    ("Qwen-Image-Edit 2511", {"txt_norm.weight": (3584,), "transformer_blocks.0.img_mod.1.weight": (18432, 3072), "__index_timestep_zero__": ()}, "qwen-image", "edit-2511"),
    ("SANA Sprint, its makers' names", {"blocks.0.cross_attn.q_linear.weight": (2240, 2240), "cfg_embedder.mlp.0.weight": (2240, 256), "x_embedder.proj.weight": (2240, 32, 1, 1)}, "sana", "sprint"),
    ("HunyuanImage", {"txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias": (7168,), "img_in.proj.weight": (3584, 64, 1, 1)}, "hunyuan-image", ""),
]  # fmt: skip

HEADERS = [
    *(pytest.param(shapes, ("lora", family, variant), id=f"lora: {what}") for what, shapes, family, variant in LORAS),
    *(pytest.param(shapes, tuple(found), id=what) for what, shapes, *found in [*ADAPTERS, *PARTS]),
    *(pytest.param(shapes, ("diffusion-model", *found), id=what) for what, shapes, *found in TRANSFORMERS),
]
"""Each file's shapes, and its kind, family and variant."""
