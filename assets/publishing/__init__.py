"""Publishing: from what is pending to what readers see, by one atomic switch.

Planning, settling, merging and deriving on a clone of the current release; its catalogue; the proof that nothing was
lost; the release protocol and the way back.

What stays out: pulling and judging, and dagster.
"""

__all__: list[str] = []
