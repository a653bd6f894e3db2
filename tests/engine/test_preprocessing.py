"""Maps made by an engine: with and without a network, and networks held to those that they were published as."""

import io
import re

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from imagine.engine.device.device import Device
from imagine.engine.families.mapper import open_mapper
from imagine.engine.loading.depth_anything import DepthNetwork
from imagine.engine.loading.hed import EdgeNetwork
from imagine.engine.parts.slices import whole
from imagine.maps.making import map_from
from imagine.maps.normals import normals
from imagine.pictures.metadata import read_metadata
from imagine.words.errors import BadRequest, UnusableModel
from imagine.words.frames import MapWish, Unload
from imagine.words.preprocessors import plain
from tests.engine.running import SETTINGS, engine_of, finished, made, png, run, wish
from tests.models import model_at

DEVICE = Device(SETTINGS)
FUNCTIONAL = torch.nn.functional


def photo(width, height):
    """Slopes with a square in them."""
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([rows * 255 // height, columns * 255 // width, (rows + columns) % 256], 2).astype(np.uint8)
    pixels[height // 4 : height // 2, width // 4 : width // 2] = 250
    return Image.fromarray(pixels)


def asked(model, name, job="a", *, mask=None, options=None, **changes):
    one = wish(model, job, img=photo(96, 64), mask=mask, **{"num_steps": 1, "width": 96, "height": 64} | changes)
    return msgspec.structs.replace(one, mapping=MapWish(preprocess=name, options=options or {}))


def opened(path):
    return open_mapper(model_at(path, role="preprocessor"), DEVICE, lambda _: None, {})


def test_an_engine_makes_maps_that_say_how_they_were_made():
    report = made(engine_of(), asked(plain("canny"), "canny", options={"low_threshold": 20}, width=48, height=48))
    expected = map_from(photo(96, 64).resize((48, 48), Image.Resampling.LANCZOS, box=(16, 0, 80, 64)), "canny",
        {"low_threshold": 20})  # fmt: skip
    assert Image.open(io.BytesIO(report.data)).tobytes() == expected.tobytes()
    told = read_metadata(report.data).meta["preprocessed"]
    assert told == report.meta["preprocessed"]
    assert (told["preprocess"], told["options"]) == ("canny", {"low_threshold": 20, "high_threshold": 200})
    assert (told["width"], told["height"], told["resize"]) == (48, 48, "crop")
    assert report.timings.keys() >= {"mapping", "saving"}


def test_a_mask_is_laid_as_its_picture_is():
    mask = Image.new("L", (96, 64))
    mask.paste(255, (48, 0, 96, 64))
    report = made(engine_of(), asked(plain("inpaint"), "inpaint", mask=mask, width=64, height=64))
    alpha = Image.open(io.BytesIO(report.data)).getchannel("A")
    assert [alpha.getpixel((x, 9)) for x in (0, 31, 32, 63)] == [255, 255, 0, 0]
    with pytest.raises(BadRequest, match="where to paint"):
        run(engine_of(), asked(plain("inpaint"), "inpaint"))


def hed_tensors():
    generator = torch.Generator().manual_seed(3)
    shapes = {name: parameter.shape for name, parameter in EdgeNetwork().named_parameters()}
    return {name: torch.randn(shape, generator=generator) / shape[1:].numel() ** 0.5 if len(shape) > 1 else
        torch.randn(shape, generator=generator) / 10 for name, shape in shapes.items()}  # fmt: skip


def edges_by_formula(tensors, picture):
    """HED as its authors wrote it, on all of a picture at once."""
    value = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() - tensors["norm"]
    sides = []
    for block, count in enumerate((2, 2, 3, 3, 3), 1):
        value = FUNCTIONAL.max_pool2d(value, (2, 2), (2, 2)) if block > 1 else value
        for number in range(count):
            name = f"block{block}.convs.{number}"
            value = FUNCTIONAL.conv2d(value, tensors[f"{name}.weight"], tensors[f"{name}.bias"], padding=1).relu()
        name = f"block{block}.projection"
        side = FUNCTIONAL.conv2d(value, tensors[f"{name}.weight"], tensors[f"{name}.bias"])
        sides.append(FUNCTIONAL.interpolate(side, picture.size[::-1], mode="bilinear", align_corners=False)[0, 0])
    return 1 / (1 + torch.exp(-torch.stack(sides).mean(0)))


def test_soft_edges_are_heds(tmp_path):
    tensors = hed_tensors()
    save_file(tensors, path := tmp_path / "hed.safetensors")
    mapper = opened(path)
    seen = np.asarray(whole(mapper.map(photo(96, 64), "softedge", {})))[..., 0].astype(int)
    expected = edges_by_formula(tensors, photo(96, 64)).numpy() * 255
    assert seen.std() > 5
    assert abs(seen - expected).max() <= 1
    (part,) = mapper.parts("encode")
    assert part.nbytes == sum(tensor.nbytes for tensor in tensors.values())
    network = EdgeNetwork()
    assert network.looks_at((4096, 4096)) == (1024, 1024)
    assert network.looks_at((4096, 3)) == (4096, 16)

    engine = engine_of()
    model = model_at(path, role="preprocessor")
    first, second = (asked(model, "softedge", job) for job in ("a", "b"))
    said = finished(run(engine, first, second))
    assert said["a"].meta["preprocessed"]["digest"] == model.digest
    assert said["a"].data == said["b"].data
    assert [each.size for each in engine.stats().models] == [part.nbytes]
    engine.unload(Unload(job="u", model="tiny"))
    run(engine)
    assert engine.stats().models == []


@pytest.mark.parametrize("harm", ["a layer is missing", "another width", "no numbers"])
def test_broken_files_are_refused(tmp_path, harm):
    tensors = hed_tensors()
    if harm == "a layer is missing":
        del tensors["block2.convs.1.bias"]
    elif harm == "another width":
        tensors["block5.projection.weight"] = torch.zeros(1, 500, 1, 1)
    else:
        tensors["block1.projection.bias"] = torch.tensor([float("nan")])
    save_file(tensors, path := tmp_path / "hed.safetensors")
    with pytest.raises(UnusableModel):
        whole(opened(path).map(photo(32, 32), "softedge", {}))


def depth_anything():
    """The network as transformers has it, tiny, drawn from a seed."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    torch.manual_seed(5)
    backbone = Dinov2Config(
        hidden_size=64, num_hidden_layers=4, num_attention_heads=1, image_size=70, patch_size=14,
        out_indices=[1, 2, 3, 4], reshape_hidden_states=False,
    )  # fmt: skip
    config = DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=64, neck_hidden_sizes=[8, 12, 16, 20], fusion_hidden_size=16,
        head_hidden_size=8,
    )  # fmt: skip
    network = DepthAnythingForDepthEstimation(config).eval()
    for parameter in network.parameters():  # transformers draws most of them so small that nothing shows
        torch.nn.init.normal_(parameter, std=0.2)
    return network


OWN_NAMES = (
    (r"backbone\.encoder\.layer\.(\d+)\.attention\.output\.dense", r"pretrained.blocks.\1.attn.proj"),
    (r"backbone\.encoder\.layer\.(\d+)\.layer_scale(.)\.lambda1", r"pretrained.blocks.\1.ls\2.gamma"),
    (r"backbone\.encoder\.layer", "pretrained.blocks"),
    (r"backbone\.embeddings\.patch_embeddings\.projection", "pretrained.patch_embed.proj"),
    (r"backbone\.embeddings\.position_embeddings", "pretrained.pos_embed"),
    (r"backbone\.embeddings", "pretrained"),
    (r"backbone\.layernorm", "pretrained.norm"),
    (r"neck\.reassemble_stage\.layers\.(\d)\.projection", r"depth_head.projects.\1"),
    (r"neck\.reassemble_stage\.layers\.(\d)\.resize", r"depth_head.resize_layers.\1"),
    *((rf"neck\.convs\.{number}", f"depth_head.scratch.layer{number + 1}_rn") for number in range(4)),
    *((rf"neck\.fusion_stage\.layers\.{number}", f"depth_head.scratch.refinenet{4 - number}") for number in range(4)),
    (r"head\.conv1", "depth_head.scratch.output_conv1"),
    (r"head\.conv2", "depth_head.scratch.output_conv2.0"),
    (r"head\.conv3", "depth_head.scratch.output_conv2.2"),
)


def by_their_authors_names(tensors):
    """What `depth_anything_v2` of Depth Anything's repository calls them."""
    named, joined = {}, {}
    for name, tensor in tensors.items():
        new = next(re.sub(rf"^{theirs}", own, name) for theirs, own in OWN_NAMES if re.match(theirs, name))
        new = (
            new.replace("projection", "out_conv")
            .replace("residual_layer", "resConfUnit")
            .replace("convolution", "conv")
        )
        if part := re.search(r"attention\.attention\.(query|key|value)", new):
            joined.setdefault(new.replace(part[0], "attn.qkv"), {})[part[1]] = tensor
        else:
            named[new] = tensor
    return named | {
        name: torch.cat([parts[part] for part in ("query", "key", "value")]) for name, parts in joined.items()
    }


@pytest.mark.slow  # imports transformers
def test_depths_are_depth_anythings_under_either_names(tmp_path):
    network = depth_anything()
    network.save_pretrained(tmp_path / "theirs")
    tensors = load_file(tmp_path / "theirs" / "model.safetensors")
    assert "backbone.encoder.layer.0.attention.attention.query.weight" in tensors  # as what is published has it
    maps = []
    for name, named in (("theirs", tensors), ("own", by_their_authors_names(tensors))):
        save_file(named, path := tmp_path / f"{name}.safetensors")
        mapper = opened(path)
        maps.append(np.asarray(whole(mapper.map(photo(96, 64), "depth", {}))).astype(int)[..., 0])
    assert (maps[0] == maps[1]).all()
    seen = photo(96, 64).resize(DepthNetwork(network).looks_at((96, 64)), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(seen)).permute(2, 0, 1)[None] / 255
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        near = network((pixels - mean[:, None, None]) / deviation[:, None, None]).predicted_depth
    near = FUNCTIONAL.interpolate(near[None], (64, 96), mode="bicubic", align_corners=False)[0, 0]
    expected = ((near - near.min()) / (near.max() - near.min()) * 255).numpy()
    assert abs(maps[0] - expected).max() <= 1
    assert (maps[0].min(), maps[0].max()) == (0, 255)
    facing = whole(mapper.map(photo(96, 64), "normal", {}))
    assert facing.getextrema()[2][0] >= 127  # all of it faces the front, more or less


def test_how_large_depth_anything_sees_a_picture():
    class Shaped:
        config = type("Config", (), {"patch_size": 14})

    network = DepthNetwork.__new__(DepthNetwork)
    network._patch = 14
    sizes = {(518, 518): (518, 518), (1000, 500): (1036, 518), (4096, 4096): (518, 518), (4096, 64): (518, 14)}
    assert {size: network.looks_at(size) for size in sizes} == sizes
    across, down = network.looks_at((2000, 500))
    assert across * down <= 4 * 518**2 * 1.1


def test_normals_point_where_surfaces_face():
    right, down = np.meshgrid(np.linspace(0, 1, 64, dtype=np.float32), np.linspace(0, 1, 64, dtype=np.float32))
    faces = {
        "left": normals(right, 0)[32, 32],  # nearer to the right: what is seen of it faces left
        "up": normals(down, 0)[32, 32],
        "front": normals(np.full_like(right, 0.5), 0)[32, 32],
        "far": normals(right, 0.9)[32, 32],
    }
    assert faces["left"][0] > 200 > faces["left"][2]
    assert faces["up"][1] > 200 > faces["up"][2]
    assert faces["front"].tolist() == faces["far"].tolist() == [127, 127, 255]


def test_a_mapper_takes_pictures_of_any_mode():
    assert png(whole(open_mapper(plain("invert"), DEVICE, lambda _: None, {}).map(
        Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "invert", {}))) == png(Image.new("RGB", (4, 4)))  # fmt: skip
