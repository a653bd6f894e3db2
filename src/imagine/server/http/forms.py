"""Multipart bodies, taken apart: the one reader of forms, whichever dialect's program writes them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ...asking.checking import shown
from ...messages import message
from ...words.errors import BadRequest

logging.getLogger("python_multipart").setLevel(logging.ERROR)  # what a client writes wrongly is answered, not logged
MAX_PARTS = 256
_PLAIN = ("binary", "8bit", "7bit")


class PartRead(NamedTuple):
    """One part of a form, as it came."""

    name: str
    data: bytes
    filename: str | None
    """What a file is called where it comes from; None of what is no file."""
    content_type: str


def parts_from(body: bytes, content_type: str) -> Iterator[PartRead]:
    """The parts of a form, in their order. Raises BadRequest."""
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise BadRequest(message("form.boundary"))
    reader = _FormReader()
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise BadRequest(message("form.broken", why=str(error))) from error
    if not reader.ended:
        raise BadRequest(message("form.cut"))
    for headers, data in reader.parts:
        _check_plain(headers)
        options = parse_options_header(headers.get(b"content-disposition", b""))[1]
        filename = options.get(b"filename")
        yield PartRead(
            options.get(b"name", b"").decode("utf-8", "replace"), data,
            None if filename is None else filename.decode("utf-8", "replace"),
            headers.get(b"content-type", b"").decode("latin-1"),
        )  # fmt: skip


def _check_plain(headers: dict[bytes, bytes]) -> None:
    """Parts come as they are: what is packed again would be taken for something else."""
    for header, plain in ((b"content-encoding", ("identity",)), (b"content-transfer-encoding", _PLAIN)):
        value = headers.get(header, plain[0].encode()).decode("latin-1").strip().lower()
        if value not in plain:
            raise BadRequest(message("form.packed", header=header.decode(), how=shown(value)))


class _FormReader:
    """Collects what the parser finds."""

    def __init__(self) -> None:
        self.parts: list[tuple[dict[bytes, bytes], bytes]] = []
        self.ended = False
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = bytearray(), bytearray()
        self._data = bytearray()

    def callbacks(self) -> Any:
        """What the parser calls, by its names."""
        return {
            "on_part_begin": self._begin, "on_part_data": _into(lambda: self._data), "on_part_end": self._end_part,
            "on_header_field": _into(lambda: self._name), "on_header_value": _into(lambda: self._value),
            "on_header_end": self._end_header, "on_end": self._end,
        }  # fmt: skip

    def _begin(self) -> None:
        if len(self.parts) >= MAX_PARTS:
            raise BadRequest(message("form.parts", most=MAX_PARTS))
        self._headers, self._data = {}, bytearray()

    def _end_header(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name, self._value = bytearray(), bytearray()

    def _end_part(self) -> None:
        self.parts.append((self._headers, bytes(self._data)))
        self._data = bytearray()

    def _end(self) -> None:
        self.ended = True


def _into(target: Callable[[], bytearray]) -> Callable[[bytes, int, int], None]:
    return lambda data, start, end: target().extend(data[start:end])
