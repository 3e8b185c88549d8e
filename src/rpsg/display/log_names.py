"""The names by which the log of a run is written and formatted: its logger, and the fields of its records."""

from __future__ import annotations

LOGGER = "rpsg"
#: The attribute of a record with its fields as a dictionary; a formatter for machines reads it.
FIELDS = "rpsg"
