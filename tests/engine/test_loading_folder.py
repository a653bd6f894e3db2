"""diffusers folders: Stable Diffusion's come as components, others whole; pickles and foreign code are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file

from imagine.engine.loading.components import Components
from imagine.engine.loading.diffusers_folder import load_diffusers_folder, load_pipeline, runs_whole
from imagine.words.errors import UnusableModel
from tests.checkpoints import FAMILIES, tiny_modules, write_folder, write_parts
from tests.models import model_at

pytestmark = pytest.mark.usefixtures("no_network")
CPU = torch.device("cpu")


def load(path: Path, dtype: torch.dtype | None = None, **more: Any) -> Any:
    """As the engine does: by our own steps, or as a whole pipeline."""
    if runs_whole(str(path)):
        return load_pipeline(str(path), dtype=dtype)
    return load_diffusers_folder(model_at(path, **more), device=CPU, dtype=dtype)


@pytest.fixture(scope="module")
def sd1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("folder") / "sd1"
    write_folder(path, tiny_modules())
    return path


@pytest.fixture
def folder(sd1: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(sd1, tmp_path / "copy"))


@pytest.mark.parametrize("family", FAMILIES)
def test_stable_diffusion_comes_as_components(family: str, tmp_path: Path) -> None:
    modules = tiny_modules(family)
    write_folder(tmp_path, modules, prediction="v_prediction")
    loaded = load(tmp_path, family=family)
    assert isinstance(loaded, Components)
    assert loaded.family == family
    assert loaded.noise.prediction == "v_prediction"
    for expected, network in zip(
        [modules.unet, modules.vae, *modules.text_encoders],
        [loaded.unet, loaded.vae, *loaded.text_encoders], strict=True,
    ):  # fmt: skip
        theirs, ours = expected.state_dict(), network.state_dict()
        assert theirs.keys() == ours.keys()
        assert all(torch.equal(tensor, ours[name]) for name, tensor in theirs.items())
    pads = {"stable_diffusion": [49407], "sd2": [0], "sdxl": [49407, 0], "sdxl_refiner": [0]}
    assert [tokenizer.pad_token_id for tokenizer in loaded.tokenizers] == pads[family]
    assert loaded.tokenizers[0].encode("a cat", add_special_tokens=False, verbose=False) == [320, 2368]


def test_the_native_size_is_the_unets(folder: Path) -> None:
    assert load(folder).resolution == 512
    config = folder / "unet" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "sample_size": 16}))
    assert load(folder).resolution == 128


def test_what_the_caller_says_wins_and_half_is_cast(sd1: Path) -> None:
    loaded = load(sd1, torch.bfloat16, options={"prediction": "v_prediction", "zero_snr": True})
    assert (loaded.noise.prediction, loaded.noise.zero_snr) == ("v_prediction", True)
    assert loaded.unet.dtype == loaded.vae.dtype == torch.bfloat16
    assert len(loaded.report.casts) == 3


def test_shards_and_variants_are_found(folder: Path) -> None:
    whole = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(whole)
    names = sorted(tensors)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for name, kept in shards.items():
        save_file({key: tensors[key] for key in kept}, whole.parent / name)
    index = {"weight_map": {key: name for name, kept in shards.items() for key in kept}}
    (whole.parent / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    whole.unlink()
    vae = folder / "vae" / "diffusion_pytorch_model.safetensors"
    vae.rename(vae.with_name("diffusion_pytorch_model.fp16.safetensors"))
    ours = load(folder).unet.state_dict()
    assert all(torch.equal(tensor, ours[name]) for name, tensor in tensors.items())


def test_any_other_pipeline_comes_whole(tmp_path: Path) -> None:
    unet = diffusers.UNet2DModel(
        sample_size=8, block_out_channels=(32,), layers_per_block=1, norm_num_groups=8,
        down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",),
    )  # fmt: skip
    diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler()).save_pretrained(tmp_path)
    loaded = load(tmp_path, torch.bfloat16)
    assert isinstance(loaded, diffusers.DDPMPipeline)
    assert loaded.unet.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("said", "whole"),
    [
        ({"shift": 3.0}, False),
        ({"use_dynamic_shifting": True, "shift_terminal": None, "time_shift_type": "exponential"}, False),
        ({"use_dynamic_shifting": True, "shift_terminal": 0.02, "max_image_seq_len": 8192}, False),
        ({"time_shift_type": "linear"}, True),
        ({"stochastic_sampling": True}, True),
        ({"use_karras_sigmas": True}, True),
        ({"use_beta_sigmas": True}, True),
        ({"base_image_seq_len": 1024}, True),
    ],
)
@pytest.mark.parametrize("pipeline", ["FluxPipeline", "StableDiffusion3Pipeline", "ChromaPipeline"])
def test_a_flow_over_levels_that_our_steps_do_not_go_runs_whole(
    pipeline: str, said: dict[str, Any], whole: bool, tmp_path: Path
) -> None:
    (tmp_path / "scheduler").mkdir()
    (tmp_path / "scheduler" / "scheduler_config.json").write_text(json.dumps(said))
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    assert runs_whole(str(tmp_path)) is whole


def test_of_what_runs_whole_no_component_may_be_foreign(folder: Path) -> None:
    change_index(folder, image_encoder=["os", "system"])
    with pytest.raises(UnusableModel, match="its image_encoder is of 'os'"):
        load_pipeline(str(folder))


def change_index(folder: Path, **changes: Any) -> None:
    path = folder / "model_index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"_class_name": "EvilPipeline"}, "its pipeline 'EvilPipeline' is not one of diffusers"),
        ({"_class_name": ["pipeline", "Custom"]}, "is not one of diffusers"),
        ({"_class_name": "UNet2DModel"}, "is not one of diffusers"),
        ({"unet": ["os", "system"]}, "its unet is of 'os', and code other than diffusers' is never run"),
        ({"unet": ["my_unet", "Mine"]}, "its unet is of 'my_unet'"),
        ({"unet": [7, "Mine"]}, "its unet is of '7'"),
        ({"../unet": ["diffusers", "UNet2DConditionModel"]}, "comes with code of its own"),
    ],
)
def test_foreign_code_is_never_run(changes: dict[str, Any], message: str, folder: Path) -> None:
    change_index(folder, **changes)
    with pytest.raises(UnusableModel, match=message):
        load(folder)


def test_code_beside_a_component_is_never_run(folder: Path) -> None:
    (folder / "unet" / "diffusers.py").write_text("raise SystemExit")
    with pytest.raises(UnusableModel, match="its unet comes with code of its own"):
        load(folder)


def test_pickles_are_never_opened(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(UnusableModel, match="its unet has pickled weights only"):
        load(folder)


def test_broken_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnusableModel, match=r"model_index.json can't be read"):
        load(tmp_path)
    index = folder / "unet" / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"conv_in.weight": "../../secret.safetensors"}}))
    with pytest.raises(UnusableModel, match="names no files of its folder"):
        load(folder)
    index.unlink()
    (folder / "scheduler" / "scheduler_config.json").write_text('{"prediction_type": "sample"}')
    with pytest.raises(UnusableModel, match=r"scheduler_config.json is not understood"):
        load(folder)
    (folder / "unet" / "config.json").write_text('{"block_out_channels": "many"}')
    with pytest.raises(UnusableModel, match="its U-Net has shapes that no network has"):
        load(folder)
    (folder / "model_index.json").write_bytes(b"[1]")
    with pytest.raises(UnusableModel, match="is not a JSON object"):
        load(folder)


@pytest.mark.parametrize(
    ("part", "changes", "why"),
    [
        ("scheduler/scheduler_config.json", {"_class_name": "EDMEulerScheduler"}, "made for EDM's noise levels"),
        (
            "scheduler/scheduler_config.json",
            {"_class_name": "FlowMatchEulerDiscreteScheduler"},
            "made for flow matching",
        ),
        ("scheduler/scheduler_config.json", {"use_flow_sigmas": True}, "made for flow matching"),
        ("vae/config.json", {"latents_mean": [0.0] * 4, "latents_std": [1.0] * 4}, "its VAE normalises its latents"),
    ],
)
def test_a_noise_or_latents_of_another_kind_are_refused(folder: Path, part: str, changes: Any, why: str) -> None:
    config = folder / part
    config.write_text(json.dumps({**json.loads(config.read_text()), **changes}))
    with pytest.raises(UnusableModel, match=why):
        load(folder)


@pytest.mark.parametrize("pipeline", ["StableDiffusionPipeline", "StableDiffusionSAGPipeline"])
def test_a_pickled_safety_checker_which_nobody_loads_is_no_obstacle(folder: Path, pipeline: str) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    index |= {"_class_name": pipeline, "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "safety_checker").mkdir()
    (folder / "safety_checker" / "pytorch_model.bin").write_bytes(b"never opened")
    assert load(folder) is not None


def test_no_error_says_where_a_folder_lies(folder: Path) -> None:
    shutil.rmtree(folder / "tokenizer")
    with pytest.raises(UnusableModel) as caught:
        load(folder)
    assert str(folder.parent) not in str(caught.value)


def test_files_that_are_named_replace_those_of_the_folder(tmp_path: Path) -> None:
    write_folder(tmp_path / "folder", tiny_modules("sdxl"))
    others = tiny_modules("sdxl", seed=5)
    files = write_parts(tmp_path, others, layout="diffusers")
    loaded = load(tmp_path / "folder", parts={role: files[role] for role in ("text_encoder_2", "vae")})
    for ours, theirs in ((loaded.vae, others.vae), (loaded.text_encoders[1], others.text_encoders[1])):
        state = theirs.state_dict()
        assert all(torch.equal(tensor, state[name]) for name, tensor in ours.state_dict().items())
    own = load(tmp_path / "folder").text_encoders[0].state_dict()
    assert all(torch.equal(tensor, own[name]) for name, tensor in loaded.text_encoders[0].state_dict().items())
