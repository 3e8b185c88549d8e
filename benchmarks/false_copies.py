"""How often does the guard call a text a copy of an unrelated record?

    python benchmarks/false_copies.py

Each public review is compared with the first 60 words of the next one: in full, and cut to its first few
words.
"""

from __future__ import annotations

import json

from rpsg.models.download import locate
from rpsg.stages.leak_guard import Traces
from rpsg.stages.sanitize import readings

WORDS, CHARACTERS, CANDIDATE = 6, 30, 60


def main() -> None:
    """Count and print."""
    files = sorted(locate("amazon-reviews").glob("*.jsonl"))
    texts = [json.loads(line)["text"] for file in files for line in file.read_text("utf-8").splitlines()]
    pairs = [
        (text, " ".join(other.split()[:CANDIDATE]))
        for text, other in zip(texts, texts[1:] + texts[:1], strict=True)
    ]
    for cut in (None, 12, 8, 5, 4, 3):
        found = 0
        for text, candidate in pairs:
            traces, ways = Traces.of(" ".join(text.split()[:cut]), WORDS, CHARACTERS), readings(candidate)
            found += traces.hold_words(ways) or traces.hold_characters(ways)
        print(f"{'whole reviews' if cut is None else f'first {cut} words'}: {found} of {len(pairs)}")


if __name__ == "__main__":
    main()
