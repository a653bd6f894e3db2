"""What a layer of Gemma 2 makes of a prompt that is said to it behind an instruction, and which of its tokens are seen.

Lumina 2 is told all of them, SANA the first and those from the instruction's last one on, as diffusers' pipelines
(0.42, Apache-2.0) have them. Both norm each token before anything attends to it: brackets that weigh words have no
effect.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from ...messages import message
from ..adapters.embedding import Embedding
from ..adapters.mix import NO_MIX, Mix
from ..device.transfer import sent
from .chat_text import ChatTemplate, ChatTextPart, read_chat
from .part import ModulePart
from .prompts import MaskedEncoded

_AGAINST = ChatTemplate("<bos>", "")
"""What is against a prompt is said alone."""


class GemmaText:
    """Prompts of one length, as their family is told them."""

    def __init__(
        self, said: ChatTextPart, instruction: str, *, length: int, behind: int, hidden: bool = False,
        small: bool = False,
    ) -> None:  # fmt: skip
        """`length`: of what is told; `behind`: how many layers lie behind the one that is asked. Where it is `hidden`,
        the instruction isn't told but for its last token, and doesn't count; `small`: prompts are in small letters,
        without spaces around them."""
        self.parts: tuple[ModulePart, ...] = (said,)
        self._said, self._length, self._layers, self._small = said, length, (said.layers - behind,), small
        self._told = ChatTemplate(f"<bos>{instruction}", "")
        self._skipped = len(said.tokenizer.encode_with_ends(self._told.before)) - 2 if hidden else 0

    def encode(
        self, prompt: str, *, clip: int = 1, field: str = "prompt", mix: Mix = NO_MIX, words: Sequence[Embedding] = ()
    ) -> MaskedEncoded:
        """`clip` has no effect, and is warned of."""
        template, skipped = (self._told, self._skipped) if field == "prompt" else (_AGAINST, 0)
        prompt = prompt.strip() if self._small else prompt
        text, warnings = read_chat(
            self._said.tokenizer, prompt, template, self._length + skipped, field=field, words=words, small=self._small
        )
        if any(weight != 1 for weight in text.weights):
            warnings += (message("prompt.no_weights", field),)
        if clip > 1:
            warnings += (message("clip.no_layers", "clip"),)
        made = self._said.encode(text._replace(weights=(1.0,) * len(text.ids)), layers=self._layers, mix=mix)
        made = torch.cat([made[:, :1], made[:, 1 + skipped :]], 1)
        told = made.shape[1]
        seen = sent(torch.arange(self._length)[None] < told, made.device)
        return MaskedEncoded(functional.pad(made, (0, 0, 0, self._length - told)), seen, warnings)
