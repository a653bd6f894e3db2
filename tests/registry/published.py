"""Published files in full: every tensor's name and shape, by layout, so that headers of full size can be written.

Drawn from the architectures; `test_registry_published.py` holds them to diffusers' and transformers' own classes.
"""

from tests.registry.declared import clip_text, under, vae, weighted

FLUX_WIDTH, HEAD = 3072, 128


def _norms(name, head=HEAD, ending="scale"):
    return {f"{name}.{kind}_norm.{ending}": (head,) for kind in ("query", "key")}


def flux(double=19, single=38, taken=64, guidance=True, width=FLUX_WIDTH, modulated=True, norm="scale"):
    """Flux's transformer under the names of Black Forest Labs; `modulated` blocks have their own modulation."""
    shapes = weighted("img_in", width, taken) | weighted("txt_in", width, 4096)
    embedded = {"time_in": 256, "vector_in": 768} | ({"guidance_in": 256} if guidance else {})
    for name, size in embedded.items() if modulated else ():
        shapes |= weighted(f"{name}.in_layer", width, size) | weighted(f"{name}.out_layer", width, width)
    for block in range(double):
        for side in ("img", "txt"):
            inner = f"double_blocks.{block}.{side}"
            shapes |= weighted(f"{inner}_mod.lin", 6 * width, width) if modulated else {}
            shapes |= weighted(f"{inner}_attn.qkv", 3 * width, width) | _norms(f"{inner}_attn.norm", ending=norm)
            shapes |= weighted(f"{inner}_attn.proj", width, width)
            shapes |= weighted(f"{inner}_mlp.0", 4 * width, width) | weighted(f"{inner}_mlp.2", width, 4 * width)
    for block in range(single):
        inner = f"single_blocks.{block}"
        shapes |= weighted(f"{inner}.modulation.lin", 3 * width, width) if modulated else {}
        shapes |= weighted(f"{inner}.linear1", 7 * width, width) | weighted(f"{inner}.linear2", width, 5 * width)
        shapes |= _norms(f"{inner}.norm", ending=norm)
    shapes |= weighted("final_layer.adaLN_modulation.1", 2 * width, width) if modulated else {}
    return shapes | weighted("final_layer.linear", 64, width)


def chroma(hidden=5120, depth=5, **options):
    """Chroma: Flux with one network for all modulation."""
    name = "distilled_guidance_layer"
    shapes = flux(modulated=False, **options) | weighted(f"{name}.in_proj", hidden, 64)
    for number in range(depth):
        inner = f"{name}.layers.{number}"
        shapes |= weighted(f"{inner}.in_layer", hidden, hidden) | weighted(f"{inner}.out_layer", hidden, hidden)
        shapes[f"{name}.norms.{number}.scale"] = (hidden,)
    return shapes | weighted(f"{name}.out_proj", FLUX_WIDTH, hidden)


def flux_in_diffusers(double=19, single=38, taken=64, guidance=True, width=FLUX_WIDTH):
    """Flux's transformer under diffusers' names."""
    shapes = weighted("x_embedder", width, taken) | weighted("context_embedder", width, 4096)
    embedders = {"timestep": 256, "text": 768} | ({"guidance": 256} if guidance else {})
    for name, size in embedders.items():
        inner = f"time_text_embed.{name}_embedder"
        shapes |= weighted(f"{inner}.linear_1", width, size) | weighted(f"{inner}.linear_2", width, width)
    for block in range(double):
        inner = f"transformer_blocks.{block}"
        for norm in ("norm1", "norm1_context"):
            shapes |= weighted(f"{inner}.{norm}.linear", 6 * width, width)
        for part in ("to_q", "to_k", "to_v", "add_q_proj", "add_k_proj", "add_v_proj", "to_out.0", "to_add_out"):
            shapes |= weighted(f"{inner}.attn.{part}", width, width)
        shapes |= {f"{inner}.attn.norm_{part}.weight": (HEAD,) for part in ("q", "k", "added_q", "added_k")}
        for part in ("ff", "ff_context"):
            shapes |= weighted(f"{inner}.{part}.net.0.proj", 4 * width, width)
            shapes |= weighted(f"{inner}.{part}.net.2", width, 4 * width)
    for block in range(single):
        inner = f"single_transformer_blocks.{block}"
        shapes |= weighted(f"{inner}.norm.linear", 3 * width, width) | weighted(f"{inner}.proj_mlp", 4 * width, width)
        for part in ("to_q", "to_k", "to_v"):
            shapes |= weighted(f"{inner}.attn.{part}", width, width)
        shapes |= {f"{inner}.attn.norm_{part}.weight": (HEAD,) for part in ("q", "k")}
        shapes |= weighted(f"{inner}.proj_out", width, 5 * width)
    return shapes | weighted("norm_out.linear", 2 * width, width) | weighted("proj_out", 64, width)


def flux2(double, single, width, context, guidance=False):
    """FLUX.2's transformer under the names of Black Forest Labs: one modulation for all blocks of a kind, no bias."""
    shapes = {"img_in.weight": (width, 128), "txt_in.weight": (width, context)}
    for name in ("time_in", "guidance_in") if guidance else ("time_in",):
        shapes |= {f"{name}.in_layer.weight": (width, 256), f"{name}.out_layer.weight": (width, width)}
    for name, sets in {"double_stream_modulation_img": 2, "double_stream_modulation_txt": 2,
                       "single_stream_modulation": 1}.items():  # fmt: skip
        shapes[f"{name}.lin.weight"] = (3 * sets * width, width)
    for block in range(double):
        for side in ("img", "txt"):
            inner = f"double_blocks.{block}.{side}"
            shapes |= {f"{inner}_attn.qkv.weight": (3 * width, width), f"{inner}_attn.proj.weight": (width, width)}
            shapes |= _norms(f"{inner}_attn.norm")
            shapes |= {f"{inner}_mlp.0.weight": (6 * width, width), f"{inner}_mlp.2.weight": (width, 3 * width)}
    for block in range(single):
        inner = f"single_blocks.{block}"
        shapes |= {f"{inner}.linear1.weight": (9 * width, width), f"{inner}.linear2.weight": (width, 4 * width)}
        shapes |= _norms(f"{inner}.norm")
    shapes["final_layer.adaLN_modulation.1.weight"] = (2 * width, width)
    return shapes | {"final_layer.linear.weight": (128, width)}


KLEIN_4B, KLEIN_9B = (5, 20, 3072, 7680), (8, 24, 4096, 12288)
FLUX2_DEV = (8, 48, 6144, 15360, True)


def sd3(depth=24, dual=(), normed=False, positions=192):
    """Stable Diffusion 3's transformer under Stability's names: 64 numbers wide for each of its blocks."""
    width = 64 * depth
    shapes = {"pos_embed": (1, positions**2, width)} | weighted("x_embedder.proj", width, 16, 2, 2)
    for name, size in (("t_embedder", 256), ("y_embedder", 2048)):
        shapes |= weighted(f"{name}.mlp.0", width, size) | weighted(f"{name}.mlp.2", width, width)
    shapes |= weighted("context_embedder", width, 4096)
    for block in range(depth):
        for side in ("context_block", "x_block"):
            inner, last = f"joint_blocks.{block}.{side}", side == "context_block" and block == depth - 1
            twice = side == "x_block" and block in dual
            for attention in ("attn", "attn2") if twice else ("attn",):
                shapes |= weighted(f"{inner}.{attention}.qkv", 3 * width, width)
                if normed:
                    shapes |= {f"{inner}.{attention}.ln_{part}.weight": (64,) for part in ("q", "k")}
                if not last:
                    shapes |= weighted(f"{inner}.{attention}.proj", width, width)
            shapes |= weighted(f"{inner}.adaLN_modulation.1", (2 if last else 9 if twice else 6) * width, width)
            if not last:
                shapes |= weighted(f"{inner}.mlp.fc1", 4 * width, width) | weighted(
                    f"{inner}.mlp.fc2", width, 4 * width
                )
    return (
        shapes
        | weighted("final_layer.adaLN_modulation.1", 2 * width, width)
        | weighted("final_layer.linear", 64, width)
    )


def z_image(depth=30, refiners=2, width=3840, taken=2560, fused=True):
    """Z-Image's transformer under Tongyi's names, `fused`, or diffusers'."""
    first, last = ("x_embedder", "final_layer") if fused else ("all_x_embedder.2-1", "all_final_layer.2-1")
    shapes = weighted(first, width, 64) | weighted(f"{last}.linear", 64, width)
    shapes |= weighted(f"{last}.adaLN_modulation.1", width, 256) | weighted("cap_embedder.1", width, taken)
    shapes |= weighted("t_embedder.mlp.0", 1024, 256) | weighted("t_embedder.mlp.2", 256, 1024)
    shapes |= {"cap_embedder.0.weight": (taken,), "cap_pad_token": (1, width), "x_pad_token": (1, width)}
    for stack, count in (("layers", depth), ("noise_refiner", refiners), ("context_refiner", refiners)):
        for block in range(count):
            inner = f"{stack}.{block}"
            attention, feed = f"{inner}.attention", f"{inner}.feed_forward"
            whole = {"qkv": (3 * width, width), "out": (width, width)}
            parts = {"to_out.0": (width, width)} | {f"to_{part}": (width, width) for part in "qkv"}
            shapes |= {f"{attention}.{part}.weight": shape for part, shape in (whole if fused else parts).items()}
            shapes |= {f"{attention}.{f'{part}_norm' if fused else f'norm_{part}'}.weight": (HEAD,) for part in "qk"}
            shapes |= {f"{feed}.{part}.weight": (width * 8 // 3, width) for part in ("w1", "w3")}
            shapes |= {f"{feed}.w2.weight": (width, width * 8 // 3)}
            shapes |= {f"{inner}.{norm}{n}.weight": (width,) for norm in ("attention_norm", "ffn_norm") for n in (1, 2)}
            if stack != "context_refiner":
                shapes |= weighted(f"{inner}.adaLN_modulation.0", 4 * width, 256)
    return shapes


def qwen_image(depth=60, width=3072, context=3584):
    """Qwen-Image's transformer, under the names that all of its files have."""
    shapes = weighted("img_in", width, 64) | weighted("txt_in", width, context) | {"txt_norm.weight": (context,)}
    embedder = "time_text_embed.timestep_embedder"
    shapes |= weighted(f"{embedder}.linear_1", width, 256) | weighted(f"{embedder}.linear_2", width, width)
    for block in range(depth):
        inner = f"transformer_blocks.{block}"
        for part in ("to_q", "to_k", "to_v", "add_q_proj", "add_k_proj", "add_v_proj", "to_out.0", "to_add_out"):
            shapes |= weighted(f"{inner}.attn.{part}", width, width)
        shapes |= {f"{inner}.attn.norm_{part}.weight": (HEAD,) for part in ("q", "k", "added_q", "added_k")}
        for side in ("img", "txt"):
            shapes |= weighted(f"{inner}.{side}_mod.1", 6 * width, width)
            shapes |= weighted(f"{inner}.{side}_mlp.net.0.proj", 4 * width, width)
            shapes |= weighted(f"{inner}.{side}_mlp.net.2", width, 4 * width)
    return shapes | weighted("norm_out.linear", 2 * width, width) | weighted("proj_out", 64, width)


def lumina2(depth=26, refiners=2, width=2304, keys=768, taken=2304):
    """Lumina 2's transformer under its makers' names."""
    shapes = weighted("x_embedder", width, 64) | weighted("cap_embedder.1", width, taken)
    shapes |= {"cap_embedder.0.weight": (taken,), "norm_final.weight": (width,)}
    shapes |= weighted("t_embedder.mlp.0", 1024, 256) | weighted("t_embedder.mlp.2", 1024, 1024)
    for stack, count in (("layers", depth), ("noise_refiner", refiners), ("context_refiner", refiners)):
        for block in range(count):
            inner = f"{stack}.{block}"
            shapes |= {f"{inner}.attention.qkv.weight": (width + 2 * keys, width)}
            shapes |= {f"{inner}.attention.out.weight": (width, width)}
            shapes |= {f"{inner}.attention.{part}_norm.weight": (width // 24,) for part in "qk"}
            shapes |= {f"{inner}.feed_forward.{part}.weight": (4 * width, width) for part in ("w1", "w3")}
            shapes |= {f"{inner}.feed_forward.w2.weight": (width, 4 * width)}
            shapes |= {f"{inner}.{norm}{n}.weight": (width,) for norm in ("attention_norm", "ffn_norm") for n in (1, 2)}
            if stack != "context_refiner":
                shapes |= weighted(f"{inner}.adaLN_modulation.1", 4 * width, 1024)
    last = weighted("final_layer.adaLN_modulation.1", width, 1024) | weighted("final_layer.linear", 64, width)
    return shapes | last


def gemma2(width=2304, hidden=9216, depth=26, words=256_000):
    """Gemma 2, 2B, under transformers' names, without the head that says the next word, and its vocabulary's bytes."""
    shapes = {"model.embed_tokens.weight": (words, width), "model.norm.weight": (width,)}
    for layer in range(depth):
        inner = f"model.layers.{layer}"
        for part, rows in {"q": 2048, "k": 1024, "v": 1024}.items():
            shapes[f"{inner}.self_attn.{part}_proj.weight"] = (rows, width)
        shapes[f"{inner}.self_attn.o_proj.weight"] = (width, 2048)
        shapes |= {f"{inner}.mlp.{part}_proj.weight": (hidden, width) for part in ("gate", "up")}
        shapes[f"{inner}.mlp.down_proj.weight"] = (width, hidden)
        norms = ("input", "post_attention", "pre_feedforward", "post_feedforward")
        shapes |= {f"{inner}.{norm}_layernorm.weight": (width,) for norm in norms}
    return shapes


def pixart(side=1024, depth=28, width=1152, words=300):
    """PixArt-Sigma's transformer under its makers' names, for squares of that side; of 120 `words`, PixArt-alpha's."""
    shapes = weighted("x_embedder.proj", width, 4, 2, 2) | weighted("t_block.1", 6 * width, width)
    shapes |= weighted("t_embedder.mlp.0", width, 256) | weighted("t_embedder.mlp.2", width, width)
    shapes |= weighted("y_embedder.y_proj.fc1", width, 4096) | weighted("y_embedder.y_proj.fc2", width, width)
    shapes |= {"y_embedder.y_embedding": (words, 4096), "pos_embed": (1, (side // 16) ** 2, width)}
    for block in range(depth):
        inner = f"blocks.{block}"
        shapes |= weighted(f"{inner}.attn.qkv", 3 * width, width) | weighted(f"{inner}.attn.proj", width, width)
        for part, rows in {"q_linear": width, "kv_linear": 2 * width, "proj": width}.items():
            shapes |= weighted(f"{inner}.cross_attn.{part}", rows, width)
        shapes |= weighted(f"{inner}.mlp.fc1", 4 * width, width) | weighted(f"{inner}.mlp.fc2", width, 4 * width)
        shapes |= {f"{inner}.scale_shift_table": (6, width)}
    return shapes | weighted("final_layer.linear", 32, width) | {"final_layer.scale_shift_table": (2, width)}


def sana(depth=20, width=2240, taken=2304):
    """SANA's transformer under its makers' names."""
    shapes = weighted("x_embedder.proj", width, 32, 1, 1) | weighted("t_block.1", 6 * width, width)
    shapes |= weighted("t_embedder.mlp.0", width, 256) | weighted("t_embedder.mlp.2", width, width)
    shapes |= weighted("y_embedder.y_proj.fc1", width, taken) | weighted("y_embedder.y_proj.fc2", width, width)
    shapes |= {"y_embedder.y_embedding": (300, taken), "pos_embed": (1, 1024, width)}
    shapes |= {"attention_y_norm.weight": (width,)}
    inner = width * 5 // 2
    for block in range(depth):
        at = f"blocks.{block}"
        shapes |= {f"{at}.attn.qkv.weight": (3 * width, width)} | weighted(f"{at}.attn.proj", width, width)
        for part, rows in {"q_linear": width, "kv_linear": 2 * width, "proj": width}.items():
            shapes |= weighted(f"{at}.cross_attn.{part}", rows, width)
        shapes |= weighted(f"{at}.mlp.inverted_conv.conv", 2 * inner, width, 1, 1)
        shapes |= weighted(f"{at}.mlp.depth_conv.conv", 2 * inner, 1, 3, 3)
        shapes |= {f"{at}.mlp.point_conv.conv.weight": (width, inner, 1, 1), f"{at}.scale_shift_table": (6, width)}
    return shapes | weighted("final_layer.linear", 32, width) | {"final_layer.scale_shift_table": (2, width)}


def deep_vae(widths=(128, 256, 512, 512, 1024, 1024), down=(2, 2, 2, 3, 3, 3), up=(3, 3, 3, 3, 3, 3)):
    """SANA's VAE under diffusers' names."""
    shapes, last = {}, len(widths) - 1
    for half, counts, shift in (("encoder.down_blocks", down, 0), ("decoder.up_blocks", up, 1)):
        for level, (width, count) in enumerate(zip(widths, counts, strict=True)):
            sized = shift if level < last else 0
            for place in range(sized, count + sized):
                shapes |= (_deep_attending if level > 2 else _deep_residual)(f"{half}.{level}.{place}", width)
            if level < last:
                into, of = (width, widths[level + 1]) if shift else (widths[level + 1], width)
                shapes |= weighted(f"{half}.{level}.{0 if shift else count}.conv", into, of, 3, 3)
    shapes |= weighted("encoder.conv_in", widths[0], 3, 3, 3) | weighted("encoder.conv_out", 32, widths[-1], 3, 3)
    shapes |= weighted("decoder.conv_in", widths[-1], 32, 3, 3) | weighted("decoder.conv_out", 3, widths[0], 3, 3)
    return shapes | weighted("decoder.norm_out", widths[0])


def _deep_residual(layer, width):
    shapes = weighted(f"{layer}.conv1", width, width, 3, 3) | weighted(f"{layer}.norm", width)
    return shapes | {f"{layer}.conv2.weight": (width, width, 3, 3)}


def _deep_attending(layer, width):
    shapes = {f"{layer}.attn.to_{part}.weight": (width, width) for part in "qkv"}
    shapes |= {f"{layer}.attn.to_out.weight": (width, 2 * width)} | weighted(f"{layer}.attn.norm_out", width)
    scaled = f"{layer}.attn.to_qkv_multiscale.0"
    shapes |= {f"{scaled}.proj_in.weight": (3 * width, 1, 5, 5), f"{scaled}.proj_out.weight": (3 * width, 32, 1, 1)}
    shapes |= weighted(f"{layer}.conv_out.conv_inverted", 8 * width, width, 1, 1)
    shapes |= weighted(f"{layer}.conv_out.conv_depth", 8 * width, 1, 3, 3)
    point = {f"{layer}.conv_out.conv_point.weight": (width, 4 * width, 1, 1)}
    return shapes | point | weighted(f"{layer}.conv_out.norm", width)


PILE_T5 = {"width": 2048, "inner": 2048, "hidden": 5120, "twice": False, "apart": True}
SD3_MEDIUM = {"depth": 24}
SD35_MEDIUM = {"depth": 24, "dual": range(13), "normed": True, "positions": 384}
SD35_LARGE = {"depth": 38, "normed": True}


def auraflow(doubles=4, singles=32, width=3072, hidden=8192, places=9216):
    """AuraFlow's transformer under its makers' names."""
    shapes = weighted("init_x_linear", width, 16) | weighted("t_embedder.mlp.0", width, 256)
    shapes |= weighted("t_embedder.mlp.2", width, width) | {"cond_seq_linear.weight": (width, 2048)}
    shapes |= {"modF.1.weight": (2 * width, width), "final_linear.weight": (16, width)}
    shapes |= {"positional_encoding": (1, places, width), "register_tokens": (1, 8, width)}
    for stack, count, streams, sides in (
        ("double_layers", doubles, "12", "XC"), ("single_layers", singles, "1", ("",))
    ):  # fmt: skip
        for block in range(count):
            at = f"{stack}.{block}"
            shapes |= {f"{at}.attn.w{stream}{part}.weight": (width, width) for stream in streams for part in "qkvo"}
            for side in sides:
                shapes |= {f"{at}.mlp{side}.{part}.weight": (hidden, width) for part in ("c_fc1", "c_fc2")}
                shapes |= {f"{at}.mlp{side}.c_proj.weight": (width, hidden)}
                shapes |= {f"{at}.mod{side or 'CX'}.1.weight": (6 * width, width)}
    return shapes


def t5(width=4096, inner=4096, hidden=10240, depth=24, words=32128, twice=True, apart=False):
    """T5's encoder under transformers' names; `twice` is how it is published: its table of words under both names;
    `apart` is UMT5, each of whose layers tells distances apart."""
    shapes = {"shared.weight": (words, width)} | ({"encoder.embed_tokens.weight": (words, width)} if twice else {})
    for block in range(depth):
        attention = f"encoder.block.{block}.layer.0"
        shapes |= {f"{attention}.SelfAttention.{part}.weight": (inner, width) for part in ("q", "k", "v")}
        shapes |= {f"{attention}.SelfAttention.o.weight": (width, inner), f"{attention}.layer_norm.weight": (width,)}
        if block == 0 or apart:
            shapes[f"{attention}.SelfAttention.relative_attention_bias.weight"] = (32, inner // 64)
        feed = f"encoder.block.{block}.layer.1"
        shapes |= {f"{feed}.DenseReluDense.{part}.weight": (hidden, width) for part in ("wi_0", "wi_1")}
        shapes |= {f"{feed}.DenseReluDense.wo.weight": (width, hidden), f"{feed}.layer_norm.weight": (width,)}
    return shapes | {"encoder.final_layer_norm.weight": (width,)}


def clip_l():
    """CLIP's text encoder as Flux and SD3 have it."""
    return clip_text(768, 12)


def clip_g():
    """OpenCLIP's bigG under transformers' names, as SD3 has it."""
    return clip_text(1280, 32) | {"text_projection.weight": (1280, 1280)}


def vae16():
    """The VAE of Flux, and by its shape of SD3, under the original code's names."""
    return vae(16, quant=False)


def flux2_vae():
    """FLUX.2's, which knows how its latents are spread."""
    return vae(32) | {"bn.running_mean": (128,), "bn.running_var": (128,), "bn.num_batches_tracked": ()}


def qwen3(width, hidden, depth=36, heads=32, keys=8, words=151_936):
    """Qwen3 under transformers' names, without the head that says the next word."""
    shapes = {"model.embed_tokens.weight": (words, width), "model.norm.weight": (width,)}
    for layer in range(depth):
        inner = f"model.layers.{layer}"
        for part, rows in {"q": heads * HEAD, "k": keys * HEAD, "v": keys * HEAD}.items():
            shapes[f"{inner}.self_attn.{part}_proj.weight"] = (rows, width)
        shapes[f"{inner}.self_attn.o_proj.weight"] = (width, heads * HEAD)
        shapes |= {f"{inner}.self_attn.{part}_norm.weight": (HEAD,) for part in "qk"}
        shapes |= {f"{inner}.mlp.{part}_proj.weight": (hidden, width) for part in ("gate", "up")}
        shapes[f"{inner}.mlp.down_proj.weight"] = (width, hidden)
        shapes |= {f"{inner}.{part}_layernorm.weight": (width,) for part in ("input", "post_attention")}
    return shapes


QWEN3_4B, QWEN3_8B = (2560, 9728), (4096, 12288)


def mistral3(depth=30):
    """Mistral Small 3 as Comfy-Org cut it for FLUX.2 [dev]: no norms of queries and keys, none behind, its vocabulary
    beside."""
    shapes = qwen3(5120, 32768, depth, words=131_072)
    shapes = {name: shape for name, shape in shapes.items() if "_norm." not in name and name != "model.norm.weight"}
    return shapes | {"tekken_model": (19_399_895,)}


def qwen25(width=3584, hidden=18944, depth=28, heads=28, keys=4, words=152_064):
    """Qwen2.5-VL's language half, of 7B, as ComfyUI names it: queries, keys and values have biases and no norms."""
    shapes = qwen3(width, hidden, depth, heads, keys, words)
    for layer in range(depth):
        inner = f"model.layers.{layer}.self_attn"
        for part, rows in {"q": heads * HEAD, "k": keys * HEAD, "v": keys * HEAD}.items():
            shapes[f"{inner}.{part}_proj.bias"] = (rows,)
        for part in "qk":
            del shapes[f"{inner}.{part}_norm.weight"]
    return shapes


def frame_vae(first=96, latents=16, widths=(96, 192, 384, 384)):
    """Qwen-Image's and Wan's VAE under Wan's names, with what joins frames."""
    shapes = weighted("conv1", 2 * latents, 2 * latents, 1, 1, 1) | weighted("conv2", latents, latents, 1, 1, 1)
    for side, taken, made, over in (("encoder", 3, 2 * latents, "down"), ("decoder", latents, 3, "up")):
        levels = widths if over == "down" else widths[::-1]
        start = first if over == "down" else widths[-1]
        shapes |= weighted(f"{side}.conv1", start, taken, 3, 3, 3)
        for block in (0, 2):
            shapes |= _residual(f"{side}.middle.{block}", widths[-1], widths[-1])
        shapes |= {f"{side}.middle.1.norm.gamma": (widths[-1], 1, 1)}
        shapes |= weighted(f"{side}.middle.1.to_qkv", 3 * widths[-1], widths[-1], 1, 1)
        shapes |= weighted(f"{side}.middle.1.proj", widths[-1], widths[-1], 1, 1)
        shapes |= _levels(f"{side}.{over}samples", start, levels, over)
        shapes[f"{side}.head.0.gamma"] = (levels[-1], 1, 1, 1)
        shapes |= weighted(f"{side}.head.2", made, levels[-1], 3, 3, 3)
    return shapes


def _levels(name, seen, widths, over):
    shapes, place = {}, 0
    for level, width in enumerate(widths):
        for _ in range(2 if over == "down" else 3):
            shapes |= _residual(f"{name}.{place}", seen, width)
            seen, place = width, place + 1
        if level == len(widths) - 1:
            continue
        seen = width if over == "down" else width // 2
        shapes |= weighted(f"{name}.{place}.resample.1", seen, width, 3, 3)
        if over == "down" and level > 0:
            shapes |= weighted(f"{name}.{place}.time_conv", width, width, 3, 1, 1)
        if over == "up" and level < 2:
            shapes |= weighted(f"{name}.{place}.time_conv", 2 * width, width, 3, 1, 1)
        place += 1
    return shapes


def _residual(name, seen, width):
    shapes = {f"{name}.residual.0.gamma": (seen, 1, 1, 1), f"{name}.residual.3.gamma": (width, 1, 1, 1)}
    shapes |= weighted(f"{name}.residual.2", width, seen, 3, 3, 3) | weighted(
        f"{name}.residual.6", width, width, 3, 3, 3
    )
    return shapes | (weighted(f"{name}.shortcut", width, seen, 1, 1, 1) if seen != width else {})


def in_one_file(denoiser, *encoders):
    """All in one as ComfyUI saves it: `encoders` are pairs of its name for one, and its tensors."""
    own = flux2_vae() if "single_stream_modulation.lin.weight" in denoiser else vae16()
    own = frame_vae() if "txt_norm.weight" in denoiser else vae(4) if "t_block.1.weight" in denoiser else own
    whole = under("model.diffusion_model.", denoiser) | under("vae.", own)
    for name, shapes in encoders:
        whole |= under(f"text_encoders.{name}.transformer.", shapes)
    return whole
