"""The pictures of one command: of one prompt, of each line of a file, or of one prompt after another."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ..client.client import Client, ResponseError
from ..words.model_names import stem_of
from .asking import PRIORITY, body_from
from .console import note, warn, write, write_json
from .exits import DONE, FAILED
from .inputs import STDIN, prompt_from_stdin, prompts_from
from .model_first import model_first, names_from, say_shipped
from .outputs import outputs_of
from .painting import Painter
from .same_model import with_holders

if TYPE_CHECKING:
    from .destination import Destination
    from .terminal import Screen

_BAD_REQUEST = 400


class Session:
    """What was typed, which every picture shares. `connect` finds a server, or starts one."""

    def __init__(
        self, connect: Callable[[], Client], place: Destination, typed: dict[str, Any], source: str | None,
        screen: Screen | None, *, as_json: bool, detach: bool = False,
    ) -> None:  # fmt: skip
        self.typed = typed
        self._connect = connect
        self._place = place
        self._source = source
        self._screen = screen
        self._as_json = as_json
        self._detach = detach
        self._number = self._done = 0

    def one(self, words: tuple[str, ...]) -> None:
        """The picture that the words ask for. Raises click.UsageError, ImagineError."""
        if not words and self._source is None:
            words = (STDIN,)
            if sys.stdin is None or sys.stdin.isatty():
                raise click.UsageError("Missing argument 'PROMPT...'.")
        if words == (STDIN,):
            words = (prompt_from_stdin(),)
        body = body_from(self._prompt(words) if words else None, self.typed, self._source)
        client = self._connect()
        if "model" not in body:
            listed = client.models()
            if parted := model_first(words, names_from(listed)):
                body["model"], prompt = parted
                body["prompt"] = prompt_from_stdin() if prompt == STDIN else self._prompt((prompt,))
            else:
                say_shipped(client, listed)
        self._paint(client, body)

    def connect(self) -> Client:
        """The server for several prompts; says where it has nothing but the shipped model."""
        client = self._connect()
        if self.typed["model"] is None and self._source is None:
            say_shipped(client, client.models())
        return client

    def each(self, prompts: str) -> int:
        """A picture, or several, of each prompt in the file; one that is refused keeps no other from its own."""
        lines = prompts_from(prompts)
        client, refusal = self.connect(), ""
        for number, prompt in enumerate(lines, 1):
            try:
                self.next(prompt, client)
            except ResponseError as error:
                if error.status != _BAD_REQUEST or str(error) == refusal:  # the same again is of no single prompt
                    raise
                refusal = str(error)
                note(f"Error: prompt {number} of {len(lines)}: {error}")
        return FAILED if refusal else DONE

    def next(self, prompt: str, client: Client | None = None) -> None:
        """The picture of one prompt of several: a name that was given is numbered."""
        body = body_from(prompt, self.typed, self._source)
        self._number += 1
        self._paint(client or self._connect(), body, self._number)

    def _paint(self, client: Client, body: dict[str, Any], number: int | None = None) -> None:
        place = self._place
        if body.pop("assist_ask", False):
            from .assist import agreed

            body = agreed(client, body)
        if (priority := self.typed.get(PRIORITY)) is not None:
            body[PRIORITY] = priority
        if self._detach:
            self._say(client.detach(body))
            return
        if number is not None and place.overwrites:
            place = place._replace(name=f"{place.name}-{number}")
        known = {"prompt": body["prompt"]} | ({"model": stem_of(body["model"])} if "model" in body else {})
        count = body.get("count") or 1
        outputs = outputs_of(place, count, known, done=self._done)
        self._done += count
        try:
            Painter(client, self._screen, as_json=self._as_json).paint(body, outputs)
        except ResponseError as error:
            raise with_holders(client, body, error) from error

    def _say(self, order: dict[str, Any]) -> None:
        """The id of an order that nobody waits for here."""
        for warning in order.get("warnings", []):
            warn(warning)
        if self._as_json:
            write_json(order)
        else:
            write(order["id"])

    def _prompt(self, words: tuple[str, ...]) -> str:
        """The words joined. Raises click.UsageError where they say nothing, and no picture does."""
        shown = any(self.typed[name] for name in ("img", "control", "references"))
        if not (prompt := " ".join(words)).strip() and not shown:
            raise click.UsageError("The prompt is empty.")
        return prompt
