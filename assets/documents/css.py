"""Whether CSS hides the text of an element: as far as its own style, and plain rules of the page's style sheets, say.

Pure: styles are mappings of property to value, in small letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["Look", "Sheet", "declared", "hides"]

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_BLOCK = re.compile(r"([^{}]+)\{([^{}]*)\}")
_MEDIA = re.compile(r"@[^{};]+\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
_PLAIN = re.compile(r"([a-z][\w-]*|\*)?((?:[.#][\w-]+)*)")
_PART = re.compile(r"[.#][\w-]+")
_ZERO = re.compile(r"0*(?:\.0+)?(?:px|pt|em|rem|%|ex|ch|vw|vh)?|0*[01](?:\.\d+)?(?:px|pt)")
_FAR = re.compile(r"-\s*(?:\d{4,}(?:\.\d+)?(?:px|pt)|[5-9]\d\d(?:px|pt)|\d{3,}(?:em|rem|%))")
_HEX = re.compile(r"#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})")
_RGB = re.compile(r"rgba?\(\s*(\d+)\s*[, ]\s*(\d+)\s*[, ]\s*(\d+)\s*(?:[,/]\s*([\d.]+%?)\s*)?\)")
_NAMED = {"white": (255, 255, 255), "black": (0, 0, 0), "snow": (255, 250, 250), "ivory": (255, 255, 240)}
_EXTENTS = ("height", "width", "max-height")
_PLACES = ("text-indent", "left", "top", "margin-left")
_HIDING = {
    "display", "visibility", "opacity", "overflow", "height", "width", "max-height", "font-size", "color",
    "background", "background-color", "background-image", *_PLACES,
}  # fmt: skip
_SAME = 12  # difference of two colours, in each channel, that nobody sees

Colour = tuple[int, int, int] | str | None  # a name that is not known stands for itself; None: cannot be told
Style = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Look:
    """What text is written in and on, and whether it has any size; passed on from an element to those in it."""

    text: Colour = (0, 0, 0)
    ground: Colour = (255, 255, 255)
    tiny: bool = False

    def under(self, style: Style) -> Look:
        """Of an element inside, that has this style of its own."""
        text, ground, tiny = self.text, self.ground, self.tiny
        if "color" in style:
            text = _colour(style["color"], text)
        for name in ("background", "background-color"):
            ground = _ground(style[name], ground) if name in style else ground
        if style.get("background-image", "none") != "none":
            ground = None
        if (size := style.get("font-size")) is not None:
            tiny = _is_zero(size) or (tiny and size.endswith(("em", "%", "inherit")) and not size.endswith("rem"))
        return Look(text, ground, tiny)

    @property
    def unseen(self) -> bool:
        """Whether text that looks so cannot be seen."""
        return self.tiny or self.text == "transparent" or _same(self.text, self.ground)


class Sheet:
    """The rules of style sheets whose selectors are plain: a tag, classes, an id, or some of them together.

    Others, and those for some media only, are passed over, as are rules that hide nothing.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._rules: dict[str, list[tuple[frozenset[str], Style]]] = {}
        for text in texts:
            for selectors, body in _BLOCK.findall(_MEDIA.sub("", _COMMENT.sub("", text.lower()))):
                style = {name: value for name, value in declared(body).items() if name in _HIDING}
                for selector in selectors.split(",") if style else ():
                    self._add(selector.strip(), style)

    def _add(self, selector: str, style: Style) -> None:
        found = _PLAIN.fullmatch(selector)
        if found and selector:
            parts = [part for part in (found[1], *_PART.findall(found[2])) if part]
            key = max(parts, key=lambda part: ("*.#".find(part[0]) + 1, part))
            self._rules.setdefault(key, []).append((frozenset(parts) - {"*"}, style))

    def of(self, tag: str, id: str, classes: str) -> dict[str, str]:
        """What the rules say of an element."""
        names = {tag, *(f".{name}" for name in classes.lower().split()), *([f"#{id.lower()}"] if id else [])}
        found = [one for name in ("*", *names) for one in self._rules.get(name, ()) if one[0] <= names]
        style: dict[str, str] = {}
        for _, declarations in sorted(found, key=lambda one: _weight(one[0])):
            style |= declarations
        return style


def _weight(parts: frozenset[str]) -> tuple[int, int, list[str]]:
    kinds = [part[0] for part in parts]
    return (kinds.count("#"), kinds.count("."), sorted(parts))


def declared(text: str) -> dict[str, str]:
    """The declarations of a style attribute, or of the body of a rule."""
    pairs = (one.partition(":") for one in text.lower().split(";"))
    return {name.strip(): value.replace("!important", "").strip() for name, colon, value in pairs if colon}


def hides(style: Style) -> bool:
    """Whether an element with this style is not shown, with all that is in it."""
    return (
        style.get("display") == "none"
        or style.get("visibility") in ("hidden", "collapse")
        or _is_zero(style.get("opacity"))
        or (
            style.get("overflow") == "hidden" and any(_is_zero(style.get(n)) for n in ("height", "width", "max-height"))
        )
        or any(_FAR.fullmatch(style.get(name, "")) is not None for name in _PLACES)
    )


def _is_zero(value: str | None) -> bool:
    return value is not None and value != "" and _ZERO.fullmatch(value) is not None


def _same(one: Colour, other: Colour) -> bool:
    if one is None or other is None:
        return False
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return all(abs(a - b) <= _SAME for a, b in zip(one, other, strict=True))


def _colour(value: str, inherited: Colour) -> Colour:
    if value in ("inherit", "currentcolor", "unset", ""):
        return inherited
    if found := _HEX.fullmatch(value):
        digits = found[1] if len(found[1]) > 4 else "".join(digit * 2 for digit in found[1])
        return (int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:6], 16))
    if found := _RGB.fullmatch(value):
        return (int(found[1]), int(found[2]), int(found[3]))
    return None if "(" in value else _NAMED.get(value, value)


def _ground(value: str, inherited: Colour) -> Colour:
    if value in ("none", "transparent", "inherit", "initial", "unset", ""):
        return inherited
    if "url(" in value or "gradient(" in value:
        return None
    return _colour(value if "(" in value else value.split()[0], inherited)
