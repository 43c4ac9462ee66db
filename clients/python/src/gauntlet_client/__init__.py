"""Python for the HTTP API of a Gauntlet: submit, follow, read tables and curves, subscribe.

Reading order: `Gauntlet`, then `Experiment`, `Table` and `Event`, which it gives.
"""

from ._client import Experiment, Gauntlet
from ._events import Event
from ._http import Problem
from ._table import Table

__all__ = ["Event", "Experiment", "Gauntlet", "Problem", "Table"]
