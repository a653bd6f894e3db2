"""What a model is once it is opened: a family that we step, or a pipeline that runs whole."""

from __future__ import annotations

from ..whole.pipeline import Whole
from .family import Family

LoadedModel = Family | Whole
