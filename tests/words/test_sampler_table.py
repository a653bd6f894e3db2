"""The table of samplers: what exists, what is refused and how, and that it costs no torch."""

import json
import subprocess
import sys

import pytest

from imagine.asking.resolve import sampler_named
from imagine.words.errors import BadRequest, Unsupported
from imagine.words.samplers import SAMPLERS, SCHEDULES, describe, find, pairs, plain_name

NAMES = (
    "ddim, euler, euler a, heun, lms, dpm++ 2m, dpm++ 2s, dpm++ sde, dpm2, dpm2 a, dpm++ 2m sde, dpm++ 3m sde, unipc, "
    "lcm, ddpm, deis, tcd"
)


def test_the_names_are_these_and_each_says_whose_it_is():
    assert ", ".join(SAMPLERS) == NAMES
    assert SCHEDULES == ("default", "karras", "exponential", "beta", "sgm uniform", "simple")
    assert all(len(row.paper) > 20 for row in SAMPLERS.values())
    assert all("default" in schedules and set(schedules) <= set(SCHEDULES) for schedules in pairs().values())


def test_a_second_order_sampler_evaluates_twice_a_step_and_the_random_ones_say_so():
    assert {name for name, row in SAMPLERS.items() if row.evaluations == 2} == {"heun", "dpm++ sde", "dpm2", "dpm2 a"}
    random = {"euler a", "dpm++ sde", "dpm2 a", "dpm++ 2m sde", "dpm++ 3m sde", "lcm", "ddpm", "tcd"}
    assert {name for name, row in SAMPLERS.items() if row.stochastic} == random


def test_what_clients_see_is_json_and_agrees_with_what_is_accepted():
    for kind in ("ordinary", "zero_snr", "flow"):
        for row in json.loads(json.dumps(describe(kind))):
            for schedule in row["schedules"]:
                least = row["min_steps"][schedule]
                assert find(row["name"], schedule, least, kind).name == row["name"]
                assert find(row["name"], schedule, row["max_steps"], kind)
                for steps in (least - 1, row["max_steps"] + 1):
                    with pytest.raises(Unsupported) as caught:
                        find(row["name"], schedule, steps, kind)
                    assert caught.value.field == "num_steps"


@pytest.mark.parametrize(
    ("wish", "error", "field", "said"),
    [
        (("eular",), BadRequest, "sampler", NAMES),
        (("euler", "karas"), BadRequest, "schedule", "default, karras, exponential, beta, sgm uniform, simple"),
        (("ddim", "karras"), Unsupported, "schedule", "default, sgm uniform"),
        (("euler", "beta", 20, "zero_snr"), Unsupported, "schedule", "default, karras, exponential, sgm uniform"),
        (("lms", "default", 20, "flow"), Unsupported, "sampler", "euler, heun, dpm++ 2m"),
        (("lcm", "default", 51), Unsupported, "num_steps", "1 to 50"),
        (("heun", "default", 5), Unsupported, "num_steps", "so few run on: sgm uniform, simple"),
    ],
)
def test_a_refusal_names_the_field_and_what_there_is(wish, error, field, said):
    with pytest.raises(BadRequest) as caught:
        find(*wish)
    assert type(caught.value) is error
    assert caught.value.field == field
    assert said in str(caught.value)


def test_the_table_is_importable_without_torch():
    code = "import sys, imagine.words.samplers; sys.exit('torch' in sys.modules or 'diffusers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("euler_a", ("euler a", None)), ("k_euler_a", ("euler a", None)), ("euler_ancestral", ("euler a", None)),
        ("dpmpp_2m", ("dpm++ 2m", None)), ("dpm++2m", ("dpm++ 2m", None)), ("DPM++_2M", ("dpm++ 2m", None)),
        ("dpmpp_2m_sde_gpu", ("dpm++ 2m sde", None)), ("dpmpp_3m_sde", ("dpm++ 3m sde", None)),
        ("k_dpm_2_ancestral", ("dpm2 a", None)), ("kdpm_2", ("dpm2", None)), ("uni_pc_bh2", ("unipc", None)),
        ("dpmpp_2m_k", ("dpm++ 2m", "karras")), ("DPM++ 2M Karras", ("dpm++ 2m", "karras")),
        ("dpmpp_2s_ancestral", ("dpmpp_2s_ancestral", None)), ("dpm++2mv2", ("dpm++2mv2", None)),
    ],
)  # fmt: skip
def test_other_programs_names_of_the_same_algorithm(theirs, ours):
    assert sampler_named(theirs) == ours


@pytest.mark.parametrize(
    ("theirs", "ours"), [("sgm_uniform", "sgm uniform"), ("SGM Uniform", "sgm uniform"), ("normal", "default")]
)
def test_other_programs_names_of_the_same_schedule(theirs, ours):
    assert plain_name(theirs) == ours
