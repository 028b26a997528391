"""PDF: words and where they stand (by pdfium), then what a reader makes of them: lines, paragraphs, headings, tables.

Only `page` and `partition` know of pdfium; the rest is geometry on plain values.

What stays out: pictures. Text in scanned pages is not read.
"""

__all__: list[str] = []
