"""Documents in, what is in them out: by child processes with limits, which a hostile document may take down.

This side runs in the project's own process and imports no reader of documents.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from tilth.assets.documents.reader import Reader
from tilth.assets.documents.values import Finding, Parsed, Raw, Settings
from tilth.errors import MissingExtra

__all__ = ["parsed", "parser_version"]

_OURS = "1"  # to be raised when our own code gives other elements for the same bytes
_LIBRARIES = {  # by distribution: the module
    "unstructured": "unstructured",
    "pypdfium2": "pypdfium2",
    "python-docx": "docx",
    "lxml": "lxml",
    "markdown": "markdown",
    "filetype": "filetype",
}
_BATCH_BYTES = 64_000_000


def parser_version() -> str:
    """What the elements of a document depend on besides its bytes: this code, and the libraries that read."""
    try:
        return " ".join([_OURS, *(f"{name}-{version(name)}" for name in _LIBRARIES)])
    except PackageNotFoundError as error:
        raise MissingExtra.of(str(error.name), "documents") from None


def parsed(documents: Iterable[Raw], settings: Settings) -> Generator[Parsed, None, None]:
    """What is in each document, in order. No document makes this raise: what is wrong with it is a finding.

    Starting costs about a second and a half, so give it all documents in one call; one batch of them is in memory at
    a time. Raises MissingExtra before anything is started. Close it, or read it to its end.
    """
    missing = [name for name, module in _LIBRARIES.items() if find_spec(module) is None]
    if missing:
        raise MissingExtra.of(missing[0], "documents")
    return _parsed(documents, settings)


def _parsed(documents: Iterable[Raw], settings: Settings) -> Generator[Parsed, None, None]:
    with Reader(settings) as reader:
        for batch in _batches(documents, settings.batch):
            answers = reader.answers([one for one in batch if _at_a_glance(one, settings) is None])
            for document in batch:
                found = _at_a_glance(document, settings)
                yield next(answers) if found is None else Parsed(document.name, findings=(found,))


def _batches(documents: Iterable[Raw], most: int) -> Iterator[list[Raw]]:
    batch, size = list[Raw](), 0
    for document in documents:
        if batch and (len(batch) == most or size + len(document.content) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(document)
        size += len(document.content)
    if batch:
        yield batch


def _at_a_glance(document: Raw, settings: Settings) -> Finding | None:
    """What is wrong with a document that no process need look at."""
    size, most = len(document.content), settings.max_bytes
    if size == 0:
        return Finding("empty", "0 bytes", "a file with content")
    return Finding("too_large", f"{size} bytes", f"at most {most} bytes") if size > most else None
