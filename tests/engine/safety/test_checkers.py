"""What is to be seen in pictures: each kind of network held to an implementation that isn't ours."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers import CLIPConfig, ViTConfig, ViTForImageClassification

from imagine.engine.safety.showing import squares
from imagine.engine.threads.alone import alone
from imagine.words.errors import UnusableModel
from imagine.words.safety import category_of
from tests.classifiers import HEARTS, SHIPPED, checker_at, known_pictures, restated
from tools.safety.hearts import drawings

LABELS = ("Drawing", "Hentai", "Neutral", "Porn", "Sexy")
NSFWJS = (
    (0.003925811033695936, 0.00012189072003820911, 0.9959339499473572, 1.5185807569e-05, 3.1492006655e-06),
    (0.07380018383264542, 0.025790054351091385, 0.897719144821167, 0.0012470632791519165, 0.0014435559278354049),
    (0.0034599159844219685, 0.0011093576904386282, 0.9954158067703247, 7.0997398324e-06, 7.8294378909e-06),
    (0.3077833950519562, 0.013295893557369709, 0.6784418225288391, 0.00012483689351938665, 0.00035403072251938283),
)
"""What `tools/safety/reference.mjs` says of the known pictures: NSFWJS's network, by TensorFlow.js."""


@pytest.fixture(scope="module")
def shipped():
    return checker_at(SHIPPED)


def random_picture(seed, width=32, height=32):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_the_shipped_classifier_says_what_nsfwjs_says(shipped, tmp_path):
    by_label = {label: label for label in LABELS}
    told = checker_at(restated(SHIPPED, tmp_path / "labels.safetensors", categories=by_label))
    for picture, (drawing, hentai, neutral, porn, sexy) in zip(known_pictures(), NSFWJS, strict=True):
        expected = dict(zip(LABELS, (drawing, hentai, neutral, porn, sexy), strict=True))
        assert told.score(picture) == pytest.approx(expected, abs=2e-6)
        assert shipped.score(picture) == pytest.approx({"sexual": hentai + porn, "suggestive": sexy}, abs=2e-6)


def test_its_weights_are_floats_in_memory_whatever_the_file_has(shipped):
    assert shipped.nbytes > 3.5 * SHIPPED.stat().st_size


def test_scores_are_the_same_bits_whatever_else_runs(shipped):
    picture = known_pictures()[1]
    with alone():
        expected = shipped.score(picture)
    assert 0.02 < expected["sexual"] < 0.03
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with ThreadPoolExecutor(3) as others:
            assert list(others.map(shipped.score, [picture] * 6)) == [expected] * 6
        assert shipped.score(picture) == expected
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_hearts_of_the_toy_world_are_found():
    hearts = checker_at(HEARTS)
    pictures, labels = drawings(np.random.default_rng(1), 240, unseen=True, hearts=0.5)
    found = torch.tensor([hearts.score(np.asarray(picture))["hearts"] >= 0.5 for picture in pictures])
    assert found[labels == 1].float().mean() >= 0.95
    assert found[labels == 0].float().mean() <= 0.02
    assert HEARTS.stat().st_size <= 200_000


def test_what_a_label_is_of_can_be_said_by_the_file(tmp_path):
    picture = known_pictures()[0]
    named = {"categories": {"heart": "sexual", "other": "sexual"}}
    both = checker_at(restated(HEARTS, tmp_path / "all.safetensors", **named))
    assert both.score(picture) == pytest.approx({"sexual": 1.0})
    assert [category_of(label) for label in (" Porn", "NSFW", "sexy", "Neutral", "spiders")] == [
        "sexual", "sexual", "suggestive", "", "spiders",
    ]  # fmt: skip


def torchvisions(generator):
    """A MobileNetV2 of two blocks as torchvision writes it, norms and all."""
    tensors = {}

    def convolution(name, norm, *shape):
        tensors[f"{name}.weight"] = torch.randn(*shape, generator=generator) / (shape[1] * shape[2] ** 2) ** 0.5
        for part in ("weight", "bias", "running_mean", "running_var"):
            drawn = torch.rand(shape[0], generator=generator)
            tensors[f"{norm}.{part}"] = drawn + 0.5 if part in ("weight", "running_var") else drawn - 0.5
        tensors[f"{norm}.num_batches_tracked"] = torch.tensor(3)

    convolution("features.0.0", "features.0.1", 8, 3, 3, 3)
    convolution("features.1.conv.0.0", "features.1.conv.0.1", 8, 1, 3, 3)
    convolution("features.1.conv.1", "features.1.conv.2", 6, 8, 1, 1)
    convolution("features.2.conv.0.0", "features.2.conv.0.1", 12, 6, 1, 1)
    convolution("features.2.conv.1.0", "features.2.conv.1.1", 12, 1, 3, 3)
    convolution("features.2.conv.2", "features.2.conv.3", 6, 12, 1, 1)
    convolution("features.3.0", "features.3.1", 10, 6, 1, 1)
    tensors["classifier.1.weight"] = torch.randn(2, 10, generator=generator)
    tensors["classifier.1.bias"] = torch.randn(2, generator=generator)
    return tensors


def test_a_mobilenet_with_its_norms_is_what_they_make_it(tmp_path):
    tensors = torchvisions(torch.Generator().manual_seed(2))

    def layer(value, conv, norm, *, stride=1, groups=1, relu=True):
        weight = tensors[f"{conv}.weight"]
        value = functional.conv2d(value, weight, None, stride, weight.shape[2] // 2, 1, groups)
        parts = (tensors[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        value = functional.batch_norm(value, *parts)
        return value.clamp(0, 6) if relu else value

    picture = random_picture(1, 40, 40)
    value = torch.from_numpy(picture).permute(2, 0, 1)[None] / 127.5 - 1
    value = layer(value, "features.0.0", "features.0.1", stride=2)
    value = layer(value, "features.1.conv.0.0", "features.1.conv.0.1", groups=8)
    added = value = layer(value, "features.1.conv.1", "features.1.conv.2", relu=False)
    value = layer(value, "features.2.conv.0.0", "features.2.conv.0.1")
    value = layer(value, "features.2.conv.1.0", "features.2.conv.1.1", groups=12)
    value = layer(value, "features.2.conv.2", "features.2.conv.3", relu=False) + added
    value = layer(value, "features.3.0", "features.3.1").mean((2, 3))
    value = value @ tensors["classifier.1.weight"].T + tensors["classifier.1.bias"]
    said = {"labels": ["sfw", "nsfw"], "side": 40, "strides": [2, 1, 1]}
    save_file(tensors, tmp_path / "mobile.safetensors", {"imagine.classifier": json.dumps(said)})
    score = checker_at(tmp_path / "mobile.safetensors").score(picture)
    assert score == pytest.approx({"sexual": float(value.softmax(1)[0, 1])}, abs=1e-6)


@pytest.fixture(scope="module")
def concepts():
    """Diffusers' own checker, with thresholds that some pictures are above, and some below."""
    torch.manual_seed(4)
    vision = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 1, "image_size": 32,
        "patch_size": 8,
    }  # fmt: skip
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=16)).eval()
    checker.concept_embeds.data.normal_()
    checker.special_care_embeds.data.normal_()
    with torch.inference_mode():
        seen = torch.cat([checker.visual_projection(checker.vision_model(shown(seed))[1]) for seed in range(24)])
        for kind in ("concept", "special_care"):
            cosines = functional.normalize(seen) @ functional.normalize(getattr(checker, f"{kind}_embeds")).T
            # So that about half are above at least one: where one alone would have one in many.
            spread = cosines.quantile(1 - 0.6 / cosines.shape[1], dim=0)
            getattr(checker, f"{kind}_embeds_weights").data.copy_(spread)
    return checker


def shown(seed):
    mean, deviation = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    pixels = torch.from_numpy(random_picture(seed)).permute(2, 0, 1)[None].float() / 255
    return (pixels - torch.tensor(mean)[:, None, None]) / torch.tensor(deviation)[:, None, None]


@pytest.mark.parametrize("prefix", ["vision_model.", ""])
def test_the_safety_checker_flags_what_diffusers_flags(concepts, tmp_path, prefix):
    tensors = {
        prefix + name if name.startswith("vision_model.") else name: each.contiguous()
        for name, each in concepts.state_dict().items()
    }
    said = {"imagine.image_attention_heads": "1", "imagine.image_activation": "quick_gelu"}
    save_file(tensors, tmp_path / "model.safetensors", said)
    ours, flagged = checker_at(tmp_path / "model.safetensors", "safety-checker"), []
    for seed in range(24):
        with torch.inference_mode():
            _, unsafe = concepts(images=np.zeros((1, 8, 8, 3)), clip_input=shown(seed))
        flagged.append(unsafe[0])
        assert (ours.score(random_picture(seed))["sexual"] > 0.5) == unsafe[0]
    assert 4 < sum(flagged) < 20
    wide = np.concatenate([random_picture(flagged.index(False)), random_picture(flagged.index(True))], 1)
    assert ours.score(wide)["sexual"] > 0.5
    assert ours.score(wide.transpose(1, 0, 2))["sexual"] != ours.score(wide)["sexual"]


def test_squares_cover_a_picture():
    assert list(squares(30, 30)) == [(0, 0, 30, 30)]
    assert list(squares(30, 40)) == [(0, 0, 30, 30), (0, 10, 30, 40)]
    assert list(squares(61, 30)) == [(0, 0, 30, 30), (15.5, 0, 45.5, 30), (31, 0, 61, 30)]
    assert len(list(squares(4000, 16))) == 8


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    """A folder as transformers writes it, and the network."""
    torch.manual_seed(5)
    config = ViTConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8,
        id2label={0: "normal", 1: "nsfw"}, label2id={"normal": 0, "nsfw": 1}, initializer_range=0.4,
    )  # fmt: skip
    network, folder = ViTForImageClassification(config).eval(), tmp_path_factory.mktemp("vit")
    network.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.4], "resample": 3, "do_resize": True})
    )
    return folder, network


def test_a_vision_transformer_says_what_transformers_says(vit):
    folder, network = vit
    ours = checker_at(folder / "model.safetensors", "vit")
    for seed in range(4):
        picture = random_picture(seed, 50, 41)
        seen = np.asarray(Image.fromarray(picture).resize((32, 32), Image.Resampling.BICUBIC), np.float32)
        seen = (seen / 255 - np.float32([0.4, 0.5, 0.6])) / np.float32([0.2, 0.3, 0.4])
        with torch.inference_mode():
            expected = network(torch.from_numpy(seen).permute(2, 0, 1)[None]).logits.softmax(1)[0, 1]
        assert ours.score(picture) == pytest.approx({"sexual": float(expected)}, abs=1e-5)


def test_timms_layout_is_the_same_network(vit, tmp_path):
    folder, _ = vit
    tensors = load_file(folder / "model.safetensors")
    names = {
        "vit.embeddings.cls_token": "cls_token", "vit.embeddings.position_embeddings": "pos_embed",
        "vit.embeddings.patch_embeddings.projection": "patch_embed.proj", "vit.layernorm": "norm",
        "classifier": "head", "vit.encoder.layer": "blocks", "layernorm_before": "norm1", "layernorm_after": "norm2",
        "attention.output.dense": "attn.proj", "intermediate.dense": "mlp.fc1", "output.dense": "mlp.fc2",
    }  # fmt: skip
    timms = {}
    for name, tensor in tensors.items():
        if "attention.attention" not in name:
            for old, new in names.items():
                name = name.replace(old, new)
            timms[f"timm_model.{name}"] = tensor
    for index in range(2):
        for kind in ("weight", "bias"):
            inner = f"vit.encoder.layer.{index}.attention.attention"
            joined = torch.cat([tensors[f"{inner}.{part}.{kind}"] for part in ("query", "key", "value")])
            timms[f"timm_model.blocks.{index}.attn.qkv.{kind}"] = joined
    save_file(timms, tmp_path / "timm.safetensors")
    shown_by = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4], "interpolation": "bicubic"}
    config = {"label_names": ["SFW", "NSFW"], "num_attention_heads": 2, "pretrained_cfg": shown_by}
    (tmp_path / "config.json").write_text(json.dumps(config))
    picture = random_picture(9, 64, 64)
    expected = checker_at(folder / "model.safetensors", "vit").score(picture)
    assert checker_at(tmp_path / "timm.safetensors", "vit").score(picture) == pytest.approx(expected, abs=1e-4)


def changed(change):
    """The toy world's checker with other tensors."""
    tensors = load_file(HEARTS)
    change(tensors)
    return tensors


def said(**more):
    return {"imagine.classifier": json.dumps({"labels": ["other", "heart"], "strides": [2, 2, 1, 2, 1, 2]} | more)}


def poisoned(tensors):
    tensors["features.2.conv.1.0.weight"][0] = float("nan")


def cut(tensors):
    tensors["features.3.conv.2.weight"] = tensors["features.3.conv.2.weight"][:, :-1].contiguous()


def counted(tensors):
    tensors["features.0.0.weight"] = tensors["features.0.0.weight"].to(torch.int32)


@pytest.mark.parametrize(
    ("change", "metadata", "why"),
    [
        (poisoned, said(), "features.2.conv.1.0.weight has values that are no numbers"),
        (cut, said(), "features.3.conv.2.weight of shape"),
        (counted, said(), "features.0.0.weight"),
        (lambda tensors: tensors.pop("features.1.conv.1.0.bias"), said(), "lacks features.1.conv.1.0.bias"),
        (lambda tensors: tensors.update(extra=torch.zeros(1)), said(), "that the network hasn't: extra"),
        (dict, {}, "doesn't say what its labels are"),
        (dict, said(labels=["a", "b", "c"]), "tells 2 labels apart, and 3 are named"),
        (dict, said(strides=[2, 2]), "5 blocks, and 2 strides"),
        (dict, said(side=9000), "imagine.classifier doesn't say"),
        (dict, said(deviation=[0, 1, 1]), "imagine.classifier doesn't say"),
        (dict, said(colour="red"), "imagine.classifier doesn't say"),
        (dict, {"imagine.classifier": "[" * 100_000}, "imagine.classifier doesn't say"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(tmp_path, change, metadata, why):
    save_file(changed(change), tmp_path / "strange.safetensors", metadata)
    with pytest.raises(UnusableModel, match=why) as refused:
        checker_at(tmp_path / "strange.safetensors")
    assert "'strange.safetensors'" in str(refused.value)


def test_a_header_that_claims_too_much_and_a_family_that_is_not_opened_are_refused(tmp_path):
    path = tmp_path / "huge.safetensors"
    path.write_bytes((2**40).to_bytes(8, "little") + b"{}")
    with pytest.raises(UnusableModel, match="no whole safetensors file"):
        checker_at(path)
    with pytest.raises(UnusableModel, match=r"family \(eva\)"):
        checker_at(HEARTS, "eva")


@pytest.mark.parametrize("text", ["[", '{"id2label": {"0": 7}}', '{"id2label": {"zero": "nsfw"}}', "x" * 2**21])
def test_a_strange_config_beside_it_is_refused(vit, tmp_path, text):
    folder, _ = vit
    path = tmp_path / "model.safetensors"
    path.write_bytes((folder / "model.safetensors").read_bytes())
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UnusableModel, match=r"config.json doesn't say"):
        checker_at(path, "vit")


def test_scores_that_are_no_numbers_are_refused(tmp_path):
    def overflow(tensors):
        tensors["classifier.1.weight"] = torch.full_like(tensors["classifier.1.weight"], 3e38, dtype=torch.float32)

    save_file(changed(overflow), tmp_path / "large.safetensors", said())
    with pytest.raises(UnusableModel, match="no number"):
        checker_at(tmp_path / "large.safetensors").score(random_picture(1))
