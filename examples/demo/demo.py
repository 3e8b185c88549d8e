"""What ``make demo`` shows: a checked synthetic corpus, made from public reviews that stand in for private
ones.

It prints and runs the commands that a user would type, and prints how long each step took. A second call
continues where a stopped one left off; a finished run is shown again and costs no more budget.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

RPSG = Path(sys.executable).with_name("rpsg")
GEMMA = "gemma-3-270m"
WRITER = os.environ.get("WRITER") or GEMMA
#: The fake writer needs no weights. The test of the installed package uses it, and fewer rows.
NEEDED = tuple(name for name in (WRITER, "minilm-onnx", "amazon-reviews") if name != "fake")
REVIEWS = Path("runs/demo-reviews.jsonl")
PRIVATE_ROWS = int(os.environ.get("ROWS") or 600)  # of 4,000: this many are enough for a sketch
OUT = "demo-run" if WRITER == GEMMA else f"demo-run-{WRITER}"
SHOWN = 5


def main() -> int:
    """Weights, run, verification, five texts, seconds. The exit code is that of the first command to fail."""
    laps = {"install": installed_in()}
    with_lap(laps, "weights and data", bring)
    make_private_file(place_of("amazon-reviews") / "train.jsonl")
    with_lap(laps, "run", lambda: rpsg(*run_command()))
    with_lap(laps, "verify", lambda: rpsg("verify", OUT))
    show_texts()
    show_laps(laps)
    return 0


def run_command() -> list[str]:
    """The one command of the demo, as it is in the README."""
    about = "reviews that customers wrote about food they bought online"
    command = ["run", str(REVIEWS), "--text", "text", "--domain", "food-reviews", "--about", about]
    return [*command, "--epsilon", "2", "--size", "60", "--oversample", "2", "--writer", WRITER, "-o", OUT]


def rpsg(*words: str) -> None:
    """Print the command, then run it; a failure ends the demo with its exit code."""
    say(f"$ {shlex.join(['rpsg', *words])}")
    done = subprocess.run([RPSG, *words], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def bring() -> None:
    """Download what is needed. Gemma has terms of use, which are shown; this download accepts them."""
    if WRITER == GEMMA:
        say(
            f"The writer {GEMMA} has terms of use, shown below, and continuing accepts them; `make demo "
            "WRITER=smollm2-135m` takes a smaller writer under Apache-2.0 instead."
        )
    for name in NEEDED:
        rpsg("models", "pull", name, *(["--accept-licence"] if name == GEMMA else []))


def place_of(name: str) -> Path:
    """The folder of something that was downloaded."""
    command = [str(RPSG), "models", "pull", name, "--json", "--quiet"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Path(json.loads(told)["pulled"]["path"])


def make_private_file(reviews: Path) -> None:
    """The first reviews of the public file; for this demo they are what must stay private."""
    REVIEWS.parent.mkdir(exist_ok=True)
    with reviews.open(encoding="utf-8") as lines:
        REVIEWS.write_text("".join(islice(lines, PRIVATE_ROWS)), encoding="utf-8")
    say(f"{PRIVATE_ROWS:,} public reviews in {REVIEWS} stand in for private texts")


def show_texts() -> None:
    say(f"{SHOWN} of the synthetic reviews ({OUT}/release/corpus.jsonl)")
    with Path(OUT, "release", "corpus.jsonl").open(encoding="utf-8") as lines:
        for line in islice(lines, SHOWN):
            print(f"\n  {printable(json.loads(line)['text'])}")


def printable(text: str) -> str:
    """The text without control characters, because a model's text must not control the terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


def installed_in() -> float:
    """How many seconds the installation took, as ``make`` recorded it; 0 if nothing was installed."""
    note = Path(sys.prefix, ".seconds")
    seconds = float(note.read_text(encoding="ascii")) if note.is_file() else 0.0
    note.unlink(missing_ok=True)
    return seconds


def with_lap(laps: dict[str, float], name: str, work: Callable[[], None]) -> None:
    since = time.monotonic()
    work()
    laps[name] = time.monotonic() - since


def show_laps(laps: dict[str, float]) -> None:
    say("Where the time went (the steps of the run are in its page above)")
    for name, seconds in laps.items():
        print(f"  {name:<18}{seconds:>6.0f} s")
    print(f"  {'in all':<18}{sum(laps.values()):>6.0f} s")


def say(line: str) -> None:
    print(f"\n== {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
