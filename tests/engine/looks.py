"""Checkers without networks, and an engine that serves as a worker does: what tests of looking share."""

from imagine.words.errors import ImagineError
from imagine.words.moderation import PictureCheck
from tests.models import model_at

CHECKER = model_at("/sees.safetensors", "sees", family="mobilenet-v2", role="safety")


def check(**said):
    """Refuses what is redder than half of what can be."""
    return PictureCheck(**{"checker": CHECKER, "refused": {"red": 0.5}, **said})


class SeesRed:
    """Scores how red a picture is on the whole; `looks` counts what it was shown."""

    name, digest, nbytes = "sees", "0" * 64, 400

    def __init__(self, score=None):
        self.looks = 0
        self._score = score or (lambda rgb: {"red": max(0.0, float(rgb[..., 0].mean() - rgb[..., 1:].mean()) / 255)})

    def score(self, rgb):
        self.looks += 1
        return self._score(rgb)


class Opens:
    """Opens a checker; counts how often."""

    def __init__(self, checker=None, error=None):
        self.checker, self.error, self.opened = checker or SeesRed(), error, 0

    def __call__(self, _model):
        self.opened += 1
        if self.error:
            raise self.error
        return self.checker


def served(engine, *wishes):
    """Submits and steps to the end, as a worker does: all that was said, and what jobs failed with."""
    said, failed = [], {}
    for one in wishes:
        engine.submit(one)
    while engine.busy:
        try:
            said += engine.step()
        except ImagineError as error:
            failed |= dict.fromkeys(engine.drop_step(), error)
    return said, failed
