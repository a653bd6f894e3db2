"""`imagine run` in a terminal: one prompt after another, with settings that stay from one to the next."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from ..files.folders import make_own
from ..files.model_folders import home_from
from ..words.errors import ImagineError
from .console import note, write
from .exits import DONE
from .session import Session
from .signals import heard_at_once
from .table import table

_SIGN = ">>> "
_KEPT = 1000
_FIXED = frozenset(["words", "address", "output", "source", "prompts", "show", "as_json", "meta", "help"])
"""What of the command line stays as it was typed."""
_COMMANDS = {
    "/set NAME VALUE": "say something for the prompts that follow, such as /set steps 30",
    "/set NAME": "leave it to the server again",
    "/show": "what is set",
    "/help": "this",
    "/bye": "end, as Ctrl-D does",
}


def converse(session: Session, command: click.Command) -> int:
    """Asks for prompts until the end. Ctrl-C takes back the picture that is being made, or the line."""
    settings = PromptOptions(session.typed, command)
    session.connect()
    note("What shall it be? /help tells what else there is; Ctrl-D ends.")
    with _line_editing(settings):
        while (line := _line()) is not None:
            try:
                if line.startswith("/"):
                    if not _obey(line, settings):
                        break
                elif line:
                    session.next(line)
            except KeyboardInterrupt:
                note("cancelled")
            except (ImagineError, click.ClickException) as error:
                note(f"Error: {error.format_message() if isinstance(error, click.ClickException) else error}")
    return DONE


class PromptOptions:
    """What is said for each prompt, by the names of the command's options; `typed` is changed in place."""

    def __init__(self, typed: dict[str, Any], command: click.Command) -> None:
        self._typed = typed
        self._context = click.Context(command)
        self._options = {
            spelling.lstrip("-").replace("-", "_"): parameter
            for parameter in command.params
            if isinstance(parameter, click.Option) and parameter.name not in _FIXED
            for spelling in parameter.opts
            if spelling.startswith("--")
        }

    @property
    def names(self) -> list[str]:
        """What can be set, by each spelling."""
        return list(self._options)

    def set(self, name: str, value: str) -> None:
        """Take a value, or forget it where it is empty. Raises click.UsageError."""
        option = self._options.get(name.lstrip("-").replace("-", "_"))
        if option is None:
            raise click.UsageError(f"There is no {name}; there are {', '.join(self._options)}.")
        assert option.name is not None
        if option.is_flag and value:
            value = "1" if click.BOOL.convert(value, option, None) else ""
        several = [part.strip() for part in value.split(",")] if option.multiple else value
        self._typed[option.name] = option.type_cast_value(self._context, several) if value else None

    def shown(self) -> str:
        """What is set, one a line."""
        given = {name: value for name, value in self._typed.items() if value not in (None, ())}
        rows = [[n, ", ".join(value) if isinstance(value, tuple) else str(value)] for n, value in given.items()]
        return table(["NAME", "VALUE"], rows) if rows else "nothing is set: the server decides"

    def values(self, name: str, begun: str) -> list[str]:
        """What the value of that name could go on to be."""
        option = self._options.get(name)
        return [] if option is None else [item.value for item in option.shell_complete(self._context, begun)]


def _obey(line: str, settings: PromptOptions) -> bool:
    """Does what a line that begins with `/` says; false where that is to end."""
    verb, _, rest = line.partition(" ")
    name, _, value = rest.strip().partition(" ")
    match verb:
        case "/bye" | "/exit" | "/quit":
            return False
        case "/set" if name:
            settings.set(name, value.strip().strip("'\""))
        case "/set" | "/show":
            write(settings.shown())
        case "/help" | "/?":
            write("\n".join(f"{words:<18}{meaning}" for words, meaning in _COMMANDS.items()))
            write(f"NAME is one of: {', '.join(settings.names)}")
        case _:
            raise click.UsageError(f"There is no {verb}; /help tells what there is.")
    return True


def _line() -> str | None:
    """What is typed next, empty where Ctrl-C took it back; None at the end."""
    try:
        with heard_at_once():
            return input(_SIGN).strip()
    except EOFError:
        note("")
        return None
    except KeyboardInterrupt:
        note("")
        note("(Ctrl-D or /bye ends)")
        return ""
    except UnicodeDecodeError:
        note("Error: that is no text in UTF-8")
        return ""


@contextlib.contextmanager
def _line_editing(settings: PromptOptions, environ: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Within, lines can be edited, completed, and called back from earlier sessions, where the system has readline."""
    try:
        import readline
    except ImportError:
        yield
        return
    file = None if environ.get("IMAGINE_NOHISTORY") else home_from(environ) / "history"
    readline.set_completer_delims(" ")
    readline.set_completer(lambda begun, number: _offered(readline.get_line_buffer(), begun, settings, number))
    readline.parse_and_bind("bind ^I rl_complete" if "libedit" in (readline.__doc__ or "") else "tab: complete")
    readline.set_history_length(_KEPT)
    if file is not None:
        with contextlib.suppress(OSError):  # there is none yet
            readline.read_history_file(file)
    try:
        yield
    finally:
        if file is not None:
            with contextlib.suppress(OSError):  # a home that can't be written to has no history
                _own(file)
                readline.write_history_file(file)


def _own(file: Path) -> None:
    """An empty file that only this user can read, before prompts get into it."""
    make_own(file.parent)
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))


def _offered(line: str, begun: str, settings: PromptOptions, number: int) -> str | None:
    """The completion of that number, of what is being typed; None behind the last."""
    words = line.lstrip().split(" ")
    if len(words) == 1 and begun.startswith("/"):
        offered = [words.split()[0] for words in _COMMANDS if words.startswith(begun)]
    elif words[0] == "/set" and len(words) == 2:
        offered = [name for name in settings.names if name.startswith(begun)]
    elif words[0] == "/set" and len(words) == 3:
        offered = settings.values(words[1], begun)
    else:
        offered = []
    matches = list(dict.fromkeys(offered))
    return matches[number] + " " if number < len(matches) else None
