"""The public random streams: everything after the DP boundary, reproducible from one seed.

Noise never comes from here: it is read from the operating system inside the kernel, which takes no seed.
"""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, *names: object) -> np.random.Generator:
    """A separate generator for each purpose, so that no stage shifts the draws of another."""
    digest = hashlib.sha256("\0".join(["rpsg-stream/1", str(seed), *map(str, names)]).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def text_seed(seed: int, *names: object) -> int:
    """The sampling seed of one text: 31 bits, the range every LLM server takes."""
    return int(stream(seed, *names).integers(2**31))
