"""`imagine keys new`: a key that is shown once, and what the configuration file is to say of it."""

import json

import pytest

from imagine.cli.main import main
from imagine.settings.keys import digest_of
from imagine.settings.settings import settings_from


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code)


def test_what_it_says_makes_the_key_that_it_shows_one_for_drawing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("keys", "new", "the kids") == 0
    said = capsys.readouterr()
    (line,) = [each for each in said.err.splitlines() if each.startswith(" ")]
    settings, warnings = settings_from(environ={}, config=f"keys:\n{line}")
    (made,) = settings.keys
    assert (warnings, made.name, made.scopes) == ([], "the kids", ("generate",))
    assert made.digest == digest_of(said.out.strip())
    assert said.out.strip() not in said.err


def test_it_is_another_each_time_and_wants_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for _ in range(2):
        assert run("keys", "new", "anna", "--json") == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0]["key"] != told[1]["key"]
    for wrong in ([], ["a/b"], ["a\x1b[31mb"]):
        assert run("keys", "new", *wrong) == 2
        assert "NAME" in capsys.readouterr().err
