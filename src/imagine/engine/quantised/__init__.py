"""Weights that are kept as their file has them, of fewer bits than what is computed with, and widened when used."""
