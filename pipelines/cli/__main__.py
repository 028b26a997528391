"""`python -m tilth.pipelines.cli` is `tilth`."""

from __future__ import annotations

from tilth.pipelines.cli.main import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
