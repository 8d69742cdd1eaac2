"""The one exception that the lab shows to people."""

from __future__ import annotations


class LabError(Exception):
    """Something that the reader can mend: the message says what happened and which line mends it."""
