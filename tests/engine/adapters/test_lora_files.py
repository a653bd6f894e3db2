"""LoRAs' files: every trainer's names find the layers that they mean, and what can't be used is said, or refused."""
# ruff: noqa: E501 - tables

import gc
import json
import re
import weakref
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.modeling_utils import no_init_weights
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from imagine.engine.adapters.kept import Kept
from imagine.engine.adapters.mix import MixRows
from imagine.engine.adapters.opened import Opened
from imagine.engine.loading.adapter_readers import ADAPTER_READERS
from imagine.engine.loading.layer_names import LayerNames
from imagine.engine.loading.lora_file import MOST, LoraFile
from imagine.engine.parts.slices import whole
from imagine.words.adapter_names import layer_tensor
from imagine.words.errors import UnusableModel
from tests.checkpoints import tiny_modules
from tests.engine.adapters.low_rank import used
from tools.ldm_layout import unet_tensors

SD1_UNET = {"cross_attention_dim": 768}
SDXL_UNET = {
    "block_out_channels": (320, 640, 1280), "cross_attention_dim": 2048, "attention_head_dim": (5, 10, 20),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), "use_linear_projection": True,
    "transformer_layers_per_block": (1, 2, 10), "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
}  # fmt: skip
SD2_UNET = {"cross_attention_dim": 1024, "attention_head_dim": (5, 10, 20, 20), "use_linear_projection": True}
CLIP_L = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
CLIP_G = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20}
CLIP_H = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23, "num_attention_heads": 16}
TRAINED = {"stable_diffusion": (192, 72), "sdxl": (722, 72, 192)}
"""What kohya's sd-scripts say that they make: "create LoRA for U-Net: 192 modules", and of the text encoders."""
TEXT = {"text_encoder": "te1", "text_encoder_2": "te2"}


@pytest.fixture(scope="module")
def real():
    """Gives the networks of a family in their real shapes, without weights."""
    made = {}

    def networks(family):
        if family not in made:
            with torch.device("meta"), no_init_weights():
                unet = {"stable_diffusion": SD1_UNET, "sd2": SD2_UNET, "sdxl": SDXL_UNET}[family]
                first = CLIP_H if family == "sd2" else CLIP_L
                made[family] = {
                    "denoiser": UNet2DConditionModel(**unet),
                    "text_encoder": CLIPTextModel(CLIPTextConfig(**first)),
                }
                if family == "sdxl":
                    made[family]["text_encoder_2"] = CLIPTextModelWithProjection(CLIPTextConfig(**CLIP_G))
        return made[family]

    return networks


def affine(network):
    return [name for name, layer in network.named_modules() if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d)]


def trained(network):
    """The layers that kohya trains unless it is told more: those within transformers."""
    kinds = ("Transformer2DModel", "CLIPAttention", "CLIPMLP")
    inner = tuple(f"{name}." for name, module in network.named_modules() if type(module).__name__ in kinds)
    return [name for name in affine(network) if name.startswith(inner)]


def originals(network):
    """The original's names of a U-Net's layers, as the tool that writes checkpoints has them."""
    pairs = zip(network.state_dict(), unet_tensors(network), strict=True)
    return {ours.removesuffix(".weight"): theirs.removesuffix(".weight") for ours, theirs in pairs}


def under(name):
    return name.replace(".", "_")


FIRST = re.compile(r"\.(to_[qkv]|to_out)(?:\.0)?$")


def text(name):
    """With `text_model.` in front, as transformers had it when LoRAs were trained."""
    return f"text_model.{name.removeprefix('text_model.')}"


# How each trainer ends the name of a tensor of a layer of the U-Net, and of one of a text encoder's.
SPELLINGS = {
    "kohya": (lambda ours, _: f"lora_unet_{under(ours)}.lora_down.weight", lambda role, ours: f"lora_{TEXT[role]}_{under(text(ours))}.lora_down.weight"),
    "kohya, the original's blocks": (lambda _, theirs: f"lora_unet_{under(theirs)}.lora_up.weight", None),
    "LyCORIS": (lambda ours, _: f"lycoris_{under(ours)}.hada_w1_a", lambda role, ours: f"lycoris_{TEXT[role]}_{under(text(ours))}.hada_w1_a"),
    "OneTrainer": (lambda ours, _: f"lora_unet_{under(ours)}.dora_scale", lambda role, ours: f"lora_{TEXT[role]}_{under(text(ours))}.alpha"),
    "diffusers before peft": (lambda ours, _: f"unet.{ours}.lora.down.weight", lambda role, ours: f"{role}.{text(ours)}.lora_linear_layer.up.weight"),
    "diffusers' first": (lambda ours, _: FIRST.sub(r".processor.\1_lora.down.weight", ours) if FIRST.search(ours) else None, None),
    "diffusers, SimpleTuner": (lambda ours, _: f"unet.{ours}.lora_A.weight", lambda role, ours: f"{role}.{text(ours)}.lora_B.weight"),
    "peft": (lambda ours, _: f"base_model.model.{ours}.lora_A.default.weight", lambda role, ours: f"base_model.model.{text(ours)}.lora_A.weight" if role == "text_encoder" else None),
    "ComfyUI's": (lambda _, theirs: f"diffusion_model.{theirs}.lora_up.weight", lambda role, ours: f"text_encoders.{'clip_l' if role == 'text_encoder' else 'clip_g'}.transformer.{text(ours)}.lora_up.weight"),
}  # fmt: skip


@pytest.mark.parametrize("family", ["stable_diffusion", "sd2", "sdxl"])
def test_every_trainers_name_finds_the_layer_that_it_means(real, family):
    networks = real(family)
    names, theirs = LayerNames(networks), originals(networks["denoiser"])
    counts = tuple(len(trained(network)) for network in networks.values())
    assert counts == TRAINED.get(family, counts)
    for spelling, (of_unet, of_text) in SPELLINGS.items():
        wanted = [("denoiser", ours, of_unet(ours, theirs[ours])) for ours in affine(networks["denoiser"])]
        for role in networks.keys() & TEXT.keys() if of_text else ():
            wanted += [(role, ours, of_text(role, ours)) for ours in trained(networks[role])]
        for role, ours, spelled in wanted:
            if spelled is not None:
                found = names.find(layer_tensor(spelled).layer)
                assert [(each.role, each.name, each.rows) for each in found] == [(role, ours, None)], (
                    spelling,
                    spelled,
                )
                assert found[0].layer is networks[role].get_submodule(ours)


def test_names_of_other_networks_find_nothing(real):
    names = LayerNames(real("stable_diffusion"))
    for layer in (
        "double_blocks_0_img_attn_qkv",
        "te2_text_model_encoder_layers_0_mlp_fc1",
        "te3_x",
        "",
        "te_",
        "text_model_",
    ):
        assert not names.find(layer), layer


class Model:
    """Of nothing but networks."""

    def __init__(self, networks):
        self.networks = networks


@pytest.fixture
def tiny():
    modules = tiny_modules("stable_diffusion")
    return Model({"denoiser": modules.unet.requires_grad_(False), "text_encoder": modules.text_encoders[0]})


TO_K = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
KOHYA = f"lora_unet_{under(TO_K)}"


def good(rank=2, layer=KOHYA):
    return {f"{layer}.lora_down.weight": torch.ones(rank, 32), f"{layer}.lora_up.weight": torch.ones(32, rank)}


def bound(tensors, model, tmp_path, metadata=None, dtype=None):
    path = tmp_path / "one.safetensors"
    save_file({name: tensor.to(dtype or tensor.dtype) for name, tensor in tensors.items()}, path, metadata=metadata)
    shelf = Opened(ADAPTER_READERS, Kept())
    return shelf, whole(shelf.mix([used(path, "aa")], model))


def added(mix, model, inputs):
    """To the answer of `TO_K`."""
    layer = model.networks["denoiser"].get_submodule(TO_K)
    plain = layer(inputs)
    with MixRows(1, {0: mix}).beside(model.networks["denoiser"]):
        return layer(inputs) - plain


def test_what_can_not_be_used_is_named_with_how_much_of_it(tiny, tmp_path):
    strange = {f"lora_unet_strange_{i}.lora_up.weight": torch.ones(1, 1) for i in range(4)}
    glora = {f"{KOHYA[:-1]}q.{part}.weight": torch.ones(32, 32) for part in ("a1", "b1")}
    bundled = {f"bundle_emb.{word}.string_to_params.*": torch.ones(1, 32) for word in ("cat", "dog")}
    _, mix = bound(good() | strange | glora | bundled, tiny, tmp_path)
    (unused,) = map(str, mix.warnings)
    assert unused.startswith("of LoRA 'one' 5 of 6 layers can't be used: down_blocks_0_attentions_0_")
    assert unused.endswith(" and 2 more")
    assert float(added(mix, tiny, torch.ones(1, 32)).mean()) == pytest.approx(64, rel=1e-5)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({}, 1.0), ({"unet.lora_alpha": 8}, 4.0), ({"unet.lora_alpha": 8, "unet.use_rslora": True}, 8 / 2**0.5),
        ({"unet.lora_alpha": 8, "unet.alpha_pattern": {"attn2.to_k": 1}}, 0.5),
        ({"unet.lora_alpha": "8", "unet.alpha_pattern": [1]}, 1.0), ([], 1.0), ("{", 1.0), ("[" * 100_000, 1.0),
    ],
)  # fmt: skip
def test_alphas_are_taken_from_where_they_are_said(tiny, tmp_path, stated, expected):
    """In a tensor, which wins, or in what peft was told."""
    metadata = {"lora_adapter_metadata": stated if isinstance(stated, str) else json.dumps(stated)}
    tensors = {
        f"unet.{TO_K}.lora_A.weight": torch.ones(2, 32), f"unet.{TO_K}.lora_B.weight": torch.ones(32, 2),
    }  # fmt: skip
    _, mix = bound(tensors, tiny, tmp_path, metadata)
    assert float(added(mix, tiny, torch.ones(1, 32)).mean()) == pytest.approx(64 * expected, rel=1e-5)
    _, mix = bound(good() | {f"{KOHYA}.alpha": torch.tensor(6)}, tiny, tmp_path, metadata)
    assert float(added(mix, tiny, torch.ones(1, 32)).mean()) == pytest.approx(64 * 3, rel=1e-5)


UNKNOWN = {f"lora_unet_nowhere_{i}.lora_up.weight": torch.ones(1) for i in range(3)}
HOSTILE = {
    "another size": (good() | {f"{KOHYA}.lora_down.weight": torch.ones(2, 31)}, "down has the shape [2, 31], and [2, 32] would fit"),
    "halves that differ": (good() | {f"{KOHYA}.lora_down.weight": torch.ones(3, 32)}, "up has the shape [32, 2], and [32, 3] would fit"),
    "half of it": ({f"{KOHYA}.lora_down.weight": torch.ones(2, 32)}, "up is missing"),
    "no rank": (good(0), "its rank is 0"),
    "no number": (good() | {f"{KOHYA}.lora_down.weight": torch.full((2, 32), torch.nan)}, "down holds what is no number"),
    "infinite once computed": (good() | {f"{KOHYA}.lora_up.weight": torch.full((32, 2), 1e300, dtype=torch.float64)}, "up holds what is no number"),
    "an alpha of many": (good() | {f"{KOHYA}.alpha": torch.ones(2)}, "its alpha is nan"),
    "a huge alpha": (good() | {f"{KOHYA}.alpha": torch.tensor(1e30)}, "its alpha is"),
    "whole numbers": (good() | {f"{KOHYA}.lora_up.weight": torch.ones(32, 2, dtype=torch.int8)}, "up is of the type int8"),
    "twice, the same trainer": (good() | good(layer=KOHYA.replace("lora_unet_", "lycoris_")), "is in it twice"),
    "twice, of two trainers": (good() | {"diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.lora_A.weight": torch.ones(2, 32), "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.lora_B.weight": torch.ones(32, 2)}, "is in it twice"),
    "a text encoder's, called a U-Net's": ({f"lora_unet_{name}": tensor for name, tensor in good(layer="text_model_encoder_layers_0_mlp_fc1").items()}, "up has the shape [32, 2], and [64, 2] would fit"),
    "nothing of this model": (UNKNOWN, "none of its 3 layers can be used with this one"),
    "a kind that isn't known": ({f"{KOHYA}.{part}.weight": torch.ones(32, 32) for part in ("a1", "a2", "b1", "b2")}, "layers (a1, a2, b1 and 1 more) is of a kind that isn't known here"),
    "no LoRA at all": ({"a.b.c": torch.ones(3)}, "none of its 1 layer can be used"),
    "a name without an end": ({("x" * 70_000) + ".lora_up.weight": torch.ones(1)}, "none of its 1 layer"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_refused_and_nothing_of_them_stays(tiny, tmp_path, what):
    tensors, why = HOSTILE[what]
    path = tmp_path / "one.safetensors"
    save_file(tensors, path)
    shelf = Opened(ADAPTER_READERS, Kept())
    with pytest.raises(UnusableModel) as caught:
        whole(shelf.mix([used(path, "aa")], tiny))
    assert str(caught.value).startswith("LoRA 'one' ")
    assert why in str(caught.value)
    assert len(str(caught.value)) < 300
    del caught
    gc.collect()
    assert shelf._kept.nbytes == 0
    assert not shelf._kept._sources
    layers = [layer for network in tiny.networks.values() for layer in network.modules()]
    assert not [
        hook for layer in layers for hook in layer._forward_hooks.values() if hook.__module__.startswith("imagine")
    ]


def test_a_file_of_too_many_tensors_is_refused_before_any_is_read(tiny, tmp_path, monkeypatch):
    save_file({f"lora_unet_{i}.alpha": torch.ones(()) for i in range(MOST + 1)}, tmp_path / "one.safetensors")
    monkeypatch.setattr(LoraFile, "_copy", None)
    with pytest.raises(UnusableModel, match=f"it has {MOST + 1} tensors, and at most {MOST} are read"):
        whole(Opened(ADAPTER_READERS, Kept()).mix([used(tmp_path / "one.safetensors", "aa")], tiny))


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 100, (2**40).to_bytes(8, "little") + b"{}"], ids=["empty", "junk", "lies"]
)
def test_a_file_that_is_none_is_refused(tiny, tmp_path, content):
    (tmp_path / "one.safetensors").write_bytes(content)
    with pytest.raises(UnusableModel):
        whole(Opened(ADAPTER_READERS, Kept()).mix([used(tmp_path / "one.safetensors", "aa")], tiny))


def test_models_have_one_copy_of_what_a_file_holds(tmp_path):
    """No more than the file, in the dtype that takes less; and no weight of a model is copied."""
    one, other = (Model({"denoiser": tiny_modules("stable_diffusion").unet.requires_grad_(False)}) for _ in range(2))
    before = {
        id(tensor): tensor.data_ptr() for model in (one, other) for tensor in model.networks["denoiser"].parameters()
    }
    tensors = {
        f"lora_unet_{under(name)}.{half}.weight": torch.ones(shape).half()
        for name, layer in one.networks["denoiser"].named_modules() if isinstance(layer, torch.nn.Linear)
        for half, shape in {"lora_down": (32, layer.in_features), "lora_up": (layer.out_features, 32)}.items()
    }  # fmt: skip
    shelf, mix = bound(tensors, one, tmp_path)
    size = sum(tensor.nbytes for tensor in tensors.values())
    assert shelf._kept.nbytes == size
    second = whole(shelf.mix([used(tmp_path / "one.safetensors", "aa")], other))
    assert shelf._kept.nbytes == size, "float32 networks, and both have the file's own halves"
    after = {
        id(tensor): tensor.data_ptr() for model in (one, other) for tensor in model.networks["denoiser"].parameters()
    }
    assert before == after
    gone = weakref.ref(one)
    del one, mix, before, after
    gc.collect()
    assert gone() is None, "what is beside a model doesn't keep it"
    assert shelf._kept.nbytes == size
    del second, other
    gc.collect()
    assert shelf._kept.nbytes == 0, "with the last model that it is beside"


def parts_of_kinds(out, inside, sides=()):
    """What files have of a layer of so many channels, by the table in the documentation; None: of another sort."""
    ones, tail = torch.ones, (1,) * len(sides)
    narrow = {
        "lora_down.weight": ones(2, inside, *sides),
        "lora_up.weight": ones(out, 2, *tail),
        "alpha": torch.tensor(1.0),
    }
    blocks = torch.arange(out * 4.0).reshape(out // 4, 4, 4) / out
    return {
        "LoRA": narrow, "LoCon": narrow, "text encoders": narrow,
        "DoRA": narrow | {"dora_scale": ones(1, inside, *tail)},
        "LoHa": {f"hada_{one}_{half}": ones(*shape) for one in ("w1", "w2") for half, shape in {"a": (out, 2), "b": (2, inside)}.items()},
        "LoKr": {"lokr_w1": ones(4, 4), "lokr_w2": ones(out // 4, inside // 4)},
        "full difference": {"diff": ones(out, inside, *sides), "diff_b": ones(out)},
        "(IA)³": {"weight": ones(inside), "on_input": torch.tensor(1)},
        "OFT": {"oft_blocks": blocks}, "BOFT": {"oft_blocks": torch.stack([blocks, blocks])},
        "norms": {"w_norm": ones(inside), "b_norm": ones(inside)},
        "GLoRA": {f"{one}.weight": ones(2, 2) for one in ("a1", "a2", "b1", "b2")},
        "OFT and BOFT of peft": {"oft_R.weight": ones(2, 3)},
        "bundled embeddings": narrow,
    }  # fmt: skip


BESIDE = {
    "LoCon": ("denoiser", "down_blocks.1.resnets.0.conv1"),
    "norms": ("denoiser", "mid_block.attentions.0.transformer_blocks.0.norm1"),
    "text encoders": ("text_encoder", "encoder.layers.0.mlp.fc1"),
}


@pytest.mark.parametrize(("family", "column"), [("stable_diffusion", 2), ("sd2", 3), ("sdxl", 4)])
def test_the_table_of_kinds_is_true(tmp_path, family, column):
    """Each kind beside a layer of a tiny network of the family, in kohya's names, those of SDXL's blocks the original's."""
    modules = tiny_modules(family)
    networks = {
        "denoiser": modules.unet.requires_grad_(False),
        "text_encoder": modules.text_encoders[0].requires_grad_(False),
    }
    theirs = originals(networks["denoiser"])
    text = Path("docs/adapters.md").read_text().partition("## Kinds")[2].partition("## Names")[0]
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    told = {row[0].removeprefix("| "): row[column] for row in rows}
    linear = "mid_block.attentions.0.transformer_blocks.0.attn2.to_v"
    seen = {}
    for kind in told:
        role, ours = BESIDE.get(kind, ("denoiser", linear))
        layer = networks[role].get_submodule(ours)
        parts = parts_of_kinds(
            layer.weight.shape[0], *(layer.weight.shape[1:2] or layer.weight.shape), layer.weight.shape[2:]
        )
        spelled = (
            f"lora_te1_text_model_{under(ours)}"
            if role != "denoiser"
            else f"lora_unet_{under(theirs[ours] if family == 'sdxl' else ours)}"
        )
        tensors = {f"{spelled}.{part}": tensor for part, tensor in parts[kind].items()}
        if kind in ("bundled embeddings", "GLoRA", "OFT and BOFT of peft"):
            tensors |= (
                {"bundle_emb.cat.emb": torch.ones(1, 4)} if kind == "bundled embeddings" else good_beside(networks)
            )
        _, mix = bound(tensors, Model(networks), tmp_path)
        seen[kind] = "named" if mix.warnings else "applied" if changed(layer, networks[role], mix) else "without effect"
    assert seen == told


def good_beside(networks):
    """A LoRA of another layer: of a file nothing can be used of is refused."""
    ours = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    out, inside = networks["denoiser"].get_submodule(ours).weight.shape
    return {
        f"lora_unet_{under(ours)}.lora_down.weight": torch.ones(1, inside),
        f"lora_unet_{under(ours)}.lora_up.weight": torch.ones(out, 1),
    }


def changed(layer, network, mix):
    if isinstance(layer, torch.nn.Conv2d):
        inputs = torch.randn(1, layer.in_channels, 4, 4)
    else:
        inputs = torch.randn(1, 3, layer.weight.shape[-1])
    plain = layer(inputs)
    with MixRows(1, {0: mix}).beside(network):
        return not torch.allclose(layer(inputs), plain)
