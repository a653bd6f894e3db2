"""Ways to write a prompt so that a list wouldn't know its words, and a reader would."""

import re
import unicodedata

LATIN, CYRILLIC = "abcehikmnopstuxy", "асеорхукмт"
ALIKE = str.maketrans("aceopxyi", "асеорхуі")
ALIKE_RU = str.maketrans("асеорхук", "aceopxyk")
GREEK = str.maketrans("aoivkt", "αοιvκτ")
SMALL = str.maketrans("abcdehklmnoptuvz", "ᴀʙᴄᴅᴇʜᴋʟᴍɴᴏᴘᴛᴜᴠᴢ")
LEET = str.maketrans("aeioст", "43i0ст") | str.maketrans("оз", "03")
SIGNS = str.maketrans("aisе", "@!$€")
MORE = str.maketrans("eostbо", "305780")


def shifted(first, *, upper=False):
    """Latin letters of one of Unicode's other alphabets; other letters stay."""
    base = "A" if upper else "a"

    def write(text):
        given = text.upper() if upper else text
        return "".join(chr(first + ord(c) - ord(base)) if base <= c <= chr(ord(base) + 25) else c for c in given)

    return write


def between(mark):
    """`mark` between the letters of every word."""
    return lambda text: " ".join(mark.join(word) for word in text.split())


def behind(mark):
    """`mark` behind every letter."""
    return lambda text: "".join(c + mark if c.isalpha() else c for c in text)


def each_word(write):
    """`write` of every word."""
    return lambda text: re.sub(r"[^\W_]+", lambda word: write(word[0]), text)


def halves(before, middle, after):
    """A word in two halves."""
    return each_word(lambda w: w if len(w) < 4 else f"{before}{w[: len(w) // 2]}{middle}{w[len(w) // 2 :]}{after}")


OBFUSCATIONS = {
    "upper": str.upper, "title": str.title,
    "swapped": lambda t: "".join(c.upper() if i % 2 else c for i, c in enumerate(t)),
    "full width": lambda t: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in t),
    "bold": shifted(0x1D41A), "italic bold": shifted(0x1D482), "script bold": shifted(0x1D4EA),
    "fraktur bold": shifted(0x1D586), "double struck": shifted(0x1D552), "sans": shifted(0x1D5BA),
    "sans bold": shifted(0x1D5EE), "monospace": shifted(0x1D68A), "circled": shifted(0x24D0),
    "in brackets": shifted(0x249C), "circled capitals": shifted(0x24B6, upper=True),
    "squares": shifted(0x1F130, upper=True),
    "black circles": shifted(0x1F150, upper=True), "black squares": shifted(0x1F170, upper=True),
    "flags": shifted(0x1F1E6, upper=True),
    "small capitals": lambda t: t.translate(SMALL), "greek": lambda t: t.translate(GREEK),
    "cyrillic in latin": lambda t: t.translate(ALIKE), "latin in cyrillic": lambda t: t.translate(ALIKE_RU),
    "both": lambda t: t.translate(ALIKE).translate(GREEK),
    "decomposed": lambda t: unicodedata.normalize("NFD", t),
    "zero width space": between("\u200b"), "zero width joiner": between("\u200d"), "non-joiner": between("\u200c"),
    "word joiner": between("\u2060"), "byte order mark": between("\ufeff"), "soft hyphen": between("\u00ad"),
    "left to right mark": between("\u200e"), "hangul filler": between("\u3164"), "blank braille": between("\u2800"),
    "tags": between("\U000e0061"), "variation selectors": behind("\ufe0f"), "unseen plus": between("\u2064"),
    "unseen between words": lambda t: t.replace(" ", "\u200b"),
    "acute": behind("\u0301"), "struck through": behind("\u0336"), "underlined": behind("\u0332"),
    "stacked": behind("\u0300\u0316\u0330"), "in a circle": behind("\u20dd"),
    "backwards": lambda t: "\u202e" + t[::-1] + "\u202c",
    "digits": lambda t: t.translate(LEET), "signs": lambda t: t.translate(SIGNS),
    "more digits": lambda t: t.translate(MORE),
    "spaced": between(" "), "wide spaced": lambda t: "   ".join(" ".join(word) for word in t.split()),
    "dotted": between("."), "hyphens": between("-"), "underscores": between("_"), "stars": between("*"),
    "slashes": between("/"), "commas": between(", "), "lines": between("\n"), "emoji": between("😀"),
    "tripled": each_word(lambda w: w[:-1] + w[-1] * 4), "doubled": each_word(lambda w: "".join(c * 2 for c in w)),
    "stretched": each_word(lambda w: w[0] + w[1:2] * 3 + w[2:]),
    "weights": each_word(lambda w: f"({w}:1.3)"), "nested": each_word(lambda w: f"((({w})))"),
    "square": each_word(lambda w: f"[{w}]"), "changing": each_word(lambda w: f"[{w}::0.7]"),
    "from nothing": each_word(lambda w: f"[:{w}:0.2]"), "taking turns": each_word(lambda w: f"[{w}|{w}]"),
    "weighed halves": halves("(", ":1.1)(", ":1.1)"), "halves in brackets": halves("", "(", ")"),
    "a LoRA within": halves("", "<lora:ink:0.1>", ""), "a LoRA between": lambda t: t.replace(" ", " <lora:ink:0.1> "),
    "escaped": halves("", "\\", ""), "hyphenated halves": halves("", "-", ""),
    "BREAK": lambda t: t.replace(" ", " BREAK "), "AND": lambda t: t.replace(" ", " AND "),
    "humps": lambda t: "".join(word.capitalize() for word in t.split()),
    "no-break spaces": lambda t: t.replace(" ", "\u00a0"), "ideographic spaces": lambda t: t.replace(" ", "\u3000"),
    "underscored": lambda t: t.replace(" ", "_"), "quoted": each_word(lambda w: f"“{w}”"),
}  # fmt: skip
"""By name: how each writes a prompt in lower case."""
