"""The command line `tilth`: one file a command, each a function from what was typed to an answer.

What a command does is in the rooms below; here it is asked for, and its answer shown. `main.py` is the way in.
"""

from __future__ import annotations

__all__: list[str] = []
