"""Words and sentences for `unstructured`, in place of its own module, which downloads a language model on first use.

It asks only to tell a paragraph from a heading where a format does not say; what is kept here does not depend on that.
"""

from __future__ import annotations

import re
import sys
from itertools import pairwise

from tilth.assets.documents.sentences import sentence_starts

__all__ = ["pos_tag", "sent_tokenize", "stand_in", "word_tokenize"]

_WORD = re.compile(r"\w+(?:[-'’.]\w+)*|[^\w\s]")
_NAME = "unstructured.nlp.tokenize"


def stand_in() -> None:
    """Take the place of that module; to be called before anything of `unstructured.partition` is imported."""
    sys.modules[_NAME] = sys.modules[__name__]


def sent_tokenize(text: str) -> list[str]:
    """The sentences."""
    starts = [0, *sentence_starts(text), len(text)]
    return [text[a:b].strip() for a, b in pairwise(starts)]


def word_tokenize(text: str) -> list[str]:
    """Words and punctuation marks."""
    return _WORD.findall(text)


def pos_tag(text: str) -> list[tuple[str, str]]:
    """Each word with a guess: a small letter may begin a verb, nothing else does."""
    return [(word, "VB" if word[0].islower() else "NN") for word in word_tokenize(text)]
