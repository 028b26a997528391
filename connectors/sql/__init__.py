"""Databases as sources: tables and views, read whole or from a cursor, in batches of Arrow rows.

`kinds` is what a connection declares, `connector` keeps the protocol, `reflect` looks at an object, `clock` at the
database's time and open transactions; `window` and `columns` decide, `readers` read, `faults` tell what went wrong.
"""

__all__: list[str] = []
