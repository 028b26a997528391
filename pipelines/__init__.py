"""Pipelines: WHAT runs WHEN.

Here a project is put together: settings and declarations become connectors, a lake and dagster definitions; jobs, the
schedule and sensors; the nightly pass, which the command line and the UI share; the command line itself; and the
sample company.

What stays out: how a record is pulled (connectors), judged (schemas), stored, settled and published (assets).
"""

__all__: list[str] = []
