"""Controls beside a model: whoever hasn't any can't tell that others have, and they run when and as often as asked."""

import gc
from collections import Counter

import msgspec
import pytest
import torch
from PIL import Image

from imagine.engine.control.control_network import SeenMap
from imagine.engine.control.controlnet import ControlNet
from imagine.engine.control.feature_adapter import FeatureAdapter
from imagine.engine.device.device import Device
from imagine.engine.families.open import open_model
from imagine.engine.jobs.buckets import BUCKETS
from imagine.engine.jobs.ledger import Ledger
from imagine.engine.loading.control_file import ControlFile
from imagine.engine.parts.slices import whole
from imagine.files import shipped
from imagine.maps.making import map_from
from imagine.words.recipe import Hires
from tests.control_files import controlled, home_of, tiny_controlnet, tiny_t2i, write_control, write_control_lora
from tests.engine.adapters.low_rank import used, write_low_rank
from tests.engine.crowds import same_in_crowds
from tests.engine.running import crowd_made_again, engine_of, finished, made, model_at, picture, run, wish

MAP = Image.radial_gradient("L").resize((64, 64)).convert("RGB")
OTHER = Image.linear_gradient("L").resize((96, 64)).convert("RGB")
CROWDS = [
    *(("stable_diffusion", bucket, 5.0) for bucket in BUCKETS[:4]), ("stable_diffusion", 4, 1.0),
    *(pytest.param("toybox", *crowd, marks=pytest.mark.slow) for crowd in ((2, 5.0), (8, 5.0), (4, 1.0))),
]  # fmt: skip
"""Toybox's batches are made in shares."""


class Shelf:
    """A model, opened, and what goes beside it: a ControlNet `net`, a Control-LoRA `low`, a T2I-Adapter `sketch`, and a
    LoRA."""

    def __init__(self, model, folder):
        self.model = model
        self.family = open_model(model, engine_of()._device, lambda _fraction: None, {})
        unet = self.family.networks["denoiser"]
        networks = {"net": tiny_controlnet(unet, 1), "sketch": tiny_t2i(unet, 2)}
        self.files = {name: write_control(folder / f"{name}.safetensors", each) for name, each in networks.items()}
        low = tiny_controlnet(unet, 3)
        self.files["low"] = write_control_lora(folder / "low.safetensors", unet, low)
        write_low_rank(folder / "lora.safetensors", {"denoiser": unet}, 4, only="attn")
        self.lora = used(folder / "lora.safetensors", "aaaa")

    def wish(self, job="a", *controls, loras=(), **changes):
        """Controls as their names, or with what is said of them."""
        told = [(one, {}) if isinstance(one, str) else one for one in controls]
        both = [controlled(self.files[name], MAP, **said) for name, said in told]
        one = wish(self.model, job, **changes)
        params = msgspec.structs.replace(one.params, control=tuple(said for _, said in both))
        uses = tuple(use for use, _ in both)
        return msgspec.structs.replace(one, params=params, controls=uses, adapters=tuple(loras))


@pytest.fixture(scope="module")
def shelves(checkpoints, tmp_path_factory):
    """Gives the shelf of a family's model, which is made once."""
    there = {}

    def shelf(family="stable_diffusion"):
        if family not in there:
            path = shipped.folder() / "toybox.safetensors" if family == "toybox" else checkpoints(family)[0]
            there[family] = Shelf(model_at(path), tmp_path_factory.mktemp(family))
        return there[family]

    return shelf


@pytest.fixture
def runs(monkeypatch):
    """How often networks ran, and saw maps, by what they are."""
    counted = Counter()
    for kind in (ControlNet, FeatureAdapter):
        for name in ("residuals", "hint"):
            monkeypatch.setattr(kind, name, _counting(getattr(kind, name), counted, f"{kind.__name__}.{name}"))
    return counted


def _counting(method, counted, name):
    def call(*arguments, **named):
        counted[name] += 1
        return method(*arguments, **named)

    return call


@pytest.mark.parametrize(("family", "bucket", "guidance"), CROWDS)
def test_no_neighbour_and_no_slot_changes_a_bit(shelves, family, bucket, guidance):
    """The rows of one with nothing, of one with a ControlNet, and of one with all there is: whoever is beside them."""
    shelf = shelves(family)
    makers = engine_of()._makers

    def prepared(number, *controls, loras=()):
        changes = {"prompt": f"a {number}", "seed": number, "guidance": guidance}
        work = makers.begin(Ledger(shelf.wish(str(number), *controls, loras=loras, **changes), number), [shelf.family])
        whole(work.prepare())
        return work

    def answers(members):
        sides = makers.forward.run(members, bucket)
        return [torch.cat([*answers] if without is None else [without, *answers]) for without, answers in sides]

    strong = ("net", {"strength": 0.7})
    watched = [prepared(0), prepared(1, "net"), prepared(2, "low", "sketch", strong, loras=[shelf.lora])]
    others = [prepared(9, "sketch"), prepared(10)]
    alone = same_in_crowds(answers, watched, others, bucket)
    for one, bits in zip(watched[1:], alone[1:], strict=True):
        one._conditioned.controls._laid = []
        assert not torch.allclose(answers([one])[0], bits, atol=1e-3), "they do something"


@pytest.mark.slow
def test_a_mixed_crowd_is_made_again_bit_for_bit(shelves):
    """Plain, LoRA, controls, over a picture, in two passes: each alone, in a worker that has seen no other."""
    shelf = shelves()
    painted = {"img": OTHER, "mask": Image.new("L", OTHER.size, 255), "strength": 0.7}
    wishes = [
        shelf.wish("plain", num_steps=7), shelf.wish("lora", loras=[shelf.lora], num_steps=7),
        shelf.wish("net", "net", num_steps=7, guidance=1.0),
        shelf.wish("part", ("net", {"start": 0.3, "end": 0.8}), "sketch", loras=[shelf.lora], num_steps=7, seed=3),
        shelf.wish("painted", "low", num_steps=7, **painted),
        shelf.wish("hires", "net", num_steps=7, hires=Hires(scale=1.5, strength=0.5)),
    ]  # fmt: skip
    crowd_made_again(wishes)


@pytest.mark.parametrize(
    ("said", "steps"), [({}, 10), ({"start": 0.2, "end": 0.6}, 4), ({"end": 0.05}, 0), ({"strength": 0.0}, 0)]
)
@pytest.mark.parametrize(("sampler", "twice"), [("euler", 0), ("heun", 1)])
def test_outside_its_steps_it_is_not_run(shelves, runs, said, steps, sampler, twice):
    shelf = shelves()
    one = shelf.wish("a", ("net", said), num_steps=10, sampler=sampler)
    result = made(engine_of(), one)
    last = int("end" not in said and bool(steps))  # the last step of a second-order sampler asks but once
    assert runs["ControlNet.residuals"] == (steps * 2 - last if twice else steps)
    assert [note.code for note in result.warnings] == (["control.no_step"] if said == {"end": 0.05} else [])
    assert runs["ControlNet.hint"] == int("strength" not in said)
    if not steps:
        assert result.data != made(engine_of(), shelf.wish("a", "net", num_steps=10, sampler=sampler)).data


def test_maps_are_seen_once_a_pass_and_in_both_passes(shelves, runs):
    shelf = shelves()
    made(engine_of(), shelf.wish("a", "net", "sketch", num_steps=5, hires=Hires(scale=1.5, strength=0.6)))
    assert runs == {
        "ControlNet.hint": 2, "FeatureAdapter.hint": 2, "ControlNet.residuals": 8, "FeatureAdapter.residuals": 8,
    }  # fmt: skip


def test_maps_are_made_of_pictures_as_they_are_laid_out(shelves):
    """A picture and what makes its map, or the map itself: the same pixels."""
    shelf = shelves()
    given = map_from(OTHER.resize((64, 64), box=(16, 0, 80, 64)), "scribble")
    both = [("scribble", OTHER), ("none", given)]
    drawn = []
    for preprocess, seen in both:
        use, said = controlled(shelf.files["net"], seen, preprocess=preprocess)
        one = shelf.wish("a")
        params = msgspec.structs.replace(one.params, control=(said,))
        drawn.append(picture(made(engine_of(), msgspec.structs.replace(one, params=params, controls=(use,)))).tobytes())
    assert drawn[0] == drawn[1]


def test_what_is_to_be_painted_is_less_than_black(shelves, monkeypatch):
    shelf, seen = shelves(), []
    hint = ControlNet.hint
    monkeypatch.setattr(ControlNet, "hint", lambda net, laid, kind: seen.append(laid.pixels) or hint(net, laid, kind))
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    wishes = shelf.wish("a", ("net", {"preprocess": "inpaint"}), img=MAP, mask=mask, strength=0.7)
    made(engine_of(), wishes)
    assert bool((seen[0][..., :32] == -1).all())
    assert float(seen[0][..., 32:].min()) >= 0


def test_a_refiner_has_none_of_them(checkpoints, shelves, runs):
    shelf = shelves("sdxl")
    fine = model_at(checkpoints("sdxl_refiner")[0], "fine")
    one = shelf.wish("a", "net", num_steps=4, refiner="fine", refiner_at=0.5)
    made(engine_of(), msgspec.structs.replace(one, refiner=fine))
    assert runs["ControlNet.residuals"] == 2


def test_each_adds_its_file_and_unloading_gives_it_back(shelves, monkeypatch):
    """Read once for all who have it; it stays for who comes next, goes before a model, and with it."""
    shelf, engine, read = shelves(), engine_of(), []
    monkeypatch.setattr(ControlFile, "_weights", _noting(ControlFile._weights, read))
    made(engine, shelf.wish("a"))
    model = engine._models.residency.nbytes()
    crowd = [shelf.wish(str(i), "net", seed=i) for i in range(3)]
    assert len(finished(run(engine, *crowd))) == 3
    size = shelf.files["net"].stat().st_size
    assert len(read) == 1
    assert 0.95 * size < engine._kept.nbytes <= size
    assert engine._models.residency.nbytes() == model + engine._kept.nbytes
    made(engine, shelf.wish("a", "low"))
    low = engine._kept.nbytes
    monkeypatch.setattr(Device, "budget", lambda _: model + low - 1)
    made(engine, shelf.wish("a", "low"))
    both = size + shelf.files["low"].stat().st_size
    assert engine._kept.nbytes < both - 0.9 * size, "what was used least recently made way"
    engine._models.residency.unload(shelf.model.name)
    gc.collect()
    assert engine._kept.nbytes == 0


def _noting(method, noted):
    def call(file):
        noted.append(file)
        return method(file)

    return call


def test_a_network_laid_out_for_kernels_answers_as_it_would(shelves, monkeypatch):
    """A ControlNet's and a Control-LoRA's, beside a U-Net that is laid out as well."""
    shelf = shelves("sdxl")
    unet = shelf.family.networks["denoiser"]
    usual = {name: whole(ControlFile(use.component, name).bind(unet, home_of(unet))) for name, use in _uses(shelf)}
    asked = shelf.family.inputs(*_inputs(shelf.family))
    expected = {name: network.residuals(asked, _hint(network), 0.9, True) for name, network in usual.items()}
    for module in ("controlnet", "borrowed"):
        monkeypatch.setattr(f"imagine.engine.control.{module}.can_pack", lambda *_: True)
    fresh = open_model(shelf.model, engine_of()._device, lambda _fraction: None, {}).networks["denoiser"]
    for name, use in _uses(shelf):
        network = whole(ControlFile(use.component, name).bind(fresh, home_of(fresh)))
        got = network.residuals(asked, _hint(network), 0.9, True)
        for one, other in zip([*got.skips, got.middle], [*expected[name].skips, expected[name].middle], strict=True):
            assert float((one - other).norm() / other.norm()) < 1e-5, name


def _uses(shelf):
    return [(name, controlled(shelf.files[name], MAP)[0]) for name in ("net", "low")]


def _hint(network):
    return network.hint(SeenMap(torch.linspace(0, 1, 3 * 64 * 64).reshape(1, 3, 64, 64)), "canny")


def _inputs(family):
    generator = torch.Generator().manual_seed(1)
    unet = family.networks["denoiser"]
    rows = {"context": torch.randn(2, 77, unet.config.cross_attention_dim, generator=generator)}
    pooled = unet.config.projection_class_embeddings_input_dim - 6 * unet.config.addition_time_embed_dim
    rows |= {"pooled": torch.randn(2, pooled, generator=generator), "sizes": torch.full((2, 6), 64.0)}
    return torch.randn(2, 4, 8, 8, generator=generator), torch.tensor([500.0, 500.0]), rows
