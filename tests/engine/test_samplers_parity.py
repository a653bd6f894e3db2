"""Every pair of sampler and schedule is plain diffusers' own loop with the class and the options written here."""

from types import SimpleNamespace

import diffusers
import pytest
import torch

from imagine.engine.sampling.noise import Noise
from imagine.engine.sampling.sampler import Sampler, noise_seed, steps_run
from imagine.families.facts import Shift
from imagine.words.samplers import pairs

# diffusers makes the schedule of dpm2 by handing tensors to numpy.
pytestmark = pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning")

# The scheduler file that Stable Diffusion 1.5 was published with.
SD1 = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "clip_sample": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
}
PLAIN = {
    "ddim": ("DDIMScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler a": ("EulerAncestralDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "lms": ("LMSDiscreteScheduler", {}),
    "dpm++ 2m": ("DPMSolverMultistepScheduler", {}),
    "dpm++ 2s": ("DPMSolverSinglestepScheduler", {"lower_order_final": True}),
    "dpm++ sde": ("DPMSolverSDEScheduler", {}),
    "dpm2": ("KDPM2DiscreteScheduler", {}),
    "dpm2 a": ("KDPM2AncestralDiscreteScheduler", {}),
    "dpm++ 2m sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "lcm": ("LCMScheduler", {}),
    "ddpm": ("DDPMScheduler", {}),
    "deis": ("DEISMultistepScheduler", {}),
    "tcd": ("TCDScheduler", {}),
}
OPTIONS = {
    "default": {},
    "karras": {"use_karras_sigmas": True},
    "exponential": {"use_exponential_sigmas": True},
    "beta": {"use_beta_sigmas": True},
    "sgm uniform": {"timestep_spacing": "trailing"},
    # At 20 steps of 1000, `simple` has the timesteps of `sgm uniform`.
    "simple": {"timestep_spacing": "trailing"},
}
DRAWING = ("euler a", "dpm2 a", "dpm++ 2m sde", "lcm", "ddpm", "tcd")
STEPS, SEED = 20, 2**64 - 1
PLAIN_PAIRS = [(name, schedule) for name, have in pairs().items() for schedule in have if name in PLAIN]
PLAIN_PAIRS = [pair for pair in PLAIN_PAIRS if pair[0] != "euler a" or pair[1] in ("default", "sgm uniform")]
TRAILING = list(range(999, -1, -50))

torch.manual_seed(0)
KERNEL = torch.randn(4, 4, 3, 3) / 6
NOISE = torch.randn(1, 4, 8, 8)
SOURCE = torch.randn(1, 4, 8, 8) / 2


def denoise(x, timestep):
    """A small net with no meaning: any error of level, order or timestep moves its result."""
    return torch.tanh(torch.nn.functional.conv2d(x, KERNEL, padding=1) + float(timestep) / 1000) + x / 3


def ours(name, schedule, *, strength=1.0, source=None, noise=None):
    sampler = Sampler(name, schedule, noise or Noise(), STEPS, seed=SEED, strength=strength)
    x = sampler.start(NOISE, source)
    while not sampler.done:
        x, _ = sampler.step(denoise(sampler.scale(x), sampler.timestep), x)
    return x


def plain_scheduler(name, schedule, **overrides):
    kind, options = PLAIN[name]
    made = getattr(diffusers, kind).from_config({**SD1, **options, **OPTIONS[schedule], **overrides})
    if name == "dpm++ sde":
        made.noise_sampler_seed = noise_seed(SEED)
    if name == "dpm++ 2s" and schedule in ("sgm uniform", "simple"):
        made.set_timesteps(timesteps=TRAILING)
    else:
        made.set_timesteps(STEPS)
    return made


def plain(name, scheduler, x, timesteps):
    extra = {"generator": torch.Generator().manual_seed(noise_seed(SEED))} if name in DRAWING else {}
    for t in timesteps:
        out = denoise(scheduler.scale_model_input(x, t), t)
        x = scheduler.step(out, t, x, return_dict=False, **extra)[0]
    return x


def slowest(name, schedule):
    """diffusers takes a while to construct these two."""
    return [pytest.mark.slow] if name in ("dpm2", "dpm2 a") and schedule not in ("default", "karras") else []


@pytest.mark.parametrize(("name", "schedule"), [pytest.param(*pair, marks=slowest(*pair)) for pair in PLAIN_PAIRS])
@pytest.mark.filterwarnings("ignore:Should have:UserWarning")
def test_twenty_steps_are_those_of_plain_diffusers(name, schedule):
    scheduler = plain_scheduler(name, schedule)
    expected = plain(name, scheduler, NOISE * scheduler.init_noise_sigma, scheduler.timesteps)
    torch.testing.assert_close(ours(name, schedule), expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("name", [name for name in PLAIN if name != "lms"])
@pytest.mark.filterwarnings("ignore:Should have:UserWarning")
def test_a_late_start_is_that_of_the_image_to_image_pipeline(name):
    scheduler = plain_scheduler(name, "default")
    skipped = (STEPS - int(STEPS * 0.35)) * scheduler.order
    timesteps = scheduler.timesteps[skipped:]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(skipped)
    x = scheduler.add_noise(SOURCE, NOISE, timesteps[:1])
    expected = plain(name, scheduler, x, timesteps)
    torch.testing.assert_close(ours(name, "default", strength=0.35, source=SOURCE), expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("schedule", pairs()["euler a"])
def test_euler_a_is_ancestral_sampling_on_the_levels_of_euler(schedule):
    euler = plain_scheduler("euler", schedule)
    draw = torch.Generator().manual_seed(noise_seed(SEED))
    x = NOISE * euler.init_noise_sigma
    for t, here, there in zip(euler.timesteps, euler.sigmas, euler.sigmas[1:], strict=False):
        epsilon = denoise(x / (here**2 + 1) ** 0.5, t)
        up = (there**2 * (here**2 - there**2) / here**2) ** 0.5
        down = (there**2 - up**2) ** 0.5
        x = x + epsilon * (down - here) + up * torch.randn(x.shape, generator=draw)
    torch.testing.assert_close(ours("euler a", schedule), x, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("schedule", [name for name in pairs()["dpm++ 3m sde"] if name != "beta"])  # which needs more
def test_dpmpp_3m_sde_is_the_third_order_method_of_k_diffusion(schedule):
    levels = plain_scheduler("dpm++ 2m", schedule)
    draw = torch.Generator().manual_seed(noise_seed(SEED))
    sigmas = levels.sigmas.double()
    x = NOISE.double() * (sigmas[0] ** 2 + 1) ** 0.5
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    for t, here, there in zip(levels.timesteps, sigmas, sigmas[1:], strict=False):
        unit = (x / (here**2 + 1) ** 0.5).float()
        clean = x - here * denoise(unit, t).double()
        kick = torch.randn(x.shape, generator=draw)
        if there == 0:
            x = clean
            continue
        h = (here / there).log()
        phi_2 = torch.expm1(-2 * h) / (2 * h) + 1
        x = torch.exp(-2 * h) * x - torch.expm1(-2 * h) * clean
        if len(seen) > 1:
            (h1, clean1), (h2, clean2) = seen[-1], seen[-2]
            r0, r1 = h1 / h, h2 / h
            d0, d1 = (clean - clean1) / r0, (clean1 - clean2) / r1
            x = x + phi_2 * (d0 + (d0 - d1) * r0 / (r0 + r1)) - (phi_2 / (2 * h) - 0.5) * (d0 - d1) / (r0 + r1)
        elif seen:
            h1, clean1 = seen[-1]
            x = x + phi_2 * (clean - clean1) * h / h1
        x = x + kick * there * (-torch.expm1(-2 * h)).sqrt()
        seen.append((h, clean))
    torch.testing.assert_close(ours("dpm++ 3m sde", schedule), x.float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["ddim", "euler", "dpm++ 2m", "unipc"])
def test_v_prediction_and_zero_snr_are_those_of_plain_diffusers(name):
    overrides = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    scheduler = plain_scheduler(name, "default", **overrides)
    expected = plain(name, scheduler, NOISE * scheduler.init_noise_sigma, scheduler.timesteps)
    found = ours(name, "default", noise=Noise(prediction="v_prediction", zero_snr=True))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_checkpoint_s_own_spacing_replaces_that_of_the_default_schedule():
    scheduler = plain_scheduler("euler", "default", timestep_spacing="leading")
    expected = plain("euler", scheduler, NOISE * scheduler.init_noise_sigma, scheduler.timesteps)
    torch.testing.assert_close(ours("euler", "default", noise=Noise(spacing="leading")), expected)


FLOW = {
    "euler": diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
    "heun": diffusers.FlowMatchHeunDiscreteScheduler(shift=3.0),
    "dpm++ 2m": diffusers.DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    ),
    "dpm++ 2s": diffusers.DPMSolverSinglestepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0, lower_order_final=True
    ),
    "unipc": diffusers.UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
    "lcm": diffusers.FlowMatchLCMScheduler(shift=3.0),
}


@pytest.mark.parametrize("name", FLOW)
def test_flow_matching_is_that_of_plain_diffusers(name):
    scheduler = FLOW[name]
    scheduler.set_timesteps(STEPS)
    found = ours(name, "default", noise=Noise(prediction="flow", shift=3.0))
    torch.testing.assert_close(found, plain_flow(scheduler, NOISE, scheduler.timesteps))


def plain_flow(scheduler, x, timesteps):
    drawing = isinstance(scheduler, diffusers.FlowMatchLCMScheduler)
    extra = {"generator": torch.Generator().manual_seed(noise_seed(SEED))} if drawing else {}
    for t in timesteps:
        x = scheduler.step(denoise(x, t), t, x, return_dict=False, **extra)[0]
    return x


@pytest.mark.parametrize("strength", [1.0, 0.33])
def test_levels_shifted_by_a_pictures_size_are_those_of_flux_pipelines(strength):
    width, height = 1152, 896
    tokens = width // 16 * (height // 16)
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    # What `pipeline_flux.py` asks of it, with its `calculate_shift`.
    slope = (1.15 - 0.5) / (4096 - 256)
    even = torch.linspace(1, 1 / STEPS, STEPS, dtype=torch.float64).tolist()
    scheduler.set_timesteps(sigmas=even, mu=tokens * slope + (0.5 - slope * 256))
    left_out = int(max(STEPS - min(STEPS * strength, STEPS), 0))
    scheduler.set_begin_index(left_out)
    timesteps = scheduler.timesteps[left_out:]
    x = scheduler.scale_noise(SOURCE, timesteps[:1], NOISE) if left_out else NOISE
    noise = Noise(prediction="flow", shift=Shift(least=0.5, most=1.15).at(width, height), spacing="trailing")
    source = SOURCE if left_out else None
    found = ours("euler", "default", strength=strength, source=source, noise=noise)
    torch.testing.assert_close(found, plain_flow(scheduler, x, timesteps), rtol=1e-5, atol=1e-5)


def left_of(pipeline, steps, strength):
    scheduler = SimpleNamespace(timesteps=range(steps), order=1)
    return pipeline.get_timesteps(SimpleNamespace(scheduler=scheduler), steps, strength, "cpu")[1]


def test_a_strength_runs_as_many_steps_as_in_the_pipelines():
    pipelines = {
        "ordinary": diffusers.StableDiffusionImg2ImgPipeline,
        "zero_snr": diffusers.StableDiffusionXLImg2ImgPipeline,
        "flow": diffusers.StableDiffusion3Img2ImgPipeline,
    }
    asked = [(steps, percent / 100) for steps in range(1, 51) for percent in range(1, 101)]
    for kind, pipeline in pipelines.items():
        found = [steps_run(steps, strength, kind) for steps, strength in asked]
        assert found == [max(1, left_of(pipeline, steps, strength)) for steps, strength in asked]
    assert steps_run(7, 0.6, "ordinary") == 4
    assert steps_run(7, 0.6, "flow") == 5
    assert {steps_run(7, 0.0, kind) for kind in pipelines} == {0}
