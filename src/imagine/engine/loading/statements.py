"""What is said about a checkpoint and its shapes don't show: by the caller, by its metadata, by marker tensors."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import Any, get_args

import msgspec

from ...families.facts import FamilyFacts
from ...messages import message
from ...words.errors import UnusableModel
from ..sampling.noise import Noise, Prediction

_SCALE = "imagine.vae_scaling_factor"
_SPELLINGS: dict[str, Prediction] = {
    "epsilon": "epsilon", "eps": "epsilon",
    "v": "v_prediction", "v_prediction": "v_prediction", "v-prediction": "v_prediction",
}  # fmt: skip
_KEYS = ("modelspec.prediction_type", "modelspec.predict_key")
_FOREIGN = {"FlowMatch": "flow matching", "EDM": "EDM's noise levels"}
"""Beginnings of scheduler classes whose noise is another than a Stable Diffusion U-Net's here."""
_SCHEDULER = {
    "prediction_type": "prediction", "rescale_betas_zero_snr": "zero_snr", "beta_start": "beta_start",
    "beta_end": "beta_end", "beta_schedule": "beta_schedule", "num_train_timesteps": "train_steps",
    "timestep_spacing": "spacing",
}  # fmt: skip
_RESOLUTION = re.compile(r"\s*(\d{2,5})(?:\s*x\s*(\d{2,5}))?\s*", re.IGNORECASE)


def noise_of(
    options: Mapping[str, Any], metadata: Mapping[str, str], names: Collection[str], facts: FamilyFacts
) -> Noise:
    """The noise process: `options` (`prediction`, `zero_snr`) say it, else the metadata (`modelspec.prediction_type`
    or ComfyUI's `modelspec.predict_key`), else the markers `v_pred` and `ztsnr` among the tensors' `names`, else the
    family.

    Raises UnusableModel for a prediction that no family here makes.
    """
    stated = options.get("prediction") or next((metadata[key] for key in _KEYS if key in metadata), None)
    marked = "v_prediction" if "v_pred" in names else facts.predicts.usual
    prediction = _SPELLINGS.get(str(marked if stated is None else stated).strip().lower())
    if prediction is None:
        allowed = ", ".join(kind for kind in get_args(Prediction) if kind != "flow")
        raise UnusableModel(message("weights.predicts", value=str(stated)[:40], allowed=allowed))
    zero_snr = options.get("zero_snr")
    return Noise(prediction=prediction, zero_snr="ztsnr" in names if zero_snr is None else bool(zero_snr))


def noise_of_scheduler(options: Mapping[str, Any], config: Mapping[str, Any]) -> Noise:
    """The noise process that a diffusers scheduler's `config` describes, where `options` don't say otherwise.

    Raises UnusableModel for one that the samplers here don't know.
    """
    foreign = (what for start, what in _FOREIGN.items() if str(config.get("_class_name")).startswith(start))
    if what := next(foreign, "flow matching" if config.get("use_flow_sigmas") is True else None):
        raise UnusableModel(message("weights.scheduler", what=what))
    configured = {ours: config[theirs] for theirs, ours in _SCHEDULER.items() if config.get(theirs) is not None}
    configured |= {name: options[name] for name in ("prediction", "zero_snr") if options.get(name) is not None}
    try:
        noise = msgspec.convert(configured, Noise)
    except msgspec.ValidationError as error:
        raise UnusableModel(message("weights.scheduler_config", why=str(error))) from error
    if noise.prediction == "flow":
        raise UnusableModel(message("weights.scheduler", what="flow matching"))
    return noise


def resolution_of(
    options: Mapping[str, Any], metadata: Mapping[str, str], facts: FamilyFacts, prediction: Prediction
) -> int:
    """The side in pixels of the square with as many of them as it was trained on."""
    if stated := options.get("resolution"):
        return int(stated)
    if match := _RESOLUTION.fullmatch(metadata.get("modelspec.resolution", "")):
        width, height = int(match[1]), int(match[2] or match[1])
        if min(width, height) >= 16 and max(width, height) <= 16384:
            return math.isqrt(width * height)
    return facts.side(prediction)


def vae_scale(metadata: Mapping[str, str]) -> dict[str, float]:
    """The VAE's `scaling_factor` where the metadata says one (`imagine.vae_scaling_factor`), else nothing."""
    stated = metadata.get(_SCALE)
    if stated is None:
        return {}
    if not re.fullmatch(r"[0-9]{0,4}\.?[0-9]{1,12}", stated) or not 1e-3 <= float(stated) <= 1e3:
        raise UnusableModel(message("weights.metadata_number", key=_SCALE, value=stated[:40], least=0.001, most=1000))
    return {"scaling_factor": float(stated)}
