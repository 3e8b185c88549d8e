"""No core dumps: a process that dies must not leave its memory, with private texts in it, on the disk."""

from __future__ import annotations

import resource
import sys

#: Linux takes no dump at all at a limit of one byte, not into a file and not into a program (``core_pattern``
#: with a pipe), to which a limit of zero means nothing.
_LEAST = 1 if sys.platform == "linux" else 0


def forbid_core_dumps() -> None:
    """From now on neither this process nor a child of it leaves a core dump; that cannot be taken back."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    limit = _LEAST if most == resource.RLIM_INFINITY else min(_LEAST, most)
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
