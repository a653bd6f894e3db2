"""The process that makes the SHA-256 of a whole file."""

import hashlib
import os
import subprocess

import msgspec
import psutil
import pytest

from imagine.identity import whole
from imagine.identity.stamp import stamp_of
from imagine.identity.whole import Question, digests_of_file
from imagine.processes.runtime import digest_command


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "x"
    made.write_bytes(bytes(range(256)) * 100)
    return made


def asked(text):
    return subprocess.run(digest_command(), input=text, capture_output=True, timeout=240, check=False)


def test_it_is_of_the_whole_file(path, monkeypatch):
    monkeypatch.setattr(whole, "_CHUNK", 1000)
    assert digests_of_file(stamp_of(path)) == [hashlib.sha256(path.read_bytes()).hexdigest()]


@pytest.mark.parametrize("header", [b"{}", b"{" + b" " * 1500 + b"}"])
def test_what_is_behind_a_header_has_one_of_its_own(path, monkeypatch, header):
    monkeypatch.setattr(whole, "_CHUNK", 1000)
    data = path.read_bytes()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    both = [hashlib.sha256(each).hexdigest() for each in (path.read_bytes(), data)]
    assert digests_of_file(stamp_of(path), True) == both


def test_another_file_has_none(path):
    before = stamp_of(path)
    path.write_bytes(b"another")
    assert digests_of_file(before) == []
    path.unlink()
    os.mkfifo(path)
    assert digests_of_file(before) == []  # and nobody waited for its writer
    path.unlink()
    with pytest.raises(FileNotFoundError):
        digests_of_file(before)


@pytest.mark.parametrize("behind", [False, True])
def test_it_answers_in_a_line(path, behind):
    command = digest_command()
    path.write_bytes((2).to_bytes(8, "little") + b"{}" + path.read_bytes())
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(msgspec.json.encode(Question(stamp_of(path), behind)) + b"\n")
        process.stdin.flush()
        parts = [path.read_bytes(), path.read_bytes()[10:]][: 1 + behind]
        answer = " ".join(hashlib.sha256(part).hexdigest() for part in parts)
        assert process.stdout.read().decode() == answer + "\n"
        process.stdin.close()
        assert process.wait(240) == 0


def test_it_makes_way_for_others_and_ends_with_its_input(tmp_path):
    endless = tmp_path / "endless"
    with endless.open("wb") as file:
        file.truncate(2**40)  # hours of reading
    with subprocess.Popen(digest_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(msgspec.json.encode(Question(stamp_of(endless))) + b"\n")
        process.stdin.flush()
        while psutil.Process(process.pid).nice() != 19:
            assert process.poll() is None, "it ended before it made way"
        process.stdin.close()
        assert (process.wait(240), process.stdout.read()) == (1, b"")


def test_what_is_no_question_has_no_answer():
    done = asked(b"[1, 2]\n")
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
