"""The public random streams: everything after the DP boundary, reproducible from one seed.

DP noise never comes from here: the kernel reads it from the operating system and takes no seed.
"""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, *names: object) -> np.random.Generator:
    """A separate generator for each purpose, so that the draws of one stage do not affect another's."""
    digest = hashlib.sha256("\0".join(["rpsg-stream/1", str(seed), *map(str, names)]).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def text_seed(seed: int, *names: object) -> int:
    """The sampling seed of one text: 31 bits, which every LLM server accepts."""
    return int(stream(seed, *names).integers(2**31))
