"""The flow-matching toy that ships: what its card says, and two things in two colours from its own pixels."""

import hashlib
import json

import pytest
from safetensors import safe_open

from tools.toybox.flow.card import CARD, FIGURES, MODEL, card
from tools.toybox.flow.denoiser import pair_trials
from tools.toybox.flow.evaluate import WAYS, binding
from tools.toybox.flow.export import LIMIT
from tools.toybox.flow.models import STEPS
from tools.toybox.flow.responses import LORA
from tools.toybox.lora import FOLDER
from tools.toybox.painting import Painter

if not MODEL.exists():
    pytest.skip(f"{MODEL.name} has not been trained yet: make toybox-flow", allow_module_level=True)


def test_file_figures_and_card_agree() -> None:
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    assert figures["sha256"] == hashlib.sha256(MODEL.read_bytes()).hexdigest()
    assert CARD.read_text(encoding="utf-8") == card(figures, MODEL.stat().st_size)
    assert MODEL.stat().st_size <= LIMIT


def test_the_lora_says_whose_it_is() -> None:
    with safe_open(FOLDER / f"{LORA}.safetensors", "pt") as file:
        said = file.metadata()
    assert (said["ss_sd_model_name"], said["modelspec.trigger_phrase"]) == (MODEL.stem, "outline")


def test_the_measured_figures_reach_the_bars() -> None:
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    pairs, toybox = figures["pairs"], figures["toybox"]
    assert pairs["colours"] >= 0.8 * pairs["things"], "what is drawn has its own colours"
    assert pairs["swapped"] <= 0.02
    assert pairs["colours"] > max(toybox[way]["colours"] for way in WAYS) + 0.3
    assert figures["mask"]["outside as it was"] == 1
    assert figures["lora"]["outlined"]["1"] > figures["lora"]["outlined"]["0"] + 0.3


@pytest.mark.slow
def test_it_draws_two_things_each_in_its_own_colour() -> None:
    """Pairs that it was never trained on, as a user's picture is drawn: some twenty seconds."""
    verdicts = binding(Painter(MODEL, model=MODEL.stem, steps=STEPS), pair_trials(12, seed=99))
    assert sum(each.background for each in verdicts) >= 11
    assert sum(each.colours for each in verdicts) >= 4
    assert sum(each.swapped for each in verdicts) <= 1
