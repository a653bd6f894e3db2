"""The exported file is a true SD1 checkpoint: plain diffusers makes of it the picture that the training would make."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
from safetensors.torch import load_file
from transformers import CLIPTokenizer

from tools.toybox import evaluate, export, models


@pytest.fixture(scope="module")
def trained() -> Any:
    """Networks as the training leaves them, but for the training, and the latents' measured mean and deviation."""
    torch.manual_seed(1)
    encoder = models.build_text_encoder()
    torch.nn.init.normal_(encoder.get_input_embeddings().weight, std=0.3)
    mean, std = torch.tensor([0.3, -1.0, 0.1, 2.0]), torch.tensor([0.5, 1.5, 2.0, 0.25])
    return models.build_unet(), models.build_vae(), encoder, mean.view(1, 4, 1, 1), std.view(1, 4, 1, 1)


def halved(module: Any) -> Any:
    return copy.deepcopy(module).half().float().eval()


@pytest.mark.slow
def test_plain_diffusers_draws_the_same_picture_from_the_file(trained: Any, tmp_path: Path) -> None:
    unet, vae, encoder, mean, std = trained
    vae = export.fold_scale(vae, mean, std)
    file = tmp_path / "toybox.safetensors"
    export.export(file, unet, vae, encoder, date="2026-01-01")
    from_file = evaluate.open_pipeline(file, tmp_path / "configs")
    vocabulary = (str(export.TOKENIZER / name) for name in ("vocab.json", "merges.txt"))
    reader = halved(encoder)
    reader.set_attn_implementation("sdpa")  # as in the other pipeline: the training's eager kernel rounds differently
    own = StableDiffusionPipeline(
        vae=halved(vae),
        text_encoder=reader,
        unet=halved(unet),
        tokenizer=CLIPTokenizer(*vocabulary, model_max_length=77),
        scheduler=DPMSolverMultistepScheduler(**models.NOISE_CONFIG, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    own.set_progress_bar_config(disable=True)
    options = {"num_inference_steps": 3}
    prompts = ["a red house on a blue background", "красный дом на синем фоне"]
    for ours, theirs in zip(
        evaluate.make(own, prompts, **options), evaluate.make(from_file, prompts, **options), strict=True
    ):
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))
        assert np.asarray(ours).std() > 1


def test_the_folded_scale_is_undone_by_the_decoder_and_right_for_sd1(trained: Any) -> None:
    _, vae, _, mean, std = trained
    folded = export.fold_scale(vae, mean, std)
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        latents = vae.encode(pixels).latent_dist
        new = folded.encode(pixels).latent_dist
        assert torch.allclose(new.mean * export.SD1_SCALE, (latents.mean - mean) / std, atol=1e-4)
        assert torch.allclose(folded.decode(new.mean).sample, vae.decode(latents.mean).sample, atol=1e-3)
    spread = new.logvar - models.POSTERIOR_LOG_VARIANCE + 2 * (std * export.SD1_SCALE).log()
    assert torch.allclose(spread, torch.zeros_like(spread), atol=1e-4)


def test_the_file_holds_half_precision_and_a_card(trained: Any, tmp_path: Path) -> None:
    unet, vae, encoder, *_ = trained
    file = tmp_path / "toybox.safetensors"
    export.export(file, unet, vae, encoder, date="2026-01-01")
    tensors = load_file(file)
    assert {t.dtype for t in tensors.values()} == {torch.float16}
    assert file.stat().st_size <= export.LIMIT
    assert [p.name for p in tmp_path.iterdir()] == ["toybox.safetensors"]


def test_a_file_beyond_the_limit_is_refused(trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unet, vae, encoder, *_ = trained
    monkeypatch.setattr(export, "LIMIT", 1000)
    with pytest.raises(ValueError, match="more than 1000"):
        export.export(tmp_path / "toybox.safetensors", unet, vae, encoder, date="2026-01-01")
    assert not (tmp_path / "toybox.safetensors").exists()
