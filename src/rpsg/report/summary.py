"""A run in words, from its public ledger and its pool of candidates. It reads nothing private."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rpsg.models.catalog import licence_of
from rpsg.privacy.egress import hosts
from rpsg.privacy.gaussian import rounded_up
from rpsg.report.fields import fields
from rpsg.report.quality import Quality, quality_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.privacy.egress import EgressRecord
    from rpsg.records import Pool

WIDTH = 92
#: What methods read whose seeds are private records: what was dropped, and how often, depends on them.
SEEDED = ("donors", "records")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a summary and a card are made of; ``quality`` is computed from the released texts, once."""

    plan: Plan
    pack: Pack
    pool: Pool
    ledger: Mapping[str, Any]
    writer: str
    embedder: str
    seen: Sequence[EgressRecord] = ()
    quality: Quality = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "quality", quality_of(self.pool.alive(), self.pack))


def summary(facts: Facts) -> str:
    """Markdown: what was made, what is claimed, what it cost, what was dropped, what is not covered."""
    parts = [
        *(
            _made(facts),
            facts.quality.line,
            _claimed(facts),
            _cautions(facts),
            _spent(facts),
            _disclosed(facts),
        ),
        _who_saw(facts),
        *(_fate(facts), _missing(facts), _not_covered(facts), _signed(facts)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _made(facts: Facts) -> str:
    alive, plan = facts.pool.alive(), facts.plan
    about = plan.corpus.about or facts.pack.about
    short = "" if len(alive) >= plan.corpus.size else f" ({plan.corpus.size} were asked for)"
    return (
        f"# {len(alive)} synthetic texts{short}\n\n"
        f"About: {about}. Written by {facts.writer} with the domain pack "
        f"{facts.pack.name}, method {plan.method.name}.{_writer_licence(plan)}"
    )


def _writer_licence(plan: Plan) -> str:
    licence = licence_of(plan.models.writer)
    return f" Licence of the writer: {licence}." if licence else ""


def _claimed(facts: Facts) -> str:
    claim = facts.ledger["claim"]
    lines = ["## What is claimed", "", claim["text"]]
    if "epsilon" in claim:
        worst = claim["attack"]
        lines += [
            "",
            (
                "In other words: somebody who knows everything but whether one particular "
                f"{facts.plan.unit} is in the data, and who does the best that mathematics allows, tells it "
                f"right with an AUC of at most {rounded_up(worst['auc'], 3)} (0.5 is guessing), and finds at "
                f"most {rounded_up(100 * worst['tpr_at_fpr_1_percent'], 1)} % of the members when 1 % of the "
                "others may be accused."
            ),
        ]
    return "\n".join(lines)


def _spent(facts: Facts) -> str:
    mechanisms = [m for m in facts.ledger["mechanisms"] if m["kind"] == "rounded_gaussian"]
    if not mechanisms:
        return ""
    total = sum(m["sensitivity2"] / m["sigma"] ** 2 for m in mechanisms)
    rows = [
        f"| {m['stage']} | {m['query']} | {m['sigma']:.3f} "
        f"| {m['sensitivity2'] / m['sigma'] ** 2 / total:.0%} |"
        for m in mechanisms
    ]
    head = ["## What was read from the private data", ""]
    return "\n".join(
        [
            *head,
            "| step | what was counted | noise (sigma) | share of the budget |",
            "|---|---|---|---|",
            *rows,
        ]
    )


def _who_saw(facts: Facts) -> str:
    """Every host, and what was sent there. How many texts are private is not told."""
    if not facts.seen:
        return ""
    others = hosts(facts.seen)
    said = f"Something was sent to {', '.join(others)}." if others else "Nothing left this machine."
    rows = [
        f"| {line.host} | {line.role} | {line.sees} | {'' if line.requests is None else line.requests} |"
        for line in facts.seen
    ]
    head = ["## Who saw what", "", said, "", "| host | as | saw | requests |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


def _fate(facts: Facts) -> str:
    if facts.ledger["reads"] in SEEDED:
        return ""
    rows = [
        f"| {stage} | {reason} | {count} |" for (stage, reason), count in sorted(facts.pool.drops().items())
    ]
    written = len(facts.pool)
    head = f"## What became of {written} texts that were written\n\n{len(facts.pool.alive())} are released."
    if not rows:
        return head
    return "\n".join([head, "", "| step | dropped because | texts |", "|---|---|---|", *rows])


def _missing(facts: Facts) -> str:
    data = facts.plan.data
    if data.label is None or data.labels:
        return ""
    return (
        "## Rare labels\n\nThe label values were found in the data with noise. Values that few people carry "
        "are below the threshold and do not appear; declare them with --labels to have them."
    )


def _disclosed(facts: Facts) -> str:
    """By which ways private text went on without noise."""
    rows = [f"| {f['from']} | {f['to']} | {f['what']} |" for f in facts.ledger["non_dp_flows"]]
    head = ["## What was read without noise", "", "| from | to | what |", "|---|---|---|"]
    return "\n".join([*head, *rows]) if rows else ""


def _cautions(facts: Facts) -> str:
    """What weakens the claim, close to it."""
    lines = [f"- {line}" for line in facts.ledger["cautions"]]
    return "\n".join(["## Before you rely on it", "", *lines]) if lines else ""


def _not_covered(facts: Facts) -> str:
    lines = [f"- {line}" for line in facts.ledger.get("not_covered", [])]
    return "\n".join(["## What is not covered", "", *lines]) if lines else ""


def _signed(facts: Facts) -> str:
    signer = facts.ledger.get("signer")
    if signer is None:
        return ""
    return (
        f"## Who signed it\n\nThe {signer['algorithm']} key with the fingerprint {signer['fingerprint']}. "
        "Whose key that is must be known from elsewhere: `rpsg verify RELEASE --key KEY.pub`"
    )


def card(facts: Facts) -> str:
    """The data set's card: front matter as dataset hubs read it, then the summary and how to check it."""
    plan, seeded = facts.plan, facts.ledger["reads"] in SEEDED
    front = _front(facts)
    held = [
        "## Fields",
        "",
        *(f"- `{name}`: {told}" for name, told in fields(label=plan.data.label is not None, seeded=seeded)),
        "",
        "Every text is written by a language model."
        + (" It was made from a private record." if seeded else " None is a record of a person."),
    ]
    check = [
        "## Check it",
        "",
        "`rpsg verify .` in this folder checks what `ledger.json` says, and the files that it names"
        + (
            ". The corpus cannot be derived again: it began with private records."
            if seeded
            else " and derives the corpus again from the noisy counts in `evidence/`. "
            "It needs no private data."
        ),
    ]
    return "\n".join([*front, "", summary(facts), *held, "", *check, ""])


def _front(facts: Facts) -> list[str]:
    """The lines that dataset hubs read. Nobody but the owner can say under which licence a release stands."""
    plan, tags = facts.plan, ["synthetic"]
    if "epsilon" in facts.ledger["claim"]:
        tags.append("differential-privacy")
    about = plan.corpus.about or facts.pack.about
    return [
        "---",
        f"pretty_name: {_quoted(f'Synthetic texts: {about}')}",
        *([f"language: [{_quoted(facts.pack.language)}]"] if facts.pack.language else []),
        f"license: {plan.corpus.license or 'unknown'}",
        "annotations_creators: [machine-generated]",
        "language_creators: [machine-generated]",
        f"task_categories: [{'text-classification' if plan.data.label else 'text-generation'}]",
        f"tags: [{', '.join(tags)}]",
        f"size_categories: [{_size_category(len(facts.pool.alive()))}]",
        "configs:",
        "  - config_name: default",
        "    data_files: corpus.jsonl",
        "---",
    ]


def _quoted(text: str) -> str:
    """A string that YAML reads as it is: every JSON string in ASCII is one."""
    return json.dumps(" ".join(text.split())).replace("\x7f", "\\u007f")


def _size_category(count: int) -> str:
    limits = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    return next((name for limit, name in limits if count < limit), "1M<n<10M")
