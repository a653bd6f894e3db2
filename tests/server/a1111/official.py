"""What webuiapi, a client of AUTOMATIC1111's API, gets of a server, as JSON: `official.py PORT KEY`, by a Python that
has it. Everything is asked with its own defaults, but for the address."""

import json
import sys

import webuiapi
from PIL import Image

PORT, KEY = sys.argv[1:]
client = webuiapi.WebUIApi(host="127.0.0.1", port=int(PORT), username="anybody", password=KEY)
photo, mask = Image.new("RGB", (64, 64), "red"), Image.new("L", (64, 64), 255)
painted = client.txt2img(
    prompt="a fox", negative_prompt="fog", seed=1003, cfg_scale=7, batch_size=2, width=64, height=96
)
changed = client.img2img(
    images=[photo], prompt="a hat", mask_image=mask, denoising_strength=0.5, mask_blur=0, width=64, height=64
)
unit = webuiapi.ControlNetUnit(image=photo, module="canny", model="None")
client.util_set_model("fox")
client.util_wait_for_ready(check_interval=0.1)
asked = (
    "get_samplers", "get_schedulers", "get_upscalers", "get_prompt_styles", "get_latent_upscale_modes", "get_cmd_flags",
    "get_options", "get_memory", "get_scripts", "get_loras", "get_embeddings", "get_hypernetworks",
    "get_face_restorers", "get_realesrgan_models", "get_sd_vae", "refresh_checkpoints", "interrupt", "skip",
    "controlnet_module_list", "controlnet_version", "util_get_current_model", "util_get_model_names",
)  # fmt: skip
told = {name: getattr(client, name)() for name in asked}
try:
    client.interrogate(photo)
    refused = ""
except RuntimeError as error:
    refused = str(error)
print(
    json.dumps(
        {
            "sizes": [image.size for image in painted.images],
            "info": painted.info,
            "changed": changed.parameters,
            "unit": sorted(unit.to_dict()),
            "told": told,
            "progress": client.get_progress()["progress"],
            "read": client.png_info(photo).info,
            "recipe": client.png_info(painted.images[0]).info,
            "enlarged": client.extra_single_image(photo, upscaler_1="None").image.size,
            "refused": refused,
        },
        default=vars,
    )
)
