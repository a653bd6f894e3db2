"""What learns to draw by maps: lessons are drawings, their maps, and prompts that mostly leave it to these."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from tools.toybox.beside import mapped
from tools.toybox.beside.drawings import Drawings
from tools.toybox.beside.finished import Finished
from tools.toybox.beside.judging import follows
from tools.toybox.beside.stage import Lesson, Trial
from tools.toybox.world import Scene


class MapLearner:
    """Of maps that `how` makes; who inherits has the network, and says what it does."""

    name: str
    module: nn.Module

    def __init__(self, finished: Finished, pool: Drawings, folder: Path, how: mapped.Mapping) -> None:
        self._how = how
        self._unet = {dtype: finished.another_unet(dtype) for dtype in (torch.float32, torch.bfloat16)}
        self._scenes, self._latents = pool
        self._maps = mapped.maps(self._scenes, how, folder / f"{self.name}-maps.safetensors")

    def roughened(self, rng: np.random.Generator, maps: Tensor) -> Tensor:
        """Maps (N, 1, 128, 128) as people may give them."""
        raise NotImplementedError

    def guess(self, noisy: Tensor, timesteps: Tensor, context: Tensor, given: Tensor) -> Tensor:
        raise NotImplementedError

    def lesson(self, rng: np.random.Generator, batch: int) -> Lesson:
        chosen = rng.choice(len(self._scenes), batch)
        scenes = [self._scenes[i] for i in chosen]
        seen = self.roughened(rng, mapped.unpacked(self._maps[chosen]))
        captions = [mapped.caption(rng, scene) for scene in scenes]
        return Lesson(scenes, self._latents[torch.from_numpy(chosen)], captions, seen.expand(-1, 3, -1, -1))

    def both(self, given: Tensor) -> Tensor:
        """A map is seen on both sides of guidance."""
        return torch.cat([given, given])

    def trials(self) -> list[Trial]:
        scenes = mapped.unseen_scenes(24)
        maps = mapped.unpacked(np.stack([np.packbits(self._how(scene), -1) for scene in scenes]))
        return [Trial([mapped.colours_of(scene) for scene in scenes], maps.expand(-1, 3, -1, -1), scenes)]

    def is_right(self, picture: Image.Image, wanted: Scene) -> bool:
        return follows(picture, mapped.silhouette(wanted))
