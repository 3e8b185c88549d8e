"""Switches off what the libraries under the models report to their makers, before any of them is opened.

``import rpsg`` does it, whatever is imported after it, and child processes inherit it. It has to be so early:
onnxruntime (from 1.31 on) writes a device id and opens a queue of events when it is imported, so that its own
``disable_telemetry_events`` comes too late. Among these events are counts of calls, and an embedder is called
once for each private text.
"""

from __future__ import annotations

import os
import sys

#: The variables that switch reporting off, by the library that reads them.
SWITCHES = {
    "onnxruntime": {"ORT_DISABLE_TELEMETRY": "1"},
    "huggingface_hub": {"HF_HUB_DISABLE_TELEMETRY": "1"},
    # What some libraries read, and the convention among command-line tools.
    "others": {"DO_NOT_TRACK": "1", "DISABLE_TELEMETRY": "1"},
}

_opened_before: set[str] = set()
_set_by_us: set[str] = set()


def switch_off() -> None:
    """Set every switch for this process and its children; remember who was opened before it was set."""
    for library, variables in SWITCHES.items():
        if library in sys.modules and any(os.environ.get(n) != value for n, value in variables.items()):
            _opened_before.add(library)
        os.environ.update(variables)


def came_too_late_for(library: str) -> bool:
    """Whether ``library`` was opened in this process before its switch was set."""
    return library in _opened_before


def stay_offline() -> None:
    """Keep libraries of model hubs from looking anything up. A value that the user has set stays."""
    if "HF_HUB_OFFLINE" not in os.environ:
        os.environ["HF_HUB_OFFLINE"] = "1"
        _set_by_us.add("HF_HUB_OFFLINE")


def go_online() -> None:
    """Take back what ``stay_offline`` set: somebody asks for a download."""
    for name in _set_by_us:
        os.environ.pop(name, None)
    _set_by_us.clear()
