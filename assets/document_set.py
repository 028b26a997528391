"""The component `Documents`: a folder of documents, as dagster sees it.

It is a table whose records are documents, so its step is that of a table (`table.py`); its documents and chunks are
published by the step that publishes all. Names, dependencies and metadata only: no decision is taken here.
"""

from dataclasses import dataclass
from typing import Any, Self

import dagster as dg
from pydantic import BaseModel

from tilth.assets.declaration import documents_from
from tilth.assets.declared import DerivedDeclaration, TableDeclaration
from tilth.assets.table import FreshnessAttributes, RightsAttributes, ToxicAttributes, ingest_step

__all__ = ["Documents", "DocumentsAttributes"]


class DocumentsAttributes(dg.Model):
    """The `attributes:` of a `tilth.assets.Documents`."""

    name: str
    source: str
    object: str
    chunks: dict[str, Any] | None = None  # table, max_characters
    parse: dict[str, Any] | None = None  # encoding, warn, limits
    owner: str | None = None
    description: str | None = None
    freshness: FreshnessAttributes | None = None
    toxic: ToxicAttributes | None = None
    rights: RightsAttributes | None = None


@dataclass(frozen=True)
class Documents(dg.Component):
    """One document set: where its documents are, how they are read and cut, and what is promised about them."""

    documents: TableDeclaration
    chunks: DerivedDeclaration

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The schema of the YAML attributes."""
        return DocumentsAttributes

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """The component that a `defs.yaml` declares."""
        given = attributes.model_dump(exclude_unset=True) if attributes else {}
        return cls(*documents_from(given, where=str(context.path)))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The step that pulls the documents and takes them apart."""
        del context  # a set means the same wherever its declaration stands
        return dg.Definitions(assets=[ingest_step(self.documents)])
