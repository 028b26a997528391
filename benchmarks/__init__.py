"""Benchmarks: figures beside those of real peers. `python -m benchmarks.NAME [--rows N]`, a JSON object a line."""

__all__: list[str] = []
