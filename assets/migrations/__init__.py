"""How the state database came to its schema: one revision a file in `versions/`, applied in order by alembic.

There is no `env.py`: the one caller is `open_state`, which brings its own connection and transaction.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from tilth.errors import LakeError

__all__ = ["upgrade"]


def upgrade(connection: sa.Connection, *, where: str) -> None:
    """Bring the database to the newest revision, inside the transaction of `connection`."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
    from alembic.script import ScriptDirectory
    from alembic.script.revision import RevisionError

    script = ScriptDirectory(str(Path(__file__).parent))

    def steps(revision: tuple[str, ...], _: MigrationContext) -> list[RevisionStep]:
        missing = list(script.iterate_revisions("head", revision, implicit_base=True))
        return [MigrationStep.upgrade_from_script(script.revision_map, one) for one in reversed(missing)]

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection, transactional_ddl=True)
        try:
            environment.run_migrations()
        except RevisionError as error:
            what = "the state database was made by a newer Tilth"
            raise LakeError(what, where=where, got=str(error), next="pip install --upgrade tilth") from error
