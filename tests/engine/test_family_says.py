"""What the passes ask of a family, rather than know: its guidance, its noise for a size, how its rows are joined."""

import numpy as np
import torch

from imagine.engine.parts.rows import concatenated
from imagine.engine.sampling.noise import Noise
from imagine.words.recipe import Hires
from tests.engine.plain_family import PlainFamily, Shelf, plain_model
from tests.engine.running import Clock, engine_of, finished, made, picture, run, wish

PLAIN = plain_model()


def engine_with(family):
    """On a clock that stands still, so that no stall of the machine makes batches smaller."""
    return engine_of(open_model=Shelf(tiny=family), measure=lambda _: 0, clock=Clock())


class Embedding(PlainFamily):
    """Its denoiser is told the guidance, and asked once."""

    def cfg(self, told):
        return told.true_cfg

    def encode(self, request):
        assert request.negative is None
        made = super().encode(request)
        return type(made)({**made.positive, "guidance": torch.tensor([[request.guidance]])})


def test_a_family_that_embeds_guidance_is_asked_once_and_told_it():
    family = Embedding()
    seen = []
    collate = family.collate
    family.collate = lambda rows: seen.append(rows) or collate(rows)
    crowd = [wish(PLAIN, str(i), guidance=3.0 + i, num_steps=9, neg="dark", seed=i) for i in range(4)]
    assert len(finished(run(engine_with(family), *crowd))) == 4
    assert max(family.rows) == 4, "no second rows"
    assert {float(row["guidance"]) for rows in seen for row in rows} == {3.0, 4.0, 5.0, 6.0}


def test_a_familys_own_guidance_is_what_the_sampler_is_told():
    class Opposite(PlainFamily):
        def guide(self, negative, positive, scale):
            return super().guide(positive, negative, scale)

    swapped, plain = (
        np.asarray(picture(made(engine_with(family), wish(PLAIN, guidance=5.0)))).astype(int)
        for family in (Opposite(), PlainFamily())
    )
    assert np.abs(swapped - plain).max() > 10


def test_the_noise_is_asked_for_the_size_and_the_steps_of_each_pass():
    asked = []

    class Shifting(PlainFamily):
        def noise(self, size, steps):
            asked.append((size, steps))
            return Noise(prediction="flow", shift=size[0] / 64)

    one = wish(PLAIN, width=128, height=64, num_steps=3, hires=Hires(scale=1.5, steps=4, strength=1.0), sampler="euler")
    made(engine_with(Shifting()), one)
    assert set(asked) == {((128, 64), 3), ((192, 96), 4)}


def test_rows_that_a_family_can_join_share_a_batch_whatever_their_shapes():
    """Texts of other lengths, padded to one by the family: its `shape` says so, and its `collate` does it."""

    class Padding(PlainFamily):
        def encode(self, request):
            made = super().encode(request)
            tokens = torch.ones(1, len(request.prompt), 2)
            return type(made)(
                {**made.positive, "tokens": tokens}, made.negative and {**made.negative, "tokens": tokens}
            )

        def shape(self, rows):
            return -(-rows["tokens"].shape[1] // 8)

        def collate(self, rows):
            return concatenated(
                [{**each, "tokens": torch.nn.functional.pad(each["tokens"], (0, 0, 0, -each["tokens"].shape[1] % 8))}
                 for each in rows]
            )  # fmt: skip

    family = Padding()
    prompts = ["a fox", "a house", "a star", "a fish", "a long, long prompt"]
    run(engine_with(family), *[wish(PLAIN, p, prompt=p, num_steps=9, guidance=1.0) for p in prompts])
    assert max(family.rows) == 4, "four of them pad to eight tokens, the fifth to more"
