"""Formats and places: Hub caches, `.sft`, GGUF, and files that are something else than their name says."""

import struct

import pytest
from declared import FLUX, header_json, tiny, vae, write, write_raw
from test_registry_folders import folder

from imagine.words.errors import UnusableModel
from tests.registry.listing import listed, only


def hub(root, repository, *revisions, main=None):
    """A repository's folder in a Hub cache; its files are links, as there, where the test makes them so."""
    place = root / f"models--{repository.replace('/', '--')}"
    for revision in revisions:
        (place / "snapshots" / revision).mkdir(parents=True)
    if main:
        (place / "refs").mkdir()
        (place / "refs" / "main").write_text(main)
    return [place / "snapshots" / revision for revision in revisions]


def test_what_lies_in_a_hub_cache_is_called_after_its_repository(tmp_path):
    (pipeline,) = hub(tmp_path, "org/pipeline", "0123456789abcdef")
    folder(pipeline)
    (file,) = hub(tmp_path, "org/file", "aa")
    blob = write(tmp_path / "models--org--file" / "blobs" / "ffff", tiny())
    (file / "sd_base.safetensors").symlink_to(blob)
    (part,) = hub(tmp_path, "org/vae-fix", "bb")
    write(part / "diffusion_pytorch_model.safetensors", vae())
    write(part / "vae" / "diffusion_pytorch_model.safetensors", vae())
    folder(part / "fp16")
    found = {(entry.name, entry.kind) for entry in listed(tmp_path).files()}
    assert found == {
        ("org/pipeline", "checkpoint"), ("sd_base", "checkpoint"), ("org/vae-fix", "vae"), ("org/vae-fix/vae", "vae"),
        ("org/vae-fix/fp16", "checkpoint"),
    }  # fmt: skip


def test_of_several_revisions_the_one_that_main_means_has_the_plain_name(tmp_path):
    for place in hub(tmp_path, "org/two", "a" * 40, "b" * 40, main="b" * 40):
        folder(place)
    paths = {entry.name: entry.path for entry in listed(tmp_path).files()}
    assert set(paths) == {"org/two", "org/two@aaaaaaa"}
    assert paths["org/two"].endswith("b" * 40)


def test_two_repositories_of_one_name_are_two(tmp_path):
    for organisation in ("a", "b"):
        (place,) = hub(tmp_path, f"{organisation}/same", "c" * 40)
        folder(place)
    assert {entry.name for entry in listed(tmp_path).models()} == {"a/same", "b/same"}


def test_a_file_with_a_library_s_own_name_is_called_after_its_folder(tmp_path):
    write(tmp_path / "loras" / "ink" / "pytorch_lora_weights.safetensors", {"x.lora_A.weight": (4, 8)})
    write(tmp_path / "model.safetensors", tiny())
    assert {entry.name for entry in listed(tmp_path).files()} == {"ink", "model"}


def test_sft_is_read_as_safetensors(tmp_path):
    write(tmp_path / "flux_ae.sft", vae())
    write(tmp_path / "model.SFT", tiny())
    (tmp_path / "model.yaml").write_text("prediction_type: v")
    assert {(entry.name, entry.kind) for entry in listed(tmp_path).files()} == {
        ("flux_ae", "vae"), ("model", "checkpoint"),
    }  # fmt: skip
    assert listed(tmp_path).find("model").prediction == "v_prediction"


def text(said):
    data = said.encode()
    return struct.pack("<Q", len(data)) + data


def gguf(architecture, shapes, kind=12, pairs=()):
    """A GGUF file's header; `pairs` are further ones, packed."""
    declared = b"".join(
        text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *reversed(shape), kind, 0)
        for name, shape in shapes.items()
    )
    said = [text("general.architecture") + struct.pack("<I", 8) + text(architecture), *pairs]
    return b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(said)) + b"".join(said) + declared


WORDS = text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 3) + text("a") + text("b") + text("c")
NUMBERS = text("x.scores") + struct.pack("<IIQ", 9, 6, 2) + struct.pack("<ff", 1, 2)
FLAG = text("x.flag") + struct.pack("<I?", 7, True)


@pytest.mark.parametrize(
    ("data", "kind", "family", "dtype"),
    [
        (gguf("flux", FLUX), "diffusion-model", "flux", "q4_k"),
        (gguf("sd1", {"nobody.knows": (4, 4)}, kind=8), "diffusion-model", "stable_diffusion", "q8_0"),
        (gguf("qwen3", {"blk.0.attn_q.weight": (8, 8)}, pairs=[WORDS, NUMBERS, FLAG]), "text-encoder", "qwen3", "q4_k"),
        (gguf("t5encoder", {"enc.blk.0.attn_q.weight": (8, 8)}), "text-encoder", "t5", "q4_k"),
        (gguf("nobody", {"x": (4,)}, kind=99), "unknown", "", "ggml type 99"),
    ],
)
def test_a_gguf_is_told_by_its_header_and_not_used(tmp_path, data, kind, family, dtype):
    (tmp_path / "x.gguf").write_bytes(data)
    entry = only(tmp_path)
    assert (entry.kind, entry.family, entry.dtype, entry.format) == (kind, family, dtype, "gguf")
    assert str(entry.problem) == "GGUF isn't supported yet; use safetensors"
    if kind != "text-encoder":
        with pytest.raises(UnusableModel, match="model 'x' can't be used: GGUF isn't supported yet"):
            listed(tmp_path).find("x")


def test_a_gguf_with_a_vocabulary_is_read_on(tmp_path):
    words = text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 200_000) + text("word!") * 200_000
    (tmp_path / "x.gguf").write_bytes(gguf("qwen3", {"blk.0.x": (8, 8)}, pairs=[words]) + bytes(10_000_000))
    assert (only(tmp_path).kind, only(tmp_path).family) == ("text-encoder", "qwen3")


def test_a_broken_gguf_is_refused_wherever_it_ends_and_whatever_it_claims(tmp_path):
    whole = gguf("flux", {"double_blocks.0.x": (4, 4)}, pairs=[WORDS])
    lies = [
        whole[:8] + struct.pack("<QQ", 2**62, 1), whole[:8] + struct.pack("<QQ", 1, 2**62), b"GGUF" + b"\xff" * 60,
        b"GGML" + whole[4:], gguf("x", {"y": (1,) * 30}),
        gguf("x", {}, pairs=[text("a") + struct.pack("<IIQ", 9, 9, 1)]),
        gguf("x", {}, pairs=[text("a") + struct.pack("<IIQ", 9, 10, 2**62)]),
    ]  # fmt: skip
    for data in [whole[:end] for end in range(0, len(whole), 7)] + lies:
        (tmp_path / "x.gguf").write_bytes(data)
        assert "GGUF" in str(only(tmp_path).problem), data


PICKLE = "it is a pickle under another name"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n", "it is a Git LFS pointer"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "it is a web page"),
        (b"\n\n  <html><head></head></html>", "it is a web page"),
        (b"PK\x03\x04\x14\x00\x08\x08\x00\x00" * 9, PICKLE),
        (b"\x80\x02}q\x00X\x0a\x00\x00\x00" * 9, PICKLE),
        (gguf("flux", FLUX), "it is a GGUF file under another name"),
        (b"Invalid username or password. Please log in.", "it is text and no model"),
        (b"\x00" * 100, "its header is not a JSON object"),
    ],
)
def test_what_is_something_else_under_a_model_s_name_is_called_what_it_is(tmp_path, data, why):
    (tmp_path / "x.safetensors").write_bytes(data)
    assert str(only(tmp_path).problem).startswith(why)


@pytest.mark.parametrize("length", [640, 0x04034B50 % 2**16, 0x3C])
def test_a_length_that_reads_like_another_format_is_none(tmp_path, length):
    json, size = header_json(tiny())
    write_raw(tmp_path / "x.safetensors", json.ljust(max(length, len(json))), size)
    assert only(tmp_path).problem is None


@pytest.mark.parametrize(
    "change", [lambda t: b" \n" + t, lambda t: b'{"__metadata__": null, ' + t[1:], lambda t: t + b"  "]
)
def test_what_the_library_takes_in_a_header_is_taken(tmp_path, change):
    json, size = header_json(tiny())
    write_raw(tmp_path / "x.safetensors", change(json), size)
    assert (only(tmp_path).kind, only(tmp_path).problem) == ("checkpoint", None)


def test_a_name_as_long_as_a_file_system_takes_can_be_asked_for(tmp_path):
    name = "x" * 243
    write(tmp_path / f"{name}.safetensors", tiny())
    assert listed(tmp_path).find(name).name == name
