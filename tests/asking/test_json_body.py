"""Bodies that try things: each is refused in a sentence, and what is plain is read exactly."""

import base64
import json
import os
import re

import pytest

from imagine.asking.json_body import MAX_DEPTH, MAX_PARTS, read_json
from imagine.messages import sentence
from imagine.words.errors import BadRequest
from tests.growth import spent


def refusal(data: bytes) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        read_json(data)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 200, message
    message.encode()
    return caught.value


def test_a_plain_body_is_read_exactly():
    body = {"prompt": "лиса 🦊", "seed": 2**64 - 1, "guidance": 7.5, "hires": {"scale": 1.5}, "img": None, "x": [True]}
    for text in (json.dumps(body).encode(), json.dumps(body, ensure_ascii=False).encode(), b"\xef\xbb\xbf \n{}\r\n "):
        assert read_json(text) == (body if b"prompt" in text else {})
    assert read_json(b'{"seed": 18446744073709551615}')["seed"] == 2**64 - 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"[1]", "the body is a list; it must be a JSON object"),
        (b'"text"', "the body is 'text'; it must be a JSON object"),
        (b"null", "the body is null"),
        (b"{", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b'{"a": 1} x', "not JSON: something stands behind its end, at character 9"),
        (b"prompt=a+fox", "not JSON"),
        (b'{"a": "\x01"}', "not JSON"),
        (b'{"a": "\xff"}', "not UTF-8: byte 7"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1e999}', "1e999"),
        (b'{"a": 1.' + b"0" * 10**6 + b"}", "too long"),
        (b'{"a": ' + b"9" * 5000 + b"}", "5000 digits"),
        (b'{"a": -' + b"9" * 21 + b"}", "digits"),
        (b'{"a": 1, "b": 2, "a": 1}', "'a' twice"),
        (b'{"x": [{"a": 1, "a": 2}]}', "'a' twice"),
        (b'{"a": "\\ud800"}', "a holds half a character, the lone surrogate U+D800"),
        (b'{"a": [{"b": "x\\udfffy"}]}', "a holds half a character, the lone surrogate U+DFFF"),
        (b'{"a": {"\\ud800": 1}}', "half a character"),
        (b'{"\\ud800": 1}', "half a character"),
        (b'{"a": ' + b"[" * 50_000, "deep"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "deep"),
        (b'{"a": [' + b"1," * MAX_PARTS + b"1]}", f"more than {MAX_PARTS} values"),
        (b'{"a": [' + b"[[[[]]]]," * (MAX_PARTS // 4) + b"1]}", f"more than {MAX_PARTS} values"),
    ],
)
def test_a_hostile_body_is_refused(data, said):
    assert said in str(refusal(data))


def test_the_field_is_named_where_it_is_known():
    assert refusal(b'{"neg": "\\udc80"}').field == "neg"
    assert refusal(b'{"neg": 1, "neg": 1}').field == "neg"


def test_depth_is_counted_from_the_body_itself():
    def nested(depth: int) -> bytes:
        return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"

    assert read_json(nested(MAX_DEPTH))
    assert "deep" in str(refusal(nested(MAX_DEPTH + 1)))
    objects = b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH
    assert read_json(objects)
    assert "deep" in str(refusal(b'{"a":' + objects + b"}"))


def test_a_paired_surrogate_is_a_character():
    assert read_json(b'{"a": "\\ud83e\\udd8a"}') == {"a": "🦊"}


def test_a_large_picture_is_read_about_as_fast_as_it_is_decoded():
    text = base64.b64encode(os.urandom(6_000_000))
    body = b'{"prompt": "a", "img": "' + text + b'"}'
    assert len(read_json(body)["img"]) == len(text)
    ratios = []
    for _ in range(20):  # a busy machine is slow at either, in a few of them
        ratios.append(spent(lambda: read_json(body)) / spent(lambda: base64.b64decode(text, validate=True)))
        if ratios[-1] < 10:
            return
    raise AssertionError(f"it took {ratios} times as long")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"{", "имя в двойных кавычках"), (b'{"a" 1}', "':'"), (b'{"a": 1 "b"', "','"), (b"x", "значение"),
        (b"{} x", "после конца"), (b'{"a', "не закрыта"), (b'{"a\t": 1}', "символ"),
        (b'{"\\x": 1}', "последовательности"), (b'{"\\u12": 1}', "последовательности"),
    ],
)  # fmt: skip
def test_what_is_broken_is_said_in_russian_to_its_end(data, says):
    said = sentence(refusal(data).note, "ru")
    assert says in said
    assert "удаётся" not in said
    assert re.findall("[a-z]+", said.replace("JSON", "")) == []
