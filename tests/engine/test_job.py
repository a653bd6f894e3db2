"""One picture's way: passes, strengths, masks, and the exact size that was asked."""

import numpy as np
import pytest
import torch
from PIL import Image

from imagine.engine.jobs.canvas import picture_from_pixels
from imagine.engine.parts.slices import in_one, whole
from imagine.words.errors import BadRequest, ImagineError
from imagine.words.events import Preview
from imagine.words.recipe import Extend, Hires
from imagine.words.samplers import SAMPLERS, pairs
from tests.engine.plain_family import PlainFamily, Shelf, plain_model
from tests.engine.running import (
    Watching,
    engine_of,
    finished,
    made,
    model_at,
    picture,
    progress,
    recipe,
    run,
    wish,
)

PLAIN = plain_model()


def photo(width=64, height=64, seed=0):
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(values)


def hole(size, box):
    mask = Image.new("L", size, 0)
    mask.paste(255, box)
    return mask


def plain_engine(**options):
    return engine_of(open_model=Shelf(), measure=lambda _source: 0, **options)


def pixels(report):
    return np.asarray(picture(report)).astype(int)


# Strength


def test_strength_0_gives_the_source_back_without_asking_the_model():
    family = PlainFamily()
    source = photo(61, 50)
    said = run(engine_of(open_model=Shelf(tiny=family)), wish(PLAIN, img=source, width=61, height=50, strength=0.0))
    assert np.array_equal(pixels(finished(said)["a"]), np.asarray(source))
    assert progress(said) == [(0, 0)]
    assert family.rows == []
    assert "decode" not in family.calls
    assert "buckets" not in finished(said)["a"].meta


@pytest.mark.parametrize(("strength", "steps"), [(0.01, 1), (0.25, 1), (0.5, 2), (1.0, 4)])
def test_strength_is_the_part_of_the_steps_that_is_run(strength, steps):
    said = run(plain_engine(), wish(PLAIN, img=photo(), num_steps=4, strength=strength))
    assert progress(said) == [(step, steps) for step in range(steps + 1)]
    assert finished(said)["a"].meta["buckets"] == f"1x{steps}"


def test_a_low_strength_stays_near_the_source():
    source = photo().resize((8, 8)).resize((64, 64), Image.Resampling.NEAREST)
    engine = plain_engine()
    low, high = (
        np.abs(pixels(made(engine, wish(PLAIN, img=source, num_steps=20, strength=s))) - np.asarray(source)).mean()
        for s in (0.05, 1.0)
    )
    assert low < 15 < high


def test_without_a_source_strength_means_nothing():
    engine = plain_engine()
    assert made(engine, wish(PLAIN, strength=0.0)).meta["buckets"] == "1x2"
    assert np.array_equal(pixels(made(engine, wish(PLAIN, strength=0.3))), pixels(made(engine, wish(PLAIN))))


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_every_sampler_makes_a_picture_of_few_steps_or_refuses(steps):
    engine = plain_engine()
    pictures = 0
    for sampler, schedules in pairs().items():
        for schedule in schedules:
            for strength in (1.0, 0.1):
                one = wish(PLAIN, img=photo(), sampler=sampler, schedule=schedule, num_steps=steps, strength=strength)
                if steps < SAMPLERS[sampler].min_steps(schedule, "ordinary"):
                    engine.submit(one)
                    with pytest.raises(BadRequest, match="steps"):
                        run(engine)
                    assert engine.drop_step() == ["a"]
                    continue
                assert progress(run(engine, one))[-1] == ((steps, steps) if strength == 1 else (1, 1))
                pictures += 1
    assert pictures > 80


# Sizes


@pytest.mark.parametrize("size", [(64, 64), (61, 50), (16, 200), (200, 16)])
@pytest.mark.parametrize("fit", ["native", "scale"])
def test_the_size_is_exactly_as_asked(size, fit):
    engine = plain_engine()
    width, height = size
    assert picture(made(engine, wish(PLAIN, width=width, height=height, fit=fit))).size == size
    given = wish(PLAIN, width=width, height=height, fit=fit, img=photo(100, 80), strength=0.5)
    assert picture(made(engine, given)).size == size


def test_fit_scale_denoises_at_what_the_checkpoint_does_well():
    family = PlainFamily()
    latents = []
    denoise = family.denoise
    family.denoise = lambda value, *rest: (latents.append(value.shape), denoise(value, *rest))[1]
    engine = engine_of(open_model=Shelf(tiny=family))
    made(engine, wish(PLAIN, width=256, height=128, fit="scale", guidance=1.0))
    made(engine, wish(PLAIN, width=256, height=128, fit="native", guidance=1.0))
    assert latents[0] == (1, 4, 6, 12)
    assert latents[-1] == (1, 4, 16, 32)


# Masks


MASKED = {
    "as it is": {"size": (64, 64)},
    "no multiple of 8": {"size": (61, 50)},
    "scaled down": {"size": (151, 130)},
    "extended": {"size": (61, 50), "extend": Extend(left=9, bottom=20)},
    "with a second pass": {"size": (61, 50), "hires": Hires(scale=1.5)},
    "with a second pass on latents": {"size": (64, 64), "hires": Hires(scale=2.0, upscaler="latent")},
}


@pytest.mark.parametrize("case", MASKED)
@pytest.mark.parametrize("channels", [4, 9])
def test_outside_the_mask_not_one_value_changes_and_inside_it_does(checkpoints, case, channels):
    changes = dict(MASKED[case])
    width, height = changes.pop("size")
    source, mask = photo(width, height), hole((width, height), (width // 4, 8, width // 2, height // 2))
    extend, scale = changes.get("extend", Extend()), changes["hires"].scale if "hires" in changes else 1.0
    engine = engine_of()
    result = made(
        engine,
        wish(model_at(checkpoints(in_channels=channels)[0]), img=source, mask=mask, width=width, height=height,
             strength=0.7, **changes),
    )  # fmt: skip
    grown = Image.new("RGB", (extend.left + width, height + extend.bottom))
    grown.paste(source, (extend.left, 0))
    paint = Image.new("L", grown.size, 255)
    paint.paste(mask, (extend.left, 0))
    size = (round(grown.width * scale), round(grown.height * scale))
    assert picture(result).size == size
    expected = np.asarray(grown.resize(size, Image.Resampling.LANCZOS)).astype(int)
    inside = np.asarray(paint.resize(size, Image.Resampling.BILINEAR)) >= 128
    assert np.array_equal(pixels(result)[~inside], expected[~inside])
    changed = (pixels(result) != expected).any(2)
    assert changed[inside].mean() > 0.9
    if extend.left:
        assert changed[:, : extend.left].mean() > 0.9, "the margin is painted"


def test_outpainting_needs_no_mask():
    source = photo(40, 40)
    one = wish(PLAIN, img=source, width=40, height=40, extend=Extend(right=24), strength=1.0)
    result = pixels(made(plain_engine(), one))
    assert result.shape == (40, 64, 3)
    assert np.array_equal(result[:, :40], np.asarray(source))
    assert result[:, 44:].std() > 0


def test_an_empty_mask_paints_nothing_and_a_full_one_everything():
    source = photo()
    for value, kept in ((0, True), (255, False)):
        one = wish(PLAIN, img=source, mask=Image.new("L", (64, 64), value), strength=0.9)
        assert np.array_equal(pixels(made(plain_engine(), one)), np.asarray(source)) == kept


def test_what_the_mask_keeps_steers_what_is_painted(sd1):
    """The known part is noised along with the rest; pasting it in at the end would leave a seam."""
    engine = engine_of()
    mask = hole((64, 64), (0, 0, 64, 32))
    black, white = (
        pixels(made(engine, wish(sd1, img=Image.new("RGB", (64, 64), colour), mask=mask, strength=1.0)))
        for colour in ("black", "white")
    )
    assert not np.array_equal(black[:24], white[:24])


def test_grey_in_a_mask_is_painted_in_so_much_of_the_run():
    """Of four columns black never, dark grey in the last fifth, light grey in two thirds, white from the first step."""
    source, mask = Image.new("RGB", (64, 64), (200, 30, 30)), Image.new("L", (64, 64), 0)
    for column, value in enumerate((0, 64, 160, 255)):
        mask.paste(value, (16 * column, 0, 16 * column + 16, 64))
    one = wish(PLAIN, img=source, mask=mask, strength=1.0, num_steps=4, every=1, kind="vae")
    said = run(plain_engine(), one)
    shown = [pixels(report) for report in said if isinstance(report, Preview)] + [pixels(finished(said)["a"])]
    painted = [[(made[32, 16 * column + 8] != (200, 30, 30)).any() for column in range(4)] for made in shown]
    assert painted[:3] == [[False, False, False, True], [False, False, True, True], [False, False, True, True]]
    assert painted[-1] == [False, True, True, True]
    assert finished(said)["a"].warnings == []


@pytest.mark.parametrize("paint", ["empty", "coloured", "strokes"])
def test_what_a_mask_may_not_have_meant_is_told(paint):
    mask = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    if paint == "coloured":
        mask.paste((255, 0, 0, 255), (0, 0, 32, 64))
    if paint == "strokes":
        mask = Image.new("RGBA", (64, 64))
        mask.paste("white", (0, 0, 32, 64))
    source = Image.new("RGB", (64, 64), (200, 30, 30))
    result = made(plain_engine(), wish(PLAIN, img=source, mask=mask, strength=0.9))
    assert [note.code for note in result.warnings] == [f"mask.{paint}"]
    assert (pixels(result)[:, :20] != (200, 30, 30)).any() == (paint != "empty")
    assert (pixels(result)[:, 32:] == (200, 30, 30)).all()


@pytest.mark.parametrize(("field", "img", "mask"), [("img", b"no", None), ("mask", None, b"no")])
def test_a_picture_that_is_none_fails_by_name(field, img, mask):
    one = wish(PLAIN, img=photo(), mask=hole((64, 64), (0, 0, 9, 9)))
    one = type(one)(**{**{f: getattr(one, f) for f in one.__struct_fields__}, field: img or mask})
    engine = plain_engine()
    engine.submit(one)
    with pytest.raises(BadRequest) as refused:
        run(engine)
    assert refused.value.field == field
    assert engine.drop_step() == ["a"]


# Second passes


@pytest.mark.parametrize("upscaler", ["lanczos", "bicubic", "latent"])
def test_a_second_pass_gives_the_larger_picture_and_counts_its_steps(upscaler):
    hires = Hires(scale=1.5, strength=0.5, steps=6, upscaler=upscaler)
    said = run(plain_engine(), wish(PLAIN, width=72, height=56, num_steps=4, hires=hires))
    assert picture(finished(said)["a"]).size == (108, 84)
    told = progress(said)
    assert {steps for _, steps in told} == {7}
    assert [step for step, _ in told] == sorted(step for step, _ in told)
    assert told[-1] == (7, 7)
    assert finished(said)["a"].meta["buckets"] == "1x7"
    assert finished(said)["a"].meta["hires"]["scale"] == 1.5


@pytest.mark.parametrize("sampler", ["heun", "dpm2 a", "dpm++ sde"])
def test_second_order_samplers_count_the_users_steps_in_both_passes(sampler):
    hires = Hires(scale=2.0, strength=0.5)
    said = run(plain_engine(), wish(PLAIN, num_steps=20, sampler=sampler, hires=hires))
    assert progress(said)[-1] == (30, 30)
    assert len({steps for _, steps in progress(said)}) == 1
    assert len(progress(said)) == 1 + 20 + 1 + 10


@pytest.mark.parametrize(("upscaler", "resample"), [("lanczos", 1), ("bicubic", 3)])
def test_a_second_pass_of_strength_0_only_enlarges(upscaler, resample):
    engine = plain_engine()
    first = picture(made(engine, wish(PLAIN)))
    said = run(engine, wish(PLAIN, hires=Hires(scale=2.0, strength=0.0, upscaler=upscaler)))
    enlarged = first.resize((128, 128), Image.Resampling(resample))
    assert np.array_equal(pixels(finished(said)["a"]), np.asarray(enlarged))
    assert progress(said)[-1] == (2, 2)


def test_latents_are_enlarged_themselves_without_a_picture_between():
    family = PlainFamily()
    seen = []
    decode = family.decode
    family.decode = lambda latents, **options: (seen.append(latents), decode(latents, **options))[1]
    engine = engine_of(open_model=Shelf(tiny=family))
    made(engine, wish(PLAIN))
    result = made(engine, wish(PLAIN, hires=Hires(scale=2.0, strength=0.0, upscaler="latent")))
    assert len(seen) == 2
    expected = torch.nn.functional.interpolate(seen[0], scale_factor=2, mode="bilinear")
    assert torch.equal(seen[1], expected)
    decoded = picture_from_pixels(whole(decode(expected)).values)
    assert np.array_equal(pixels(result), np.asarray(decoded).astype(int))


@pytest.mark.parametrize("size", [(64, 64), (61, 50), (75, 90)])
@pytest.mark.parametrize("scale", [1.1, 1.5, 3.0])
def test_latents_of_any_size_are_enlarged_to_any(size, scale):
    one = wish(PLAIN, width=size[0], height=size[1], hires=Hires(scale=scale, upscaler="latent"))
    assert picture(made(plain_engine(), one)).size == (round(size[0] * scale), round(size[1] * scale))


def test_the_second_pass_is_conditioned_by_its_own_size(checkpoints):
    watching = Watching()
    one = wish(model_at(checkpoints("sdxl")[0]), hires=Hires(scale=1.5, strength=0.5), guidance=1.0)
    run(engine_of(open_model=watching), one)
    sizes = [rows["sizes"][0].tolist() for _, _, rows in watching.families["tiny"].heard("denoise")]
    assert sizes == [[64, 64, 0, 0, 64, 64]] * 2 + [[96, 96, 0, 0, 96, 96]]


def test_both_passes_add_noise_of_their_own():
    same = wish(PLAIN, hires=Hires(scale=2.0, strength=1.0))
    assert not np.array_equal(
        pixels(made(plain_engine(), same)), pixels(made(plain_engine(), wish(PLAIN, width=128, height=128)))
    )


def test_a_second_pass_that_can_not_be_is_refused_before_the_first():
    family = PlainFamily()
    engine = engine_of(open_model=Shelf(tiny=family))
    engine.submit(wish(PLAIN, num_steps=20, sampler="heun", hires=Hires(scale=2.0, steps=1)))
    with pytest.raises(BadRequest):
        run(engine)
    assert family.rows == []


# What goes wrong


def test_a_model_that_overflows_is_an_error_that_says_so():
    family = PlainFamily()
    denoise = family.denoise
    family.denoise = lambda *given: denoise(*given) * float("nan")
    engine = engine_of(open_model=Shelf(tiny=family))
    engine.submit(wish(PLAIN))
    with pytest.raises(ImagineError, match="overflowed in float32"):
        run(engine)
    assert engine.drop_step() == ["a"]


def test_what_the_vae_gave_up_is_said_once():
    family = PlainFamily()
    decode = family.decode
    family.decode = lambda *given, **options: in_one(
        lambda: whole(decode(*given, **options))._replace(warning="the VAE overflowed")
    )
    engine = engine_of(open_model=Shelf(tiny=family))
    assert made(engine, wish(PLAIN, hires=Hires(scale=2.0))).warnings == ["the VAE overflowed"]


def test_its_own_record_is_complete():
    result = made(plain_engine(), wish(PLAIN, num_steps=3))
    assert result.meta == {
        "neg": "",
        "schedule": "default",
        "clip": 1,
        "strength": 1.0,
        "model": "tiny",
        "digest": "0" * 64,
        "prompt": "a red fox",
        "width": 64,
        "height": 64,
        "num_steps": 3,
        "guidance": 5.0,
        "sampler": "euler",
        "seed": "1",
        "buckets": "1x3",
        "environment": result.meta["environment"],
    }
    assert set(result.timings) == {"loading", "encoding", "denoising", "decoding", "saving"}
    assert all(seconds >= 0 for seconds in result.timings.values())
    assert recipe().num_steps == 2
