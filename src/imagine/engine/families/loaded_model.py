"""What a model is once it is opened: a family that we step, a pipeline that runs whole, or an upscaler."""

from __future__ import annotations

from ..whole.pipeline import Whole
from .enlarger import Enlarger
from .family import Family

LoadedModel = Family | Whole | Enlarger
