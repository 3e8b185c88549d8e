"""Methods side by side, on the same texts, at the same epsilon and for the same size, and what each costs.

from rpsg.compare import compare, read_matrix

result = compare(read_matrix("compare.toml"), "comparison", spend=False)
print(result)

Modules are loaded only when they are used, so importing this package loads nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rpsg.compare.forecasting import forecast
    from rpsg.compare.matrix import read_matrix
    from rpsg.compare.outcome import Comparison, read_comparison
    from rpsg.compare.runner import compare

__all__ = ["Comparison", "compare", "forecast", "read_comparison", "read_matrix"]
_PLACES = {
    "Comparison": "rpsg.compare.outcome",
    "compare": "rpsg.compare.runner",
    "forecast": "rpsg.compare.forecasting",
    "read_comparison": "rpsg.compare.outcome",
    "read_matrix": "rpsg.compare.matrix",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'rpsg.compare' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, which a prompt completes before they are imported."""
    return sorted(__all__)
