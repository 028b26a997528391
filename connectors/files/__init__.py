"""Files that somebody puts into a folder: fixed-width and delimited text, XLSX workbooks.

Holds the finding of finished files (`drops`), the still copy (`snapshot`), the formats and their readers, and the
taking of each file exactly once by content (`taking`, `cursor`). Stays out: what a value means, documents.
"""

__all__: list[str] = []
