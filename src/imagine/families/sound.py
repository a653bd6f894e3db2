"""Transformers that make sound: known so that they can be refused by name.

The tensors' names are facts about the published checkpoints: ACE-Step's and Stability's `stable-audio-tools` (MIT).
"""

from __future__ import annotations

from .facts import FLOW, FamilyFacts, classes, signatures

ROWS = (
    FamilyFacts(
        "ace-step",
        makes="sound",
        tells=signatures(("", "genre_embedder.weight", "speaker_embedder.weight")),
        pipelines=classes("AceStep"),
        predicts=FLOW,
    ),
    FamilyFacts(
        "stable-audio",
        makes="sound",
        tells=signatures(("", "timestep_features.weight", "to_timestep_embed.0.weight")),
        pipelines=classes("StableAudio"),
    ),
)
