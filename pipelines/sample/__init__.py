"""The sample company: a wholesaler with real systems on loopback, made by a seeded generator that tells the truth.

Holds the systems (`company.py`), the project that reads them (`project/`) and the nights that `make run` goes through.
Nothing outside this folder knows of it; a project that names it under `systems:` gets `company`.
"""

from tilth.pipelines.sample.company import Company, company

__all__ = ["Company", "company"]
