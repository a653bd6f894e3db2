"""Formats and places: Hub caches, `.sft`, GGUF, and files that are something else than their name says."""

import math
import struct

import pytest
from declared import FLUX, SDXL_UNET, clip_text, header_json, open_clip, sdxl, tiny, unet, vae, write, write_raw
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


BLOCKS = {1: (1, 2), 2: (32, 18), 8: (32, 34), 12: (256, 144), 16: (256, 66), 20: (32, 18)}
"""Elements and bytes of the kinds that these files have."""


def gguf(architecture, shapes, kind=12, pairs=()):
    """A GGUF file, its data zeros; `pairs` are further ones, packed. What has no whole blocks in its rows is laid in
    rows of 256, as city96's converter does, or is in float16."""
    declared, offset, said = [], 0, list(pairs)
    for name, shape in shapes.items():
        count, stored, laid = math.prod(shape), kind, shape
        elements, size = BLOCKS.get(kind, (1, 1))
        if len(shape) > 1 and shape[-1] % 256 and count % 256 == 0 and elements > 1:
            laid = (count // 256, 256)
            before = struct.pack(f"<IIQ{len(shape)}i", 9, 5, len(shape), *shape)
            said.append(text(f"comfy.gguf.orig_shape.{name}") + before)
        if laid[-1:] == () or laid[-1] % elements:
            stored, laid, elements, size = 1, shape, 1, 2
        declared.append(text(name) + struct.pack(f"<I{len(laid)}QIQ", len(laid), *reversed(laid), stored, offset))
        offset += -(-count // elements * size // 32) * 32
    said.insert(0, text("general.architecture") + struct.pack("<I", 8) + text(architecture))
    header = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(said)) + b"".join(said) + b"".join(declared)
    return header, offset + 64


def write_gguf(path, architecture, shapes, **options):
    """Its data a hole."""
    header, size = gguf(architecture, shapes, **options)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + size)


WORDS = text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 3) + text("a") + text("b") + text("c")
NUMBERS = text("x.scores") + struct.pack("<IIQ", 9, 6, 2) + struct.pack("<ff", 1, 2)
FLAG = text("x.flag") + struct.pack("<I?", 7, True)


NAMES = "its tensors have names that aren't read from GGUF yet; use safetensors"
SDXL = unet(**SDXL_UNET)


@pytest.mark.parametrize(
    ("architecture", "shapes", "more", "told", "why"),
    [
        ("sdxl", SDXL, {}, ("diffusion-model", "sdxl", "q4_k"), None),
        ("sdxl", SDXL, {"kind": 8}, ("diffusion-model", "sdxl", "q8_0"), None),
        ("sdxl", SDXL, {"kind": 16}, ("diffusion-model", "sdxl", "iq2_xxs"), "its weights are quantised (iq2_xxs)"),
        ("sdxl", SDXL, {"kind": 99}, ("diffusion-model", "sdxl", "ggml type 99"), "its weights are quantised (ggml"),
        ("nobody", sdxl(), {}, ("checkpoint", "sdxl", "q4_k"), None),
        ("flux", FLUX, {}, ("diffusion-model", "flux", "q4_k"), None),
        ("sd1", {"nobody.knows": (4, 256)}, {"kind": 8}, ("diffusion-model", "stable_diffusion", "q8_0"), NAMES),
        (
            "qwen3", {"blk.0.nobody.weight": (8, 256)}, {"pairs": [WORDS, NUMBERS, FLAG]},
            ("text-encoder", "qwen3", "q4_k"), NAMES,
        ),
        (
            "qwen3",
            {"blk.0.attn_q.weight": (4096, 2560), "blk.0.attn_q_norm.weight": (128,), "blk.0.ffn_norm.weight": (2560,)},
            {"pairs": [WORDS]}, ("text-encoder", "qwen3-4b", "q4_k"), None,
        ),
        ("t5encoder", {"enc.blk.0.attn_q.weight": (4096, 4096)}, {}, ("text-encoder", "t5-xxl", "q4_k"), None),
        ("t5", {"enc.blk.0.attn_q.weight": (2048, 2048)}, {"kind": 8}, ("text-encoder", "t5-xl", "q8_0"), None),
        ("clip", {"t.position_embd.weight": (77, 768)}, {"kind": 1}, ("text-encoder", "clip_l", "float16"), None),
        ("t5encoder", {"enc.blk.0.nobody": (8, 256)}, {}, ("text-encoder", "t5", "q4_k"), NAMES),
        ("nobody", {"x": (4,)}, {"kind": 99}, ("unknown", "", "ggml type 99"), NAMES),
    ],
)  # fmt: skip
def test_a_gguf_is_told_by_its_header(tmp_path, architecture, shapes, more, told, why):
    write_gguf(tmp_path / "x.gguf", architecture, shapes, **more)
    entry = only(tmp_path)
    assert (entry.kind, entry.family, entry.dtype, entry.format) == (*told, "gguf")
    assert entry.problem is None if why is None else str(entry.problem).startswith(why), entry.problem
    if why is not None and entry.kind != "text-encoder":
        with pytest.raises(UnusableModel, match="model 'x' can't be used: "):
            listed(tmp_path).find("x")


def test_a_denoiser_from_a_gguf_is_a_model_with_the_files_beside_it(tmp_path):
    write_gguf(tmp_path / "x.gguf", "sdxl", SDXL, kind=8)
    (tmp_path / "x.yaml").write_text("prediction_type: v")
    write(tmp_path / "sdxl_vae.safetensors", vae())
    write(tmp_path / "clip_l.safetensors", clip_text(768, 2))
    write(tmp_path / "clip_g.safetensors", open_clip(1280, 2))
    registry = listed(tmp_path)
    (model,) = registry.models()
    assert (model.name, model.vae, model.encoders) == ("x", "sdxl_vae", ("clip_l", "clip_g"))
    assert (model.prediction, model.parameters) == ("v_prediction", sum(map(math.prod, SDXL.values())))
    known = registry.with_digest(model)
    assert len(known.digest) == 64
    with (tmp_path / "x.gguf").open("r+b") as file:  # another fine-tune, of the same header
        file.seek(model.size // 2)
        file.write(b"\x01" * 30_000_000)
    registry.refresh()
    assert registry.with_digest(registry.find("x")).digest != known.digest


def test_a_gguf_with_a_vocabulary_is_read_on(tmp_path):
    words = text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 200_000) + text("word!") * 200_000
    header, _ = gguf("qwen3", {"blk.0.x": (8, 256)}, pairs=[words])
    (tmp_path / "x.gguf").write_bytes(header + bytes(10_000_000))
    assert (only(tmp_path).kind, only(tmp_path).family) == ("text-encoder", "qwen3")


def test_a_broken_gguf_is_refused_wherever_it_ends_and_whatever_it_claims(tmp_path):
    whole, size = gguf("flux", {"double_blocks.0.x": (4, 256)}, pairs=[WORDS])
    lies = [
        whole[:8] + struct.pack("<QQ", 2**62, 1), whole[:8] + struct.pack("<QQ", 1, 2**62), b"GGUF" + b"\xff" * 60,
        b"GGML" + whole[4:], gguf("x", {"y": (1,) * 30})[0],
        gguf("x", {}, pairs=[text("a") + struct.pack("<IIQ", 9, 9, 1)])[0],
        gguf("x", {}, pairs=[text("a") + struct.pack("<IIQ", 9, 10, 2**62)])[0], whole + bytes(size // 2),
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
        (gguf("flux", FLUX)[0], "it is a GGUF file under another name"),
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
