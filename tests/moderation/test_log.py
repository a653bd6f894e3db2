"""What moderation decided is written down, and what was asked isn't."""

import json
import logging
from datetime import UTC, datetime

import pytest

from imagine.moderation.log import VerdictLog
from imagine.words.moderation import ModerationSettings, ModerationVerdict
from tests.server.served import ask

VERDICT = ModerationVerdict(
    action="block", categories={"sexual": 1.0}, stage="prompt", rule="nudity", policy="standard"
)
LINE = {
    "time": "2026-11-29T08:00:00.000+00:00", "action": "block", "categories": {"sexual": 1.0}, "stage": "prompt",
    "rule": "nudity", "policy": "standard", "client": "10.0.0.7",
}  # fmt: skip


def now():
    return datetime(2026, 11, 29, 8, tzinfo=UTC)


def test_a_line_of_json_for_each_that_only_its_owner_reads(tmp_path):
    path = tmp_path / "moderation.jsonl"
    log = VerdictLog(path, now)
    log.write(VERDICT, "10.0.0.7")
    path.rename(tmp_path / "moderation.1")  # as logrotate does
    log.write(VERDICT, "10.0.0.7", "a prompt\nof two lines")
    assert json.loads((tmp_path / "moderation.1").read_text()) == LINE
    assert [json.loads(line) for line in path.read_text().splitlines()] == [LINE | {"prompt": "a prompt\nof two lines"}]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_can_not_be_written_stops_nobody(tmp_path, caplog):
    VerdictLog(tmp_path / "nowhere" / "log").write(VERDICT, "10.0.0.7")
    assert "can't be written: No such file or directory" in caplog.text


@pytest.mark.parametrize("debug", [False, True])
def test_the_prompt_stands_there_only_if_the_owner_logs_prompts(tmp_path, caplog, debug):
    path = tmp_path / "moderation.jsonl"

    async def act(client):
        async with client.post("/generate", json={"prompt": "a gory walrus"}) as answer:
            assert answer.status == 400
        async with client.get("/metrics") as answer:
            assert (
                'imagine_moderation_total{action="block",rule="blocked_terms",stage="prompt"} 1.0'
                in await answer.text()
            )

    caplog.set_level(logging.INFO)
    ask(tmp_path / "home", act, blocked_terms=("gory",), moderation=ModerationSettings(log=path), debug=debug)
    (line,) = map(json.loads, path.read_text().splitlines())
    assert (line["rule"], line.get("prompt")) == ("blocked_terms", "a gory walrus" if debug else None)
    assert "walrus" not in "".join(record.getMessage() for record in caplog.records if record.levelno >= logging.INFO)
