"""A Flux, its T5, and others of few bits draw what the same numbers draw in float32, and take what files have."""

from functools import partial

import gguf
import pytest
import torch
from safetensors.torch import load_file

from imagine.engine.device.device import Device
from imagine.engine.families.open import open_model
from imagine.engine.quantised.tensor import Quantised
from tests.auraflow_files import tiny_auraflow, write_auraflow
from tests.engine.references.referring import reference, referring
from tests.engine.running import SETTINGS, latents_of, model_at, wish
from tests.engine.test_loading_quantised import E4M3, stored_as, written_as_llama_cpp_does
from tests.flux2_files import tiny_flux2, write_flux2
from tests.flux_adapters import tiny_redux, tiny_siglip, write_redux, write_siglip, write_xlabs, xlabs_tensors
from tests.flux_files import save, tiny_flux, write_flux
from tests.image_adapters import write_encoder
from tests.lumina2_files import tiny_lumina2, write_lumina2
from tests.pixart_files import tiny_pixart, write_pixart
from tests.quantised_files import in_four_bits, write_gguf
from tests.qwen_image_files import tiny_qwen_image, write_qwen_image
from tests.sana_files import tiny_sana, write_sana
from tests.z_image_files import tiny_z_image, write_z_image

pytestmark = pytest.mark.usefixtures("one_thread")


def in_eight(layout, tensors):
    """In fp8, or in fp8 or int8 with scales: what the file has, and what it comes to."""
    file, plain = {"scaled_fp8": torch.zeros(2).to(torch.float8_e4m3fn)} if layout == "scaled_fp8" else {}, {}
    for name, tensor in tensors.items():
        is_stored = tensor.dim() > 1 and (layout == E4M3 or name.endswith(".weight"))
        stored = stored_as(layout, name, tensor) if is_stored else {name: tensor}
        scale = next((each for end, each in stored.items() if end.endswith((".scale_weight", ".weight_scale"))), 1.0)
        file |= stored
        plain[name] = stored[name].float() * scale
    return file, plain


def in_four(tensors):
    file, plain = {}, {}
    for name, tensor in tensors.items():
        stored, plain[name] = in_four_bits(name, tensor) if tensor.dim() > 1 else ({name: tensor}, tensor)
        file |= stored
    return file, plain


def few(form, path):
    """The denoiser's file, written anew in that form, and its numbers, which replace those of `path`."""
    tensors = load_file(path)
    if form == "gguf":
        made = path.with_suffix(".gguf")
        expected = write_gguf(made, tensors, architecture="flux")
        plain = {name: torch.from_numpy(each) for name, each in expected.items()}
    else:
        made = path.with_name("few.safetensors")
        file, plain = in_four(tensors) if form == "nf4" else in_eight(form, tensors)
        save(made, file)
    save(path, {name: each.float() for name, each in plain.items()})
    return made


def few_t5(path):
    """The text encoder's, as llama.cpp writes it."""
    named = partial(gguf.get_tensor_name_map(gguf.MODEL_ARCH.T5ENCODER, 2).get_name, try_suffixes=(".weight",))
    save(path, written_as_llama_cpp_does(path.parent, "t5encoder", load_file(path), named))
    return path.with_name("x.gguf")


@pytest.mark.parametrize("form", ["scaled_fp8", "int8", "gguf", "nf4"])
def test_it_draws_what_its_numbers_draw_and_takes_what_its_files_have(tmp_path, form):
    """And beside them what image adapters made of pictures for it."""
    flux = tiny_flux()
    denoiser = write_flux(tmp_path, flux, "split")
    redux = write_redux(tmp_path / "redux.safetensors", tiny_redux(flux.transformer))
    xlabs = write_xlabs(tmp_path / "xlabs.safetensors", xlabs_tensors(flux.transformer))
    sees = write_siglip(tmp_path / "sees.safetensors", tiny_siglip()), tmp_path / "clip.safetensors"
    write_encoder(sees[1])
    shown = [reference(file, encoder=encoder) for file, encoder in zip((redux, xlabs), sees, strict=True)]
    t5 = denoiser.with_name("t5xxl.safetensors")
    files = {"few": (few(form, denoiser), few_t5(t5)), "plain": (denoiser, t5)}
    beside = {
        role: denoiser.with_name(f"{name}.safetensors") for role, name in (("text_encoder", "clip_l"), ("vae", "ae"))
    }
    models = {
        name: model_at(first, parts=beside | {"text_encoder_2": second}, role="denoiser", family="flux")
        for name, (first, second) in files.items()
    }
    asked = {name: wish(model, guidance=3.5, num_steps=2) for name, model in models.items()}
    drawn = {name: latents_of(referring(one, *shown)) for name, one in asked.items()}
    within = 1e-5 if form == "nf4" else 0.0  # whose values aren't written down as float32
    assert torch.allclose(drawn["few"], drawn["plain"], rtol=0, atol=within)
    family = open_model(models["few"], Device(SETTINGS), lambda _: None, {})
    for stage, file, least in (("denoise", files["few"][0], 20), ("encode", files["few"][1], 14)):
        held = [list(part.module.parameters()) for part in family.parts(stage) if hasattr(part, "module")]
        kept = max(held, key=lambda weights: sum(isinstance(weight, Quantised) for weight in weights))
        assert sum(isinstance(weight, Quantised) for weight in kept) >= least
        assert sum(weight.nbytes for weight in kept) <= 1.05 * file.stat().st_size


FLUX2 = ("flux2", tiny_flux2, write_flux2, ("qwen_3_4b", "flux2-vae"))
QWEN_IMAGE = ("qwen-image", tiny_qwen_image, write_qwen_image, ("qwen_2.5_vl_7b", "qwen_image_vae"))
PIXART = ("pixart", tiny_pixart, write_pixart, ("t5xxl", "sdxl_vae"))
AURAFLOW = ("auraflow", tiny_auraflow, write_auraflow, ("pile_t5xl", "sdxl_vae"))
SANA = ("sana", tiny_sana, write_sana, ("gemma_2_2b", "sana_vae"))
LUMINA2 = ("lumina2", tiny_lumina2, write_lumina2, ("gemma_2_2b", "ae"))
Z_IMAGE = ("z-image", tiny_z_image, write_z_image, ("qwen_3_4b", "ae"))


@pytest.mark.parametrize(
    ("of", "form"),
    [
        (FLUX2, "scaled_fp8"), (FLUX2, "int8"), (FLUX2, "gguf"), (QWEN_IMAGE, "scaled_fp8"), (QWEN_IMAGE, "gguf"),
        (Z_IMAGE, E4M3), (Z_IMAGE, "int8"), (Z_IMAGE, "gguf"),
        (PIXART, E4M3), (PIXART, "int8"), (PIXART, "gguf"), (LUMINA2, E4M3), (LUMINA2, "gguf"),
        (SANA, E4M3), (AURAFLOW, E4M3), (AURAFLOW, "gguf"),
    ],
    ids=lambda each: each[0] if isinstance(each, tuple) else str(each),
)  # fmt: skip
def test_another_draws_what_its_numbers_draw(tmp_path, of, form):
    family, made_of, write, names = of
    plain = write(tmp_path, made_of(), "split")
    beside = {
        role: plain.with_name(f"{name}.safetensors") for role, name in zip(("text_encoder", "vae"), names, strict=True)
    }
    files = {"few": few(form, plain), "plain": plain}
    models = {name: model_at(file, parts=beside, role="denoiser", family=family) for name, file in files.items()}
    drawn = {name: latents_of(wish(model, guidance=1.0, num_steps=2)) for name, model in models.items()}
    assert torch.equal(drawn["few"], drawn["plain"])
    (part,) = open_model(models["few"], Device(SETTINGS), lambda _: None, {}).parts("denoise")
    assert sum(isinstance(weight, Quantised) for weight in part.module.parameters()) >= 19
