"""Imagine: Ollama for pictures."""

__version__ = "0.1.0"
