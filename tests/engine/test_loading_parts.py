"""Models of several files: denoiser, text encoders and VAE apart load to the networks of the whole checkpoint."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from imagine.engine.loading.single_file import load_single_file
from imagine.words.errors import UnusableModel
from tests.checkpoints import FAMILIES, save, tiny_modules, write_checkpoint, write_parts
from tests.engine.running import engine_of, made, picture, wish
from tests.models import model_at

CPU = torch.device("cpu")


def assembled(paths, family, **more):
    """The model of these files, by their roles."""
    parts = {role: path for role, path in paths.items() if role != "denoiser"}
    return model_at(paths["denoiser"], role="denoiser", family=family, parts=parts, **more)


@pytest.mark.parametrize("layout", ["ldm", "bare", "diffusers"])
@pytest.mark.parametrize("family", FAMILIES)
def test_files_apart_load_to_the_networks_of_the_whole(tmp_path, family, layout):
    modules = write_checkpoint(tmp_path / "whole.safetensors", family)
    whole = load_single_file(model_at(tmp_path / "whole.safetensors"), device=CPU)
    apart = load_single_file(assembled(write_parts(tmp_path, modules, layout=layout), family), device=CPU)
    assert (apart.family, apart.noise, apart.resolution) == (whole.family, whole.noise, whole.resolution)
    assert apart.report.warnings == []
    ours, theirs = ([loaded.unet, loaded.vae, *loaded.text_encoders] for loaded in (apart, whole))
    for one, other in zip(ours, theirs, strict=True):
        state, expected = one.state_dict(), other.state_dict()
        assert state.keys() == expected.keys()
        assert all(torch.equal(state[name], tensor) for name, tensor in expected.items())
        assert str(one.config) == str(other.config)


@pytest.mark.parametrize("family", ["stable_diffusion", "sdxl"])
def test_a_picture_of_files_apart_is_that_of_the_whole(tmp_path, family):
    modules = write_checkpoint(tmp_path / "whole.safetensors", family)
    whole = model_at(tmp_path / "whole.safetensors", options={"resolution": 64})
    apart = assembled(write_parts(tmp_path, modules, layout="diffusers"), family, options={"resolution": 64})
    one, other = (made(engine_of(), wish(model, neg="a dog")) for model in (whole, apart))
    assert "parts" not in one.meta
    assert set(other.meta["parts"]) == {part.role for part in apart.components[1:]}
    assert picture(one).tobytes() == picture(other).tobytes()


def cut(path):
    """The first of the two pieces that a file becomes."""
    tensors, names = load_file(path), [f"{path.stem}-0000{number}-of-00002.safetensors" for number in (1, 2)]
    for number, name in enumerate(names):
        save_file({key: tensors[key] for key in sorted(tensors)[number::2]}, path.with_name(name))
    path.unlink()
    return path.with_name(names[0])


def test_what_is_cut_into_pieces_is_read_as_the_whole(tmp_path):
    modules = write_checkpoint(tmp_path / "whole.safetensors", "sdxl")
    whole = load_single_file(model_at(tmp_path / "whole.safetensors"), device=CPU)
    paths = {role: cut(path) for role, path in write_parts(tmp_path, modules, layout="diffusers").items()}
    apart = load_single_file(assembled(paths, "sdxl"), device=CPU)
    ours, theirs = ([loaded.unet, loaded.vae, *loaded.text_encoders] for loaded in (apart, whole))
    for one, other in zip(ours, theirs, strict=True):
        state, expected = one.state_dict(), other.state_dict()
        assert all(torch.equal(state[name], tensor) for name, tensor in expected.items())


def test_a_text_encoder_replaces_the_checkpoints(tmp_path):
    write_checkpoint(tmp_path / "whole.safetensors", "sdxl")
    others = write_parts(tmp_path, tiny_modules("sdxl", seed=5))
    model = model_at(tmp_path / "whole.safetensors", parts={"text_encoder_2": others["text_encoder_2"]})
    loaded, own = (load_single_file(m, device=CPU) for m in (model, model_at(tmp_path / "whole.safetensors")))
    tables = [
        getattr(encoder, "text_model", encoder).embeddings.token_embedding.weight
        for encoder in (*loaded.text_encoders, *own.text_encoders)
    ]
    assert torch.equal(tables[0], tables[2])
    assert not torch.equal(tables[1], tables[3])


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("vae", "its text encoder file 'sdxl-vae.safetensors' can't be used: it holds 0 CLIP text encoders, not one"),
        ("text_encoder_2", "its text encoders make 96 numbers a token, and its denoiser takes 80"),
    ],
)
def test_a_text_encoder_that_does_not_fit_is_named(tmp_path, file, says):
    paths = write_parts(tmp_path, tiny_modules("sdxl"))
    with pytest.raises(UnusableModel, match=says):
        load_single_file(assembled(paths | {"text_encoder": paths[file]}, "sdxl"), device=CPU)


def test_a_file_without_a_denoiser_is_said_to_have_none(tmp_path):
    paths = write_parts(tmp_path, tiny_modules())
    save(tmp_path / "odd.safetensors", {"conv_in.weight": torch.zeros(1)})
    with pytest.raises(UnusableModel, match="no U-Net"):
        load_single_file(assembled(paths | {"denoiser": tmp_path / "odd.safetensors"}, "stable_diffusion"), device=CPU)
