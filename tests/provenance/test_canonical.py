"""Canonical bytes: a signed file taken apart is the unsigned one, and put together again the signed one."""

import hashlib
import io
import random

import pytest
from PIL import Image

from imagine.pictures.canonical import Halves, canonical, digest, halves, joined
from tests.provenance.signing import TYPES, picture, sign

JUMBF = b"JP" + bytes([0, 7, 0, 0, 0, 1]) + b"\0\0\0\x30jumb\0\0\0\x20jumd"


@pytest.mark.parametrize("media_type", TYPES)
def test_a_signed_file_without_its_manifest_is_the_file_that_was_signed(media_type):
    plain = picture(media_type)
    one, other = sign(plain), sign(plain)
    assert one != other, "salts make each signature another"
    assert canonical(one) == canonical(other) == plain
    assert joined(*halves(one)) == one
    assert digest(one) == digest(other) == hashlib.sha256(plain).hexdigest()


@pytest.mark.parametrize("media_type", TYPES)
def test_what_has_no_manifest_is_as_it_is(media_type):
    data = picture(media_type)
    assert halves(data) == Halves(data, ())
    assert canonical(data) is data, "nothing is copied"


def test_other_boxes_of_a_jpeg_stay():
    plain = picture("image/jpeg")
    other = JUMBF + b"abcd" + bytes(28)
    segment = b"\xff\xeb" + (len(other) + 2).to_bytes(2, "big") + other
    with_another = plain[:2] + segment + plain[2:]
    assert canonical(with_another) == with_another
    assert canonical(sign(with_another)) == with_another


def test_a_webp_that_only_holds_pixels_is_whole_again():
    file = io.BytesIO()
    Image.new("RGB", (21, 13), "red").save(file, "WEBP")
    signed = sign_any(file.getvalue())
    assert joined(*halves(signed)) == signed
    assert Image.open(io.BytesIO(canonical(signed))).size == (21, 13)


def sign_any(data):
    """Signed by the library alone, which makes an extended file of a simple one."""
    from imagine.provenance import library
    from tests.provenance.signing import somebody

    c2pa, me, out = library.library(), somebody(), io.BytesIO()
    info = c2pa.C2paSignerInfo(b"es256", me.certificates.encode(), me.key.encode(), None)
    builder = c2pa.Builder({"claim_generator_info": [{"name": "x", "version": "1"}]}, context=library.context())
    kind = c2pa.C2paDigitalSourceType.TRAINED_ALGORITHMIC_MEDIA
    builder.set_intent(c2pa.C2paBuilderIntent.CREATE, kind)
    builder.sign(c2pa.Signer.from_info(info), "image/webp", io.BytesIO(data), out)
    return out.getvalue()


@pytest.mark.parametrize("media_type", TYPES)
def test_whatever_a_file_holds_it_comes_together_as_it_was(media_type):
    signed, dice = sign(picture(media_type)), random.Random(5)
    for _ in range(300):
        at = dice.randrange(len(signed))
        broken = signed[:at] + bytes([dice.randrange(256)]) + signed[at + 1 :]
        broken = broken[: dice.choice([len(broken), dice.randrange(len(broken))])]
        taken = halves(broken)
        assert halves(taken.canonical).cuts in ((), taken.cuts) or len(taken.canonical) < len(broken)
        if media_type != "image/webp" or broken[4:8] == signed[4:8]:
            assert joined(*taken) == broken
