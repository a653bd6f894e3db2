"""Single files load to the very networks they were written from, whatever they are stored as, with no copy made."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from imagine.engine.loading.components import Components
from imagine.engine.loading.single_file import load_single_file
from imagine.words.errors import UnusableModel
from tests import checkpoints
from tests.checkpoints import FAMILIES, Modules, tiny_modules, write_checkpoint, write_vae
from tests.models import model_at

pytestmark = pytest.mark.usefixtures("no_network")
CPU = torch.device("cpu")
QUERY = "model.diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_q"


def load(path: Path, *, dtype: torch.dtype | None = None, **more: Any) -> Components:
    return load_single_file(model_at(path, **more), device=CPU, dtype=dtype)


def networks_of(modules: Modules | Components) -> list[Any]:
    return [modules.unet, modules.vae, *modules.text_encoders]


def assert_same_weights(expected: Any, loaded: Any, change: Any = lambda tensor: tensor) -> None:
    theirs, ours = expected.state_dict(), loaded.state_dict()
    assert theirs.keys() == ours.keys()
    differing = [name for name, tensor in theirs.items() if not torch.equal(change(tensor), ours[name])]
    assert not differing


def read_by(encoder: Any, ids: Tensor) -> tuple[Any, Tensor | None]:
    """What each layer of a text encoder says, ours or transformers', and the projection where there is one."""
    wanted = {} if type(encoder).__module__.startswith("imagine") else {"output_hidden_states": True}
    output = encoder(ids, **wanted)
    return output.hidden_states, getattr(output, "text_embeds", None)


@torch.inference_mode()
def answers(modules: Modules | Components) -> list[Tensor]:
    """What every network of `modules` says to fixed input."""
    torch.manual_seed(1)
    unet, vae = modules.unet, modules.vae
    ids = torch.tensor([[49406, 320, 2368, 49407] + [0] * 73])
    encoded = [read_by(encoder, ids) for encoder in modules.text_encoders]
    context = torch.cat([states[-2] for states, _ in encoded], -1)
    extra = {}
    if unet.config.addition_embed_type:
        numbers = (unet.config.projection_class_embeddings_input_dim - 40) // unet.config.addition_time_embed_dim
        extra = {"text_embeds": encoded[-1][1], "time_ids": torch.arange(numbers)[None].float()}
    latents = torch.randn(1, unet.config.in_channels, 8, 8)
    noise = unet(latents, 500, context, added_cond_kwargs=extra).sample
    picture = torch.randn(1, 3, 32, 32)
    return [
        noise, context, vae.decode(latents[:, :4]).sample, vae.encode(picture).latent_dist.mean,
        *(states[-1] for states, _ in encoded), *(pooled for _, pooled in encoded if pooled is not None),
    ]  # fmt: skip


def realigned(loaded: Components) -> Components:
    """`loaded` with its weights where an allocator would put them: matrix products round by alignment."""
    for network in networks_of(loaded):
        for parameter in network.parameters():
            parameter.data = parameter.data.clone()
    return loaded


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Modules]]:
    """A file of every family, and what it was written from."""
    folder = tmp_path_factory.mktemp("families")
    files = {family: folder / f"{family}.safetensors" for family in FAMILIES}
    return {family: (path, write_checkpoint(path, family)) for family, path in files.items()}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_gives_the_networks_it_was_written_from(family: str, written: Any) -> None:
    path, modules = written[family]
    loaded = load(path)
    assert loaded.family == family
    for expected, network in zip(networks_of(modules), networks_of(loaded), strict=True):
        assert_same_weights(expected, network)
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())
    expected = answers(modules)
    torch.testing.assert_close(answers(loaded), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(answers(realigned(loaded)), expected, rtol=0, atol=0)
    assert loaded.scaling_factor == (0.13025 if family.startswith("sdxl") else 0.18215)
    assert not loaded.report.casts
    assert not loaded.report.warnings


@pytest.mark.parametrize("family", FAMILIES)
def test_plain_diffusers_loads_the_same(family: str, written: Any, tmp_path: Path) -> None:
    import diffusers

    path, modules = written[family]
    checkpoints.write_config_folder(tmp_path / "config", modules)
    name = "StableDiffusionXLImg2ImgPipeline" if family == "sdxl_refiner" else checkpoints.PIPELINES[family]
    theirs = getattr(diffusers, name).from_single_file(
        str(path), config=str(tmp_path / "config"), local_files_only=True
    )
    ours = load(path)
    encoders = [e for e in (theirs.text_encoder, getattr(theirs, "text_encoder_2", None)) if e is not None]
    for expected, network in zip([theirs.unet, theirs.vae, *encoders], networks_of(ours), strict=True):
        assert_same_weights(expected, network)
    for expected, answer in zip(
        answers(Modules(family, theirs.unet, theirs.vae, encoders)), answers(ours), strict=True
    ):
        assert torch.equal(expected, answer)


@pytest.mark.parametrize("family", ["stable_diffusion", "sdxl"])
@pytest.mark.parametrize("channels", [8, 9])
def test_more_input_channels_are_read_off_the_file(family: str, channels: int, tmp_path: Path) -> None:
    path = tmp_path / "wide.safetensors"
    modules = write_checkpoint(path, tiny_modules(family, in_channels=channels))
    loaded = load(path)
    assert loaded.in_channels == channels
    assert loaded.latent_channels == 4
    assert torch.equal(answers(modules)[0], answers(realigned(loaded))[0])


def test_weights_are_the_mapped_file(written: Any) -> None:
    path, _ = written["sd2"]
    loaded = load(path)
    mapped = _mappings_of(path)
    for network in networks_of(loaded):
        for name, parameter in network.named_parameters():
            assert any(start <= parameter.data_ptr() < end for start, end in mapped), name
    assert loaded.report.bytes_mapped == path.stat().st_size


def test_writing_to_a_weight_never_reaches_the_file(written: Any) -> None:
    path, _ = written["stable_diffusion"]
    before = path.read_bytes()
    next(load(path).unet.parameters()).zero_()
    assert path.read_bytes() == before


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_what_is_stored_in_half_stays_so_unless_another_is_asked_for(dtype: torch.dtype, tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    modules = write_checkpoint(path, dtype=dtype)
    loaded = load(path)
    assert loaded.unet.dtype == dtype
    assert not loaded.report.casts
    for expected, network in zip(networks_of(modules), networks_of(loaded), strict=True):
        assert_same_weights(expected, network, lambda tensor: tensor.to(dtype))
    for asked in {torch.float16, torch.bfloat16, torch.float32} - {dtype}:
        cast = load(path, dtype=asked)
        assert len(cast.report.casts) == 3
        for expected, network in zip(networks_of(modules), networks_of(cast), strict=True):
            assert_same_weights(expected, network, lambda tensor, asked=asked: tensor.to(dtype).to(asked))


def test_a_stray_dtype_is_cast_to_what_the_network_is_stored_as(tmp_path: Path) -> None:
    path = tmp_path / "mixed.safetensors"
    modules = tiny_modules()
    modules.unet.half()
    modules.unet.conv_in.float()
    modules.unet.time_embedding.double()
    save_modules(path, modules)
    loaded = load(path)
    assert {parameter.dtype for parameter in loaded.unet.parameters()} == {torch.float16}
    assert {parameter.dtype for parameter in loaded.vae.parameters()} == {torch.float32}
    assert sorted(loaded.report.casts) == ["U-Net: float32 to float16", "U-Net: float64 to float16"]


def save_modules(path: Path, modules: Modules) -> None:
    tensors = checkpoints.ldm_from_diffusers(modules.unet, modules.vae, modules.text_encoders)
    checkpoints.save(path, tensors)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_eight_bits_become_sixteen(dtype: torch.dtype, tmp_path: Path) -> None:
    path = tmp_path / "eight.safetensors"
    modules = write_checkpoint(path, dtype=dtype)
    loaded = load(path)
    assert loaded.unet.dtype == torch.float16
    expected = modules.unet.mid_block.attentions[0].proj_in.weight.to(dtype).to(torch.float16)
    assert torch.equal(loaded.unet.mid_block.attentions[0].proj_in.weight, expected)
    assert load(path, dtype=torch.float32).unet.dtype == torch.float32


def quant(said: str) -> Tensor:
    return torch.tensor(list(said.encode()), dtype=torch.uint8)


@pytest.mark.parametrize("scale", [torch.tensor(0.5), torch.full((64,), 0.25)])
@pytest.mark.parametrize(
    ("name", "marks"),
    [
        ("scale_weight", {"scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}),
        (
            "weight_scale",
            {f"{QUERY}.comfy_quant": quant('{"format": "float8_e4m3fn"}'), f"{QUERY}.input_scale": quant("1")},
        ),
    ],
)
def test_eight_bits_are_scaled(scale: Tensor, name: str, marks: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "scaled.safetensors"
    extra = {f"{QUERY}.{name}": scale, **marks}
    modules = write_checkpoint(path, dtype=torch.float8_e4m3fn, extra=extra)
    loaded = load(path, dtype=torch.float32)
    stored = modules.unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_q.weight.to(torch.float8_e4m3fn)
    weight = loaded.unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_q.weight
    assert torch.equal(weight, stored.float() * scale.flatten()[0])
    assert not loaded.report.warnings


@pytest.mark.parametrize("said", ['{"format": "mxfp8"}', '{"format": 1}', "[]", "{"])
def test_eight_bits_of_another_format_are_refused(said: str, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    write_checkpoint(path, dtype=torch.float8_e4m3fn, extra={f"{QUERY}.comfy_quant": quant(said)})
    with pytest.raises(UnusableModel, match=r"its weights are quantised|is not understood"):
        load(path)


@pytest.mark.parametrize("family", ["stable_diffusion", "sdxl"])
def test_a_projection_that_comfyui_saves_beside_clip_l_is_passed_over(family: str, tmp_path: Path) -> None:
    path = tmp_path / "comfy.safetensors"
    prefix = "conditioner.embedders.0" if family == "sdxl" else "cond_stage_model"
    extra = {f"{prefix}.transformer.text_projection.weight": torch.zeros(32, 32)}
    modules = write_checkpoint(path, family, extra=extra)
    assert_same_weights(modules.text_encoders[0], load(path).text_encoders[0])


@pytest.mark.parametrize(("family", "inner"), [("stable_diffusion", "transformer"), ("sd2", "model")])
def test_a_text_encoder_may_be_named_as_sdxls_first(family: str, inner: str, tmp_path: Path) -> None:
    """As SD-Turbo's is."""
    usual, renamed = tmp_path / "usual.safetensors", tmp_path / "sgm.safetensors"
    modules = write_checkpoint(usual, family)
    old, new = f"cond_stage_model.{inner}.", f"conditioner.embedders.0.{inner}."
    tensors = load_file(usual)
    checkpoints.save(renamed, {name.replace(old, new): tensor for name, tensor in tensors.items()})
    loaded = load(renamed)
    assert loaded.family == family
    assert_same_weights(modules.text_encoders[0], loaded.text_encoders[0])


@pytest.mark.parametrize(
    ("layers", "projection", "used"), [(24, True, 23), (24, False, 23), (23, True, 23), (23, False, 23)]
)
def test_sd2_never_uses_the_last_of_its_encoders_24_layers(
    layers: int, projection: bool, used: int, tmp_path: Path
) -> None:
    path = tmp_path / "sd2.safetensors"
    write_checkpoint(path, tiny_modules("sd2", text={"num_hidden_layers": 23}))
    tensors = load_file(path)
    mark, unwanted = "cond_stage_model.model.", [] if layers == 24 else ["transformer.resblocks.23."]
    unwanted += [] if projection else ["text_projection"]
    left = tuple(mark + name for name in unwanted)
    checkpoints.save(path, {name: tensor for name, tensor in tensors.items() if not left or not name.startswith(left)})
    assert load(path).text_encoders[0].config.num_hidden_layers == used


@pytest.mark.parametrize("family", FAMILIES)
def test_an_ema_copy_serves_where_it_is_all_there_is(family: str, tmp_path: Path) -> None:
    path = tmp_path / "ema.safetensors"
    modules = write_checkpoint(path, family, ema="only")
    assert_same_weights(modules.unet, load(path).unet)


def test_live_weights_win_over_their_ema_copy(tmp_path: Path) -> None:
    path = tmp_path / "both.safetensors"
    modules = write_checkpoint(path, ema="both")
    loaded = load(path)
    assert_same_weights(modules.unet, loaded.unet)
    assert not loaded.report.warnings


def test_what_training_leaves_behind_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "full.safetensors"
    names = [
        "betas", "alphas_cumprod", "sqrt_recipm1_alphas_cumprod", "posterior_mean_coef1", "denoiser.sigmas", "logvar",
        "cond_stage_model.logit_scale", "cond_stage_model.text_projection", "first_stage_model.loss.logvar",
        "cond_stage_model.transformer.text_model.embeddings.position_ids", "model_ema.decay",
    ]  # fmt: skip
    modules = write_checkpoint(path, extra={name: torch.zeros(1, 77) for name in names})
    loaded = load(path)
    assert not loaded.report.warnings
    for expected, network in zip(networks_of(modules), networks_of(loaded), strict=True):
        assert_same_weights(expected, network)


def test_what_is_unknown_is_left_out_and_named(tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    write_checkpoint(path, extra={"somebody.elses.weight": torch.zeros(1), "and.more": torch.zeros(1)})
    (warning,) = load(path).report.warnings
    assert str(warning).startswith("2 tensors were left out of the model as unknown, such as ")


def test_a_separate_vae_replaces_the_checkpoints(written: Any, tmp_path: Path) -> None:
    path, _ = written["stable_diffusion"]
    other = tiny_modules(seed=5)
    for layout in ("ldm", "bare", "diffusers"):
        vae = tmp_path / f"{layout}.safetensors"
        write_vae(vae, other, layout=layout)
        assert_same_weights(other.vae, load(path, parts={"vae": vae}).vae)


def test_a_vae_with_the_attentions_old_names(written: Any, tmp_path: Path) -> None:
    path, modules = written["stable_diffusion"]
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    tensors = dict(modules.vae.state_dict())
    for new, name in old.items():
        tensors = {k.replace(f"attentions.0.{new}.", f"attentions.0.{name}."): t for k, t in tensors.items()}
    checkpoints.save(tmp_path / "old.safetensors", tensors)
    assert_same_weights(modules.vae, load(path, parts={"vae": tmp_path / "old.safetensors"}).vae)


def test_an_sdxl_of_one_layer_a_level_loads(tmp_path: Path) -> None:
    """As KOALA-1B is."""
    path = tmp_path / "koala.safetensors"
    shorter = {"layers_per_block": 1, "transformer_layers_per_block": [1, 2, 6]}
    assert_same_weights(write_checkpoint(path, tiny_modules("sdxl", unet=shorter)).unet, load(path).unet)


def test_sft_is_safetensors_too(written: Any, tmp_path: Path) -> None:
    path, modules = written["stable_diffusion"]
    copy = Path(shutil.copy(path, tmp_path / "x.SFT"))
    assert_same_weights(modules.unet, load(copy).unet)


def test_a_missing_vae_is_asked_for(tmp_path: Path) -> None:
    path, vae = tmp_path / "bare.safetensors", tmp_path / "vae.safetensors"
    modules = write_checkpoint(path, vae=False)
    with pytest.raises(UnusableModel, match="it has no VAE; name a VAE file"):
        load(path)
    write_vae(vae, modules, layout="ldm")
    assert_same_weights(modules.vae, load(path, parts={"vae": vae}).vae)


def test_what_shapes_do_not_tell_stands_in_the_metadata(tmp_path: Path) -> None:
    path = tmp_path / "narrow.safetensors"
    modules = tiny_modules(
        unet={"attention_head_dim": 2, "norm_num_groups": 16, "block_out_channels": [16, 32, 32, 48]},
        vae={"norm_num_groups": 8, "block_out_channels": [8, 16, 16, 24], "scaling_factor": 0.41582},
        text={"num_attention_heads": 4},
    )
    metadata = {
        "imagine.attention_heads": "2", "imagine.norm_num_groups": "16", "imagine.vae_norm_num_groups": "8",
        "imagine.text_attention_heads": "4", "imagine.vae_scaling_factor": "0.41582",
        "modelspec.prediction_type": "v_prediction", "modelspec.resolution": "128x128",
    }  # fmt: skip
    write_checkpoint(path, modules, metadata=metadata)
    loaded = load(path)
    torch.testing.assert_close(answers(realigned(loaded)), answers(modules), rtol=0, atol=0)
    assert (loaded.noise.prediction, loaded.resolution, loaded.scaling_factor) == ("v_prediction", 128, 0.41582)


def test_heads_may_differ_by_level(tmp_path: Path) -> None:
    path = tmp_path / "levels.safetensors"
    modules = tiny_modules("sd2", unet={"attention_head_dim": [4, 2, 8, 8]})
    write_checkpoint(path, modules, metadata={"imagine.attention_heads": "4,2,8,8"})
    assert torch.equal(answers(modules)[0], answers(realigned(load(path)))[0])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("imagine.attention_heads", "0", "is '0', not a number from 1 to 256"),
        ("imagine.attention_heads", "9" * 400, "not a number from 1 to 256"),
        ("imagine.attention_heads", "-2", "is '-2', not"),
        ("imagine.attention_heads", "5", "32 wide, which 5 attention heads can't share evenly"),
        ("imagine.attention_heads", "2,2", "names 2 imagine.attention_heads for 4 levels"),
        ("imagine.norm_num_groups", "eight", "is 'eight', not"),
        ("imagine.norm_num_groups", "24", "32 can't be normalised in 24 groups"),
        ("imagine.vae_norm_num_groups", "0", "is '0', not"),
        ("imagine.text_attention_heads", "7", "32 wide, which 7 attention heads"),
        ("imagine.vae_scaling_factor", "1e9", "is '1e9', not a number"),
        ("imagine.vae_scaling_factor", "nan", "is 'nan', not a number"),
        ("modelspec.prediction_type", "edm", "is said to predict 'edm', which is not one of: epsilon, v_prediction"),
    ],
)
def test_nonsense_in_the_metadata_is_refused(key: str, value: str, message: str, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "odd.safetensors", metadata={key: value})
    with pytest.raises(UnusableModel, match=message):
        load(tmp_path / "odd.safetensors")


@pytest.mark.parametrize(
    ("options", "metadata", "marks", "expected"),
    [
        ({}, {}, (), ("epsilon", False)),
        ({}, {}, ("v_pred",), ("v_prediction", False)),
        ({}, {}, ("v_pred", "ztsnr"), ("v_prediction", True)),
        ({}, {"modelspec.prediction_type": "v"}, (), ("v_prediction", False)),
        ({}, {"modelspec.prediction_type": "epsilon"}, ("v_pred",), ("epsilon", False)),
        ({"prediction": "v_prediction"}, {"modelspec.prediction_type": "epsilon"}, (), ("v_prediction", False)),
        ({"prediction": "v_prediction", "zero_snr": False}, {}, ("ztsnr",), ("v_prediction", False)),
    ],
)
def test_who_says_what_is_predicted(options: Any, metadata: Any, marks: Any, expected: Any, tmp_path: Path) -> None:
    path = tmp_path / "said.safetensors"
    write_checkpoint(path, metadata=metadata, extra={mark: torch.zeros(0) for mark in marks})
    noise = load(path, options=options).noise
    assert (noise.prediction, noise.zero_snr) == expected


def test_sd2_predicts_v_at_768_unless_it_is_said_to_predict_noise(written: Any) -> None:
    path, _ = written["sd2"]
    assert (load(path).noise.prediction, load(path).resolution) == ("v_prediction", 768)
    said = load(path, options={"prediction": "epsilon"})
    assert (said.noise.prediction, said.resolution) == ("epsilon", 512)


def test_progress_rises_to_one_and_can_end_the_loading(written: Any) -> None:
    path, _ = written["stable_diffusion"]
    heard: list[float] = []
    load_single_file(model_at(path), device=CPU, progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0

    class Enough(Exception):
        pass

    def stop(_: float) -> None:
        raise Enough

    with pytest.raises(Enough):
        load_single_file(model_at(path), device=CPU, progress=stop)


def test_a_header_of_odd_length_is_no_obstacle(written: Any, tmp_path: Path) -> None:
    path, modules = written["stable_diffusion"]
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    odd = tmp_path / "odd.safetensors"
    odd.write_bytes(struct.pack("<Q", length + 1) + raw[8 : 8 + length] + b" " + raw[8 + length :])
    loaded = load(odd)
    assert_same_weights(modules.unet, loaded.unet)
    assert all(parameter.data_ptr() % 4 == 0 for parameter in loaded.unet.parameters())
    with safe_open(odd, framework="pt") as file:
        assert file.get_tensor("first_stage_model.quant_conv.weight").data_ptr() % 4


def _mappings_of(path: Path) -> list[tuple[int, int]]:
    lines = [line for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith(str(path))]
    spans = [line.split()[0].split("-") for line in lines]
    return [(int(start, 16), int(end, 16)) for start, end in spans]
