"""What a model is once it is opened: a family that we step, a pipeline that runs whole, an upscaler, or a
preprocessor."""

from __future__ import annotations

from ..whole.pipeline import Whole
from .enlarger import Enlarger
from .family import Family
from .mapper import Mapper

LoadedModel = Family | Whole | Enlarger | Mapper
