"""The table that is judged, and how others judge it: the parts of `benchmarks.judge`."""

__all__: list[str] = []
