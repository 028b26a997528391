"""Documents: from the bytes of a file to its elements, and from those to chunks.

`values` go in and come out; `parsing` is the project's side, `reader` the process it starts, `server` and `children`
that process, `child` and `limits` what one child may do. In a child, `reading` decides what a document is and takes it
apart (`pdf`, `docx`, `html`, `mail`, `text`). `chunking` is pure.

What stays out: landing, quarantine and publishing, and dagster; libraries that read documents, outside the children.
"""

from tilth.assets.documents.chunking import Chunk, chunked, text_of
from tilth.assets.documents.parsing import parsed, parser_version
from tilth.assets.documents.values import Element, Finding, Parsed, Raw, Settings

__all__ = [
    "Chunk",
    "Element",
    "Finding",
    "Parsed",
    "Raw",
    "Settings",
    "chunked",
    "parsed",
    "parser_version",
    "text_of",
]
