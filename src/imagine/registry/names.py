"""What models are called: the stem of the file, and no more of its path than telling it from others needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..words.entry import Entry
from ..words.model_names import without_suffix
from .scan import ScannedFile

_TRAINERS_NAME = "ss_output_name"


def name_all(scanned: Sequence[tuple[ScannedFile, str]]) -> list[str]:
    """A name for each candidate and its kind, in the same order; no two of one kind are the same.

    A checkpoint and a LoRA may share a name: one asks for them by kind. Where stems clash, each gets its folder as a
    prefix, then its root's name as well, and, at last, its suffix.
    """
    levels = [0] * len(scanned)
    while True:
        names = [(kind, _candidates(one)[level]) for (one, kind), level in zip(scanned, levels, strict=True)]
        counts = Counter(names)
        clashing = [i for i, name in enumerate(names) if counts[name] > 1 and levels[i] < 3]
        if not clashing:
            return [name for _, name in names]
        for i in clashing:
            levels[i] += 1


def also_called(name: str, entries: Sequence[Entry]) -> str | None:
    """The name of the one entry that lies in such a place, or that its trainer called so; None for none or several.

    AUTOMATIC1111 calls LoRAs by their trainer's name, other programs by their folders.
    """
    place = "/" + without_suffix(name.replace("\\", "/")).casefold()
    if place.count("/") > 1 and "/../" not in place + "/":
        places = {each.name: without_suffix(each.path).replace("\\", "/").casefold() for each in entries}
        found = {called for called, path in places.items() if path.endswith(place)}
    else:
        found = {each.name for each in entries if each.metadata.get(_TRAINERS_NAME, "").casefold() == name.casefold()}
    return found.pop() if len(found) == 1 else None


def _candidates(scanned: ScannedFile) -> tuple[str, str, str, str]:
    stem, file = normal(scanned.stem), normal(scanned.path.name)
    folder = normal(f"{scanned.place.folder}/") if scanned.place.folder else ""
    root = normal(f"{scanned.place.root}/") if scanned.place.root else ""
    return stem, folder + stem, root + folder + stem, root + folder + file


def normal(name: str) -> str:
    """One spelling for the accented names that file systems spell in two (Unicode's NFC), and fit to be shown."""
    if name.isascii():
        return printable(name)
    import unicodedata  # only names beyond ASCII pay for it

    return printable(unicodedata.normalize("NFC", name))


def printable(text: str) -> str:
    """`text` without what a terminal would obey or JSON can't carry: each such character becomes U+FFFD."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)
