"""Provenance: what each step read and made, told in OpenLineage's words, kept until it is delivered.

Names of steps, runs and datasets; the events; column lineage, from contracts and from the SQL of derived tables; the
outbox in the state database, which is written in the transaction that records the work; delivery to a file or a
backend, at least once and in order.

What stays out: the steps themselves, settings, and dagster. Building an event is pure; only `outbox.py`, `delivery.py`
and the transports do anything.
"""

__all__: list[str] = []
