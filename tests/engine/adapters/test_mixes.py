"""Adapters beside a model: they do what they should, and whoever hasn't any can't tell that others have."""

import gc
import hashlib
import itertools
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from torch.nn import functional

from imagine.engine.adapters.adapter import Bound
from imagine.engine.adapters.kept import Kept
from imagine.engine.adapters.mix import NO_MIX, mix_of
from imagine.engine.adapters.opened import Opened
from imagine.engine.device.device import Device
from imagine.engine.families.open import open_model
from imagine.engine.jobs.buckets import BUCKETS
from imagine.engine.jobs.ledger import Ledger
from imagine.engine.loading.adapter_readers import ADAPTER_READERS
from imagine.engine.loading.lora_file import LoraFile
from imagine.engine.parts.slices import whole
from imagine.files import shipped
from imagine.identity.stamp import stamp_of
from imagine.words.errors import ModelChanged, Unsupported, UnusableModel
from imagine.words.events import Finished
from imagine.words.recipe import Hires
from tests.checkpoints import tiny_modules, write_checkpoint
from tests.engine.adapters.low_rank import merge, used, write_low_rank
from tests.engine.crowds import same_in_crowds
from tests.engine.running import engine_of, finished, latents_of, made, model_at, picture, run, wish

FAMILIES = ("stable_diffusion", *(pytest.param(name, marks=pytest.mark.slow) for name in ("sdxl", "toybox")))
"""The others hold the same of larger networks, which takes them some seconds each."""
CROWDS = [
    *(("stable_diffusion", bucket, 5.0) for bucket in BUCKETS), ("stable_diffusion", 4, 1.0),
    *(
        pytest.param(family, bucket, guidance, marks=pytest.mark.slow)
        for family in ("sdxl", "toybox")
        for bucket, guidance in ((2, 5.0), (16, 5.0), (4, 1.0))
    ),
]  # fmt: skip


class Shelf:
    """A model, opened, and adapters for it: `a` beside all of its layers, `b` and `c` beside some, `text` beside none
    but its encoders'."""

    def __init__(self, model, folder):
        self.model = model
        self.family = open_model(model, engine_of()._device, lambda _fraction: None, {})
        networks = self.family.networks
        text = {role: network for role, network in networks.items() if role != "denoiser"}
        for seed, (name, only) in enumerate({"a": "", "b": "attn", "c": "conv"}.items()):
            write_low_rank(folder / f"{name}.safetensors", networks, seed, rank=2 + 3 * seed, only=only)
        write_low_rank(folder / "text.safetensors", text, 9)
        self.uses = {name: used(folder / f"{name}.safetensors", name * 4) for name in ("a", "b", "c", "text")}

    def use(self, name, weight=1.0):
        return msgspec.structs.replace(self.uses[name], weight=weight, clip_weight=weight)

    def wish(self, job="a", *uses, **changes):
        return msgspec.structs.replace(wish(self.model, job, **changes), adapters=uses)


@pytest.fixture(scope="module")
def shelves(checkpoints, tmp_path_factory):
    """Gives the shelf of a family's model, which is made once."""
    made = {}

    def shelf(family="stable_diffusion"):
        if family not in made:
            shipped_one = shipped.folder() / "toybox.safetensors"
            path = shipped_one if family == "toybox" else checkpoints(family)[0]
            made[family] = Shelf(model_at(path), tmp_path_factory.mktemp(family))
        return made[family]

    return shelf


@pytest.mark.parametrize("family", FAMILIES[:2])
def test_it_does_what_the_same_change_of_the_weights_would(checkpoints, tmp_path, family):
    """To text encoders, linear maps and convolutions, as far as another order of rounding allows."""
    modules = tiny_modules(family)
    text = dict(zip(("text_encoder", "text_encoder_2"), modules.text_encoders, strict=False))
    networks = {"denoiser": modules.unet, **text}
    write_low_rank(tmp_path / "a.safetensors", networks, 1)
    write_low_rank(tmp_path / "b.safetensors", networks, 2)
    model = model_at(checkpoints(family)[0])
    uses = used(tmp_path / "a.safetensors", "aa", 0.8), used(tmp_path / "b.safetensors", "bb", -0.5)
    plain = latents_of(wish(model, neg="a dog"))
    beside = latents_of(msgspec.structs.replace(wish(model, neg="a dog"), adapters=uses))
    for name, weight in (("a", 0.8), ("b", -0.5)):
        merge(networks, tmp_path / f"{name}.safetensors", weight)
    write_checkpoint(tmp_path / "merged.safetensors", modules)
    merged = latents_of(wish(model_at(tmp_path / "merged.safetensors"), neg="a dog"))
    assert float((beside - merged).norm() / merged.norm()) < 5e-4  # the floats of either way are rounded elsewhere
    assert float((plain - merged).norm() / merged.norm()) > 1e-2


@pytest.mark.parametrize(("family", "bucket", "guidance"), CROWDS)
def test_no_neighbour_and_no_slot_changes_a_bit(shelves, family, bucket, guidance):
    """The rows of one without adapters, of one with, and of one with two: whoever is beside them, and wherever."""
    shelf = shelves(family)
    makers = engine_of()._makers
    mixes = [(), (shelf.use("a"),), (shelf.use("b", 0.7), shelf.use("a", -0.3))]

    def prepared(number, *uses):
        one = shelf.wish(str(number), *uses, prompt=f"a {number}", seed=number, guidance=guidance)
        work = makers.begin(Ledger(one, number), [shelf.family])
        whole(work.prepare())
        return work

    def answers(members):
        sides = makers.forward.run(members, bucket)
        return [torch.cat([*answers] if without is None else [without, *answers]) for without, answers in sides]

    watched = [prepared(number, *uses) for number, uses in enumerate(mixes)]
    others = [prepared(9, shelf.use("c")), prepared(10)]
    alone = same_in_crowds(answers, watched, others, bucket)
    for one, bits in zip(watched[1:], alone[1:], strict=True):
        one._conditioned.mix = NO_MIX
        assert not torch.allclose(answers([one])[0], bits, atol=1e-3), "they do something"


def mixed(shelf, count):
    """A crowd in which every third has no adapter, and the others others, in another order each."""
    mixes = [
        (), (shelf.use("a"),), (shelf.use("b", 0.5), shelf.use("text")), (),
        (shelf.use("text", 0.4),), (shelf.use("c"), shelf.use("a", -0.6), shelf.use("b", 0.2)),
    ]  # fmt: skip
    return [
        shelf.wish(
            f"{i}", *mixes[i % 6], seed=i, num_steps=7, guidance=5.0 if i != 3 else 1.0,
            hires=Hires(scale=1.5, strength=0.3) if i == 4 else None,
        )
        for i in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_a_picture_of_a_mixed_crowd_is_made_again_alone(shelves, family):
    shelf = shelves(family)
    wishes = mixed(shelf, 6)
    results = finished(run(engine_of(), *wishes))
    crowded = {run.split("x")[0] for result in results.values() for run in result.meta["buckets"].split(",")}
    assert len(crowded) >= 2, "it was a crowd"
    engine = engine_of()
    for one in wishes:
        params = msgspec.structs.replace(one.params, buckets=results[one.job].meta["buckets"])
        again = made(engine, msgspec.structs.replace(one, params=params))
        assert again.data == results[one.job].data, one.adapters


def test_a_picture_without_any_is_what_it_always_was(shelves):
    """Its bytes, at every bucket: a crowd with adapters, against the same buckets in a worker that has seen none."""
    shelf = shelves()
    wishes = mixed(shelf, 6)
    results = finished(run(engine_of(), *wishes))
    never = engine_of()
    for one in wishes:
        if not one.adapters:
            params = msgspec.structs.replace(one.params, buckets=results[one.job].meta["buckets"])
            assert made(never, msgspec.structs.replace(one, params=params)).data == results[one.job].data


def test_neither_their_order_nor_one_of_no_weight_changes_a_byte(shelves):
    shelf = shelves()
    a, b = shelf.use("a", 0.4), shelf.use("b")
    one = made(engine_of(), shelf.wish("a", a, b)).data
    assert made(engine_of(), shelf.wish("a", b, a)).data == one
    assert made(engine_of(), shelf.wish("a", b, shelf.use("c", 0.0), a)).data == one
    assert made(engine_of(), shelf.wish("a", shelf.use("a", 0.1), b, shelf.use("a", 0.3))).data == one
    assert made(engine_of(), shelf.wish("a", a)).data != one
    assert made(engine_of(), shelf.wish("a", shelf.use("c", 0.0))).data == made(engine_of(), shelf.wish("a")).data


def test_the_texts_of_pictures_are_told_apart_by_their_adapters(shelves):
    """What the encoder remembers of a prompt is with the adapters beside it, and no others."""
    shelf = shelves()
    (part,) = shelf.family.parts("encode")
    part._cache.clear()
    engine = engine_of(open_model=lambda *_: shelf.family)
    pixels = [
        np.asarray(picture(made(engine, shelf.wish("a", *uses))))
        for uses in ((), (shelf.use("text"),), (shelf.use("text", 0.5),), (shelf.use("text"),), ())
    ]
    assert np.array_equal(pixels[0], pixels[4])
    assert np.array_equal(pixels[1], pixels[3])
    assert not np.array_equal(pixels[0], pixels[1])
    assert not np.array_equal(pixels[1], pixels[2])
    assert len(part._cache) == 2 * 3, "two prompts, with three mixes"


def test_text_encoders_and_denoiser_have_weights_of_their_own(shelves):
    shelf = shelves()

    def use(weight, clip_weight):
        return msgspec.structs.replace(shelf.uses["a"], weight=weight, clip_weight=clip_weight)

    drawn = [made(engine_of(), shelf.wish("a", use(*each))).data for each in ((0, 0), (1, 0), (0, 1), (1, 1))]
    assert drawn[0] == made(engine_of(), shelf.wish("a")).data
    assert len(set(drawn)) == 4


def test_they_touch_no_weight_and_leave_nothing_behind(shelves):
    shelf = shelves()

    def state():
        tensors = [t for network in shelf.family.networks.values() for t in network.state_dict().values()]
        return hashlib.sha256(b"".join(t.contiguous().numpy().tobytes() for t in tensors)).hexdigest()

    before = state()
    engine = engine_of(open_model=lambda *_: shelf.family)
    finished(run(engine, *mixed(shelf, 6)))
    assert state() == before
    layers = [layer for network in shelf.family.networks.values() for layer in network.modules()]
    hooks = [hook for layer in layers for hook in layer._forward_hooks.values()]
    assert not [hook for hook in hooks if hook.__module__.startswith("imagine")], "transformers has its own"


def test_they_stay_with_their_model_and_make_way_before_it(shelves):
    """The least recently used first, and none that a picture has."""
    kept, shelf = Kept(), shelves()
    opened = Opened(ADAPTER_READERS, kept)
    a, b = (whole(opened.mix([shelf.use(name)], shelf.family)) for name in "ab")
    sizes = [adapter._file.nbytes for mix in (a, b) for adapter, _ in mix.members]
    assert kept.nbytes == sum(sizes)
    assert not kept.make_way(), "pictures have both"
    assert whole(opened.mix([shelf.use("a")], shelf.family)).members == a.members
    del a, b
    gc.collect()
    assert kept.nbytes == sum(sizes), "they stay for who comes next"
    whole(opened.mix([shelf.use("b")], shelf.family))
    assert kept.make_way()
    assert kept.nbytes == sizes[1]
    assert kept.make_way()
    assert kept.nbytes == 0
    assert not kept.make_way()


def test_they_keep_within_the_budget_and_go_before_a_model(shelves, monkeypatch):
    shelf, engine = shelves(), engine_of()
    made(engine, shelf.wish("a", shelf.use("a")))
    model, size = engine._models.residency.nbytes() - engine._kept.nbytes, engine._kept.nbytes
    assert size
    monkeypatch.setattr(Device, "budget", lambda _: model + size + 1000)
    assert made(engine, shelf.wish("a", shelf.use("b"))).data
    both = engine._kept.nbytes
    assert 0 < both <= size + 1000, "the one that the picture had stayed, the other made way"
    assert made(engine, shelf.wish("a", shelf.use("b"))).data
    assert engine._kept.nbytes == both
    assert len(engine._models.residency.report(0.0)) == 1
    engine._models.residency.unload(shelf.model.name)
    gc.collect()
    assert engine._kept.nbytes == 0, "with its model"


def test_a_large_file_is_opened_in_turns_with_others(shelves):
    """With turns of no time at all, each as long as the next: another picture is made while one's LoRA is read."""
    shelf, engine = shelves(), engine_of(turn=0.0, clock=itertools.count().__next__)
    said = run(engine, shelf.wish("large", shelf.use("a")), shelf.wish("small", client="another", num_steps=3))
    finals = [report.job for report in said if isinstance(report, Finished)]
    assert finals == ["small", "large"]


def test_one_file_is_read_once_for_all_who_have_it(shelves, monkeypatch):
    read = []
    monkeypatch.setitem(ADAPTER_READERS, "lora", lambda *given: read.append(given) or LoraFile(*given))
    shelf = shelves()
    crowd = [shelf.wish(str(i), shelf.use("a", i / 4), num_steps=5, seed=i) for i in range(1, 5)]
    assert len(finished(run(engine_of(), *crowd))) == 4
    assert len(read) == 1


def refused(engine, one):
    engine.submit(one)
    with pytest.raises(Exception) as caught:
        run(engine)
    assert engine.drop_step() == [one.job]
    assert not engine.busy
    return caught.value


def test_what_does_not_fit_is_refused_by_name(shelves, checkpoints, tmp_path, sd3):
    shelf, other = shelves(), shelves("sdxl")
    error = refused(engine_of(), shelf.wish("a", other.use("b")))
    assert isinstance(error, UnusableModel)
    assert "LoRA 'b' can't be used: layer down_blocks_1_attentions_0_" in str(error)
    assert "down has the shape" in str(error)
    (note,) = made(engine_of(), shelf.wish("a", other.use("text"))).warnings
    assert str(note).startswith("of LoRA 'text' 19 of 37 layers can't be used: te2_text_model_encoder_layers_0_"), note
    error = refused(engine_of(), shelf.wish("a", msgspec.structs.replace(shelf.use("a"), kind="spell")))
    assert isinstance(error, Unsupported)
    assert str(error) == "adapters of kind 'spell' can't be used here"
    path = tmp_path / "changed.safetensors"
    write_low_rank(path, shelf.family.networks, 1, only="to_q")
    use = used(path, "dd")
    use = msgspec.structs.replace(use, component=msgspec.structs.replace(use.component, files=(stamp_of(path),)))
    assert made(engine_of(), shelf.wish("a", use)).data
    write_low_rank(path, shelf.family.networks, 2, only="to_k")
    assert isinstance(refused(engine_of(), shelf.wish("a", use)), ModelChanged)
    error = refused(engine_of(), msgspec.structs.replace(wish(sd3, sampler="dpm++ 2m"), adapters=(shelf.use("a"),)))
    assert isinstance(error, Unsupported)
    assert error.field == "loras"


def test_a_refiner_has_none_of_them(shelves, checkpoints):
    """Beside the model's own steps only: the refiner of another family takes part, and the crowd is made again."""
    shelf = shelves("sdxl")
    fine = model_at(checkpoints("sdxl_refiner")[0], "fine")
    plain = msgspec.structs.replace(shelf.wish("b", num_steps=4, refiner="fine", refiner_at=0.5), refiner=fine)
    crowd = [msgspec.structs.replace(plain, job="a", adapters=(shelf.use("a"),)), plain]
    results = finished(run(engine_of(), *crowd))
    assert results["a"].data != results["b"].data
    for each in crowd:
        params = msgspec.structs.replace(each.params, buckets=results[each.job].meta["buckets"])
        assert made(engine_of(), msgspec.structs.replace(each, params=params)).data == results[each.job].data


class Sharper:
    """Another kind, told here in full: it makes a layer's own answer stronger, by its file's one number."""

    nbytes = 0

    def __init__(self, component):
        self.by = float(Path(component.path).read_text())

    def bind(self, _name, networks):
        yield
        return Bound({"denoiser": {
            name: lambda inputs, weight, layer=layer: functional.linear(inputs, layer.weight) * self.by * weight
            for name, layer in networks["denoiser"].named_modules()
            if name.endswith("to_q") and isinstance(layer, torch.nn.Linear)
        }})  # fmt: skip


def test_a_reader_is_one_file_and_its_line_in_the_table(shelves, tmp_path, monkeypatch):
    """A kind that shares nothing with the other, beside it in one crowd."""
    monkeypatch.setitem(ADAPTER_READERS, "sharper", Sharper)
    (tmp_path / "half").write_text("0.5")
    shelf = shelves()
    half = used(tmp_path / "half", "0123", kind="sharper")
    mixes = [(), (half,), (shelf.use("a"),), (shelf.use("b"), half)]
    wishes = [shelf.wish(str(i), *uses, num_steps=9, seed=3) for i, uses in enumerate(mixes)]
    results = finished(run(engine_of(), *wishes))
    assert len({result.data for result in results.values()}) == 4
    params = msgspec.structs.replace(wishes[-1].params, buckets=results[wishes[-1].job].meta["buckets"])
    assert made(engine_of(), msgspec.structs.replace(wishes[-1], params=params)).data == results[wishes[-1].job].data


def test_a_mix_is_the_same_in_whatever_order_its_adapters_come(shelves):
    shelf = shelves()
    opened = Opened(ADAPTER_READERS, Kept())
    uses = [shelf.use("a", 0.1), shelf.use("b"), shelf.use("a", 0.2), shelf.use("c"), shelf.use("c", -1.0)]
    mix, other = (whole(opened.mix(each, shelf.family)) for each in (uses, reversed(uses)))
    assert mix == other
    weights = [(adapter.digest, weight) for adapter, weight in mix.on(shelf.family.networks["denoiser"])]
    assert weights == [("aaaa", 0.1 + 0.2), ("bbbb", 1.0)]
    assert mix_of([]) == NO_MIX
    assert not NO_MIX
