"""Replicate's predictions: asked for, waited for or come back for, and cancelled."""
