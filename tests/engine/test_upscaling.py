"""Pictures enlarged: the network, its tiles and strips, and an upscaler among an engine's jobs."""

import io
import sys
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from imagine.engine.device.device import Device
from imagine.engine.families.enlarger import open_enlarger
from imagine.engine.parts.enlarging_network import EnlargingNetwork
from imagine.engine.parts.in_turns import in_turns
from imagine.engine.parts.slices import whole
from imagine.engine.parts.strips import joined, resampled
from imagine.engine.parts.tiles import in_tiles
from imagine.pictures.metadata import read_metadata
from imagine.words.errors import BadRequest, ImagineError, UnusableModel
from imagine.words.events import Finished
from imagine.words.frames import Enlargement, PreviewSettings, Unload
from imagine.words.recipe import Hires
from imagine.words.upscalers import resampling
from tests.engine.running import SETTINGS, Watching, engine_of, finished, made, picture, previews, progress, run, wish
from tests.models import model_at
from tests.upscaling import SHIPPED, compact_tensors, write_compact

DEVICE = Device(SETTINGS)
COMPACT = model_at(SHIPPED, "shipped", role="upscaler")


def photo(width, height, mode="RGB"):
    """Noise over a gradient: no two tiles alike."""
    rows, columns = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(3).integers(0, 40, (height, width))
    channels = [rows % 200, columns % 200, (rows + columns) % 200, 255 - columns % 200][: len(mode)]
    return Image.fromarray(np.stack([(each + noise).clip(0, 255) for each in channels], 2).astype(np.uint8), mode)


def opened(model=COMPACT):
    return open_enlarger(model, DEVICE, lambda _: None, {})


def network(path=SHIPPED):
    (part,) = opened(model_at(path, role="upscaler")).parts("decode")
    assert isinstance(part, EnlargingNetwork)
    return part


def enlarged(enlarger, source, size, **how):
    strips = [strip for strip in enlarger.strips(source, size, **how) if strip is not None]
    return np.concatenate(strips)


def by_formula(tensors, source):
    """SRVGGNetCompact as its paper's code has it, on all of a picture."""
    pixels = torch.from_numpy(np.array(source)).permute(2, 0, 1)[None].float() / 255
    value, last = pixels, max(int(name.split(".")[1]) for name in tensors)
    for index in range(last + 1):
        weight = tensors[f"body.{index}.weight"].float()
        if index % 2:
            value = torch.nn.functional.prelu(value, weight)
        else:
            value = torch.nn.functional.conv2d(value, weight, tensors[f"body.{index}.bias"].float(), padding=1)
    scale = int((value.shape[1] / 3) ** 0.5)
    pixels = pixels.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    made = torch.nn.functional.pixel_shuffle(value, scale) + pixels
    return made.clamp(0, 1).mul(255).round().byte()[0].permute(1, 2, 0).numpy()


# The network


def test_the_shipped_network_is_the_formula_of_its_authors():
    source = photo(40, 30)
    assert np.array_equal(enlarged(opened(), source, (160, 120)), by_formula(load_file(SHIPPED), source))


@pytest.mark.parametrize("prefix", ["params_ema.", "params."])
def test_files_of_trainers_are_read_and_any_scale_and_depth(tmp_path, prefix):
    tensors = compact_tensors(features=8, convolutions=4, scale=2)
    path = write_compact(tmp_path / "twice.safetensors", tensors, prefix)
    source = photo(33, 21)
    assert np.array_equal(
        enlarged(opened(model_at(path, role="upscaler")), source, (66, 42)), by_formula(tensors, source)
    )


def test_tiles_are_what_the_whole_would_be():
    part, source = network(), photo(100, 70)
    at_once = whole(joined(in_tiles(source, part, tiled=False), (400, 280)))
    part.tile = 48  # 3 × 2 tiles
    in_six = whole(joined(in_tiles(source, part, tiled=False), (400, 280)))
    apart = np.abs(np.asarray(at_once).astype(int) - np.asarray(in_six))
    assert apart.max() <= 1  # sums in another order
    assert (apart > 0).mean() < 1e-4


def test_what_makes_no_numbers_makes_no_picture(tmp_path):
    tensors = compact_tensors(features=8, convolutions=2, scale=2)
    tensors["body.0.bias"][0] = float("nan")
    path = write_compact(tmp_path / "nan.safetensors", tensors)
    with pytest.raises(ImagineError, match="no picture"):
        enlarged(opened(model_at(path, role="upscaler")), photo(8, 8), (16, 16))


def hostile():
    tensors = compact_tensors(features=8, convolutions=3, scale=2)
    yield "a layer is missing", {name: each for name, each in tensors.items() if not name.startswith("body.2.")}
    yield "a shape that doesn't fit", tensors | {"body.2.weight": torch.zeros(8, 9, 3, 3)}
    yield "another kernel", tensors | {"body.2.weight": torch.zeros(8, 8, 5, 5)}
    yield "whole numbers", tensors | {"body.2.weight": torch.zeros(8, 8, 3, 3, dtype=torch.int32)}
    yield "no outputs", tensors | {"body.4.weight": torch.zeros(0, 8, 3, 3), "body.4.bias": torch.zeros(0)}
    yield "rank 0", tensors | {"body.0.weight": torch.zeros(())}
    yield "a huge side", {"body.0.weight": torch.zeros(1, 3, 1, 1), "body.1.weight": torch.zeros(1)}


@pytest.mark.parametrize(("what", "tensors"), list(hostile()), ids=[what for what, _ in hostile()])
def test_files_that_lie_are_refused(tmp_path, what, tensors):
    path = tmp_path / "lies.safetensors"
    save_file(tensors, path)
    model = model_at(path, family="compact", role="upscaler")
    with pytest.raises(UnusableModel):
        opened(model)


def test_another_kind_of_network_names_the_extra(tmp_path, monkeypatch):
    path = tmp_path / "esrgan.safetensors"
    save_file({"conv_first.weight": torch.zeros(1), "body.0.rdb1.conv1.weight": torch.zeros(1)}, path)
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(UnusableModel, match=r"imagine\[upscalers\]"):
        opened(model_at(path, role="upscaler"))


class Layers(torch.nn.Sequential):
    def __init__(self):
        super().__init__(*(torch.nn.Linear(4, 4) for _ in range(3)))


def test_any_network_s_work_is_cut_before_each_of_its_layers():
    network, inputs = Layers(), torch.arange(4.0)
    turns = in_turns(network, lambda: network(inputs))
    other = in_turns(network, lambda: network(-inputs))
    for _ in range(3):
        assert (next(turns), next(other)) == (None, None)
    assert torch.equal(whole(turns), network(inputs))
    assert torch.equal(whole(other), network(-inputs))
    assert not any(layer._forward_pre_hooks for layer in network)


def test_work_that_nobody_wants_any_more_ends_before_its_next_layer():
    network, before = Layers(), set(threading.enumerate())
    reached = []
    turns = in_turns(network, lambda: reached.append(network(torch.zeros(4))))
    next(turns)
    (started,) = set(threading.enumerate()) - before
    turns.close()
    assert (reached, started.is_alive()) == ([], False)


def test_what_such_work_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        whole(in_turns(Layers(), lambda: 1 // 0))


# Strips


def across_then_down(source, size, how):
    """As Pillow resamples all of it. It chooses by the sizes which way it goes first, and cuts off between the two."""
    return np.asarray(source.resize((size[0], source.height), how).resize(size, how))


def assert_alike(one, other):
    """Up to what a filter's weights, which are rounded, make of an edge that is a fraction."""
    apart = np.abs(one.astype(int) - other)
    assert apart.max() <= 1
    assert (apart > 0).mean() < 1e-3


@pytest.mark.parametrize("how", [Image.Resampling.LANCZOS, Image.Resampling.BICUBIC])
def test_strips_that_are_resampled_are_the_picture_resampled(how):
    source, size = photo(61, 97), (150, 401)
    strips = enlarged(opened(resampling(how.name.lower())), source, size)
    assert_alike(strips, across_then_down(source, size, how))


@pytest.mark.parametrize("size", [(122, 194), (200, 301), (61, 97), (300, 500)])
def test_a_size_between_is_the_networks_picture_resampled(size):
    enlarger, source = opened(), photo(61, 97)
    (part,) = enlarger.parts("decode")
    part.tile = 32
    made = whole(joined(in_tiles(source, part, tiled=False), (244, 388)))
    assert_alike(enlarged(enlarger, source, size), across_then_down(made, size, Image.Resampling.LANCZOS))


def test_colours_that_nobody_sees_do_not_bleed():
    source = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    source.paste((0, 0, 255, 255), (0, 0, 10, 20))
    made = enlarged(opened(resampling("lanczos")), source, (80, 80))
    assert made[made[..., 3] > 0][:, 0].max() == 0


def test_transparency_is_kept():
    source = photo(40, 30, "RGBA")
    made = enlarged(opened(), source, (160, 120))
    assert np.array_equal(made[..., :3], enlarged(opened(), source.convert("RGB"), (160, 120)))
    alpha = np.concatenate([each for each in resampled(source.getchannel("A"), (160, 120)) if each is not None])
    assert np.array_equal(made[..., 3], alpha)


# Among an engine's jobs


def enlarging(folder, source, scale, model=COMPACT, job="up", meta=None, **more):
    """A wish for a picture to be enlarged, into a file that is there."""
    path = Path(folder) / f"{job}.png"
    path.touch()
    one = wish(model, job, img=source, hires=Hires(scale=scale, strength=0.0, upscaler=model.name), **more)
    return replaced(one, enlargement=Enlargement(path=str(path), meta=meta or {})), path


def pixels_of(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def replaced(one, **changes):
    return msgspec.structs.replace(one, **changes)


def test_a_picture_is_enlarged_into_a_file_that_says_how(tmp_path):
    source, before = photo(70, 50), {"prompt": "a fox", "seed": 7, "upscaled": [{"upscaler": "another"}]}
    one, path = enlarging(tmp_path, source, 4.0, meta=before)
    said = run(engine_of(), one)
    (done,) = [report for report in said if isinstance(report, Finished)]
    assert done.data == b""
    assert np.array_equal(pixels_of(path), enlarged(opened(), source, (280, 200)))
    upscaled = done.meta["upscaled"][-1]
    assert upscaled["upscaler"] == "shipped"
    assert (upscaled["scale"], upscaled["digest"], upscaled["img"]) == (4.0, COMPACT.digest, one.params.img)
    assert upscaled["environment"]["dtype"] == "float32"
    assert [each["upscaler"] for each in done.meta["upscaled"]] == ["another", "shipped"]
    read = read_metadata(path.read_bytes())
    assert read.meta["prompt"] == "a fox"
    assert read.meta["upscaled"] == done.meta["upscaled"]
    assert done.timings["upscaling"] > 0


def test_it_is_told_how_far_it_is_and_others_have_turns(tmp_path, sd1):
    one, path = enlarging(tmp_path, photo(300, 300), 2.0, model=resampling("lanczos"))
    alone, _ = enlarging(tmp_path, photo(300, 300), 2.0, model=resampling("lanczos"), job="alone")
    run(engine_of(), alone)
    said = run(engine_of(turn=0.0), one, wish(sd1, client="another"))
    steps = progress(said, "up")
    assert steps == sorted(steps)
    assert steps[-1][1] == 5
    order = [report.job for report in said]
    assert order.index("a") < order.index("up") + 10
    assert order.index("a") < len(order) - 1 - order[::-1].index("up")  # another paints before it is done
    assert path.read_bytes() == (tmp_path / "alone.png").read_bytes()


def test_its_bits_do_not_depend_on_neighbours(tmp_path, sd1):
    one, path = enlarging(tmp_path, photo(90, 60), 4.0)
    other, other_path = enlarging(tmp_path, photo(50, 80), 3.0, job="other")
    run(engine_of(), one)
    alone = path.read_bytes()
    run(engine_of(turn=0.0), other, wish(sd1, client="another"), one)
    assert path.read_bytes() == alone
    assert pixels_of(other_path).shape == (240, 150, 3)


def test_one_that_is_taken_back_lets_go_of_its_file(tmp_path):
    one, path = enlarging(tmp_path, photo(300, 300), 2.0, model=resampling("lanczos"))
    engine = engine_of(turn=0.0)
    engine.submit(one)
    while not path.stat().st_size:
        engine.step()
    engine.cancel("up")
    written = path.read_bytes()
    assert not engine.busy
    assert path.read_bytes() == written


def test_a_file_that_is_gone_is_not_made_again(tmp_path):
    one, path = enlarging(tmp_path, photo(30, 30), 2.0)
    path.unlink()
    engine = engine_of()
    engine.submit(one)
    with pytest.raises(ImagineError, match="could not be written: no such file"):
        run(engine)
    assert not path.exists()


def test_an_upscaler_is_counted_shared_and_let_go(tmp_path, sd1):
    engine = engine_of()
    one, _ = enlarging(tmp_path, photo(30, 30), 2.0)
    hires = Hires(scale=2.0, strength=0.0, upscaler="shipped")
    run(engine, one, replaced(wish(sd1, hires=hires), upscaler=COMPACT))
    resident = {model.name: model.size for model in engine.stats().models}
    assert resident["shipped"] == 4 * sum(tensor.numel() for tensor in load_file(SHIPPED).values())
    engine.unload(Unload(job="u", model="shipped"))
    assert "shipped" not in {model.name for model in engine.stats().models}


# Before a second pass


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_a_second_pass_begins_from_what_an_upscaler_makes(sd1, strength):
    hires = Hires(scale=2.0, strength=strength, upscaler="shipped")
    one = replaced(wish(sd1, hires=hires), upscaler=COMPACT)
    small = picture(made(engine_of(), wish(sd1)))
    report = made(engine_of(), one)
    assert report.meta["hires"] == {"scale": 2.0, "strength": strength, "steps": 0, "upscaler": "shipped"}
    assert report.meta["parts"] == {"upscaler": COMPACT.digest}
    by_network = enlarged(opened(), small, (128, 128))
    assert np.array_equal(np.asarray(picture(report)), by_network) == (strength == 0)
    assert made(engine_of(), one).data == report.data
    assert "upscaling" in report.timings


def test_one_that_paints_nothing_encodes_nothing_and_previews_its_own_size(sd1):
    watching = Watching()
    one = replaced(wish(sd1, every=1, hires=Hires(scale=4.0, strength=0.0, upscaler="lanczos")))
    run(engine_of(open_model=watching), msgspec.structs.replace(one, preview=PreviewSettings()))
    assert watching.families["tiny"].heard("encode_picture") == []
    said = run(engine_of(), one)
    assert {Image.open(io.BytesIO(each.data)).size for each in previews(said)} == {(256, 256)}
    small = picture(made(engine_of(), wish(sd1)))
    enlarged = small.resize((256, 256), Image.Resampling.LANCZOS)
    assert np.array_equal(np.asarray(picture(finished(said)["a"])), np.asarray(enlarged))


def test_an_upscaler_that_was_not_sent_is_refused(sd1):
    with pytest.raises(BadRequest, match=r"hires\.upscaler 'elsewhere' not found"):
        engine_of().submit(wish(sd1, hires=Hires(scale=2.0, upscaler="elsewhere")))
