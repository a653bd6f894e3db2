"""What a checkpoint's denoiser predicts, and who said so: metadata, marker tensors, its family, a sidecar, or nobody.

A file that is read for the wrong prediction makes noise, and its tensors' shapes don't tell; so what is not said
anywhere falls to the family's default, and `source` names where the answer came from.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..families.table import facts_of
from ..files.yaml_text import TooMuch, read_yaml
from ..messages import message
from ..words.errors import UnusableModel
from ..words.named_model import NOTHING_MADE, NamedModel
from .header import Header
from .made import MADE_KEYS, made_alone, made_beside
from .reading import read_exactly, read_small, regular_file
from .stated import MAX_EXAMPLES, MAX_LENGTH, Examples, examples_of

_SPELLINGS = {
    "epsilon": "epsilon", "eps": "epsilon",
    "v": "v_prediction", "v_prediction": "v_prediction", "v-prediction": "v_prediction", "vpred": "v_prediction",
    "sample": "sample", "x0": "sample",
    "flow": "flow", "flow_prediction": "flow", "flow_matching": "flow", "rf": "flow",
    "edm": "edm",
}  # fmt: skip
_KEYS = ("modelspec.prediction_type", "modelspec.predict_key")
"""Metadata that says it: kohya's, and ComfyUI's."""
_TRUE = frozenset({"1", "true", "yes"})
_OURS = ("prediction_type", "zero_snr", "vae", "text_encoders", "text_encoder", "upscaler", "examples")
"""Keys of a sidecar that tell what a file is."""

MAX_SIDECAR_BYTES = 2**18
MAX_NAME = 1000
"""Characters of the name of a file."""
_MOST = 65_536
_UNPACKED = {"F16": "e", "F32": "f", "BF16": "f"}
"""How `struct` calls the dtypes of a bias."""


class DetectedPrediction(msgspec.Struct, frozen=True):
    """`type` is epsilon, v_prediction, sample, flow or edm; "" with source "" for what is no denoiser."""

    type: str = ""
    source: str = ""
    zero_snr: bool = False


class Sidecar(msgspec.Struct, frozen=True):
    """What the YAML beside a checkpoint says; None where it is silent."""

    name: str
    prediction: str | None = None
    zero_snr: bool | None = None
    vae: str = ""
    text_encoders: tuple[str, ...] = ()
    """Names of files that go with it."""
    upscaler: str = ""
    """The name of one that enlarges the pictures of who says no size."""
    examples: Examples = {}
    """What can be asked of it."""
    made: NamedModel = NOTHING_MADE
    """How it is asked, and what goes beside it."""


def tell_prediction(header: Header, family: str, variant: str, sidecar: Sidecar | None) -> DetectedPrediction:
    """The prediction of a checkpoint of `family`, by the first of the sources that says one.

    Where none does, of SD2, `by_weights` can tell.
    """
    kind, source = _tell_type(header, family, variant, sidecar)
    zero_snr = (
        "ztsnr" in header.tensors
        or header.metadata.get("ss_zero_terminal_snr", "").lower() in _TRUE
        or (sidecar is not None and sidecar.zero_snr is True)
    )
    return DetectedPrediction(kind, source, zero_snr)


def _tell_type(header: Header, family: str, variant: str, sidecar: Sidecar | None) -> tuple[str, str]:
    predicts = facts_of(family).predicts
    if predicts.always:
        return predicts.usual, "family"
    for key in _KEYS:
        if stated := _SPELLINGS.get(header.metadata.get(key, "").strip().lower()):
            return stated, key
    if stated := predicts.architectures.get(header.metadata.get("modelspec.architecture", "").strip().lower()):
        return stated, "modelspec.architecture"
    for marker, stated in (("edm_mean", "edm"), ("edm_vpred.sigma_max", "edm"), ("v_pred", "v_prediction")):
        if marker in header.tensors:
            return stated, f"tensor {marker}"
    if variant in predicts.variants:
        return predicts.variants[variant], "family"
    if sidecar and sidecar.prediction:
        return sidecar.prediction, f"sidecar {sidecar.name}"
    return predicts.usual, "default"


def by_weights(
    path: Path, header: Header, stated: DetectedPrediction, bias: tuple[str, ...], most: float
) -> DetectedPrediction:
    """What a checkpoint predicts that nothing says: told by how one bias of its denoiser is spread, whose name
    ends in one of `bias`.

    In those that were tuned on v it is spread wider than `most`; an untrained or empty one tells nothing.
    """
    info = next((info for name, info in header.tensors.items() if name.endswith(bias)), None)
    if info is None or info.dtype not in _UNPACKED or not 2 <= info.elements <= _MOST:
        return stated
    with regular_file(path) as (file, _):
        os.lseek(file, header.data_start + info.start, os.SEEK_SET)
        spread = _deviation(_numbers(read_exactly(file, info.end - info.start), info.dtype))
    if not spread or not math.isfinite(spread):
        return stated
    return DetectedPrediction("v_prediction" if spread > most else "epsilon", "weights", stated.zero_snr)


def _deviation(numbers: Sequence[float]) -> float:
    mean = sum(numbers) / len(numbers)
    return math.sqrt(sum((number - mean) ** 2 for number in numbers) / len(numbers))


def _numbers(data: bytes, dtype: str) -> Sequence[float]:
    if dtype == "BF16":  # the upper half of a float32
        data = b"".join(b"\0\0" + data[i : i + 2] for i in range(0, len(data), 2))
    return struct.unpack(f"<{len(data) // struct.calcsize(_UNPACKED[dtype])}{_UNPACKED[dtype]}", data)


def read_sidecar(path: Path) -> Sidecar:
    """Read `<name>.yaml`: our own `prediction_type:`, `zero_snr:`, `vae:`, `text_encoders:`, `upscaler:` and
    `examples:`, what `made` reads, or AUTOMATIC1111's copy of a training config.

    Such a config that names no `model.params.parameterization` means epsilon, the original code's default.
    Raises UnusableModel for what is no YAML, names a prediction that isn't known, or misspells one of our keys.
    """
    parsed = _load_yaml(path)
    _check_keys(path, parsed)
    params = parsed.get("model")
    params = params.get("params") if isinstance(params, dict) else None
    value = parsed.get("prediction_type")
    if value is None and isinstance(params, dict):
        value = params.get("parameterization", "epsilon")
    prediction = None if value is None else _SPELLINGS.get(str(value).strip().lower())
    if value is not None and prediction is None:
        raise UnusableModel(message("sidecar.prediction", name=path.name, value=str(value)[:40]))
    zero_snr = parsed.get("zero_snr")
    if zero_snr is not None and not isinstance(zero_snr, bool):
        raise UnusableModel(message("sidecar.zero_snr", name=path.name))
    vae, encoders = _names(path, parsed, "vae"), _names(path, parsed, "text_encoder", "text_encoders")
    if len(vae) > 1:
        raise UnusableModel(message("sidecar.files", name=path.name, field="vae"))
    upscaler = _names(path, parsed, "upscaler")
    if len(upscaler) > 1:
        raise UnusableModel(message("sidecar.files", name=path.name, field="upscaler"))
    examples = {} if parsed.get("examples") is None else examples_of(parsed["examples"])
    if examples is None:
        limits = {"most": MAX_EXAMPLES, "length": MAX_LENGTH}
        raise UnusableModel(message("sidecar.examples", name=path.name, **limits))
    made = NOTHING_MADE if "model" in parsed else made_beside(path.name, parsed)
    return Sidecar(path.name, prediction, zero_snr, "".join(vae), encoders, "".join(upscaler), examples, made)


def read_named(path: Path) -> NamedModel:
    """What the sidecar at `path` makes that stands alone. Raises UnusableModel."""
    return made_alone(path.name, _load_yaml(path))


def _check_keys(path: Path, parsed: Mapping[Any, Any]) -> None:
    """Raises UnusableModel for a key that is one of ours misspelled, unless it is a training config's. Whatever else
    people keep there is theirs."""
    unknown = [str(key)[:40] for key in parsed if key not in (*_OURS, *MADE_KEYS)]
    if not unknown or "model" in parsed:
        return
    import difflib  # not for every list of models

    misspelled = next((key for key in unknown if difflib.get_close_matches(key.lower(), _OURS, 1)), None)
    if misspelled is not None:
        note = message("sidecar.unknown", name=path.name, key=misspelled, known=", ".join(_OURS))
        raise UnusableModel(note)


def _names(path: Path, parsed: Mapping[Any, Any], *keys: str) -> tuple[str, ...]:
    """The names of files under these keys, each of which is one or a list."""
    names: list[str] = []
    for key in keys:
        value = parsed.get(key)
        listed = [] if value is None else value if isinstance(value, list) else [value]
        if not all(isinstance(name, str) and 0 < len(name) <= MAX_NAME for name in listed):
            raise UnusableModel(message("sidecar.files", name=path.name, field=key))
        names += listed
    return tuple(names)


def _load_yaml(path: Path) -> dict[Any, Any]:
    try:
        parsed = read_yaml(read_small(path, MAX_SIDECAR_BYTES).decode("utf-8-sig"))
    except (UnusableModel, TooMuch) as error:
        why = error.note if isinstance(error, UnusableModel) else str(error)
        raise UnusableModel(message("sidecar.unusable", name=path.name, why=why)) from error
    except ValueError as error:
        raise UnusableModel(message("sidecar.yaml", name=path.name)) from error
    if parsed is None:  # an empty one says nothing
        return {}
    if not isinstance(parsed, dict):
        raise UnusableModel(message("sidecar.mapping", name=path.name))
    return parsed
