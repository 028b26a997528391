"""Standardisers: small functions that bring text into one form, after parsing and before the rules.

To add one, write a function from expression to expression and name it in `STANDARDISERS`. Each must be
deterministic and leave an already standardised value alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import polars as pl

__all__ = ["STANDARDISERS", "standardised"]


def trim(text: pl.Expr) -> pl.Expr:
    """No blanks at either end."""
    return text.str.strip_chars()


def visible(text: pl.Expr) -> pl.Expr:
    """Without marks that nobody sees: byte order marks, zero-width blanks, soft hyphens, directions; else null."""
    return empty_to_null(text.str.replace_all(r"[\x{FEFF}\x{200B}-\x{200F}\x{2060}\x{00AD}\x{202A}-\x{202E}]", ""))


def collapse_spaces(text: pl.Expr) -> pl.Expr:
    """Every run of blanks, line ends and tabs becomes one space; none at either end."""
    return text.str.replace_all(r"\s+", " ").str.strip_chars()


def lower(text: pl.Expr) -> pl.Expr:
    """Lower case."""
    return text.str.to_lowercase()


def casefold(text: pl.Expr) -> pl.Expr:
    """Lower case for comparing: also ß becomes ss."""
    return text.str.to_lowercase().str.replace_all("ß", "ss", literal=True).str.replace_all("ς", "σ", literal=True)


def upper(text: pl.Expr) -> pl.Expr:
    """Upper case."""
    return text.str.to_uppercase()


def nfc(text: pl.Expr) -> pl.Expr:
    """Unicode composed form: one way to write ä."""
    return text.str.normalize("NFC")


def empty_to_null(text: pl.Expr) -> pl.Expr:
    """Empty text becomes null (pulled empty text already is; this is for after another standardiser)."""
    return pl.when(text.str.strip_chars() != "").then(text)


def email(text: pl.Expr) -> pl.Expr:
    """Trimmed, lower case, without `mailto:`."""
    return text.str.strip_chars().str.to_lowercase().str.strip_prefix("mailto:").str.strip_chars()


def phone_digits(text: pl.Expr) -> pl.Expr:
    """Digits only, a leading + kept, 00 as +, and the `(0)` of +49 (0)30 left out; no digits is null."""
    bare = text.str.strip_chars().str.replace(r"^00", "+").str.replace("(0)", "", literal=True)
    sign = pl.when(bare.str.starts_with("+")).then(pl.lit("+")).otherwise(pl.lit(""))
    digits = bare.str.replace_all(r"[^0-9]", "")
    return pl.when(digits != "").then(sign + digits)


def digits(text: pl.Expr) -> pl.Expr:
    """Digits only; no digits is null."""
    return empty_to_null(text.str.replace_all(r"[^0-9]", ""))


def country_code(text: pl.Expr) -> pl.Expr:
    """Trimmed, upper case."""
    return text.str.strip_chars().str.to_uppercase()


def alphanumeric_upper(text: pl.Expr) -> pl.Expr:
    """Letters and digits only, upper case: IBAN, VAT and article numbers; none is null."""
    return empty_to_null(text.str.replace_all(r"[^\p{L}\p{N}]", "").str.to_uppercase())


STANDARDISERS: Mapping[str, Callable[[pl.Expr], pl.Expr]] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            trim, visible, collapse_spaces, lower, casefold, upper, nfc, empty_to_null, email, phone_digits, digits,
            country_code, alphanumeric_upper,
        )
    }
)  # fmt: skip


def standardised(text: pl.Expr, names: tuple[str, ...]) -> pl.Expr:
    """The text after the named standardisers, in order."""
    for name in names:
        text = STANDARDISERS[name](text)
    return text
