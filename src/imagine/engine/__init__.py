"""Denoising, one step at a time."""
