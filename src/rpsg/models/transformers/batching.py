"""Work on several cores with one thread of torch each.

The threads of one matrix product wait for each other in a busy loop: on two busy cores a step with two
threads was ten times slower than with one. Several texts at once, each on one core, avoid that, and results
do not depend on the number of cores.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from rpsg.models.transformers.weights import import_torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Thing = TypeVar("Thing")
Made = TypeVar("Made")

_lock = threading.Lock()
_busy = 0
_before = 1


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Within this context torch uses one thread for each operation; the setting applies to the whole
    process.
    """
    global _busy, _before  # noqa: PLW0603 - the setting is the process's, so its owner is too
    torch = import_torch()
    with _lock:
        if _busy == 0:
            _before = torch.get_num_threads()
            torch.set_num_threads(1)
        _busy += 1
    try:
        yield
    finally:
        with _lock:
            _busy -= 1
            if _busy == 0:
                torch.set_num_threads(_before)


def in_lanes(do: Callable[[Thing], Made], things: Iterable[Thing], lanes: int) -> list[Made]:
    """The result of ``do`` for each thing, in order; ``lanes`` run at a time. The first error is raised."""
    torch = import_torch()

    def guarded(thing: Thing) -> Made:
        with torch.inference_mode():
            return do(thing)

    with one_thread_each(), ThreadPoolExecutor(lanes) as pool:
        futures = [pool.submit(guarded, thing) for thing in things]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()


def padded(rows: Sequence[Sequence[int]], width: int, device: Any, *, left: bool = False) -> tuple[Any, Any]:
    """Tokens and mask of shape (rows, width), padded on the right, or on the left."""
    torch = import_torch()
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for index, row in enumerate(rows):
        held = slice(width - len(row), width) if left else slice(len(row))
        ids[index, held] = torch.tensor(row)
        mask[index, held] = 1
    return ids.to(device), mask.to(device)
