"""Models that are shown pictures by an image encoder of their own: diffusers' own latents, in a crowd and again."""

import json
import shutil

import diffusers
import msgspec
import pytest
import torch

from imagine.engine.families.open import open_model
from imagine.engine.jobs.ledger import Ledger
from imagine.engine.parts.clip_vision import CLIP
from imagine.engine.parts.image_encoder import normalised
from imagine.engine.parts.slices import whole
from imagine.engine.references.looks import seeded
from imagine.pictures.crops import squared
from imagine.words.errors import Unsupported, UnusableModel
from imagine.words.recipe import Hires
from tests.checkpoints import save, unclip_pipeline
from tests.engine.crowds import same_in_crowds
from tests.engine.parity import assert_same
from tests.engine.references.referring import CAT, DOG, reference, referring
from tests.engine.running import engine_of, finished, latents_of, made, model_at, run, wish
from tests.image_adapters import PROJECTED, tiny_encoder

STEPS = 6
WORDS = {"num_steps": STEPS, "neg": "a blurry dog", "guidance": 5.0}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """Their pipeline, and the folder that it saves itself in."""
    folder = tmp_path_factory.mktemp("unclip") / "tiny"
    pipe = unclip_pipeline(tiny_encoder())
    pipe.save_pretrained(folder)
    scheduler = diffusers.EulerDiscreteScheduler.from_config(pipe.scheduler.config, timestep_spacing="leading")
    pipe.register_modules(scheduler=scheduler)
    pipe.tokenizer.model_max_length = 77
    return pipe, folder


@pytest.fixture
def model(theirs):
    return model_at(theirs[1])


def shown(picture=DOG, **said):
    return reference(None, picture, **{"strength": 1.0, "crop": "square", **said})


def expected(pipe, picture, level, **asked):
    """Their latents, of the picture's pixels and of the embedding's noise as ours are: only what is behind differs."""
    plain, noise = type(pipe).noise_image_embeddings, seeded(1, 0, 0, (1, PROJECTED))
    pipe.noise_image_embeddings = lambda image_embeds, noise_level, **_: plain(pipe, image_embeds, noise_level, noise)
    try:
        return pipe(
            image=normalised(squared(picture, 28, "square", CLIP.margin)), prompt="a red fox", noise_level=level,
            num_inference_steps=STEPS, output_type="latent", width=64, height=64,
            generator=torch.Generator("cpu").manual_seed(1),
            **{"guidance_scale": 5.0, "negative_prompt": "a blurry dog", **asked},
        ).images  # fmt: skip
    finally:
        del pipe.noise_image_embeddings


@pytest.mark.parametrize(("noise", "level"), [(0.0, 0), (0.3, 300), (1.0, 999)])
def test_it_is_told_what_diffusers_tells_it(theirs, model, noise, level):
    got = latents_of(referring(wish(model, **WORDS), shown(noise=noise)))
    assert_same(got, expected(theirs[0], DOG, level), latents_of(wish(model, **WORDS)), within=5e-5)


def test_without_guidance(theirs, model):
    got = latents_of(referring(wish(model, **{**WORDS, "guidance": 1.0}), shown()))
    assert_same(got, expected(theirs[0], DOG, 0, guidance_scale=1.0), within=5e-5)


@pytest.mark.slow
def test_several_are_between_and_less_strength_is_nearer_to_none(model):
    one, other, none, both, twice, faint, never = (
        latents_of(referring(wish(model, **WORDS), *pictures))
        for pictures in (
            [shown()], [shown(CAT)], [], [shown(), shown(CAT)], [shown(), shown()], [shown(strength=0.2)],
            [shown(strength=0.0)],
        )
    )  # fmt: skip
    assert torch.allclose(twice, one, atol=1e-4)
    assert torch.equal(never, none)
    assert float((both - one).norm()) < float((other - one).norm()) > float((both - other).norm())
    assert float((faint - none).norm()) < float((one - none).norm())


def test_outside_its_part_of_the_steps_it_is_not_told(theirs, model):
    """At a prompt that changes on the way, too."""
    family = open_model(model, engine_of()._device, lambda _fraction: None, {})
    words = {**WORDS, "prompt": "a [red:blue:0.5] fox", "num_steps": 4}
    work = engine_of()._makers.begin(
        Ledger(referring(wish(model, **words), shown(end=0.75), shown(CAT, start=0.25, end=0.5)), 1), [family]
    )
    whole(work.prepare())
    steps = [work._conditioned.timelines[0].at(step) for step in range(4)]
    told = [step.positive["shown"] for step in steps]
    assert [bool(each.any()) for each in told] == [True, True, True, False]
    assert torch.equal(told[0], told[2])
    assert not torch.equal(told[0], told[1])
    contexts = [step.positive["context"] for step in steps]
    assert torch.equal(contexts[0], contexts[1])
    assert torch.equal(contexts[2], contexts[3])
    assert not torch.equal(contexts[1], contexts[2])
    assert not any(step.negative["shown"].any() for step in steps)


def test_no_neighbour_and_no_slot_changes_a_bit(model):
    makers = engine_of()._makers
    family = open_model(model, engine_of()._device, lambda _fraction: None, {})

    def prepared(number, *references):
        one = referring(wish(model, str(number), prompt=f"a {number}", seed=number), *references)
        work = makers.begin(Ledger(one, number), [family])
        whole(work.prepare())
        return work

    def answers(members):
        return [torch.cat([without, *answers]) for without, answers in makers.forward.run(members, 4)]

    watched = [prepared(0), prepared(1, shown()), prepared(2, shown(CAT, noise=0.5))]
    assert len({work.key for work in watched}) == 1, "they share batches"
    alone = same_in_crowds(answers, watched, [prepared(9, shown(CAT))], 4)
    assert not torch.allclose(alone[0], alone[1], atol=1e-3)


def test_a_picture_of_a_crowd_is_made_again_alone(model):
    wishes = [
        referring(wish(model, "one", seed=1, num_steps=4), shown(noise=0.3)),
        referring(wish(model, "two", seed=2, num_steps=4, img=CAT, strength=0.6), shown(CAT)),
        referring(wish(model, "large", seed=3, num_steps=4, hires=Hires(scale=1.5, strength=0.5)), shown(strength=0.5)),
    ]
    results = finished(run(engine_of(), *wishes))
    for one in wishes:
        params = msgspec.structs.replace(one.params, buckets=results[one.job].meta["buckets"])
        again = made(engine_of(), msgspec.structs.replace(one, params=params))
        assert again.data == results[one.job].data, one.job


def refused(one):
    engine = engine_of()
    engine.submit(one)
    with pytest.raises(Exception) as caught:
        run(engine)
    return caught.value


def test_a_model_that_sees_none_is_shown_none(model, sd1):
    error = refused(referring(wish(sd1), shown()))
    assert isinstance(error, Unsupported)
    assert error.field == "references.0"
    second = msgspec.structs.replace(model, name="second")
    error = refused(wish(sd1, num_steps=4, refiner_at=0.5, refined_by=second))
    assert isinstance(error, Unsupported)
    assert "'second' must be shown a picture" in str(error)


def _narrow(folder):
    save(folder / "image_normalizer" / "diffusion_pytorch_model.safetensors", {"mean": torch.zeros(1, 5)})


def _odd(folder):
    tensors = {name: torch.ones(1, 5) for name in ("mean", "std")}
    save(folder / "image_normalizer" / "diffusion_pytorch_model.safetensors", tensors)


def _other(folder):
    tiny_encoder(projection_dim=20).save_pretrained(folder / "image_encoder")


def _huge(folder):
    file = folder / "image_encoder" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"image_size": 10**6}))


def _plain(folder):
    file = folder / "model_index.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"_class_name": "StableDiffusionPipeline"}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_narrow, "its image_normalizer lacks std"),
        (_odd, "[1, 5]"),
        (_other, "makes 40 numbers of a picture, and its U-Net takes 48"),
        (_huge, "image_size must be 1 to 1024"),
        (_plain, "is told labels beside the prompt"),
    ],
)
def test_a_folder_whose_parts_do_not_fit_is_refused(theirs, tmp_path, change, said):
    folder = shutil.copytree(theirs[1], tmp_path / "copy")
    change(folder)
    error = refused(wish(model_at(folder, family="sd2")))
    assert isinstance(error, UnusableModel)
    assert said in str(error)
