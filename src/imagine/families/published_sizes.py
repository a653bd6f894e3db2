"""The sizes of published models, in the files that people have of them: what would fit, before it is here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..words.sizes import Sizes, Weight

_CLIP_L, _CLIP_H, _CLIP_G, _T5 = 123_060_480, 340_387_840, 694_659_840, 4_762_310_656
_VAE, _VAE_16 = 83_653_863, 83_819_683
"""Numbers of the published networks (`tests/tools/test_document_memory.py` counts them)."""
_QWEN, _QWEN_8B, _VAE_32 = 4_022_468_096, 7_568_405_504, 84_046_115
"""Of Qwen3, 4B and 8B, without the head that says the next word; of FLUX.2's VAE."""
_QWEN25, _VAE_FRAMES = 7_070_619_136, 44_599_603
"""Of Qwen2.5-VL, 7B, without that and without what sees; of Qwen-Image's VAE, of a frame."""
_MISTRAL = 17_343_759_360 - 5120
"""Of Mistral Small 3.2, the thirty layers that FLUX.2 [dev] asks."""
_SIGHT = 676_550_144
"""Of what sees of Qwen2.5-VL."""
_EIGHT, _FOUR = 1.0, 4.5 / 8
"""Bytes of a number in fp8 and in GGUF's Q4_K."""


class AsFiles(NamedTuple):
    """A model as people have it."""

    called: str
    family: str
    variant: str
    sizes: Sizes


def _floats(*counts: int) -> Weight:
    return Weight(floats=sum(counts))


def _kept(count: int, each: float) -> Weight:
    return Weight(kept=round(count * each))


def _flux(denoiser: Weight, encoders: Weight, layer: Weight) -> Sizes:
    return Sizes(encoders=encoders, denoiser=denoiser, vae=_floats(_VAE_16), layer=layer)


def _flux2(denoiser: Weight, encoder: Weight, layer: Weight) -> Sizes:
    return Sizes(encoders=encoder, denoiser=denoiser, vae=_floats(_VAE_32), layer=layer)


def _pixart(denoiser: Weight, encoder: Weight, layer: Weight) -> Sizes:
    return Sizes(encoders=encoder, denoiser=denoiser, vae=_floats(_VAE), layer=layer)


def _sana(denoiser: Weight, encoder: Weight, layer: Weight) -> Sizes:
    return Sizes(encoders=encoder, denoiser=denoiser, vae=_floats(_VAE_DEEP), layer=layer)


def _qwen_image(denoiser: Weight, encoder: Weight, layer: Weight) -> Sizes:
    return Sizes(encoders=encoder, denoiser=denoiser, vae=_floats(_VAE_FRAMES), layer=layer)


LUMINA2, _GEMMA, _PIECES_GEMMA = 2_609_769_152, 2_614_341_888, 256_000 * 2304
"""Of Lumina 2, of Gemma 2, 2B, and its table of tokens."""
SANA, _VAE_DEEP = 1_604_462_752, 312_250_275
"""Of SANA, 1.6B, and of its VAE."""
AURAFLOW, _PILE_T5, _WORDS_PILE = 6_858_605_568, 1_223_550_976, 32_128 * 2048
"""Of AuraFlow 0.3, of Pile-T5 XL, and its table of pieces."""
Z_IMAGE, QWEN_IMAGE, PIXART = 6_154_908_736, 20_430_401_088, 610_856_096
KLEIN_4B, KLEIN_9B, FLUX2_DEV = 3_875_544_576, 9_078_581_248, 32_223_281_152
_PIECES, _PIECES_8B, _PIECES_25, _PIECES_24B = 151_936 * 2560, 151_936 * 4096, 152_064 * 3584, 131_072 * 5120
"""Of the table of tokens of Qwen3, Qwen2.5-VL and Mistral, their largest tensor, of 16 bits in files of 8, too."""
_SAYS = _floats(_PIECES) + _kept(_QWEN - _PIECES, _EIGHT)
_SAYS_25 = _floats(_PIECES_25) + _kept(_QWEN25 - _PIECES_25, _EIGHT)
_SAYS_8B = _floats(_PIECES_8B) + _kept(_QWEN_8B - _PIECES_8B, _EIGHT)
_SAYS_24B = _floats(_PIECES_24B) + _kept(_MISTRAL - _PIECES_24B, _EIGHT)
FLUX, CHROMA, LARGE, MEDIUM, SD3 = 11_901_408_320, 8_899_983_424, 8_146_280_768, 2_469_663_936, 2_084_951_104
SDXL, SD2, SD1 = 2_567_463_684, 865_910_724, 859_520_964
_WORDS = 131_596_288
"""Of T5's table of pieces, its largest tensor."""
_WIDE, _SMALL = _floats(_CLIP_L, _T5), _floats(_CLIP_L) + _kept(_T5, _EIGHT)
_BOTH = _floats(_CLIP_G) + _SMALL
PUBLISHED: Sequence[AsFiles] = (
    AsFiles("Stable Diffusion 1.5", "stable_diffusion", "", Sizes(
        encoders=_floats(_CLIP_L), denoiser=_floats(SD1), vae=_floats(_VAE), layer=_floats(49408 * 768),
    )),
    AsFiles("Stable Diffusion 2.1", "sd2", "", Sizes(
        encoders=_floats(_CLIP_H), denoiser=_floats(SD2), vae=_floats(_VAE), layer=_floats(49408 * 1024),
    )),
    AsFiles("SDXL", "sdxl", "", Sizes(
        encoders=_floats(_CLIP_L, _CLIP_G), denoiser=_floats(SDXL), vae=_floats(_VAE), layer=_floats(49408 * 1280),
    )),
    AsFiles("SD3 medium, T5 in fp8", "sd3", "", _flux(_floats(SD3), _BOTH, _kept(_WORDS, _EIGHT))),
    AsFiles("SD3.5 medium, T5 in fp8", "sd3.5", "medium", _flux(_floats(MEDIUM), _BOTH, _floats(226_492_416))),
    AsFiles("SD3.5 large, T5 in fp8", "sd3.5", "large", _flux(_floats(LARGE), _BOTH, _floats(89_653_248))),
    AsFiles("SD3.5 large and T5 in fp8", "sd3.5", "large", _flux(_kept(LARGE, _EIGHT), _BOTH, _kept(_WORDS, _EIGHT))),
    AsFiles("FLUX.1", "flux", "dev", _flux(_floats(FLUX), _WIDE, _floats(_WORDS))),
    AsFiles("FLUX.1 and T5 in fp8", "flux", "dev", _flux(_kept(FLUX, _EIGHT), _SMALL, _kept(_WORDS, _EIGHT))),
    AsFiles("FLUX.1 in Q4_K, T5 in fp8", "flux", "dev", _flux(_kept(FLUX, _FOUR), _SMALL, _kept(_WORDS, _EIGHT))),
    AsFiles("FLUX.1 Kontext and T5 in fp8", "flux", "kontext", _flux(
        _kept(FLUX, _EIGHT), _SMALL, _kept(_WORDS, _EIGHT)
    )),
    AsFiles("Lumina 2", "lumina2", "", _flux(_floats(LUMINA2), _floats(_GEMMA), _floats(_PIECES_GEMMA))),
    AsFiles("SANA", "sana", "", _sana(_floats(SANA), _floats(_GEMMA), _floats(_PIECES_GEMMA))),
    AsFiles("AuraFlow", "auraflow", "", _pixart(_floats(AURAFLOW), _floats(_PILE_T5), _floats(_WORDS_PILE))),
    AsFiles("PixArt-Sigma", "pixart", "", _pixart(_floats(PIXART), _floats(_T5), _floats(_WORDS))),
    AsFiles("PixArt-Sigma, T5 in fp8", "pixart", "", _pixart(
        _floats(PIXART), _kept(_T5, _EIGHT), _kept(_WORDS, _EIGHT)
    )),
    AsFiles("Z-Image", "z-image", "", _flux(_floats(Z_IMAGE), _floats(_QWEN), _floats(_PIECES))),
    AsFiles("Z-Image and Qwen3 in fp8", "z-image", "", _flux(
        _kept(Z_IMAGE, _EIGHT), _SAYS, _floats(_PIECES)
    )),
    AsFiles("Z-Image and Qwen3 in Q4_K", "z-image", "", _flux(
        _kept(Z_IMAGE, _FOUR), _kept(_QWEN, _FOUR), _kept(_PIECES, _FOUR)
    )),
    AsFiles("Qwen-Image", "qwen-image", "", _qwen_image(_floats(QWEN_IMAGE), _floats(_QWEN25), _floats(_PIECES_25))),
    AsFiles("Qwen-Image and Qwen2.5-VL in fp8", "qwen-image", "", _qwen_image(
        _kept(QWEN_IMAGE, _EIGHT), _SAYS_25, _floats(_PIECES_25)
    )),
    AsFiles("Qwen-Image in Q4_K, Qwen2.5-VL in fp8", "qwen-image", "", _qwen_image(
        _kept(QWEN_IMAGE, _FOUR), _SAYS_25, _floats(_PIECES_25)
    )),
    AsFiles("Qwen-Image-Edit in Q4_K, Qwen2.5-VL in fp8", "qwen-image", "edit-2511", _qwen_image(
        _kept(QWEN_IMAGE, _FOUR), _SAYS_25 + _kept(_SIGHT, _EIGHT), _floats(_PIECES_25)
    )),
    AsFiles("FLUX.2 klein 4B", "flux2", "klein-4b", _flux2(
        _floats(KLEIN_4B), _floats(_QWEN), _floats(_PIECES)
    )),
    AsFiles("FLUX.2 klein 4B and Qwen3 in fp8", "flux2", "klein-4b", _flux2(
        _kept(KLEIN_4B, _EIGHT), _SAYS, _floats(_PIECES)
    )),
    AsFiles("FLUX.2 klein 9B and Qwen3 in fp8", "flux2", "klein-9b", _flux2(
        _kept(KLEIN_9B, _EIGHT), _SAYS_8B, _floats(_PIECES_8B)
    )),
    AsFiles("FLUX.2 klein 9B in Q4_K, Qwen3 in fp8", "flux2", "klein-9b", _flux2(
        _kept(KLEIN_9B, _FOUR), _SAYS_8B, _floats(_PIECES_8B)
    )),
    AsFiles("FLUX.2 dev", "flux2", "dev", _flux2(_floats(FLUX2_DEV), _floats(_MISTRAL), _floats(_PIECES_24B))),
    AsFiles("FLUX.2 dev and Mistral in fp8", "flux2", "dev", _flux2(
        _kept(FLUX2_DEV, _EIGHT), _SAYS_24B, _floats(_PIECES_24B)
    )),
    AsFiles("FLUX.2 dev in Q4_K, Mistral in fp8", "flux2", "dev", _flux2(
        _kept(FLUX2_DEV, _FOUR), _SAYS_24B, _floats(_PIECES_24B)
    )),
    AsFiles("Chroma, T5 in fp8", "chroma", "", _flux(_floats(CHROMA), _SMALL, _kept(_WORDS, _EIGHT))),
)  # fmt: skip
