"""Which files a denoiser is drawn with: by kind and width, the nearest first, or as its sidecar says."""

import pytest

from imagine.messages import sentence
from tests.registry.declared import SDXL_UNET, clip_text, open_clip, under, unet, vae, write
from tests.registry.listing import listed

L, H, G = clip_text(768, 2), open_clip(1024, 2), open_clip(1280, 2)
"""Text encoders of the published widths, as transformers' and OpenCLIP's names have them."""
NO_TEXT = "a text encoder of the kind clip_l (clip_l.safetensors, 246 MB)"
NO_VAE = "a VAE (vae-ft-mse-840000-ema-pruned.safetensors, 335 MB)"
MIGHT = "of the files among the models these might fit, named as"


def denoiser(folder):
    """What is listed of the only one."""
    (entry,) = (entry for entry in listed(folder).files() if entry.kind == "diffusion-model")
    return entry


def lacks(entry):
    return None if entry.unusable is None else sentence(entry.unusable)


@pytest.mark.parametrize(
    ("shapes", "files", "encoders", "chosen_vae"),
    [
        (unet(), {"l": L, "h": H, "g": G, "kl-f8": vae(), "sdxl-vae": vae()}, ("l",), "kl-f8"),
        (unet(context=1024, linear=True), {"l": L, "h": H, "g": G, "v": vae()}, ("h",), "v"),
        (unet(**SDXL_UNET), {"l": L, "h": H, "g": G, "kl-f8": vae(), "sdxl-vae": vae()}, ("l", "g"), "sdxl-vae"),
        (unet(), {"z-l": L, "base-l": L, "base-vae": vae(), "a-vae": vae()}, ("base-l",), "base-vae"),
        (unet(), {"a/l": L, "l2": L, "a/vae": vae(), "v": vae()}, ("l2",), "v"),
        (unet(), {"l": L, "flux": vae(16), "sd": vae()}, ("l",), "sd"),
    ],
    ids=["sd1", "sd2", "sdxl", "the name nearest", "the folder nearest", "of as many channels"],
)
def test_the_files_that_fit_are_found_by_kind_and_width(tmp_path, shapes, files, encoders, chosen_vae):
    write(tmp_path / "base.safetensors", under("model.diffusion_model.", shapes))
    for name, other in files.items():
        write(tmp_path / f"{name}.safetensors", other)
    entry = denoiser(tmp_path)
    assert (entry.encoders, entry.vae, entry.needs, lacks(entry)) == (encoders, chosen_vae, (), None)
    assert [model.name for model in listed(tmp_path).models()] == ["base"]


@pytest.mark.parametrize(
    ("first", "added"),
    [
        (("text_encoders/l", "vae/v"), ("text_encoders/clip/l", "vae/sub/v")),
        (("text_encoders/z-l", "vae/z-v"), ("text_encoders/a/unets-l", "vae/a/unets-v")),
        (("unets/z/l", "unets/z/v"), ("text_encoders/l", "vae/v")),
    ],
    ids=["deeper, of the same name", "deeper, of a nearer name", "in another folder"],
)
@pytest.mark.parametrize("named", [False, True])
def test_a_file_that_is_added_further_away_changes_nothing(tmp_path, first, added, named):
    if named:
        sidecar = tmp_path / "unets" / "base.yaml"
        sidecar.parent.mkdir()
        sidecar.write_text("text_encoder: {}\nvae: {}".format(*(name.rpartition("/")[2] for name in first)))
    write(tmp_path / "unets" / "base.safetensors", unet())
    for files in (first, added):
        for name, shapes in zip(files, (L, vae()), strict=True):
            write(tmp_path / f"{name}.safetensors", shapes)
        known = listed(tmp_path)
        entry = next(entry for entry in known.files() if entry.kind == "diffusion-model")
        parts = (known.find(entry.encoders[0], "text-encoder"), known.find(entry.vae, "vae"))
        assert [part.path for part in parts] == [str(tmp_path / f"{name}.safetensors") for name in first]


@pytest.mark.parametrize(
    ("files", "needs", "says"),
    [
        ({"h": H, "v": vae()}, ("text_encoders",), f"it lacks {NO_TEXT}, and no file among the"),
        ({"l": L, "xl-vae": vae()}, ("vae",), f"it lacks {NO_VAE}; {MIGHT} vae: xl-vae"),
        (
            {"xl-vae": vae(), "narrow": clip_text(32, 2)},
            ("text_encoders", "vae"),
            f"it lacks {NO_TEXT} and {NO_VAE}; {MIGHT} vae: xl-vae",
        ),
        ({}, ("text_encoders", "vae"), f"it lacks {NO_TEXT} and {NO_VAE}, and no file"),
    ],
)
def test_what_is_not_found_is_said(tmp_path, files, needs, says):
    write(tmp_path / "base.safetensors", unet())
    for name, shapes in files.items():
        write(tmp_path / f"{name}.safetensors", shapes)
    entry = denoiser(tmp_path)
    assert entry.needs == needs
    assert lacks(entry).startswith(says)
    assert listed(tmp_path).models() == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("vae: other\ntext_encoder: second", None),
        ("text_encoders: [second]", None),
        ("vae: none", "the YAML beside it names 'none' as vae, and no file among the models is called so and fits"),
        ("text_encoder: other", "the YAML beside it names 'other' as text_encoders, and no file"),
        ("vae: ../../etc/passwd", "the YAML beside it names '../../etc/passwd' as vae, and no file"),
        (
            "text_encoders: [first, second]",
            "the YAML beside it names both 'second' and 'first' as text_encoders, for the",
        ),
        ("vae: own", f"it lacks {NO_VAE}; {MIGHT} vae: base-vae, other"),
        ("text_encoders: own", f"it lacks {NO_TEXT}; of the files among the models these"),
        ("vae: [a, b]", "its base.yaml names files under vae"),
        ("text_encoders: [3]", "its base.yaml names files under text_encoders"),
    ],
)
def test_a_sidecar_names_the_files(tmp_path, text, says):
    write(tmp_path / "base.safetensors", unet())
    for name, shapes in {"first": L, "second": L, "base-vae": vae(), "other": vae()}.items():
        write(tmp_path / f"{name}.safetensors", shapes)
    (tmp_path / "base.yaml").write_text(text)
    entry = denoiser(tmp_path) if says is None else next(e for e in listed(tmp_path).files() if e.name == "base")
    if says is None:
        assert (entry.encoders, entry.vae) == (("second",), "other" if "vae" in text else "base-vae")
    else:
        assert lacks(entry).startswith(says)


def test_a_denoiser_and_a_checkpoint_of_one_name_are_told_apart(tmp_path):
    write(tmp_path / "a" / "fox.safetensors", unet())
    write(
        tmp_path / "b" / "fox.safetensors",
        under("model.diffusion_model.", unet())
        | under("cond_stage_model.transformer.", L)
        | under("first_stage_model.", vae()),
    )
    write(tmp_path / "a" / "l.safetensors", L)
    write(tmp_path / "a" / "v.safetensors", vae())
    known = listed(tmp_path)
    assert [entry.name for entry in known.models()] == ["b/fox", "a/fox"]
    assert [known.find(name).kind for name in ("a/fox", "b/fox")] == ["diffusion-model", "checkpoint"]
