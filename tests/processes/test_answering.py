"""A process that answers requests: what it reads, what it writes, and how it ends."""

import os
import threading

from imagine.processes.answering import answer


def answers_to(sent, most=2**20):
    """What comes back for these bytes, after which the gateway is gone."""
    (requests, theirs), (ours, answers) = os.pipe(), os.pipe()
    answering = threading.Thread(target=answer, args=((requests, answers), most, lambda body: body[::-1]))
    answering.start()
    with open(theirs, "wb", buffering=0) as gateway:  # noqa: PTH123 - a descriptor
        gateway.write(sent)
    with open(ours, "rb") as heard:  # noqa: PTH123 - a descriptor
        got = heard.read()
    answering.join()
    return got


def framed(body):
    return len(body).to_bytes(4, "big") + body


def test_each_request_is_answered_in_turn_however_large_until_there_are_no_more():
    large = bytes(range(256)) * 256  # more than a pipe holds at once, beside the others
    assert answers_to(framed(b"ab") + framed(large) + framed(b"cde")) == b"ba" + large[::-1] + b"edc"


def test_half_a_request_is_none():
    assert answers_to(b"\0\0") == b""
    assert answers_to(framed(b"whole") + b"\0\0\0\x05ha") == b"elohw"
