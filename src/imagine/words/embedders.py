"""Sentence encoders, as files: what a registry calls them."""

from __future__ import annotations

EMBEDDER = "embedder"
"""The kind."""
