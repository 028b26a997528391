"""One child process: it reads a few documents, one after the other, and says of each what is in it.

Limits are set here, before the first byte of a document is looked at. It ends by `os._exit`: some libraries hang when
they are torn down.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from tilth.assets.documents.frames import send
from tilth.assets.documents.limits import confine, die_with, give_time, no_memory
from tilth.assets.documents.reading import read
from tilth.assets.documents.standardise import text_of_line
from tilth.assets.documents.values import Finding, Parsed, Raw, Settings, to_json

__all__ = ["run"]

_SAID = 200


def run(documents: Sequence[Raw], settings: Settings, answers: int, parent: int) -> None:
    """Read `documents` and write what is in them to `answers`; never returns."""
    try:
        os.setpgid(0, 0)
        die_with(parent)
        confine(settings)
        for document in documents:
            give_time(settings.max_seconds)
            told, spent = _read(document, settings)
            send(answers, {"parsed": to_json(told), "last": spent})
            if spent:
                break
        os._exit(0)
    finally:
        os._exit(1)


def _read(document: Raw, settings: Settings) -> tuple[Parsed, bool]:
    """What is in the document, and whether this process should not read another after it."""
    try:
        return read(document, settings), False
    except MemoryError:
        return Parsed(document.name, findings=(no_memory(settings),)), True
    except RecursionError:
        deep = Finding("limits", "nested too deep", "a document that is not nested so deep that it cannot be read")
        return Parsed(document.name, findings=(deep,)), True
    except Exception as error:
        told = text_of_line(f"{type(error).__name__}: {error}"[:_SAID])
        return Parsed(document.name, findings=(Finding("damaged", told, "a document that can be read"),)), False
