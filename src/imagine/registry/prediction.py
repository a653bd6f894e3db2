"""What a checkpoint's denoiser predicts, and who said so: metadata, marker tensors, its family, a sidecar, or nobody.

A file that is read for the wrong prediction makes noise, and its tensors' shapes don't tell; so what is not said
anywhere falls to the family's default, and `source` names where the answer came from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from imagine.errors import UnusableModel
from imagine.files.yaml_text import TooMuch, read_yaml
from imagine.registry.header import Header
from imagine.registry.reading import read_small

FLOW_FAMILIES = frozenset({
    "sd3", "sd3.5", "flux", "flux2", "flux3", "chroma", "z-image", "qwen-image", "wan", "ltx", "ltx2", "auraflow",
    "lumina2", "hidream", "hunyuan-video", "mochi", "krea2", "sana", "kandinsky5", "minimax-h3",
})  # fmt: skip

_SPELLINGS = {
    "epsilon": "epsilon", "eps": "epsilon",
    "v": "v_prediction", "v_prediction": "v_prediction", "v-prediction": "v_prediction", "vpred": "v_prediction",
    "sample": "sample", "x0": "sample",
    "flow": "flow", "flow_prediction": "flow", "flow_matching": "flow", "rf": "flow",
    "edm": "edm",
}  # fmt: skip
# Stability's own names of the two SD2 checkpoints, whose tensors are the same.
_ARCHITECTURES = {"stable-diffusion-v2-768-v": "v_prediction", "stable-diffusion-v2-512": "epsilon"}
_TRUE = frozenset({"1", "true", "yes"})

MAX_SIDECAR_BYTES = 16_384


class Prediction(msgspec.Struct, frozen=True):
    """`type` is epsilon, v_prediction, sample, flow or edm; "" with source "" for what is no denoiser."""

    type: str = ""
    source: str = ""
    zero_snr: bool = False


class Sidecar(msgspec.Struct, frozen=True):
    """What the YAML beside a checkpoint says; None where it is silent."""

    name: str
    prediction: str | None = None
    zero_snr: bool | None = None


def tell_prediction(header: Header, family: str, variant: str, sidecar: Sidecar | None) -> Prediction:
    """The prediction of a checkpoint of `family`, by the first of the sources that says one."""
    kind, source = _tell_type(header, family, variant, sidecar)
    zero_snr = (
        "ztsnr" in header.tensors
        or header.metadata.get("ss_zero_terminal_snr", "").lower() in _TRUE
        or (sidecar is not None and sidecar.zero_snr is True)
    )
    return Prediction(kind, source, zero_snr)


def _tell_type(header: Header, family: str, variant: str, sidecar: Sidecar | None) -> tuple[str, str]:
    if family in FLOW_FAMILIES:
        return "flow", "family"
    if said := _SPELLINGS.get(header.metadata.get("modelspec.prediction_type", "").strip().lower()):
        return said, "modelspec.prediction_type"
    if said := _ARCHITECTURES.get(header.metadata.get("modelspec.architecture", "").strip().lower()):
        return said, "modelspec.architecture"
    for marker, said in (("edm_mean", "edm"), ("edm_vpred.sigma_max", "edm"), ("v_pred", "v_prediction")):
        if marker in header.tensors:
            return said, f"tensor {marker}"
    if family == "sd2" and variant in {"inpainting", "depth"}:
        return "epsilon", "family"
    if sidecar and sidecar.prediction:
        return sidecar.prediction, f"sidecar {sidecar.name}"
    # SD2's 512-base (epsilon) and 768-v have the same tensors. 768-v is the one most SD2 checkpoints were tuned from,
    # and diffusers takes a bare file for it too; a 512-base needs metadata or a sidecar that says epsilon.
    return ("v_prediction" if family == "sd2" else "epsilon"), "default"


def read_sidecar(path: Path) -> Sidecar:
    """Read `<name>.yaml`: our own `prediction_type:` and `zero_snr:`, or AUTOMATIC1111's copy of a training config.

    Such a config that names no `model.params.parameterization` means epsilon, the original code's default.
    Raises UnusableModel for what is no YAML, or names a prediction that isn't known.
    """
    said = _load_yaml(path)
    params = said.get("model")
    params = params.get("params") if isinstance(params, dict) else None
    value = said.get("prediction_type")
    if value is None and isinstance(params, dict):
        value = params.get("parameterization", "epsilon")
    prediction = None if value is None else _SPELLINGS.get(str(value).strip().lower())
    if value is not None and prediction is None:
        raise UnusableModel(f"its sidecar {path.name} names the unknown prediction '{str(value)[:40]}'")
    zero_snr = said.get("zero_snr")
    if zero_snr is not None and not isinstance(zero_snr, bool):
        raise UnusableModel(f"its sidecar {path.name} has a zero_snr that is neither true nor false")
    return Sidecar(path.name, prediction, zero_snr)


def _load_yaml(path: Path) -> dict[Any, Any]:
    try:
        said = read_yaml(read_small(path, MAX_SIDECAR_BYTES).decode("utf-8-sig"))
    except (UnusableModel, TooMuch) as error:
        raise UnusableModel(f"its sidecar {path.name} can't be used: {error}") from error
    except ValueError as error:
        raise UnusableModel(f"its sidecar {path.name} is not valid YAML") from error
    if not isinstance(said, dict):
        raise UnusableModel(f"its sidecar {path.name} is not a YAML mapping")
    return said
