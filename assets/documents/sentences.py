"""Where sentences end, in German and English text, by a few rules: no dictionary and no model."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["sentence_starts"]

_END = re.compile(r"[.!?…]+[\"'”“’»«)\]]*(\s+)(?=[\"'„“‚‘»«(\[]*([^\W_]|[-–•]))")
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_OPENING = "([„“\"'/"
_ABBREVIATIONS = frozenset(
    {
        "abb", "abs", "abt", "adr", "allg", "anl", "anm", "apr", "art.-nr", "aufl", "aug", "bd", "best.-nr", "betr",
        "bsp", "bspw", "bzgl", "bzw", "ca", "dec", "dept", "dez", "dgl", "dipl", "dr", "ebd", "ed", "eg", "einschl",
        "engl", "entspr", "evtl", "excl", "exkl", "feb", "fig", "ff", "fr", "gem", "geb", "ges", "ggf", "ggfs", "hr",
        "hrsg", "ie", "incl", "inkl", "ing", "insb", "jan", "jul", "jun", "kap", "kfm", "mar", "max", "min", "mio",
        "mr", "mrd", "mrs", "ms", "nos", "nov", "nr", "oct", "okt", "op", "pl", "pos", "prof", "pp", "rd", "resp",
        "rev", "sep", "sept", "sog", "st", "std", "str", "tel", "tsd", "vgl", "vol", "vorm", "vs", "wg", "zit", "zzgl",
    }
)  # fmt: skip
_MAY_END = frozenset({"co", "corp", "etc", "gmbh", "inc", "jr", "ltd", "sr", "usf", "usw"})  # at a sentence's end, too
_ORDINAL = 2  # digits: `am 3. März`, but `im Jahr 2025. Danach`
_LOOK_BACK = 40


def sentence_starts(text: str) -> Iterator[int]:
    """Where each sentence but the first begins, as offsets into `text`; the blanks before belong to neither."""
    for match in _END.finditer(text):
        mark, after = text[match.start()], match[2]
        if after.islower():
            continue
        if mark == "." and match.end() - len(match[1]) - match.start() == 1 and _goes_on(text, match.start(), after):
            continue
        yield match.end()


def _goes_on(text: str, dot: int, after: str) -> bool:
    """Whether the full stop at `dot` belongs to the word before it: an abbreviation, an initial, an ordinal."""
    far = max(0, dot - _LOOK_BACK)
    word = text[max(text.rfind(" ", far, dot) + 1, far) : dot].lstrip(_OPENING).lower()
    if len(word) == 1 and word.isalpha():
        return True
    if word.isdigit():
        return len(word) <= _ORDINAL and after.isalpha()
    if word in _MAY_END:
        return not after.isupper()
    return word in _ABBREVIATIONS or ("." in word and _DOTTED.fullmatch(word) is not None)
