"""How much time and memory an audit takes, depending on the number of texts.

    python benchmarks/audit_scale.py speed --out benchmarks/results/audit.json
    python benchmarks/audit_scale.py alone --out benchmarks/results/audit.json
    python benchmarks/audit_scale.py memory --sizes 10000 30000 100000 --out benchmarks/results/audit.json
    python benchmarks/audit_scale.py slope --kept 262144 --out benchmarks/results/audit.json
    python benchmarks/audit_scale.py slope --sizes 1000000 --words 20 --out benchmarks/results/audit.json
    python benchmarks/audit_scale.py rules --sizes 10000 30000 100000 --out benchmarks/results/audit.json
    python benchmarks/audit_scale.py command --sizes 50000 200000 1000000 --out benchmarks/results/audit.json

``command`` measures ``rpsg audit`` itself on files of short texts: all attacks that need no aid, the baseline
and the controls. It adds its sizes to those in the file. ``slope`` measures what each further private text
costs once the words of texts are no longer kept in memory. So that this does not take millions of texts,
``--kept`` lowers the number of words that are kept; only the attacks that need most memory are run, once.
With ``--words`` the texts are shorter, so that a million of them take minutes.

``rules`` measures what the rules about copies take that decide whether an audit counts, each alone and in a
process of its own, on forms: all texts begin with the same forty words, also those of the corpus.

There are always 2,000 synthetic texts, and half of the private texts are held out.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audit import reviews
from rpsg.audit import audit as whole_audit
from rpsg.audit import surrogate
from rpsg.audit.attacks import ATTACKS
from rpsg.audit.control import is_in_another_language
from rpsg.audit.copies import copied_of_few, repeats_held_out
from rpsg.audit.run import audit_subject, find_attacks, level_of
from rpsg.audit.subject import subject_of
from rpsg.audit.surrogate import BLOCK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def many_texts(count: int, most: int) -> list[str]:
    """Texts as long as the reviews, put together from pieces of five words, because there are not enough
    reviews.

    None has more than about ``most`` words.
    """
    draw, rows = np.random.default_rng(0), [text.split() for text in reviews(0)]
    pieces = [row[i : i + 5] for row in rows for i in range(0, len(row), 5)]
    lengths = [min(len(rows[i]) // 5 + 1, most // 5) for i in draw.integers(len(rows), size=count)]
    return [
        " ".join(word for i in draw.integers(len(pieces), size=length) for word in pieces[i])
        for length in lengths
    ]


def speed(private: int) -> dict[str, Any]:
    """The whole audit, controls too."""
    many, half = many_texts(2000 + private, LONG), 2000 + private // 2
    began, cpu = time.monotonic(), time.process_time()
    made = whole_audit(many[:2000], many[2000:half], many[half:])
    return {
        "synthetic": 2000,
        "private": private,
        "seconds": round(time.monotonic() - began, 1),
        "seconds of one core": round(time.process_time() - cpu, 1),
        "verdict": made.verdict,
        "reason": made.reason,
    }


def alone(private: int) -> dict[str, Any]:
    """Seconds of one core that each search for copies takes alone, with nothing computed before."""
    many, half = many_texts(2000 + private, LONG), 2000 + private // 2
    took: dict[str, Any] = {"synthetic": 2000, "private": private}
    for name, attack in find_attacks(SEARCHES).items():
        case = subject_of(many[:2000], many[2000:half], many[half:])
        cpu = time.process_time()
        attack(case)
        took[name] = round(time.process_time() - cpu, 1)
    return took


def _measured(private: int, told: Any) -> None:
    """One audit in a separate process: seconds of one core, and MiB that it took in addition to its
    inputs.
    """
    many, half = many_texts(2000 + private, LONG), 2000 + private // 2
    case = subject_of(many[:2000], many[2000:half], many[half:])
    texts = sum(map(len, case.texts)) / 2**20
    before, cpu = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, time.process_time()
    audit_subject(replace(case, level=level_of(ATTACKS, case.given)), find_attacks())
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told.put(
        {
            "private": private,
            "seconds of one core": round(time.process_time() - cpu, 1),
            "MiB of text": round(texts),
            "MiB before": round(before),
            "MiB at most": round(most),
        }
    )


def memory(sizes: Sequence[int], seen: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Peak memory and time of whole audits of several sizes, and an extrapolation to a million. The smallest
    of three sizes gives the constant part. What the other two take beyond it gives the exponent of the
    growth. Sizes that differ by less than a factor of ten are not extrapolated: the growth is then smaller
    than the constant part, and the exponent is due to chance. Nor are sizes below two blocks of texts, where
    memory grows with the block and not with the corpus.
    """
    rows = [dict(row) for row in seen if row["private"] not in sizes]
    for size in sizes:
        context = multiprocessing.get_context("spawn")
        told = context.Queue()
        process = context.Process(target=_measured, args=(size, told))
        process.start()
        rows.append(told.get())
        process.join()
        print(json.dumps(rows[-1]), flush=True)
    rows.sort(key=lambda row: row["private"])
    made: dict[str, Any] = {"sizes": rows}
    large = [row for row in rows if row["private"] >= 2 * BLOCK]
    if len(large) >= 3 and large[-1]["private"] >= 10 * large[0]["private"]:
        made["extrapolated"] = {
            name: extrapolated([(row["private"], row[name]) for row in (large[0], *large[-2:])])
            for name in ("MiB at most", "seconds of one core")
        }
    return made


SIZES, SLOPE_SIZES = (10_000, 30_000, 100_000), (10_000, 40_000)
#: The default of the maximum number of words of a text: all that the reviews have.
LONG = 5000
#: The maximum number of words of a text if a million texts are read.
SHORT = 20
#: The attacks that need most memory: for arrays over texts and models, and for runs of words and of
#: characters.
HEAVY = ("lira", "passage", "phantom", "copies")
#: The attacks that compare every private text with every synthetic one, exactly.
SEARCHES = ("copies", "near-copies")
SIDES = ("members", "nonmembers")


def _one_pass(private: int, kept: int, most: int, told: Any) -> None:
    """The heavy attacks on one corpus in a separate process: MiB before them, and the most during them."""
    surrogate.MOST_KEPT = kept
    many, half = many_texts(2000 + private, most), 2000 + private // 2
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    case = subject_of(many[:2000], many[2000:half], many[half:])
    cpu = time.process_time()
    for attack in find_attacks(HEAVY).values():
        attack(case)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told.put(
        {
            "private": private,
            "words of a text": round(sum(map(str.count, case.texts, repeat(" "))) / len(case.texts)) + 1,
            "words kept at most": kept,
            "seconds of one core": round(time.process_time() - cpu, 1),
            "MiB of text": round(sum(map(len, case.texts)) / 2**20, 1),
            "MiB before": round(before, 1),
            "MiB at most": round(peak, 1),
        }
    )


def slope(sizes: Sequence[int], kept: int, most: int) -> dict[str, Any]:
    """Peak memory by size and, if there are two sizes, what each further private text costs."""
    rows = []
    for size in sizes:
        context = multiprocessing.get_context("spawn")
        told = context.Queue()
        process = context.Process(target=_one_pass, args=(size, kept, most, told))
        process.start()
        rows.append(told.get())
        process.join()
        print(json.dumps(rows[-1]), flush=True)
    first, last = rows[0], rows[-1]
    if first is last:
        return {"sizes": rows, "attacks": list(HEAVY)}
    more = last["private"] - first["private"]
    per_text = {
        name: round((last[name] - first[name]) * 2**20 / more)
        for name in ("MiB of text", "MiB before", "MiB at most")
    }
    return {"sizes": rows, "attacks": list(HEAVY), "bytes for each text more": per_text}


#: What is asked after the attacks, by name.
RULES = {
    "texts that a few others wrote too": copied_of_few,
    "texts of people held out": repeats_held_out,
    "another language": is_in_another_language,
}


def _one_rule(private: int, name: str, told: Any) -> None:
    """One rule on forms in a separate process: seconds of one core, and MiB that it took."""
    rows = many_texts(2001 + private, SHORT)
    begin = " ".join(reviews(0)[0].split()[:40])
    many, half = [f"{begin} {row}" for row in rows[1:]], 2000 + private // 2
    case = subject_of(many[:2000], many[2000:half], many[half:])
    before, cpu = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, time.process_time()
    RULES[name](case)
    told.put(
        {
            "private": private,
            "rule": name,
            "seconds of one core": round(time.process_time() - cpu, 1),
            "MiB of text": round(sum(map(len, case.texts)) / 2**20, 1),
            "MiB before": round(before),
            "MiB at most": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
    )


def rules(sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Time and memory of each rule by size."""
    rows = []
    for size in sizes:
        for name in RULES:
            context = multiprocessing.get_context("spawn")
            told = context.Queue()
            process = context.Process(target=_one_rule, args=(size, name, told))
            process.start()
            rows.append(told.get())
            process.join()
            print(json.dumps(rows[-1]), flush=True)
    return rows


def command(sizes: Sequence[int], seen: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """``rpsg audit --synthetic --members --nonmembers`` on files: its seconds and its peak memory."""
    rows = [dict(row) for row in seen if row["private"] not in sizes]
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            files = {name: str(Path(folder) / f"{name}.jsonl") for name in ("synthetic", *SIDES, "report")}
            context = multiprocessing.get_context("spawn")
            writing = context.Process(target=_write, args=(size, files))
            writing.start()
            writing.join()
            given = [part for name in ("synthetic", *SIDES) for part in (f"--{name}", files[name])]
            run = [sys.executable, "-m", "rpsg", "audit", *given, "--out", files["report"], "--quiet"]
            began = time.monotonic()
            process = subprocess.Popen(run, stdout=subprocess.DEVNULL)
            _, status, used = os.wait4(process.pid, 0)
            told = json.loads(Path(files["report"]).read_text("utf-8"))
            rows.append(
                {
                    "private": size,
                    "words of a text at most": SHORT,
                    "exit code": os.waitstatus_to_exitcode(status),
                    "verdict": told["verdict"],
                    "seconds": round(time.monotonic() - began),
                    "seconds of one core": round(used.ru_utime + used.ru_stime),
                    "MiB of files": round(sum(Path(files[name]).stat().st_size for name in SIDES) / 2**20),
                    "MiB at most": round(used.ru_maxrss / 1024),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    return {"sizes": sorted(rows, key=lambda row: row["private"])}


def _write(private: int, files: Mapping[str, str]) -> None:
    """The files of one audit, written in a separate process, so that its memory is not counted."""
    many, half = many_texts(2000 + private, SHORT), 2000 + private // 2
    parts = {"synthetic": many[:2000], "members": many[2000:half], "nonmembers": many[half:]}
    for name, texts in parts.items():
        with Path(files[name]).open("w", encoding="utf-8") as file:
            file.writelines(json.dumps({"text": text}) + "\n" for text in texts)


def extrapolated(points: Sequence[tuple[int, float]], to: int = 1_000_000) -> dict[str, float]:
    """The fit to three sizes, smallest first: a constant, and a power of the size beyond the smallest."""
    (start, least), (middle, more), (end, most) = points
    exponent = math.log((most - least) / (more - least)) / math.log((end - start) / (middle - start))
    value = least + (most - least) * ((to - start) / (end - start)) ** exponent
    return {"exponent": round(exponent, 2), "private": to, "value": round(value)}


def main() -> None:
    """Measure one thing and add it to the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("speed", "alone", "memory", "slope", "rules", "command"))
    parser.add_argument("--private", type=int, default=5000)
    parser.add_argument("--sizes", nargs="*", type=int)
    parser.add_argument("--words", type=int, default=LONG, help="of a text, at most")
    parser.add_argument("--kept", type=int, default=surrogate.MOST_KEPT)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    kept = json.loads(given.out.read_text("utf-8")) if given.out.is_file() else {}
    if given.what == "speed":
        kept["speed"] = speed(given.private)
    elif given.what == "alone":
        kept["alone"] = alone(given.private)
    elif given.what == "rules":
        kept["rules"] = rules(given.sizes or SIZES)
    elif given.what == "command":
        kept["command"] = command(given.sizes or SIZES, kept.get("command", {}).get("sizes", ()))
    elif given.what == "slope":
        name = "slope" if given.words == LONG else f"slope, {given.words} words"
        kept[name] = slope(given.sizes or SLOPE_SIZES, given.kept, given.words)
    else:
        kept["memory"] = memory(given.sizes or SIZES, kept.get("memory", {}).get("sizes", ()))
    given.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
