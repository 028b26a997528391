"""WHERE data comes from: systems that rows and files are pulled from, and nothing about what becomes of them.

Holds the values a pull brings (`protocol`), how a connection is declared (`registry`, `settings`, `secrets`)
and one folder a family of systems (`sql`, `files`). Stays out: contracts, storage, publishing, dagster.
"""

__all__: list[str] = []
