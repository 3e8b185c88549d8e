"""Keeps the process from leaking data: no core dumps, and no usage reports from libraries.

``import rpsg`` switches telemetry off, whatever is imported after it, and child processes inherit that. The
switches must be set before onnxruntime is imported: from 1.31 on, its import writes a device id and opens a
queue of events, so its own ``disable_telemetry_events`` comes too late. These events count calls, and an
embedder is called once for each private text.
"""

from __future__ import annotations

import os
import sys

try:
    import resource
except ImportError:
    resource = None  # type: ignore[assignment]  # Windows has no such limit

#: The environment variables that stop a library from reporting its use to its makers, by library.
SWITCHES = {
    "onnxruntime": {"ORT_DISABLE_TELEMETRY": "1"},
    "huggingface_hub": {"HF_HUB_DISABLE_TELEMETRY": "1"},
    # Read by some libraries; the first is also the convention among command-line tools.
    "others": {"DO_NOT_TRACK": "1", "DISABLE_TELEMETRY": "1"},
}
#: At a limit of one byte, Linux writes no dump to a file and passes none to a program (``core_pattern`` with
#: a pipe). At a limit of zero it would still pass one to a program.
_LEAST = 1 if sys.platform == "linux" else 0

opened_before: set[str] = set()
set_by_us: set[str] = set()


def forbid_core_dumps() -> None:
    """Let neither this process nor a child of it leave a core dump, which would hold private texts.

    This cannot be taken back. Windows writes none unless its administrator asks for them.
    """
    if resource is None:
        return
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    limit = _LEAST if most == resource.RLIM_INFINITY else min(_LEAST, most)
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))


def switch_off_telemetry() -> None:
    """Set every switch for this process and its children; remember which libraries were imported before."""
    for library, variables in SWITCHES.items():
        if library in sys.modules and any(os.environ.get(n) != value for n, value in variables.items()):
            opened_before.add(library)
        os.environ.update(variables)


def came_too_late_for(library: str) -> bool:
    """Whether ``library`` was imported in this process before its switch was set."""
    return library in opened_before


def stay_offline() -> None:
    """Keep libraries of model hubs offline. A value that the user has set is kept."""
    if "HF_HUB_OFFLINE" not in os.environ:
        os.environ["HF_HUB_OFFLINE"] = "1"
        set_by_us.add("HF_HUB_OFFLINE")


def go_online() -> None:
    """Undo ``stay_offline``, because the user asked for a download."""
    for name in set_by_us:
        os.environ.pop(name, None)
    set_by_us.clear()
