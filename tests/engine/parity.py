"""Our latents held to plain diffusers' own: its pipelines made comparable, and how near is near enough."""

import diffusers


def comparable(pipe, scheduler=diffusers.EulerDiscreteScheduler):
    """The same pipeline, spacing its steps and cutting its prompts as ours are."""
    config = pipe.scheduler.config
    pipe.scheduler = scheduler.from_config(config, timestep_spacing="linspace", use_karras_sigmas=False)
    pipe.set_progress_bar_config(disable=True)
    for tokenizer in (pipe.tokenizer, getattr(pipe, "tokenizer_2", None)):
        if tokenizer is not None:
            tokenizer.model_max_length = 77
    return pipe


def options(modules):
    """What a family's pipelines want said."""
    return {} if "xl" in modules.family else {"requires_safety_checker": False}


def assert_same(got, expected, without=None, *, within=1e-6):
    """`without`: those without what is looked at, which is to make a difference."""
    assert distance(got, expected) < within
    assert float(expected.std()) > 0.05
    if without is not None:
        assert distance(without, expected) > 1e-2, "it does something"


def distance(one, other):
    """As a part of the other's length."""
    return float((one - other).norm() / other.norm())
