"""Write the tables of docs/audit.md from the committed results: ``python benchmarks/audit_page.py``.

Each table is between ``<!-- table: NAME -->`` and ``<!-- end -->``; a test checks that they are up to date.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "audit.md"
#: The columns of the tables of planted leaks, in order; attacks that were not measured have no column.
COLUMNS = (
    *("extraction", "copies", "phantom", "near-copies", "refer", "lira", "passage", "echo-pairs"),
    *("ppl", "zlib", "neighbours", "exposure", "echo-similarity", "closest", "closest-ratio", "lira-shadow"),
)
#: The leaks of ``audit_names.py``, in order.
NOTHING = "nothing"
KINDS = (NOTHING, "verbatim", "every fifth word gone", "paraphrased", "two sentences", "the line alone")
#: The attacks that are shown next to the published figures.
SHOWN = ("ppl", "refer", "lira", "copies", "phantom")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    first, *others = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    return [first, "|" + "---|" * len(head), *others]


def planted(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """How many corpora each attack refuted, for each kind of leak."""
    columns = [name for name in COLUMNS if any(name in row for row in rows)]
    head = ["leak", "members", *(f"`{name}`" for name in columns)]
    lines = []
    for row in rows:
        people = row["people"]
        of = f"{round(row['share'] * people):,} of {people:,}"
        others = {name: row[name] for name in columns if name not in {"extraction", "exposure"}}
        best = max(others, key=lambda name: others[name]["epsilon"])
        areas = [each["auc"] for each in others.values() if each["auc"] is not None]
        lines.append(
            [
                row["leak"],
                of,
                *(str(row[name]["seen"]) for name in columns),
                f"{others[best]['epsilon']:.2f} (`{best}`)",
                f"{max(areas):.2f}",
            ]
        )
    return table([*head, "largest mean ε without canaries", "largest mean AUC"], lines)


def identified(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """How many corpora ``identities`` and ``names`` refuted, and their mean lower bounds."""
    head = ["leak", "members", "corpora", "`identities`", "mean ε", "`names`", "mean ε"]
    lines = []
    for row in sorted(
        rows, key=lambda each: (KINDS.index(each.get("leak", NOTHING)), each.get("share", 0.0))
    ):
        of = f"{round(row.get('share', 0.0) * row['people']):,} of {row['people']:,}"
        own = [row[name] for name in ("identities", "names")]
        shown = [figure for each in own for figure in (str(each["seen"]), f"{each['epsilon']:.2f}")]
        lines.append([row.get("leak", NOTHING), of, str(row["seeds"]), *shown])
    return table(head, lines)


def alarms(found: Mapping[str, Any]) -> list[str]:
    """How often corpora that had learned nothing raised an alarm."""
    rows = [
        [
            f"{each['people']:,}",
            f"{each['corpus']:,}",
            "those that need an embedder or the pipeline" if "aided" in name else "those that need no aid",
            str(each["seeds"]),
            str(each["alarms"]),
            f"{each['largest']:.3f}",
            str(each["void"]),
            str(each.get("swapped", "not counted")),
        ]
        for name, each in found.items()
        if name.startswith("null")
    ]
    head = [
        "people of each side",
        "texts",
        "attacks",
        "corpora",
        "alarms",
        "largest ε",
        "wrongly void",
        "wrongly called exchanged",
    ]
    return table(head, rows)


def counted(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """How many audits of corpora that had learned nothing have a verdict."""
    outcomes = ("no violation seen", "not run", "refuted")
    rows = []
    for each in found.values():
        sizes = [f"{each[name]:,}" for name in ("people", "corpus")]
        verdicts = [str(each["verdicts"].get(outcome, 0)) for outcome in outcomes]
        rows.append([*sizes, str(each["canaries"] or "none"), str(each["seeds"]), *verdicts])
    return table(["people of each side", "texts", "canaries", "audits", *outcomes], rows)


def beside(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """The published measure next to the audit's, for each corpus of posts; means over the random draws."""
    measures = ("PPL", "REFER", "LiRA", "extraction")
    head = ["corpus", *(f"{name}, as published" for name in measures)]
    head += [*(f"AUC of `{name}`" for name in SHOWN[:3]), "ε at least", "refuted"]
    rows = []
    for corpus, tosses in found.items():
        row = [corpus]
        for name in measures:
            own = [toss["published"][name] for toss in tosses]
            spread = f"{min(own):.2f} to {max(own):.2f}"
            row.append(spread if name != "extraction" else f"{100 * mean(own):.1f} %")
        row += [f"{mean(toss['attacks'][name]['auc'] for toss in tosses):.2f}" for name in SHOWN[:3]]
        lower = [max(a["epsilon"] or 0.0 for a in toss["attacks"].values()) for toss in tosses]
        refuted = sum(toss["verdict"] == "refuted" for toss in tosses)
        rows.append([*row, f"{mean(lower):.2f}", f"{refuted} of {len(tosses)}"])
    return table(head, rows)


def of_paper(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The published measure of paper runs, with trigrams and a BERT, and the audit's with 95 % intervals."""
    measures = ("PPL", "REFER", "LiRA")
    head = ["corpus", "texts", *(f"{name}, as published" for name in measures), "extraction, as published"]
    head += [*(f"AUC of `{name}`" for name in SHOWN[:3]), "ε at least", "verdict"]
    rows = []
    for name, run in found.items():
        tables = [run["published"], *([run["published, BERT"]] if "published, BERT" in run else [])]
        row = [name, str(run["synthetic"])]
        row += [" and ".join(f"{each[measure]:.2f}" for each in tables) for measure in measures]
        row.append(f"{100 * run['published']['extraction']:.1f} %")
        for attack in SHOWN[:3]:
            low, high = run["attacks"][attack]["interval"]
            row.append(f"{run['attacks'][attack]['auc']:.2f} ({low:.2f} to {high:.2f})")
        lower = max(each["epsilon"] or 0.0 for each in run["attacks"].values())
        rows.append([*row, f"{lower:.2f}", run["verdict"]])
    return table(head, rows)


def scale(found: Mapping[str, Any]) -> list[str]:
    """Time and memory by the number of private texts."""
    columns = ("seconds of one core", "MiB of text", "MiB before", "MiB at most")
    rows = [[f"{row['private']:,}", *(f"{row[name]:,}" for name in columns)] for row in found["sizes"]]
    return table(["private texts", *columns], rows)


def beyond(found: Mapping[str, Any]) -> list[str]:
    """The memory for each further private text, once words are no longer kept."""
    columns = ("MiB of text", "MiB before", "MiB at most")
    rows = [[f"{row['private']:,}", *(str(row[name]) for name in columns)] for row in found["sizes"]]
    more = found["bytes for each text more"]
    rows.append(["bytes for each text more", *(f"{more[name]:,}" for name in columns)])
    return table(["private texts", *columns], rows)


def whole(found: Mapping[str, Any]) -> list[str]:
    """Time and memory of the command itself, on files."""
    columns = ("seconds of one core", "MiB of files", "MiB at most", "verdict")
    rows = [[f"{row['private']:,}", *(_plain(row[name]) for name in columns)] for row in found["sizes"]]
    return table(["private texts", *columns], rows)


def _plain(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def of_tuned(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The results of ``tuned`` on corpora with and without a leak, and on its control."""
    people = ("people of each side", "texts", "members who leaked")
    control = ("auc of the control", "epsilon of the control")
    head = [*people, "AUC", "right guesses", "ε at least", "AUC of the control", "ε of the control"]
    rows = []
    for row in found.values():
        low, high = row["auc_interval"]
        seen = [f"{row['auc']:.2f} ({low:.2f} to {high:.2f})", f"{row['right']} of {row['guesses']}"]
        shown = [f"{row[name]:.2f}" for name in ("epsilon", *control)]
        rows.append(
            [*(f"{row[name]:,}" for name in people), *seen, *shown, f"{row['seconds of one core']:,}"]
        )
    return table([*head, "seconds of one core"], rows)


def attacked(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """Real runs: how many texts and people, the verdict, and the attack with the largest AUC."""
    head = [
        "run",
        "texts",
        "people used",
        "held out",
        "verdict",
        "canaries found",
        "ε at least",
        "largest AUC",
    ]
    rows = []
    for runs in found.values():
        for name, run in runs.items():
            if "verdict" not in run:
                continue  # it was stopped before its end
            areas = {n: a["auc"] for n, a in run["attacks"].items() if a["auc"] is not None}
            best = max(areas, key=lambda each: areas[each])
            canaries = run["attacks"].get("extraction", {}).get("right")
            lower = max(a["epsilon"] or 0.0 for a in run["attacks"].values())
            people = [f"{run[side]:,}" for side in ("members", "held out")]
            hits = "none planted" if canaries is None else str(canaries)
            figures = (hits, f"{lower:.2f}", f"{areas[best]:.2f} (`{best}`)")
            rows.append([name, f"{run['synthetic']:,}", *people, run["verdict"], *figures])
    return table(head, rows)


def answered(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The attack on noisy answers: each of several runs alone, and the canaries of all of them together."""
    head = ["noise", "audit runs", "runs refuted", "median ε of one run", "median AUC of one run"]
    head += ["right guesses of all runs together", "ε at least, together", "verdict, together"]
    rows = []
    for name, row in found.items():
        whole = row["together"]
        refuted = sum(verdict == "refuted" for verdict in row["of the attack"])
        shown = [name, f"{row['runs']} with {row['canaries']} canaries each", f"{refuted} of {row['runs']}"]
        shown += [f"{median(row[figure]):.2f}" for figure in ("epsilon", "auc")]
        shown += [f"{whole['right']:,} of {whole['guesses']:,}", f"{whole['epsilon']:.2f}", whole["verdict"]]
        rows.append(shown)
    return table(head, rows)


def left(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The noise that single runs have left, and how often such a run is refuted if it is drawn again."""
    head = ["noise", "runs refuted by `noise-left`", "noise found", "ε at least"]
    again = ("noise-left", "noisy-answers", "noisy-answers, no overlap", "noisy-answers, longest")
    head += ["`noise-left`, drawn again", "`noisy-answers`, drawn again", "the same without overlap"]
    rows = []
    for name, row in found.items():
        refuted = sum(verdict == "refuted" for verdict in row["of noise-left"])
        shown = [_between(row["noise, of what is claimed"]), _between(row["epsilon of noise-left"])]
        shares = [f"{row['simulated'][each]} of {row['simulated']['redrawn']}" for each in again]
        rows.append([name, f"{refuted} of {row['runs']}", *shown, *shares])
    return table([*head, "and at full length"], rows)


def _between(values: Sequence[float]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"


def of_mechanisms(found: Mapping[str, Any]) -> list[str]:
    """What many runs of each class of mechanism reveal, with the noise as planned and with less."""
    relations = {"add_remove": "there or not", "replace_one": "replaced"}
    head = ["mechanism", "person", "runs in each world", "μ claimed", "μ at least"]
    rows = []
    for row in found["rows"]:
        shown = [f"{value:.3f}" for value in row["mu at least"].values()]
        told = [row["mechanism"], relations[row["adjacency"]], f"{row['runs in each world']:,}"]
        rows.append([*told, f"{row['mu claimed']:.3f}", *shown])
    return table([*head, "with 0.8 of the noise", "with a third of it"], rows)


def of_many_runs(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the noisy answers of many runs, and their corpora, reveal about one canary."""
    head = ["noise", "the attacker has", "said of runs with it", "said of runs without it"]
    rows = []
    for name, row in found.items():
        for what in ("answers", "corpus"):
            own = row[what]
            said = [own["said of runs with the canary"], own["said of runs without"]]
            bounds = [f"{own[key]:.2f}" for key in ("epsilon at least", "mu at least", "epsilon of that mu")]
            is_short = own["mu at least"] > row["mu claimed"]
            has = "the noisy answers" if what == "answers" else "the corpus"
            rows.append([name, has, *said, *bounds, "yes" if is_short else "no"])
    return table([*head, "ε at least", "μ at least", "ε of that μ", "refuted"], rows)


def tables() -> dict[str, list[str]]:
    """Every table whose figures were measured, by its name."""
    found = json.loads((RESULTS / "audit.json").read_text("utf-8"))
    made = {name: planted(rows) for name, rows in found.items() if name.startswith("power")}
    made["false alarms"] = alarms(found)
    if "counts" in found:
        made["counts"] = counted(found["counts"])
    signed = json.loads((RESULTS / "audit-names.json").read_text("utf-8"))
    made |= {f"names, {name}": identified(rows) for name, rows in signed.items()}
    if "memory" in found:
        made["memory"] = scale(found["memory"])
    if "slope" in found:
        made["slope"] = beyond(found["slope"])
    if "command" in found:
        made["whole audits"] = whole(found["command"])
    if (RESULTS / "audit-tuned.json").is_file():
        made["tuned"] = of_tuned(json.loads((RESULTS / "audit-tuned.json").read_text("utf-8")))
    runs = json.loads((RESULTS / "audit-runs.json").read_text("utf-8"))
    made["runs"] = attacked(runs)
    if "answers" in runs:
        made["answers"] = answered(runs["answers"])
        made["noise-left"] = left(runs["answers"])
    for name, of in (("mechanisms", of_mechanisms), ("many-runs", of_many_runs)):
        if (RESULTS / f"audit-{name}.json").is_file():
            made[name] = of(json.loads((RESULTS / f"audit-{name}.json").read_text("utf-8")))
    posts = json.loads((RESULTS / "audit-posts.json").read_text("utf-8"))
    made["posts"] = beside(posts)
    if of_seeds := {name: run for name, run in runs.get("attack", {}).items() if "published" in run}:
        made["paper"] = of_paper(of_seeds)
    return made


def written(page: str) -> str:
    """The page with new tables; KeyError for a table that has no figures."""
    made = tables()

    def fresh(found: re.Match[str]) -> str:
        return "\n".join([found[1], *made[found[2]], "<!-- end -->"])

    return re.sub(r"(<!-- table: (.+?) -->)\n.*?<!-- end -->", fresh, page, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
