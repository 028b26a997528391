"""Where a project's lineage goes: its settings become a transport, and a night's end becomes a delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tilth.connectors.secrets import Secret, resolve
from tilth.errors import Busy, TilthError
from tilth.pipelines.settings import Settings

if TYPE_CHECKING:
    from tilth.assets.lake import Lake
    from tilth.assets.provenance.transport import Transport

__all__ = ["deliver_after_a_run", "transport_of"]


def transport_of(settings: Settings) -> Transport | None:
    """The place that tilth.yaml names; None when no lineage is kept. DeclarationError when its key cannot be read."""
    from tilth.assets.provenance.backend import Backend
    from tilth.assets.provenance.file import Lines

    where = settings.lineage
    if where.url is not None:
        told = "tilth.yaml, lineage: api_key"
        key = Secret(resolve(where.api_key, settings.folder, where=told)) if where.api_key else None
        return Backend(where.url, where.path, key, where.timeout)
    return Lines(where.file) if where.file is not None else None


def deliver_after_a_run(settings: Settings, lake: Lake) -> str | None:
    """Deliver what waits, in the time that the settings allow; one line about what does not go, never an error."""
    from tilth.assets.provenance.delivery import deliver

    try:
        transport = transport_of(settings)
        return deliver(lake.state, transport, budget=settings.lineage.timeout).remark if transport else None
    except Busy:
        return None  # another process is delivering
    except TilthError as error:
        return f"lineage: not delivered: {error.lines()[0]}"
