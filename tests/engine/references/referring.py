"""References as a worker is given them: what their tests share."""

import io

import msgspec
from PIL import Image

from imagine.words.model import Component, ReferenceUse
from imagine.words.recipe import Reference
from tests.engine.running import png

DOG = Image.effect_mandelbrot((60, 40), (-2, -1.5, 1, 1.5), 40).convert("RGB")
CAT = Image.radial_gradient("L").resize((40, 56)).convert("RGB").rotate(20)
LEFT = Image.new("L", (64, 64))
LEFT.paste(255, (0, 0, 24, 64))
RIGHT = LEFT.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def at(path, digest="a" * 64):
    """A file beside a model."""
    return Component(role="adapter", path=str(path), digest=digest)


def reference(adapter, picture=DOG, *, encoder=None, mask=None, embedding=None, **said):
    """What a recipe says of one, and what comes along with it."""
    component = adapter if isinstance(adapter, Component | None) else at(adapter)
    data = picture if isinstance(picture, bytes) else png(picture)
    use = ReferenceUse(
        component=component, encoder=None if encoder is None else at(encoder, "e" * 64), img=data,
        mask=None if mask is None else png(mask), embedding=embedding,
    )  # fmt: skip
    name = "own" if component is None else component.path.rpartition("/")[2].partition(".")[0]
    mask_digest = None if mask is None else f"{hash(use.mask) % 2**64:x}"
    return Reference(img="d" * 64, adapter=name, mask=mask_digest, **{"strength": 0.7, **said}), use


def referring(one, *references):
    """A wish with these references."""
    params = msgspec.structs.replace(one.params, references=tuple(said for said, _ in references))
    return msgspec.structs.replace(one, params=params, references=tuple(use for _, use in references))


def jpeg(picture, **options):
    file = io.BytesIO()
    picture.save(file, "JPEG", **options)
    return file.getvalue()
