"""Pictures and identities for tests of provenance, and a reader of manifests that isn't ours: the library's own."""

import functools
import io

from PIL import Image

from imagine.pictures import images
from imagine.pictures.canonical import joined
from imagine.pictures.looking.origins import cuts_signing, ingredient
from imagine.provenance import certificates, identity, library, manifest

TYPES = ("image/png", "image/jpeg", "image/webp")
SECRET = "a hat that nobody is to read of"


@functools.cache
def somebody(name="me"):
    """An identity, the same for the same name."""
    return identity.identity_from(certificates.made().decode(), "", name)


@functools.cache
def picture(media_type="image/png", seed=7):
    """A file as a worker or the gateway encodes it."""
    pixels = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
    return images.encode(pixels, media_type, meta={"seed": seed, "model": "fox", "prompt": SECRET})


def sign(data, making=None, who=None, source=None):
    made_of = [] if source is None else [ingredient(source)]
    return joined(data, cuts_signing(data, making or manifest.Provenance(model="fox"), who or somebody(), made_of))


def read(data, media_type="image/png", roots=""):
    """What the library says: of all, and in one word. None for no manifest."""
    reader = library.library().Reader.try_create(media_type, io.BytesIO(data), context=library.context(roots))
    return reader and (reader.json(), reader.get_validation_state())


def flipped(data, at):
    """The same with one bit of the byte at `at` turned."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
