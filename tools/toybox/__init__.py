"""Toybox: the tiny world that Imagine's shipped model is trained on, and everything that trains and judges it."""
