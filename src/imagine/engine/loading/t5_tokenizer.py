"""T5's tokenizer, from the vocabulary that the package carries: its encoders' single files have none.

The same ids as transformers' `T5Tokenizer` (5.24), which takes seconds to import, and SentencePiece to read Google's
own file.
"""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

from tokenizers import Tokenizer

FILE = Path(__file__).parent / "tokenizers" / "t5" / "tokenizer.json.gz"


@cache
def _tokenizer() -> Tokenizer:
    """Read for the first model that has a T5, in a quarter of a second. It keeps no state."""
    return Tokenizer.from_str(gzip.decompress(FILE.read_bytes()).decode())


class T5Tokenizer:
    """Text to ids of 32,100 pieces, of T5 in any size.

    Characters that none of them has become one unknown piece, however many stand together: it was made of English,
    German, French and Romanian. There is no mark before a text, and one behind it.
    """

    eos_token_id = 1
    pad_token_id = 0
    unk_token_id = 2

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """`text` as ids of any number, with the end mark behind them if `add_special_tokens`."""
        ids: list[int] = _tokenizer().encode(text, add_special_tokens=False).ids
        return [*ids, self.eos_token_id] if add_special_tokens else ids

    def encode_with_ends(self, text: str) -> list[tuple[int, int]]:
        """The ids without the end mark, and behind how many characters of `text` each ends."""
        made = _tokenizer().encode(text, add_special_tokens=False)
        return [(each, end) for each, (_, end) in zip(made.ids, made.offsets, strict=True)]
