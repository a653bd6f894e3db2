"""A folder of pictures to learn from, and the words for each: beside it in a text file, or the same for all."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ..files.reading import read_file
from ..messages import in_english
from ..words.errors import BadRequest
from ..words.training import TrainingPicture
from .inputs import text_of

Captions = Literal["files", "word", "assistant"]
_READ = frozenset([".png", ".jpg", ".jpeg", ".webp"])
_NOT_READ = frozenset([".heic", ".heif", ".avif", ".gif", ".bmp", ".tif", ".tiff", ".jxl"])
_LONGEST_CAPTION = 2**16
_MOST = 10_000


def pictures_in(
    folder: Path, word: str, captions: Captions | None, assistant: str | None = None
) -> tuple[list[TrainingPicture], list[Path]]:
    """The pictures, by name, and what is left out: folders, and formats that aren't read.

    `captions` None: files where there are any; "assistant" writes those that are missing first, by the one at that URL.
    Raises BadRequest for a folder without pictures, and for captions that aren't there; as `write_captions`.
    """
    try:
        there = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise BadRequest(
            in_english(f"{folder} can't be read: {(error.strerror or str(error)).lower()}", "from")
        ) from error
    files = [path for path in there if path.is_file()]
    pictures = [path for path in files if path.suffix.lower() in _READ]
    if not pictures:
        raise BadRequest(in_english(f"there is no picture in {folder}: PNG, JPEG and WebP are read", "from"))
    if len(pictures) > _MOST:
        raise BadRequest(in_english(f"{folder} has {len(pictures)} pictures, more than {_MOST}", "from"))
    texts = {path.stem: path for path in files if path.suffix.lower() == ".txt"}
    if captions == "assistant":
        from .captions import write_captions

        write_captions([path for path in pictures if path.stem not in texts], len(pictures), assistant)
        return pictures_in(folder, word, None)
    described = [path for path in pictures if path.stem in texts]
    if captions == "files" and not described:
        raise BadRequest(in_english(f"no picture in {folder} has its words in a .txt file of its name", "caption_by"))
    by_file = captions == "files" or (captions is None and bool(described))
    said = [caption_from(texts[path.stem], word) if by_file and path.stem in texts else word for path in pictures]
    made = [TrainingPicture(str(path.absolute()), caption) for path, caption in zip(pictures, said, strict=True)]
    return made, [path for path in there if path.is_dir() or path.suffix.lower() in _NOT_READ]


def caption_from(path: Path, word: str) -> str:
    """The words in a file, and before them the one that the LoRA is called by, where they don't have it."""
    text = " ".join(text_of(read_file(path, _LONGEST_CAPTION, field="from"), str(path)).split())
    if not text:
        return word
    return text if word.casefold() in text.casefold() else f"{word}, {text}"
