"""Prompts joined by AND: a row each, summed beyond the negative prompt, in a crowd as alone."""

import numpy as np
import pytest
import torch

from imagine.engine.sampling.sampler import Sampler
from imagine.messages import sentences
from imagine.words.recipe import Hires
from tests.checkpoints import write_checkpoint
from tests.engine.plain_family import PlainFamily, Shelf, plain_model
from tests.engine.running import Watching, engine_of, finished, made, model_at, picture, run, wish

PLAIN = plain_model()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    write_checkpoint(path)
    return model_at(path)


class Answering(PlainFamily):
    """Keeps what its denoiser answered."""

    def __init__(self):
        super().__init__()
        self.answers = []

    def denoise(self, latents, timesteps, rows):
        self.answers.append(super().denoise(latents, timesteps, rows))
        return self.answers[-1]


@pytest.mark.parametrize(("guidance", "scale"), [(5.0, 5.0), (1.0, 1.0), (0.0, 1.0)])
def test_the_sampler_is_told_their_sum_beyond_the_negative_prompt(monkeypatch, guidance, scale):
    told, step = [], Sampler.step

    def watched(sampler, output, latents):
        told.append(output)
        return step(sampler, output, latents)

    monkeypatch.setattr(Sampler, "step", watched)
    family = Answering()
    one = wish(PLAIN, prompt="a red fox :0.7 AND snow AND fog:-0.25", neg="dark", guidance=guidance, num_steps=4)
    made(engine_of(open_model=Shelf(tiny=family), measure=lambda _: 0), one)
    assert len(told) == len(family.answers) == 4
    for output, answer in zip(told, family.answers, strict=True):
        without, *rows = answer.double().numpy()
        summed = without + scale * sum(w * (row - without) for w, row in zip((0.7, 1, -0.25), rows, strict=True))
        np.testing.assert_allclose(output[0].numpy(), summed, atol=1e-5)


def test_each_changes_on_the_way_and_all_are_as_long_as_the_longest(tiny):
    watching = Watching()
    long = ", ".join(["a very long tale"] * 30)
    one = wish(tiny, prompt=f"a [red:blue:1] fox AND {long}", neg="[dark|pale]", num_steps=3)
    run(engine_of(open_model=watching), one)
    family = watching.families["tiny"]
    asked = [(one.prompt, one.negative) for (one,) in family.heard("encode")]
    assert asked[::2] == [("a red fox", "dark"), ("a blue fox", "pale"), ("a blue fox", "dark")]
    assert asked[1::2] == [(long, None)] * 3
    for (_, _, rows), (first,), (other,) in zip(
        family.heard("denoise"), family.heard("encode")[::2], family.heard("encode")[1::2], strict=True
    ):
        made = family.encode(first)
        sides = [made.negative["context"], made.positive["context"], family.encode(other).positive["context"]]
        assert sides[0].shape[1] > 77
        assert torch.equal(rows["context"], torch.cat(sides))


def test_it_is_made_again_alone_as_it_was_in_a_crowd_whose_bits_it_leaves(tiny):
    two = {"prompt": "a fox AND snow:0.5", "num_steps": 5, "sampler": "dpm++ sde"}
    crowd = [
        wish(tiny, "a", **two), wish(tiny, "b", seed=2, **{**two, "prompt": "a dog :0.3 AND rain"}),
        wish(tiny, "c", seed=3, num_steps=5), wish(tiny, "d", seed=4, num_steps=5),
        wish(tiny, "e", seed=5, **{**two, "prompt": "a AND b AND c"}),
    ]  # fmt: skip
    first = finished(run(engine_of(), *crowd))
    assert "2/32x" in first["a"].meta["buckets"]
    assert first["e"].meta["buckets"] == "1/32x9", "others of three are not there"
    for job, one in zip("abcde", crowd, strict=True):
        again = made(engine_of(), wish(tiny, job, **{
            name: getattr(one.params, name) for name in ("prompt", "seed", "num_steps", "sampler")
        }, buckets=first[job].meta["buckets"]))  # fmt: skip
        assert again.data == first[job].data


def test_two_halves_are_the_whole_and_snow_is_not_nothing(tiny):
    def pixels(prompt):
        return np.asarray(picture(made(engine_of(), wish(tiny, prompt=prompt, num_steps=3)))).astype(int)

    alone = pixels("a fox")
    assert np.abs(pixels("a fox :0.5 AND a fox :0.5") - alone).max() <= 1
    assert np.abs(pixels("a fox AND snow :0") - alone).max() <= 1
    assert np.abs(pixels("a fox AND snow") - alone).max() > 1


def test_a_second_pass_takes_them_too(tiny):
    watching = Watching()
    engine = engine_of(open_model=watching)
    done = made(engine, wish(tiny, prompt="[a:b:0.5] AND [c:d:1.5]", num_steps=4, hires=Hires(scale=1.5, strength=1.0)))
    asked = [one.prompt for (one,) in watching.families["tiny"].heard("encode")]
    assert asked == ["a", "c", "b", "c", "b", "c", "b", "d"]
    assert done.meta["prompt"] == "[a:b:0.5] AND [c:d:1.5]"
    assert sentences(done.warnings) == []
