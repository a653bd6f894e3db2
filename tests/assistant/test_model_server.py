"""A server of language models that misbehaves, in both dialects: what is asked again, how, and when it is given up."""

import asyncio
import json

import pytest

from imagine.assistant.breaker import REST
from imagine.assistant.question import ModelQuestion
from imagine.assistant.trouble import AssistantTrouble
from tests.assistant.fake_models import (
    DRIPS,
    DROPS,
    ENDLESS,
    HANGS,
    MODEL,
    STOPS,
    FakeModels,
    answers,
    modelled,
    says,
    sends,
)  # fmt: skip

SCHEMA = {
    "type": "object",
    "properties": {"thing": {"type": "string"}, "parts": {"type": "array"}},
    "required": ["thing", "parts"],
}
RIGHT = {"thing": "house", "parts": [{"name": "door"}]}
GOOD = says(RIGHT)
TEXT = json.dumps(RIGHT)
STREAMED = {
    "ollama": [{"message": {"content": TEXT[:9]}}, {"message": {"content": TEXT[9:]}, "done_reason": "stop"}],
    "openai": [
        {"choices": [{"delta": {"content": TEXT[:9]}}]},
        {"choices": [{"delta": {"content": TEXT[9:]}, "finish_reason": "stop"}]},
    ],
}


def _stream(prefix: str = "", end: str = ""):
    """A stream that nobody asked for."""
    return lambda fake, *_: sends(
        ("".join(f"{prefix}{json.dumps(part)}\n\n" for part in STREAMED[fake.dialect]) + end).encode()
    )()


def _other_shape(fake: FakeModels, *_: object):
    other = FakeModels({"ollama": "openai", "openai": "ollama"}[fake.dialect])
    return sends(json.dumps(other.shaped(TEXT, "stop")).encode())()


def _in_parts(fake: FakeModels, *_: object):
    return sends(json.dumps(fake.shaped([{"type": "text", "text": TEXT}], "stop")).encode())()


def question(**said):
    return ModelQuestion(
        **{"name": "thing", "model": MODEL, "instruction": "Look.", "text": "?", "schema": SCHEMA} | said
    )


MENDED = {
    # how it misbehaves at first: how many questions it takes until there is an answer
    "in a fence": (says(f"```json\n{TEXT}\n```"), 1),
    "in a fence that isn't closed": (says(f"Here you are:\n```\n{TEXT}"), 1),
    "among remarks": (says(f"Sure! {TEXT} Is there anything else?"), 1),
    "behind thoughts": (says(f'<think>maybe {{"thing": "car"}}?</think>\n{TEXT}'), 1),
    "behind thoughts whose beginning is lost": (says(f"a car? no.\n</think>{TEXT}"), 1),
    "thoughts apart": (says(RIGHT, thinking="a car?", reasoning_content="a car?"), 1),
    "in a list of one": (says([RIGHT]), 1),
    "as text within text": (says(json.dumps(TEXT)), 1),
    "within another object": (says({"result": RIGHT}), 1),
    "fields in capitals": (says({"Thing": "house", "PARTS": [{"name": "door"}]}), 1),
    "a text in parts": (_in_parts, 1),
    "whole, though it says that it was cut": (says(RIGHT, "length"), 1),
    "a stream of lines": (_stream(), 1),
    "a stream of events": (_stream("data: ", "data: [DONE]\n"), 1),
    "the other dialect's shape": (_other_shape, 1),
    "calls of tools beside it": (says(RIGHT, tool_calls=[{"function": {"name": "rm"}}]), 1),
    "no JSON": (says("A red house."), 2),
    "broken JSON": (says(TEXT[:-4]), 2),
    "nothing": (says(""), 2),
    "no content": (says(None), 2),
    "thoughts alone": (says("<think>a house, I believe"), 2),
    "an answer to something else": (says({"colour": "red"}), 2),
    "a part of the answer alone": (says(TEXT[:-1]), 2),
    "a number": (says("12"), 2),
    "nested without end": (says("[" * 50_000), 2),
    "a very long answer": (says("x" * 100_000), 2),
    "cut for want of room": (says(TEXT[:-4], "length"), 2),
    "only calls of tools": (says("", tool_calls=[{"function": {"name": "rm"}}]), 2),
    "a web page": (sends(b"<html>Welcome</html>", "text/html"), 2),
    "no text at all": (sends(b"\xff\xfe\x00"), 2),
    "a body without end": (ENDLESS, 2),
    "an error as a success": (answers(200, {"error": "grammar failed"}), 2),
    "it knows no schemas": (answers(400, {"error": {"message": "response_format is not supported"}}), 2),
    "unprocessable": (answers(422, {"detail": "bad"}), 2),
    "busy": (answers(503, {"error": "server busy"}), 2),
    "too many requests": (answers(429), 2),
    "a fault of its own": (answers(500, {"error": "/home/me/models/x.gguf: llama runner died"}), 2),
    "a gateway before it": (answers(502), 2),
    "hanging up": (DROPS, 2),
    "hanging up half-way": (STOPS, 2),
}  # fmt: skip


@pytest.mark.parametrize("dialect", ["ollama", "openai"])
@pytest.mark.parametrize("how", MENDED)
def test_what_can_be_mended_is(how, dialect):
    act, questions = MENDED[how]

    async def go():
        async with modelled(dialect, act, GOOD) as fake:
            assert await fake.client.ask(question(), 60) == RIGHT
            assert len(fake.asked) == questions

    asyncio.run(go())


LOST = {
    # how it misbehaves: with what that ends, after how many questions
    "never JSON": (says("A house."), "assist.no_json", 3),
    "never anything": (says(" "), "assist.empty", 3),
    "always cut": (says(TEXT[:-4], "length"), "assist.cut", 3),
    "always another answer": (says({"colour": "red"}), "assist.other_json", 3),
    "always busy": (answers(503), "assist.bare", 3),
    "always hanging up": (DROPS, "assist.unreachable", 3),
    "always without end": (ENDLESS, "assist.too_long", 3),
    "sent elsewhere": (answers(302, Location="http://127.0.0.1:9/"), "assist.redirect", 1),
    "another key": (answers(401, {"error": "unauthorized"}), "assist.key", 1),
    "forbidden": (answers(403), "assist.key", 1),
    "no such model": (answers(404, {"error": 'model "seer" not found'}), "assist.status", 1),
    "too large": (answers(413), "assist.bare", 1),
    "declined": (says(None, refusal="I can't help with that."), "assist.declined", 1),
    "packed": (sends(b"\x1f\x8b", **{"Content-Encoding": "gzip"}), "assist.no_reply", 1),
    "never without a fault": (answers(400, {"error": "no"}), "assist.status", 2),
}


@pytest.mark.parametrize("dialect", ["ollama", "openai"])
@pytest.mark.parametrize("how", LOST)
def test_what_cannot_be_mended_ends_with_a_reason(how, dialect):
    act, code, questions = LOST[how]

    async def go():
        async with modelled(dialect, act) as fake:
            with pytest.raises(AssistantTrouble) as caught:
                await fake.client.ask(question(), 60)
            assert caught.value.note.code == code
            assert "/home" not in str(caught.value)
            assert len(fake.asked) == questions

    asyncio.run(go())


@pytest.mark.parametrize("act", [HANGS, DRIPS])
def test_who_does_not_finish_is_not_waited_for(act):
    async def go():
        async with modelled("ollama", act, dialect="ollama", timeout=0.05) as fake:
            with pytest.raises(AssistantTrouble) as caught:
                await fake.client.ask(question(), 60)
            assert (caught.value.note.code, len(fake.waits)) == ("assist.slow", 2)
            with pytest.raises(AssistantTrouble, match=r"within 0 s"):
                await fake.client.ask(question(), 0)  # the time of a whole plan is over

    asyncio.run(go())


def test_it_is_asked_strictly_then_otherwise_with_more_room_and_then_plainly():
    async def bodies(dialect, *script):
        async with modelled(dialect, *script, GOOD) as fake:
            await fake.client.ask(question(picture=b"jpeg", keep_alive=30), 60)
            return fake.asked

    async def go():
        first, again, plain = await bodies("ollama", says("no"), answers(400))
        assert (first["format"], first["think"], first["keep_alive"], first["stream"]) == (SCHEMA, False, 30, False)
        assert first["messages"][1]["images"] == ["anBlZw=="]
        assert "think" not in again
        assert "nothing else" in again["messages"][0]["content"]
        assert "format" not in plain
        assert "thing" in plain["messages"][0]["content"], "the schema stands in words, too"
        (first, again) = await bodies("openai", says(TEXT[:-4], "length"))
        assert first["response_format"]["json_schema"]["schema"] == SCHEMA
        assert first["messages"][1]["content"][1]["image_url"]["url"] == "data:image/jpeg;base64,anBlZw=="
        assert again["max_tokens"] == 4 * first["max_tokens"]

    asyncio.run(go())


def test_it_waits_longer_each_time_and_never_after_the_last():
    async def go():
        async with modelled("ollama", answers(503)) as fake:
            with pytest.raises(AssistantTrouble):
                await fake.client.ask(question(), 60)
            assert fake.waits == [1.0, 2.0], "1·2^k seconds, times 0.5 to 1.5 by chance"

    asyncio.run(go())


def test_who_did_not_answer_twice_is_left_alone_for_a_while_and_then_tried_once():
    async def go():
        async with modelled("ollama", answers(503)) as fake:
            for _ in range(2):
                with pytest.raises(AssistantTrouble):
                    await fake.client.ask(question(), 60)
            before = len(fake.seen)
            with pytest.raises(AssistantTrouble) as caught:
                await fake.client.ask(question(), 60)
            assert caught.value.note.code == "assist.resting"
            assert "503" in str(caught.value), "with the reason that it was left alone for"
            assert len(fake.seen) == before, "nobody was asked"
            fake.now.seconds += REST
            with pytest.raises(AssistantTrouble) as caught:
                await fake.client.ask(question(), 60)
            assert caught.value.note.code == "assist.bare", "one goes through"
            with pytest.raises(AssistantTrouble) as caught:
                await fake.client.ask(question(), 60)
            assert caught.value.note.code == "assist.resting", "and it was in vain"
            fake.now.seconds += REST
            fake.script[:] = [GOOD]
            assert await fake.client.ask(question(), 60) == RIGHT
            assert await fake.client.ask(question(), 60) == RIGHT

    asyncio.run(go())


def test_a_question_that_nobody_waits_for_any_more_says_nothing_of_the_server():
    async def go():
        async with modelled("ollama", answers(503)) as fake:
            for _ in range(2):
                with pytest.raises(AssistantTrouble):
                    await fake.client.ask(question(), 60)
            fake.now.seconds += REST
            fake.script[:] = [HANGS]
            before = len(fake.asked)
            asking = asyncio.create_task(fake.client.ask(question(), 60))
            while len(fake.asked) == before:
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            fake.script[:] = [GOOD]
            assert await fake.client.ask(question(), 60) == RIGHT, "it may be tried again at once"

    asyncio.run(go())


def test_nonsense_is_no_reason_to_leave_a_server_alone():
    async def go():
        async with modelled("openai", says("no")) as fake:
            for _ in range(4):
                with pytest.raises(AssistantTrouble) as caught:
                    await fake.client.ask(question(), 60)
                assert caught.value.note.code == "assist.no_json"

    asyncio.run(go())


@pytest.mark.parametrize(("dialect", "path"), [("ollama", "/api/chat"), ("openai", "/v1/chat/completions")])
def test_the_dialect_is_found_out_and_one_connection_serves_all(dialect, path):
    async def go():
        async with modelled(dialect, GOOD) as fake:
            chosen = await fake.client.models()
            for _ in range(3):
                await fake.client.ask(question(model=chosen.vision), 60)
            assert (chosen.vision, chosen.text) == (MODEL, MODEL)
            assert fake.seen.count("/api/version") == 1
            assert fake.seen.count(path) == 3
            assert len(fake.connections) == 1

    asyncio.run(go())


def test_a_key_is_sent_and_one_that_cannot_be_read_is_no_request(tmp_path):
    key = tmp_path / "key"

    async def go():
        async with modelled("openai", lambda _, request, __: answers(200, {
            "choices": [{"message": {"content": json.dumps({"thing": request.headers["Authorization"]})}}]
        })(), key_file=key) as fake:  # fmt: skip
            with pytest.raises(AssistantTrouble, match="key"):
                await fake.client.ask(question(), 60)
            assert fake.seen == []
            key.write_text("secret\n")
            assert await fake.client.ask(question(), 60) == {"thing": "Bearer secret"}

    asyncio.run(go())


def test_models_go_before_a_picture_is_made_and_are_waited_for():
    async def go():
        async with modelled("ollama", GOOD, running={MODEL, "another"}, stays=3) as fake:
            assert await fake.client.unload(), "nothing of ours is there"
            assert "/api/generate" not in fake.seen
            await fake.client.ask(question(), 60)
            assert await fake.client.unload()
            assert fake.seen.count("/api/generate") == 1, "ours alone"
            assert len(fake.waits) == 2
        async with modelled("ollama", GOOD, running={MODEL}, stays=10_000) as fake:
            await fake.client.ask(question(), 60)
            assert not await fake.client.unload(), "it isn't waited for without end"

    asyncio.run(go())
