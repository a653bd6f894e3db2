"""Completion in bash, which parts words at `=` and `:` before it asks: `canny=photo.jpg` and `--steps=3` are three."""

from __future__ import annotations

from click.shell_completion import BashComplete, add_completion_class

_SIGNS = frozenset("=:")
_OFFERED = "COMPREPLY+=($value)"


class JoinedBash(BashComplete):
    """As click's, of whole words; behind a value that goes on, as `canny=` does, no space is inserted."""

    source_template = BashComplete.source_template.replace(
        _OFFERED, f"{_OFFERED}\n            [[ $value == *= ]] && compopt -o nospace"
    )

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is completed, and that one as far as it is typed."""
        before, begun = super().get_completion_args()
        words = list[str]()
        goes_on = False
        for word in [*before, begun]:
            is_sign = bool(word) and _SIGNS.issuperset(word)
            if words and (is_sign or goes_on):
                words[-1] += word
            else:
                words.append(word)
            goes_on = is_sign
        return words[:-1], words[-1]


def join_words() -> None:
    """From here bash is answered so."""
    add_completion_class(JoinedBash)
