"""The table of samplers and schedules: which exist, which pairs, and whose algorithm each is. Knows no torch.

A *sampler* is the algorithm that steps from noise to a picture; a *schedule* is the spacing of its noise levels:

default      what plain diffusers does for the sampler's class with Stable Diffusion 1's published scheduler file:
             evenly spaced training timesteps (spaced as the checkpoint's own scheduler file says where it says so;
             trailing at zero terminal SNR)
karras       levels even in sigma^(1/7), between the training schedule's ends (Karras et al. 2022, equation 5)
exponential  levels even in log sigma
beta         sigmas placed by the quantiles of Beta(0.6, 0.6) (Lee et al. 2024), as diffusers and AUTOMATIC1111 do
sgm uniform  every T/n-th timestep counted from the noisiest, T−1 first, as Stability AI's generative-models does
simple       the same without rounding to the nearest: timestep T−1−⌊i·T/n⌋, as ComfyUI and AUTOMATIC1111 do

With a single step every schedule is its noisiest level and then none. What a sampler can do depends on the
`NoiseKind` of the checkpoint too: one trained to zero terminal SNR has a first sigma of 4096, and `beta` would have
hardly any small.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from ..messages import Value, message
from .errors import BadRequest, Unsupported

SCHEDULES = ("default", "karras", "exponential", "beta", "sgm uniform", "simple")
_NO_SIMPLE = SCHEDULES[:-1]
NoiseKind = Literal["ordinary", "zero_snr", "flow"]
_KINDS = {"ordinary": "kind.ordinary", "zero_snr": "kind.zero_snr", "flow": "kind.flow"}


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """The same algorithm for a flow-matching checkpoint: its scheduler class, its options, its schedules."""

    scheduler: str
    options: dict[str, Any] = {}
    shift: str = "flow_shift"
    """The name of the class's option for the shift of its sigmas."""
    schedules: tuple[str, ...] = ("default",)


# Schedules that go down to the training schedule's last level step over most of log sigma at once when steps are few,
# and a method of second or higher order then overshoots: it leaves noise in the picture. What a row's `least` says of
# ordinary checkpoints was judged by Toybox's pixels (`tools/toybox/samplers.py`), of the others measured on Gaussian
# data, where from these steps on the noise left in the latents has a standard deviation below 0.4.
_OVERSHOT: dict[NoiseKind, dict[str, int]] = {"zero_snr": {"karras": 10, "exponential": 8}, "flow": {"default": 3}}
_MULTISTEP = {"karras": 6, "exponential": 6, "beta": 12}

_FLOW_SIGMAS = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}


class SamplerOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a sampler is told of the noise that it adds on its way, under k-diffusion's names."""

    eta: float | None = None
    """How much of a step's noise is drawn anew, 0…1; None: as the sampler has it by itself."""
    s_churn: float = 0.0
    """How much noise is added before steps (Karras et al. 2022, algorithm 2), over all of them."""
    s_tmin: float = 0.0
    s_tmax: float | None = None
    """Between which noise levels it is; None: without an end."""
    s_noise: float = 1.0
    """What any noise on the way is multiplied by."""


class SamplerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One sampler: its algorithm, and all that tells its scheduler class from the others."""

    name: str
    paper: str
    scheduler: str
    """A class of `diffusers`, or of `engine.sampling.solvers` where diffusers has the algorithm wrong or slow."""
    options: dict[str, Any] = {}
    schedules: tuple[str, ...]
    state: Literal["ve", "vp", "discrete"]
    """What the latents are at noise level sigma: `ve` x0 + sigma·noise; `vp` that over √(1 + sigma²); `discrete` the
    same, at whole training timesteps only."""
    spacing: Literal["linspace", "leading"] = "linspace"
    """The timestep spacing of schedule `default`, for a class that has a choice."""
    spaced_by: str = ""
    """The class whose sigmas and timesteps serve the schedules that `scheduler` itself has no option for."""
    random: Literal["", "drawn", "brownian"] = ""
    """Where a stochastic sampler's noise comes from: drawn at each evaluation, or read off a Brownian path."""
    eta: float | None = None
    """What `eta` is unless it is said; None: it has none."""
    churns: bool = False
    """It takes `s_churn` and what goes with it."""
    louder: bool = False
    """It takes `s_noise`."""
    drawn_as_there: bool = False
    """Its noise is drawn when, and as often as, AUTOMATIC1111 draws that of its sampler of this name."""
    midpoint: Literal["", "end", "geometric"] = ""
    """Second-order: each step but the last evaluates twice, the second time at the level it steps to (`end`) or at the
    geometric mean of both. Empty: one evaluation a step."""
    history: int = 0
    """The most past derivatives that a step may use, for a class that must be told how many there are."""
    least: dict[NoiseKind, dict[str, int]] = {}
    """The fewest steps on a schedule, where one step is too few for a picture: see `_OVERSHOT`."""
    max_steps: int = 500
    flow: Flow | None = None

    @property
    def evaluations(self) -> int:
        """Model evaluations a step (the last step of a second-order sampler always makes one)."""
        return 2 if self.midpoint else 1

    @property
    def stochastic(self) -> bool:
        """Adds noise while it steps, so that its result depends on the seed beyond the initial noise."""
        return bool(self.random)

    def told_by(self, options: SamplerOptions, kind: NoiseKind) -> tuple[SamplerOptions | None, list[str]]:
        """What of the options it heeds, and the names of those that say something to it in vain."""
        own = self.eta is not None and kind != "flow"
        churns = self.churns and kind != "flow" and options.s_churn > 0
        louder = churns or (self.louder and self.stochastic)
        vain = ["eta"] if options.eta is not None and not own and options.eta != float(self.stochastic) else []
        vain += ["s_churn"] if options.s_churn and not churns else []
        vain += ["s_tmin"] if options.s_tmin and not churns else []
        vain += ["s_tmax"] if options.s_tmax is not None and not churns else []
        vain += ["s_noise"] if options.s_noise != 1 and not louder else []
        heeded = SamplerOptions(
            eta=options.eta if own and options.eta != self.eta else None,
            s_churn=options.s_churn if churns else 0.0,
            s_tmin=options.s_tmin if churns else 0.0,
            s_tmax=options.s_tmax if churns else None,
            s_noise=options.s_noise if louder else 1.0,
        )
        return (None if heeded == SamplerOptions() else heeded), vain

    def schedules_for(self, kind: NoiseKind) -> tuple[str, ...]:
        """The schedules it has for a checkpoint of that kind; none if it can't run one."""
        if kind == "flow":
            return self.flow.schedules if self.flow else ()
        return tuple(name for name in self.schedules if kind == "ordinary" or name != "beta")

    def min_steps(self, schedule: str, kind: NoiseKind) -> int:
        """The fewest steps that give a picture."""
        return self.least.get(kind, {}).get(schedule, 1)


_ROWS = (
    SamplerRow(
        name="ddim",
        paper="Song, Meng, Ermon 2020, Denoising Diffusion Implicit Models, arXiv:2010.02502",
        scheduler="DDIMScheduler",
        options={"clip_sample": False, "set_alpha_to_one": False},
        schedules=("default", "sgm uniform"),
        least={"ordinary": {"default": 4}},
        eta=0.0,
        drawn_as_there=True,
        state="discrete",
        spacing="leading",
    ),
    SamplerRow(
        name="euler",
        paper="Karras et al. 2022, Elucidating the Design Space (algorithm 2, first order, no churn), arXiv:2206.00364",
        scheduler="EulerDiscreteScheduler",
        schedules=SCHEDULES,
        churns=True,
        louder=True,
        state="ve",
        flow=Flow(scheduler="FlowMatchEulerDiscreteScheduler", shift="shift", schedules=SCHEDULES),
    ),
    SamplerRow(
        name="euler a",
        paper="Crowson 2022, k-diffusion: ancestral sampling with Euler steps; Song et al. 2020, arXiv:2011.13456",
        scheduler="EulerAncestralDiscreteScheduler",
        schedules=SCHEDULES,
        eta=1.0,
        louder=True,
        drawn_as_there=True,
        state="ve",
        spaced_by="EulerDiscreteScheduler",
        random="drawn",
    ),
    SamplerRow(
        name="heun",
        paper="Karras et al. 2022, Elucidating the Design Space (algorithm 2, no churn), arXiv:2206.00364",
        scheduler="HeunDiscreteScheduler",
        schedules=SCHEDULES,
        least=_OVERSHOT
        | {"ordinary": {"default": 9, "karras": 7, "exponential": 7, "beta": 14, "sgm uniform": 5, "simple": 5}},
        churns=True,
        louder=True,
        state="ve",
        midpoint="end",
        flow=Flow(scheduler="FlowMatchHeunDiscreteScheduler", shift="shift"),
    ),
    SamplerRow(
        name="lms",
        paper="Crowson 2022, k-diffusion: linear multistep (Adams-Bashforth of order 4) on uneven sigmas",
        scheduler="LinearMultistepScheduler",
        schedules=SCHEDULES,
        least={"ordinary": {"beta": 14}},
        state="ve",
        spaced_by="EulerDiscreteScheduler",
        history=4,
    ),
    SamplerRow(
        name="dpm++ 2m",
        paper="Lu et al. 2022, DPM-Solver++ (multistep, second order), arXiv:2211.01095",
        scheduler="DPMSolverMultistepScheduler",
        options={"algorithm_type": "dpmsolver++", "solver_order": 2},
        schedules=SCHEDULES,
        least={"ordinary": _MULTISTEP},
        state="vp",
        flow=Flow(scheduler="DPMSolverMultistepScheduler", options=_FLOW_SIGMAS),
    ),
    SamplerRow(
        name="dpm++ 2s",
        paper="Lu et al. 2022, DPM-Solver++ (singlestep, second order: a pair of steps each), arXiv:2211.01095",
        scheduler="DPMSolverSinglestepScheduler",
        options={"algorithm_type": "dpmsolver++", "solver_order": 2, "lower_order_final": True},
        schedules=SCHEDULES,
        least={"ordinary": {"beta": 8}},
        state="vp",
        flow=Flow(scheduler="DPMSolverSinglestepScheduler", options=_FLOW_SIGMAS),
    ),
    SamplerRow(
        name="dpm++ sde",
        paper="Crowson 2022, k-diffusion: DPM-Solver++ (singlestep, r = 1/2, arXiv:2211.01095) with ancestral noise",
        scheduler="DPMSolverSDEScheduler",
        schedules=_NO_SIMPLE,
        louder=True,
        state="ve",
        random="brownian",
        midpoint="geometric",
    ),
    SamplerRow(
        name="dpm2",
        paper="Lu et al. 2022, DPM-Solver (order 2, arXiv:2206.00927), as in algorithm 2 of arXiv:2206.00364",
        scheduler="KDPM2DiscreteScheduler",
        schedules=_NO_SIMPLE,
        least=_OVERSHOT | {"ordinary": {"default": 8, "karras": 8, "exponential": 9, "beta": 12, "sgm uniform": 6}},
        churns=True,
        louder=True,
        state="ve",
        midpoint="geometric",
    ),
    SamplerRow(
        name="dpm2 a",
        paper="Crowson 2022, k-diffusion: DPM-Solver of order 2 (arXiv:2206.00927) with ancestral noise",
        scheduler="KDPM2AncestralDiscreteScheduler",
        schedules=_NO_SIMPLE,
        least={
            "ordinary": {"default": 19, "karras": 12, "exponential": 14, "beta": 20, "sgm uniform": 10},
            "zero_snr": {"default": 3, "sgm uniform": 3, "karras": 16, "exponential": 10},
        },
        eta=1.0,
        louder=True,
        drawn_as_there=True,
        state="ve",
        random="drawn",
        midpoint="end",
    ),
    SamplerRow(
        name="dpm++ 2m sde",
        paper="Lu et al. 2022, DPM-Solver++ (SDE, multistep, second order), arXiv:2211.01095",
        scheduler="DPMSolverMultistepScheduler",
        options={"algorithm_type": "sde-dpmsolver++", "solver_order": 2},
        schedules=SCHEDULES,
        least={"ordinary": {"karras": 7, "exponential": 7, "beta": 15}},
        louder=True,
        state="vp",
        random="drawn",
        flow=Flow(scheduler="DPMSolverMultistepScheduler", options=_FLOW_SIGMAS),
    ),
    SamplerRow(
        name="dpm++ 3m sde",
        paper="Crowson 2023, k-diffusion: the SDE of DPM-Solver++ (arXiv:2211.01095), multistep, third order",
        scheduler="ThirdOrderSdeScheduler",
        options={"algorithm_type": "sde-dpmsolver++", "solver_order": 3, "solver_type": "heun"},
        schedules=SCHEDULES,
        least={"ordinary": {"karras": 10, "exponential": 9, "beta": 40}},
        louder=True,
        state="vp",
        random="drawn",
        flow=Flow(scheduler="ThirdOrderSdeScheduler", options=_FLOW_SIGMAS),
    ),
    SamplerRow(
        name="unipc",
        paper="Zhao et al. 2023, UniPC (order 2, B(h) = e^h - 1, predicting x0), arXiv:2302.04867",
        scheduler="PredictorCorrectorScheduler",
        options={"solver_order": 2, "solver_type": "bh2"},
        schedules=_NO_SIMPLE,
        least={"ordinary": _MULTISTEP},
        state="vp",
        flow=Flow(scheduler="PredictorCorrectorScheduler", options=_FLOW_SIGMAS),
    ),
    SamplerRow(
        name="lcm",
        paper="Luo et al. 2023, Latent Consistency Models (multistep consistency sampling), arXiv:2310.04378",
        scheduler="LCMScheduler",
        options={"clip_sample": False, "set_alpha_to_one": False},
        schedules=("default",),
        drawn_as_there=True,
        state="discrete",
        random="drawn",
        max_steps=50,
        flow=Flow(scheduler="FlowMatchLCMScheduler", shift="shift"),
    ),
    SamplerRow(
        name="ddpm",
        paper="Ho, Jain, Abbeel 2020, Denoising Diffusion Probabilistic Models, arXiv:2006.11239",
        scheduler="DDPMScheduler",
        options={"clip_sample": False},
        schedules=("default", "sgm uniform", "simple"),
        least={"ordinary": {"default": 4}},
        state="discrete",
        spacing="leading",
        random="drawn",
    ),
    SamplerRow(
        name="deis",
        paper="Zhang, Chen 2022, Diffusion Exponential Integrator Sampler (log-rho, order 2), arXiv:2204.13902",
        scheduler="DEISMultistepScheduler",
        options={"solver_order": 2},
        schedules=_NO_SIMPLE,
        # On zero terminal SNR its last step goes from the last level to itself: with one step, nowhere.
        least={
            "ordinary": {"karras": 5, "exponential": 2, "beta": 10},
            "zero_snr": {"karras": 2, "exponential": 2},
        },
        state="vp",
    ),
    SamplerRow(
        name="tcd",
        paper="Zheng et al. 2024, Trajectory Consistency Distillation (gamma 0.3), arXiv:2402.19159",
        scheduler="TCDScheduler",
        options={"set_alpha_to_one": False},
        schedules=("default",),
        state="discrete",
        random="drawn",
        max_steps=50,
    ),
)

SAMPLERS: dict[str, SamplerRow] = {row.name: row for row in _ROWS}

_SPELLINGS = [
    (re.compile(pattern), plain)
    for pattern, plain in (
        (r"[\s_-]+", " "),
        (r"^k ?(?=dpm|euler|lms|heun)", ""),
        ("dpmpp", "dpm++"),
        (r"dpm\+\+ ?(?=2m|2s|3m|sde)", "dpm++ "),
        (r"\bdpm 2", "dpm2"),
        (r"\bancestral\b", "a"),
        (r"\buni pc\b", "unipc"),
        (r"^unipc bh2", "unipc"),
        (r" gpu$", ""),
        (r" ka?$", " karras"),
    )
]
"""How others write the same algorithms: k_euler_a (Stability AI), dpmpp_2m_sde_gpu and uni_pc (ComfyUI), dpm++2m
(stable-diffusion.cpp), dpmpp_2m_k (InvokeAI), k_dpm_2_ancestral (k-diffusion)."""
_SAME_SCHEDULES = {"normal": "default", "discrete": "default", "uniform": "default"}
"""ComfyUI's, stable-diffusion.cpp's and AUTOMATIC1111's names of the even spacing."""


def plain_name(name: str) -> str:
    """A sampler's or schedule's name the way the tables write it, which may still be none that is in them."""
    plain = name.lower().strip()
    for pattern, written in _SPELLINGS:
        plain = pattern.sub(written, plain)
    return _SAME_SCHEDULES.get(plain, plain)


def pairs(kind: NoiseKind = "ordinary") -> dict[str, tuple[str, ...]]:
    """Every sampler with its schedules, for checkpoints of that kind, in the table's order."""
    offered = {name: row.schedules_for(kind) for name, row in SAMPLERS.items()}
    return {name: schedules for name, schedules in offered.items() if schedules}


def describe(kind: NoiseKind = "ordinary") -> list[dict[str, Any]]:
    """The table as clients see it, for checkpoints of that kind: plain JSON values, no class names."""
    return [
        {
            "name": name,
            "schedules": list(schedules),
            "min_steps": {schedule: SAMPLERS[name].min_steps(schedule, kind) for schedule in schedules},
            "max_steps": SAMPLERS[name].max_steps,
            "evaluations": SAMPLERS[name].evaluations,
            "stochastic": SAMPLERS[name].stochastic,
            "paper": SAMPLERS[name].paper,
        }
        for name, schedules in pairs(kind).items()
    ]


def find(name: str, schedule: str = "default", steps: int | None = None, kind: NoiseKind = "ordinary") -> SamplerRow:
    """The row of sampler `name`, once sure that it runs `schedule` and `steps` on a checkpoint of that kind.

    Raises `BadRequest` for a name that doesn't exist and `Unsupported` for a combination that doesn't; both say what
    does and name the field: `sampler`, `schedule` or `num_steps`.
    """
    if (row := SAMPLERS.get(name)) is None:
        raise BadRequest(message("sampler.missing", "sampler", value=name, there=", ".join(SAMPLERS)))
    if schedule not in SCHEDULES:
        raise BadRequest(message("schedule.missing", "schedule", value=schedule, there=", ".join(SCHEDULES)))
    if not (offered := row.schedules_for(kind)):
        able = ", ".join(pairs(kind))
        raise Unsupported(message("sampler.kind", "sampler", value=name, kind=message(_KINDS[kind]), able=able))
    if schedule not in offered:
        able, called = ", ".join(offered), message(_KINDS[kind])
        raise Unsupported(
            message("sampler.schedule", "schedule", value=schedule, sampler_name=name, kind=called, able=able)
        )
    if steps is not None:
        _check_steps(row, schedule, steps, kind)
    return row


def _check_steps(row: SamplerRow, schedule: str, steps: int, kind: NoiseKind) -> None:
    least = row.min_steps(schedule, kind)
    if least <= steps <= row.max_steps:
        return
    values: dict[str, Value] = {"name": row.name, "on": schedule, "value": steps, "least": least, "most": row.max_steps}
    if able := [other for other in row.schedules_for(kind) if row.min_steps(other, kind) <= steps < least]:
        raise Unsupported(message("sampler.steps_elsewhere", "num_steps", able=", ".join(able), **values))
    raise Unsupported(message("sampler.steps", "num_steps", **values))
