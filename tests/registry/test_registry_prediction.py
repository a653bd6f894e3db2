"""What a checkpoint predicts: each source in its order, and sidecars that are wrong."""

import os

import pytest
from declared import SD3, header_json, sd1, sd2, sdxl, tiny, under, write

from imagine.registry.header import parse_header
from imagine.registry.identify import identify
from imagine.registry.prediction import MAX_SIDECAR_BYTES, Sidecar, read_sidecar
from imagine.registry.registry import Registry
from imagine.words.errors import UnusableModel

V = Sidecar("x.yaml", "v_prediction", None)
MODELSPEC = "modelspec.prediction_type"


def told(shapes, metadata=None, sidecar=None):
    text, size = header_json(shapes, metadata=metadata)
    prediction = identify(parse_header(text, 8 + len(text) + size), sidecar).prediction
    return prediction.type, prediction.source, prediction.zero_snr


def test_metadata_speaks_before_markers_sidecar_and_default():
    marked = sd1() | {"v_pred": ()}
    for said, means in (
        ("epsilon", "epsilon"),
        ("v", "v_prediction"),
        ("v_prediction", "v_prediction"),
        ("V", "v_prediction"),
    ):
        assert told(marked, {MODELSPEC: said}, V) == (means, MODELSPEC, False)


def test_markers_speak_before_the_sidecar():
    epsilon = Sidecar("x.yaml", "epsilon", None)
    assert told(sdxl() | {"v_pred": ()}, None, epsilon) == ("v_prediction", "tensor v_pred", False)
    assert told(sdxl() | {"v_pred": (), "ztsnr": ()}) == ("v_prediction", "tensor v_pred", True)
    assert told(sdxl() | {"edm_mean": (4,), "edm_std": (4,)}) == ("edm", "tensor edm_mean", False)


def test_a_flow_family_decides_alone():
    whole = under("model.diffusion_model.", SD3)
    assert told(whole, {MODELSPEC: "epsilon"}, V) == ("flow", "family", False)


def test_then_the_sidecar_and_then_the_default():
    assert told(sd1(), None, V) == ("v_prediction", "sidecar x.yaml", False)
    assert told(sd1()) == ("epsilon", "default", False)
    assert told(sdxl()) == ("epsilon", "default", False)
    assert told(sd1(), {MODELSPEC: "nonsense"}) == ("epsilon", "default", False)


def test_sd2_is_768_v_unless_somebody_says_otherwise():
    assert told(sd2()) == ("v_prediction", "default", False)
    assert told(sd2(taken=9)) == ("epsilon", "family", False)
    assert told(sd2(), {"modelspec.architecture": "stable-diffusion-v2-512"})[:2] == (
        "epsilon",
        "modelspec.architecture",
    )
    assert told(sd2(), {MODELSPEC: "epsilon"})[:2] == ("epsilon", MODELSPEC)
    text, size = header_json(sd2())
    base = identify(parse_header(text, 8 + len(text) + size), Sidecar("x.yaml", "epsilon", None))
    assert base.resolution == 512


def test_zero_snr_is_told_by_marker_metadata_or_sidecar():
    assert told(sd1() | {"ztsnr": ()})[2]
    assert told(sd1(), {"ss_zero_terminal_snr": "True"})[2]
    assert told(sd1(), None, Sidecar("x.yaml", None, True))[2]
    assert not told(sd1(), {"ss_zero_terminal_snr": "False"}, Sidecar("x.yaml", None, False))[2]


A1111_V = """
model:
  base_learning_rate: 1.0e-4
  target: ldm.models.diffusion.ddpm.LatentDiffusion
  params:
    parameterization: "v"
    linear_start: 0.00085
"""


@pytest.mark.parametrize(
    ("text", "prediction", "zero_snr"),
    [
        (A1111_V, "v_prediction", None),
        (A1111_V.replace('parameterization: "v"', "timesteps: 1000"), "epsilon", None),
        ("prediction_type: v_prediction", "v_prediction", None),
        ("prediction_type: epsilon\nzero_snr: false", "epsilon", False),
        ("zero_snr: true", None, True),
        ("note: mine", None, None),
        ("# nothing", None, None),
        ("", None, None),
        (f"{A1111_V}note: mine", "v_prediction", None),
    ],
)
def test_reads_sidecars(tmp_path, text, prediction, zero_snr):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    assert read_sidecar(path) == Sidecar("x.yaml", prediction, zero_snr)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"prediction_type: guess", "its sidecar x.yaml names the unknown prediction 'guess'"),
        (b"prediction_type: [v]", "its sidecar x.yaml names the unknown prediction '['v']'"),
        (b"zero_snr: 1", "its sidecar x.yaml has a zero_snr that is neither true nor false"),
        (b"- v", "its sidecar x.yaml is not a YAML mapping"),
        (
            b"zero_snr: true\nvea: mine",
            "its sidecar x.yaml says 'vea', which isn't known; it may say prediction_type, zero_snr, vae, "
            "text_encoders, text_encoder, upscaler, examples",
        ),
        (b"a: [", "its sidecar x.yaml is not valid YAML"),
        (b"\xff\xfe\xff", "its sidecar x.yaml is not valid YAML"),
        (b"a: !!python/object/apply:os.getpid []", "its sidecar x.yaml is not valid YAML"),
        (b"[" * 1000, "its sidecar x.yaml can't be used: it is nested too deeply"),
        (
            b"#" * (MAX_SIDECAR_BYTES + 1),
            f"its sidecar x.yaml can't be used: it is larger than {MAX_SIDECAR_BYTES} bytes",
        ),
    ],
)
def test_refuses_broken_sidecars(tmp_path, content, reason):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(UnusableModel) as caught:
        read_sidecar(path)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("first", "level", "end"),
    [
        ("[x]", "[{0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}]", "prediction_type: *a29"),
        ("{x: 1}", "{{<<: [{0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}]}}", "prediction_type: v"),
    ],
)
def test_a_bomb_of_aliases_does_not_go_off(tmp_path, first, level, end):
    lines = [f"a0: &a0 {first}"] + [f"a{i}: &a{i} {level.format(f'*a{i - 1}')}" for i in range(1, 30)]
    path = tmp_path / "x.yaml"
    path.write_text("\n".join([*lines, end]))
    with pytest.raises(UnusableModel, match=r"can't be used: it holds more than .* that its aliases repeat"):
        read_sidecar(path)


def test_a_sidecar_that_is_no_file_is_not_waited_for(tmp_path):
    write(tmp_path / "x.safetensors", tiny())
    os.mkfifo(tmp_path / "x.yaml")
    registry = Registry([tmp_path])
    registry.refresh()
    assert str(registry.files()[0].problem) == "its sidecar x.yaml can't be used: it is not a regular file"


def test_the_sidecar_beside_a_checkpoint_is_seen_and_its_changes_too(tmp_path):
    write(tmp_path / "x.safetensors", tiny())
    registry = Registry([tmp_path])
    registry.refresh()
    assert registry.find("x").prediction_source == "default"
    (tmp_path / "x.yaml").write_text("prediction_type: v")
    assert registry.refresh().changed
    assert (registry.find("x").prediction, registry.find("x").prediction_source) == ("v_prediction", "sidecar x.yaml")
    (tmp_path / "x.yaml").write_text("prediction_type: wrong")
    registry.refresh()
    with pytest.raises(UnusableModel, match="unknown prediction 'wrong'"):
        registry.find("x")
    (tmp_path / "x.yaml").unlink()
    registry.refresh()
    assert registry.find("x").prediction == "epsilon"
