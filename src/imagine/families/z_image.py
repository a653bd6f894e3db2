"""Z-Image: one transformer over the tokens of text and picture, told its prompt by a language model."""

from __future__ import annotations

from .facts import FLOW, Bounds, FamilyDefaults, FamilyFacts, Need, Shift, classes, loras, signatures
from .published import APACHE, FLUX_VAE, QWEN3_4B, Z_IMAGE

_TURBO = Bounds((1, 16), (0.0, 1.0))

ROWS = (
    FamilyFacts(
        "z-image",
        tells=signatures(
            ("", "layers.0.adaLN_modulation.0.weight"),
            ("", "all_x_embedder.2-1.weight", "layers.0.attention.to_q.weight"),
        ),
        loras=loras(
            r"^layers_\d+_(?:attention|feed_forward|adaLN_modulation)|^(?:noise|context)_refiner_",
        ),
        adapters={
            "controlnet": signatures(
                ("", "control_all_x_embedder.2-1.weight"),
                ("", "control_layers.0.adaLN_modulation.0.weight"),
            )
        },
        pipelines=classes("ZImage"),
        stepped=("ZImagePipeline", "ZImageImg2ImgPipeline", "ZImageInpaintPipeline"),
        stepped_where={"all_patch_size": [2], "all_f_patch_size": [1], "siglip_feat_dim": None},
        architectures=("z-image", "z_image", "zimage"),
        called={"x/z-image-turbo": ("turbo",), "x/z-image": ()},
        latent_channels=16,
        channels=(16,),
        multiple=16,
        predicts=FLOW,
        shift={"": Shift(3.0)},
        # The card's 4 is how far beyond the prompt's own answer; here guidance is counted from the other's, as ever.
        defaults=FamilyDefaults(50, 5.0, "euler"),
        distilled={"turbo": FamilyDefaults(8, 0.0, "euler")},
        bounds={"": Bounds(guidance=(1.0, 8.0)), "turbo": _TURBO},
        lengths={"": 512},
        blocks=("noise_refiner", "context_refiner", "layers"),
        needs=(Need("text_encoder", ("qwen3-4b",), QWEN3_4B), Need("vae", ("flux", "sd3"), FLUX_VAE)),
        published=Z_IMAGE,
        licence={"": APACHE},
        single_file=True,
    ),
)
