"""HTTP APIs as sources: lists of JSON records, read page by page, with nothing lost when a server misbehaves.

`rest` keeps the protocol and `declared` reads what a connection says. `engine` asks, again where that may help (`pace`,
`auth`, `wire`, `site`); `guards`, `paging`, `records` and `window` decide what an answer is worth; `pulling` goes on.
"""

__all__: list[str] = []
