"""Manifests as an independent reader sees them: whole, trusted with our root, broken by a flip, without a secret."""

import datetime
import getpass
import json
import platform
import re
from pathlib import Path

import pytest
from cryptography import x509

from imagine.pictures.canonical import halves
from imagine.provenance import certificates
from imagine.provenance.manifest import Provenance
from tests.provenance.signing import SECRET, TYPES, flipped, picture, read, sign, somebody


def actions(told):
    active = told["manifests"][told["active_manifest"]]
    (assertion,) = [each for each in active["assertions"] if each["label"].startswith("c2pa.actions")]
    return active, assertion["data"]["actions"]


@pytest.mark.parametrize("media_type", TYPES)
def test_a_picture_is_valid_and_trusted_with_our_root(media_type):
    signed = sign(picture(media_type))
    text, state = read(signed, media_type)
    active, (made,) = actions(json.loads(text))
    assert state == "Valid", "whole, by a signer that nobody vouches for"
    assert read(signed, media_type, somebody().roots)[1] == "Trusted"
    assert read(signed, media_type, somebody("else").roots)[1] == "Valid", "another machine's root"
    assert (made["action"], made["digitalSourceType"].rpartition("/")[2]) == ("c2pa.created", "trainedAlgorithmicMedia")
    assert made["softwareAgent"]["name"] == active["claim_generator_info"][0]["name"] == "Imagine"
    assert made["description"] == "model fox"
    assert "thumbnail" not in active
    assert read(picture(media_type), media_type) is None, "what isn't signed says nothing"


@pytest.mark.parametrize("media_type", TYPES)
def test_a_flip_of_any_byte_of_the_picture_breaks_it(media_type):
    plain = picture(media_type)
    signed = sign(plain)
    pixels = len(plain) // 2 if media_type == "image/webp" else len(signed) - 40
    assert read(signed, media_type, somebody().roots)[1] == "Trusted"
    assert read(flipped(signed, pixels), media_type, somebody().roots)[1] == "Invalid"
    secret = signed.index(SECRET.encode()) if media_type != "image/jpeg" else signed.index(b"imagine:meta")
    assert read(flipped(signed, secret), media_type, somebody().roots)[1] == "Invalid", "texts are signed too"


@pytest.mark.parametrize("source_type", TYPES)
@pytest.mark.parametrize("media_type", TYPES)
def test_an_edited_picture_keeps_the_manifest_of_its_source(media_type, source_type):
    source = sign(picture(source_type), who=somebody("else"))
    signed = sign(picture(media_type), Provenance(how="edited", model="fox"), source=source)
    text, state = read(signed, media_type, somebody().roots)
    told = json.loads(text)
    active, (opened, edited) = actions(told)
    (ingredient,) = active["ingredients"]
    assert state == "Trusted"
    assert (opened["action"], edited["action"]) == ("c2pa.opened", "c2pa.edited")
    assert edited["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert ingredient["relationship"] == "parentOf"
    assert ingredient["active_manifest"] in told["manifests"]
    assert len(told["manifests"]) == 2


def test_an_enlarged_photo_is_no_painted_one():
    signed = sign(picture(), Provenance(how="enlarged", model="up"), source=picture("image/jpeg"))
    _, (_, resized) = actions(json.loads(read(signed)[0]))
    assert resized["action"] == "c2pa.resized"
    assert resized["digitalSourceType"].endswith("/algorithmicallyEnhanced")


def said(secret: bytes, manifest: bytes) -> bool:
    """Does it stand there? A host may be called `vm`, which signatures hold by chance: a few letters count where they
    are all of a text, as CBOR or JSON write it."""
    if len(secret) >= 6:
        return secret in manifest
    return any(text in manifest for text in (bytes([0x60 + len(secret)]) + secret, b'"%b"' % secret))


@pytest.mark.parametrize("media_type", TYPES)
def test_nothing_of_prompt_host_or_user_stands_in_a_manifest(media_type):
    source = sign(picture("image/jpeg"))
    for signed in (sign(picture(media_type)), sign(picture(media_type), Provenance(how="edited"), source=source)):
        manifest = b"".join(cut.data for cut in halves(signed).cuts)
        assert len(manifest) < 16_000, "no thumbnail"
        for secret in (SECRET, platform.node(), getpass.getuser(), str(Path.home()), str(Path.cwd())):
            assert not said(secret.encode(), manifest), secret


def test_certificates_name_nobody_and_last_ten_years():
    now = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
    pem = certificates.made(now)
    leaf, root = x509.load_pem_x509_certificates(pem[pem.index(b"-----BEGIN CERT") :])
    assert re.findall(r"=([^,]*)", leaf.subject.rfc4514_string()) == ["Imagine local key", "Imagine"]
    assert leaf.issuer == root.subject == root.issuer
    assert leaf.not_valid_after_utc - now > datetime.timedelta(days=3650)
    leaf.verify_directly_issued_by(root)
    assert pem != certificates.made(now), "each machine's are its own"
