"""Graphs as ComfyUI's clients send them, by hand: what each paints is told by the tests."""

from copy import deepcopy


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


def text_graph(**said):
    """As ComfyUI's own first workflow, SillyTavern's default and Open WebUI's have it; `said` replaces inputs."""
    values = {
        "model": "fox.safetensors", "text": "a fox", "neg": "", "width": 512, "height": 768, "count": 1, "seed": 7,
        "steps": 9, "cfg": 3.5, "sampler": "euler_ancestral", "scheduler": "normal", "denoise": 1,
    } | said  # fmt: skip
    return {
        "3": node(
            "KSampler", cfg=values["cfg"], denoise=values["denoise"], latent_image=["5", 0], model=["4", 0],
            negative=["7", 0], positive=["6", 0], sampler_name=values["sampler"], scheduler=values["scheduler"],
            seed=values["seed"], steps=values["steps"],
        ),
        "4": node("CheckpointLoaderSimple", ckpt_name=values["model"]),
        "5": node("EmptyLatentImage", batch_size=values["count"], height=values["height"], width=values["width"]),
        "6": node("CLIPTextEncode", clip=["4", 1], text=values["text"]),
        "7": node("CLIPTextEncode", clip=["4", 1], text=values["neg"]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", filename_prefix="Dechat", images=["8", 0]),
    }  # fmt: skip


def changed(graph, **nodes):
    """With other nodes, or other inputs of one (`n3={"seed": 1}`)."""
    made = deepcopy(graph)
    for name, said in nodes.items():
        key = name.removeprefix("n")
        if "class_type" in said:
            made[key] = said
        else:
            made[key]["inputs"] |= said
    return made


def image_graph(**said):
    """The same from a picture that was sent."""
    graph = changed(
        text_graph(**said), n3={"latent_image": ["11", 0]}, n11=node("VAEEncode", pixels=["10", 0], vae=["4", 2])
    )
    del graph["5"]
    return graph | {"10": node("LoadImage", image="photo.png")}


def hires_graph(denoise=0.5, **scaled):
    """Two passes with latents enlarged in between, as in ComfyUI's examples."""
    return changed(
        text_graph(),
        n10=scaled or node("LatentUpscaleBy", samples=["3", 0], upscale_method="bislerp", scale_by=1.5),
        n11=node(
            "KSampler", cfg=3.5, denoise=denoise, latent_image=["10", 0], model=["4", 0], negative=["7", 0],
            positive=["6", 0], sampler_name="euler_ancestral", scheduler="normal", seed=8, steps=7,
        ),
        n8={"samples": ["11", 0]},
    )  # fmt: skip


def flux_graph():
    """Image-to-image with Flux, put together of files and of a sampler's parts, a LoRA beside it."""
    return {
        "6": node("CLIPTextEncode", text="a fox in oil", clip=["11", 0]),
        "8": node("VAEDecode", samples=["13", 0], vae=["10", 0]),
        "9": node("SaveImage", filename_prefix="flux/edit", images=["8", 0]),
        "10": node("VAELoader", vae_name="ae.safetensors"),
        "11": node("DualCLIPLoader", clip_name1="t5xxl_fp8_e4m3fn.safetensors", clip_name2="clip_l.safetensors",
                   type="flux"),
        "12": node("UNETLoader", unet_name="flux1-dev.safetensors", weight_dtype="fp8_e4m3fn"),
        "13": node("SamplerCustomAdvanced", noise=["25", 0], guider=["22", 0], sampler=["16", 0], sigmas=["17", 0],
                   latent_image=["31", 0]),
        "16": node("KSamplerSelect", sampler_name="euler"),
        "17": node("BasicScheduler", scheduler="simple", steps=20, denoise=0.8, model=["30", 0]),
        "22": node("BasicGuider", model=["30", 0], conditioning=["26", 0]),
        "25": node("RandomNoise", noise_seed=2**53 + 1),
        "26": node("FluxGuidance", guidance=2.5, conditioning=["6", 0]),
        "28": node("LoraLoaderModelOnly", model=["12", 0], lora_name="oil.safetensors", strength_model=0.9),
        "30": node("ModelSamplingFlux", max_shift=1.15, base_shift=0.5, width=1024, height=768, model=["28", 0]),
        "31": node("VAEEncode", pixels=["33", 0], vae=["10", 0]),
        "32": node("LoadImage", image="in/photo.png"),
        "33": node("ImageScale", image=["32", 0], upscale_method="lanczos", width=1024, height=768, crop="center"),
    }  # fmt: skip


def refiner_graph():
    """SDXL's base and refiner, as in its own workflow."""
    common = {"add_noise": "enable", "noise_seed": 5, "steps": 25, "cfg": 8.0, "sampler_name": "euler",
              "scheduler": "normal", "positive": ["6", 0], "negative": ["7", 0]}  # fmt: skip
    rest = common | {"add_noise": "disable", "positive": ["13", 0], "negative": ["14", 0]}
    return changed(
        text_graph(),
        n3=node("KSamplerAdvanced", **common, model=["4", 0], latent_image=["5", 0], start_at_step=0, end_at_step=20,
                return_with_leftover_noise="enable"),
        n12=node("CheckpointLoaderSimple", ckpt_name="owl.safetensors"),
        n13=node("CLIPTextEncode", clip=["12", 1], text="a fox"),
        n14=node("CLIPTextEncode", clip=["12", 1], text=""),
        n15=node("KSamplerAdvanced", **rest,
                 model=["12", 0], latent_image=["3", 0], start_at_step=20, end_at_step=10000,
                 return_with_leftover_noise="disable"),
        n8={"samples": ["15", 0]},
    )  # fmt: skip
