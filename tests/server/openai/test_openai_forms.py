"""Forms, as OpenAI's SDKs and other programs write them, are the same fields as JSON; broken ones are refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagine.server.http.forms import MAX_PARTS
from imagine.server.openai.forms import fields_from_form
from imagine.words.errors import BadRequest

TYPE = "multipart/form-data; boundary=bound"


def form(*parts, end=b"--bound--\r\n"):
    """A body of (disposition's parameters, bytes)."""
    head = b"--bound\r\nContent-Disposition: form-data; %s\r\nContent-Type: application/octet-stream\r\n\r\n%s\r\n"
    return b"".join(head % part for part in parts) + end


def text(name, value):
    return b'name="%s"' % name.encode(), value.encode()


def file(name, data=b"\x89PNG\r\n--boun\x00"):
    return b'name="%s"; filename="upload"' % name.encode(), data


def fields(*parts):
    return fields_from_form(form(*parts), TYPE)


def test_texts_become_what_their_fields_are():
    said = fields(
        text("prompt", "12"), text("n", "2"), text("stream", "true"), text("guidance_scale", "5.5"), text("cfg", "7"),
        text("seed", "591445185899376350"), text("user", "true"), text("quality", "low"), text("reproducible", "False"),
        text("strength", ""), text("colour", "5"), text("hires[scale]", "1.5"), text("hires[steps]", "9"),
    )  # fmt: skip
    assert said == {
        "prompt": "12", "n": 2, "stream": True, "guidance_scale": 5.5, "cfg": 7, "seed": "591445185899376350",
        "user": "true", "quality": "low", "reproducible": False, "strength": None, "colour": "5",
        "hires": {"scale": 1.5, "steps": 9},
    }  # fmt: skip


def test_what_is_no_number_stays_text_to_be_refused_as_such():
    assert fields(text("n", "two"), text("stream", "maybe")) == {"n": "two", "stream": "maybe"}


@pytest.mark.parametrize(
    ("parts", "loras"),
    [
        ([text("loras[ink]", "0.8"), text("loras[my pen]", "1")], {"ink": 0.8, "my pen": 1}),
        ([text("loras[]", "ink"), text("loras[]", "pen")], ["ink", "pen"]),
        ([text("loras", '{"ink": 0.8}')], {"ink": 0.8}),
        ([text("loras", '["ink"]')], ["ink"]),
        ([text("loras", "{broken")], "{broken"),
        ([text("loras", '1}, {"a": [1')], '1}, {"a": [1'),
        ([text("loras", "ink")], "ink"),
        (
            [text("loras[0][name]", "ink"), text("loras[0][weight]", "0.8"), text("loras[1][name]", "pen")],
            [{"name": "ink", "weight": 0.8}, {"name": "pen"}],
        ),
    ],
)
def test_lists_and_tables_come_part_by_part_or_as_json(parts, loras):
    assert fields(*parts) == {"loras": loras}


def test_pictures_come_as_one_or_as_several():
    data = b"\x89PNG\r\n--boun\x00"
    assert fields(file("image"))["image"] == data
    assert fields(file("image[]"), file("image[]", b"2"))["image"] == [data, b"2"]
    assert fields(file("image[0]"), file("image[1]", b"2"))["image"] == [data, b"2"]
    assert fields(file("image"), file("image", b"2"), file("image", b"3"))["image"] == [data, b"2", b"3"]
    assert fields(text("reference_images[]", "QUJD"))["reference_images"] == ["QUJD"]
    assert fields(text("images[][image_url]", "data:x"))["images"] == [{"image_url": "data:x"}]
    assert fields((b'name="image"', b"\xff\xd8\xff"))["image"] == b"\xff\xd8\xff"


@pytest.mark.parametrize(
    ("body", "content_type", "sentence"),
    [
        (form(file("image")), "multipart/form-data", "names no boundary"),
        (form(file("image")), "multipart/form-data; boundary=other", "not a form"),
        (form(file("image")), "multipart/form-data; boundary=" + "x" * 500, "not a form"),
        (form(file("image"), end=b""), TYPE, "was cut off"),
        (b"", TYPE, "was cut off"),
        (b"junk", TYPE, "not a form"),
        (form(*[text("n", "1")] * (MAX_PARTS + 1)), TYPE, "more than 256 parts"),
        (form(text("n", "1"), text("n", "2")), TYPE, "the form says n twice"),
        (form(text("hires[scale]", "1"), text("hires[scale]", "2")), TYPE, "the form says hires twice"),
        (form(text("image", "1"), text("image[a]", "2")), TYPE, "the form says image twice"),
        (form(text("hires[a]", "1"), text("hires[]", "2")), TYPE, "as one and as several"),
        (form(file("prompt")), TYPE, "prompt is a file"),
        (form((b'name="prompt"', b"\xff")), TYPE, "'prompt' in the form is not UTF-8"),
        (form((b"", b"x")), TYPE, "no name of a field"),
        (form(text("a[b][c][d][e]", "x")), TYPE, "no name of a field"),
        (form(text("[]", "x")), TYPE, "no name of a field"),
        (b"--bound\r\n" + b"X: 1\r\n" * 5000 + b"\r\nx\r\n--bound--\r\n", TYPE, "not a form"),
        (b"--bound\r\nX: " + b"1" * 100_000 + b"\r\n\r\nx\r\n--bound--\r\n", TYPE, "not a form"),
    ],
)
def test_a_form_that_is_none_is_refused(body, content_type, sentence):
    with pytest.raises(BadRequest, match=sentence):
        fields_from_form(body, content_type)


@settings(deadline=None)  # the time says how busy the machine is
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_fields_or_a_refusal(data, framed):
    body = b"--bound\r\n" + data + b"\r\n--bound--\r\n" if framed else data
    try:
        assert isinstance(fields_from_form(body, TYPE), dict)
    except BadRequest as error:
        assert str(error)  # noqa: PT017 - either is fine, nothing else is
