"""Broken and hostile files are refused in one sentence."""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from imagine.engine.loading.single_file import load_single_file
from imagine.words.errors import UnusableModel
from tests.checkpoints import save, write_checkpoint
from tests.models import model_at

UNET = "model.diffusion_model."
Change = Callable[[dict[str, Tensor]], Any]


@pytest.fixture(scope="module")
def tensors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    path = tmp_path_factory.mktemp("whole") / "whole.safetensors"
    write_checkpoint(path, dtype=torch.float16)
    return load_file(path)


def load(path: Path, **more: Any) -> Any:
    return load_single_file(model_at(path, **more), device=torch.device("cpu"))


def drop(*names: str) -> Change:
    return lambda tensors: [tensors.pop(name) for name in names]


def put(name: str, tensor: Tensor) -> Change:
    return lambda tensors: tensors.update({name: tensor})


def drop_all(*prefixes: str) -> Change:
    return lambda tensors: [tensors.pop(name) for name in list(tensors) if name.startswith(prefixes)]


BLOCK = f"{UNET}input_blocks.1.1.transformer_blocks.0"
TEXT = "cond_stage_model.transformer.text_model"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop_all(UNET), "no U-Net in the original Stable Diffusion layout"),
        (drop_all("cond_stage_model."), "a U-Net but no text encoder"),
        (drop_all("first_stage_model."), "it has no VAE"),
        (drop_all("first_stage_model.encoder"), "its VAE has no encoder"),
        (drop(f"{UNET}out.2.weight"), "it lacks the tensor out.2.weight"),
        (drop(f"{UNET}middle_block.0.in_layers.2.bias"), "its U-Net lacks mid_block.resnets.0.conv1.bias"),
        (drop(f"{BLOCK}.attn2.to_k.weight"), "its U-Net lacks down_blocks.0.attentions.0"),
        (drop_all(f"{UNET}middle_block"), "not laid out as they should be"),
        (drop_all(f"{UNET}input_blocks.4."), "it lacks the tensor input_blocks.4.0.in_layers.2.weight"),
        (drop(f"{TEXT}.final_layer_norm.weight"), "its text encoder lacks final_layer_norm.weight"),
        (drop(f"{TEXT}.embeddings.token_embedding.weight"), "it lacks the tensor embeddings.token_embedding.weight"),
        (drop("first_stage_model.decoder.norm_out.bias"), "its VAE lacks decoder.conv_norm_out.bias"),
        (put(f"{UNET}time_embed.0.bias", torch.zeros(3)), r"time_embedding.linear_1.bias of shape \[3\], not \[128\]"),
        (put(f"{UNET}input_blocks.0.0.weight", torch.zeros(32)), "it lacks the tensor input_blocks.0.0.weight"),
        (put(f"{UNET}input_blocks.0.0.weight", torch.zeros(32, 0, 3, 3)), "absurd shape"),
        (put(f"{TEXT}.embeddings.position_embedding.weight", torch.zeros(2**40, 0)), "absurd shape"),
        (put(f"{UNET}time_embed.cond_proj.weight", torch.zeros(2, 2)), "network hasn't: time_embed.cond_proj"),
        (put(f"{TEXT}.extra.weight", torch.zeros(2)), "its text encoder has tensors that the network hasn't: extra"),
        (put("first_stage_model.encoder.more.weight", torch.zeros(2)), "its VAE has tensors that the network hasn't"),
        (put(f"{UNET}out.2.bias", torch.zeros(4, dtype=torch.int64)), "conv_out.bias is int64, not a float"),
        (put(f"{UNET}label_emb.0.0.weight", torch.zeros(4, 4)), "not those of one known family"),
        (put("edm_mean", torch.zeros(4)), "EDM's noise levels"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(change: Change, message: str, tensors: dict[str, Tensor], tmp_path: Path) -> None:
    changed = dict(tensors)
    change(changed)
    save(tmp_path / "changed.safetensors", changed)
    with pytest.raises(UnusableModel, match=message):
        load(tmp_path / "changed.safetensors")


def test_a_scale_of_the_wrong_shape_is_refused(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    name = f"{BLOCK}.attn1.to_q"
    eight = {f"{name}.weight": tensors[f"{name}.weight"].to(torch.float8_e4m3fn), f"{name}.scale_weight": torch.ones(5)}
    save(tmp_path / "scaled.safetensors", {**tensors, **eight})
    with pytest.raises(UnusableModel, match=r"attn1.to_q.weight has the shape \[5\]"):
        load(tmp_path / "scaled.safetensors")


def test_an_ema_name_that_is_no_networks_is_refused(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    for name in ("model_ema.diffusion_modelsomething", "model_ema.diffusion_modelinput_blocks11nonsenseweight"):
        save(tmp_path / "ema.safetensors", {name: torch.zeros(1)})
        with pytest.raises(UnusableModel, match="its EMA copy has a tensor that no U-Net has"):
            load(tmp_path / "ema.safetensors")


@pytest.mark.parametrize("kept", [0, 4, 8, 1000, -1])
def test_a_truncated_file_is_refused(kept: int, tensors: dict[str, Tensor], tmp_path: Path) -> None:
    save(tmp_path / "whole.safetensors", tensors)
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "whole.safetensors").read_bytes()[:kept])
    with pytest.raises(UnusableModel, match="no whole safetensors file"):
        load(tmp_path / "cut.safetensors")


def raw(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


F16 = {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2**31) + b"{}",
        raw(b"not json"),
        raw(b"[" * 100_000),
        raw({"a": {**F16, "dtype": "OBJECT"}}, b"1234"),
        raw({"a": {**F16, "data_offsets": [0, 8]}}, b"12345678"),
        raw({"a": {**F16, "data_offsets": [4, 0]}}, b"1234"),
        raw({"a": F16, "b": F16}, b"1234"),
        raw({"a": {**F16, "shape": [2**62, 4]}}, b"1234"),
        raw({"a": F16}, b"1234 and more"),
        pickle.dumps({"a": 1}),
    ],
)  # fmt: skip
def test_a_broken_header_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    with pytest.raises(UnusableModel, match="no whole safetensors file"):
        load(path)


def test_what_is_no_safetensors_file_is_not_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path(tmp_path / "sprung").touch, ())

    pickled = tmp_path / "model.ckpt"
    pickled.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(UnusableModel, match=r"not a .safetensors file"):
        load(pickled)
    (tmp_path / "folder.safetensors").mkdir()
    os.mkfifo(tmp_path / "pipe.safetensors")
    for name in ("folder.safetensors", "pipe.safetensors", "none.safetensors"):
        with pytest.raises(UnusableModel, match="not there, or not a regular file"):
            load(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def test_a_vae_file_that_cannot_be_used_is_named(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    path, vae = tmp_path / "whole.safetensors", tmp_path / "vae.safetensors"
    save(path, tensors)
    save(vae, {"something.weight": torch.zeros(1)})
    with pytest.raises(UnusableModel, match=r"its VAE file 'vae.safetensors' can't be used: there is no VAE in it"):
        load(path, parts={"vae": vae})
    vae.write_bytes(b"short")
    with pytest.raises(UnusableModel, match=r"its VAE file 'vae.safetensors' can't be used: it is no whole"):
        load(path, parts={"vae": vae})
