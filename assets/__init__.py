"""HOW pulled data becomes ready: storage, state, quarantine, publishing, and the dagster components over them.

Dagster is imported only by `table.py`, `derived.py`, `document_set.py`, `specs.py` and `resources.py`; the work itself
is plain Python. What runs when, and the command line, are in `pipelines`. `tilth.assets.Table`, `tilth.assets.Derived`
and `tilth.assets.Documents`, the types that `defs.yaml` files name, are found on first use: whoever imports this
package alone does not pay for dagster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tilth.assets.derived import Derived
    from tilth.assets.document_set import Documents
    from tilth.assets.table import Table

__all__ = ["Derived", "Documents", "Table"]


def __getattr__(name: str) -> object:
    """The component `name`, importing dagster only now."""
    if name == "Table":
        from tilth.assets.table import Table

        return Table
    if name == "Derived":
        from tilth.assets.derived import Derived

        return Derived
    if name == "Documents":
        from tilth.assets.document_set import Documents

        return Documents
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The components, for dagster's registry."""
    return sorted(__all__)
