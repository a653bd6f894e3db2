"""AUTOMATIC1111's prompt editing: which text a prompt is at which step.

The behaviour is as its documentation says: https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/Features#prompt-editing

- `[from:to:when]` is `from` for the first `when` steps and `to` from then on; `[to:when]` adds, `[from::when]` takes
  away. `when` is a number of steps, or with a point in it a part of them: of a second pass, what is beyond the first's
  steps, and beyond 1.
- `[a|b|c]` is another one at every step, in turn.
- They can stand in each other and in weights. Other square brackets are weights, as is a bracket never closed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...messages import message
from ...words.errors import BadRequest

MOST_TEXTS = 64
"""Different texts that one prompt may be in turn: each is encoded once, and kept."""
_MOST_DEPTH = 32
_TOKEN = re.compile(r"\\.|[\[\]():|]|[^\\\[\]():|]+|\\", re.DOTALL)
_WHEN = re.compile(r"\s*(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})\s*", re.ASCII)


@dataclass
class _Edit:
    before: list[_Node]
    after: list[_Node]
    when: str

    def at(self, step: int, steps: int, before: int) -> list[_Node]:
        """What stands there at a step of a pass of so many, with so many in the pass before it."""
        part, whole = 1.0 if before else 0.0, before
        switch = (float(self.when) - part) * steps if "." in self.when else int(self.when) - whole
        return self.before if step < int(switch) else self.after


@dataclass
class _Alternate:
    options: list[list[_Node]]


_Node = str | _Edit | _Alternate


@dataclass
class _Bracket:
    """A square bracket that is open: its parts so far, and what stands between them."""

    parts: list[list[_Node]] = field(default_factory=lambda: [[]])
    marks: list[str] = field(default_factory=list)
    rounds: int = 0


def texts_by_step(prompt: str, steps: int, name: str = "prompt", *, before: int = 0) -> list[tuple[int, str]]:
    """The prompt's texts in order, each with the step that it ends before; the last ends with `steps`.

    `before`: the steps of the first pass, where these are a second's. A prompt that edits nothing is one text, itself.
    Raises BadRequest on `name` for more than `MOST_TEXTS` different.
    """
    if "[" not in prompt:
        return [(steps, prompt)]
    nodes = _parsed(prompt)
    if all(isinstance(node, str) for node in nodes):
        return [(steps, prompt)]
    made: list[tuple[int, str]] = []
    different: set[str] = set()
    for step in range(max(1, steps)):
        text = _text(nodes, step, max(1, steps), before)
        if made and made[-1][1] == text:
            made[-1] = (step + 1, text)
            continue
        made.append((step + 1, text))
        different.add(text)
        if len(different) > MOST_TEXTS:
            raise BadRequest(message("prompt.texts", name, most=MOST_TEXTS))
    return made


def texts_together(
    prompts: Sequence[str], negative: str, steps: int, before: int = 0
) -> list[tuple[int, tuple[str, ...], str]]:
    """As `texts_by_step`, of several prompts and the negative one: what each is until one of them changes."""
    scheduled = [texts_by_step(prompt, steps, before=before) for prompt in prompts]
    against = texts_by_step(negative, steps, "neg", before=before)
    ends = sorted({end for texts in (*scheduled, against) for end, _ in texts})
    return [(end, tuple(_until(end, texts) for texts in scheduled), _until(end, against)) for end in ends]


def _until(end: int, texts: Sequence[tuple[int, str]]) -> str:
    return next(text for last, text in texts if end <= last)


def edits(prompt: str) -> bool:
    """Does the prompt change on the way?"""
    return "[" in prompt and not all(isinstance(node, str) for node in _parsed(prompt))


def _parsed(prompt: str) -> list[_Node]:
    """Texts and what changes them, in time linear in the prompt's length."""
    opened = [_Bracket()]
    for mark in _TOKEN.findall(prompt):
        here = opened[-1]
        if mark == "[" and len(opened) <= _MOST_DEPTH:
            opened.append(_Bracket())
        elif mark == "]" and len(opened) > 1:
            opened.pop()
            opened[-1].parts[-1] += _closed(here)
        elif mark in ":|" and len(opened) > 1 and not here.rounds:
            here.marks.append(mark)
            here.parts.append([])
        else:
            here.rounds = max(0, here.rounds + (mark == "(") - (mark == ")"))
            here.parts[-1].append(mark)
    while len(opened) > 1:
        left = opened.pop()
        opened[-1].parts[-1] += ["[", *_as_written(left)]
    return opened[0].parts[0]


def _closed(bracket: _Bracket) -> list[_Node]:
    """What a bracket is: an alternation, an edit, or what was written."""
    parts, marks = bracket.parts, bracket.marks
    if marks and set(marks) == {"|"}:
        return [_Alternate(parts)]
    if marks and set(marks) == {":"} and len(parts) <= 3 and (when := _when(parts[-1])):
        return [_Edit(parts[0] if len(parts) == 3 else [], parts[-2], when)]
    return ["[", *_as_written(bracket), "]"]


def _when(part: list[_Node]) -> str | None:
    """The number that a part is, if it is one."""
    if not all(isinstance(node, str) for node in part):
        return None
    match = _WHEN.fullmatch("".join(node for node in part if isinstance(node, str)))
    return match[1] if match else None


def _as_written(bracket: _Bracket) -> list[_Node]:
    nodes = list(bracket.parts[0])
    for mark, part in zip(bracket.marks, bracket.parts[1:], strict=True):
        nodes += [mark, *part]
    return nodes


def _text(nodes: list[_Node], step: int, steps: int, before: int) -> str:
    """The text at `step` of a pass, counted from 0."""
    pieces = []
    for node in nodes:
        match node:
            case str():
                pieces.append(node)
            case _Alternate():
                pieces.append(_text(node.options[step % len(node.options)], step, steps, before))
            case _Edit():
                pieces.append(_text(node.at(step, steps, before), step, steps, before))
    return "".join(pieces)
