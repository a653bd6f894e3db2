"""A second pass that is told otherwise than the first: its prompts, guidance, sampler."""

from imagine.words.recipe import Hires
from tests.engine.running import Watching, engine_of, made, picture, run, wish

OTHER = Hires(
    scale=1.5, strength=0.5, steps=8, prompt="an owl", neg="fog", guidance=3.0, sampler="heun", schedule="karras"
)


def test_each_pass_hears_its_own(sd1):
    watching = Watching()
    said = run(engine_of(open_model=watching), wish(sd1, hires=OTHER, neg="blur", num_steps=3))
    heard = [request for (request,) in watching.families[sd1.name].heard("encode")]
    assert [(each.prompt, each.negative, each.guidance) for each in heard] == [
        ("a red fox", "blur", 5.0), ("an owl", "fog", 3.0),
    ]  # fmt: skip
    (finished,) = [report for report in said if hasattr(report, "meta")]
    evaluations = sum(int(each.split("x")[1]) for each in finished.meta["buckets"].split(","))
    assert evaluations == 3 + (2 * 4 - 1), "and steps by its own sampler"
    assert finished.meta["hires"]["prompt"] == "an owl"


def test_what_it_is_not_told_is_as_in_the_first_and_all_is_made_again(sd1):
    plain = Hires(scale=1.5, strength=0.5)
    same = Hires(scale=1.5, strength=0.5, prompt="a red fox", guidance=5.0, sampler="euler", schedule="default")
    one, other = (made(engine_of(), wish(sd1, hires=hires)) for hires in (plain, same))
    assert one.meta["hires"] == {"scale": 1.5, "strength": 0.5, "steps": 0, "upscaler": "lanczos"}
    assert pixels(one) == pixels(other)
    again, differs = made(engine_of(), wish(sd1, hires=OTHER)), made(engine_of(), wish(sd1, hires=OTHER))
    assert again.data == differs.data
    assert pixels(again) != pixels(one)


def pixels(report):
    return picture(report).tobytes()
