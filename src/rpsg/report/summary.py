"""The summary of a release, and its data card. Nothing private is read."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from rpsg.display import counted
from rpsg.methods.languages import language_of_texts
from rpsg.models.catalog import licence_of
from rpsg.privacy.claims import FIRST_FORM
from rpsg.privacy.egress import NOTHING_LEFT, hosts
from rpsg.privacy.first_words import as_in
from rpsg.privacy.gaussian import rounded_up
from rpsg.privacy.units import words_of
from rpsg.report.audited import COLUMNS, attack_rows, heading, sentences
from rpsg.report.fields import held_fields, origin_of_texts
from rpsg.storage.layout import CORPUS, EVIDENCE, LEDGER

if TYPE_CHECKING:
    from rpsg.plan import Plan
    from rpsg.release.reader import Release


def summary(release: Release) -> str:
    """Markdown: what was made, what is claimed, what it cost, what was dropped, what is not covered."""
    parts = (
        _made(release),
        release.quality.line,
        _planted(release),
        _claimed(release),
        _cautions(release),
        _audited(release),
        _spent(release),
        _disclosed(release),
        _who_saw(release),
        _drops(release),
        _missing(release),
        _not_covered(release),
        _signed(release),
    )
    return as_in(release.ledger["code"]["version"], "\n\n".join(part for part in parts if part) + "\n")


def _made(release: Release) -> str:
    alive, plan = release.pool.alive(), release.plan
    about = plan.corpus.about or release.pack.about
    short = "" if len(alive) >= plan.corpus.size else f" ({plan.corpus.size} were asked for)"
    return (
        f"# {len(alive)} synthetic texts{short}\n\n"
        f"About: {about}. Written by {release.writer} with the domain pack "
        f"{release.pack.name}, method {plan.method.name}.{_writer_licence(plan)}"
    )


def _writer_licence(plan: Plan) -> str:
    licence = licence_of(plan.models.writer)
    return f" Licence of the writer: {licence}." if licence else ""


def _planted(release: Release) -> str:
    """What the planted canaries have changed."""
    drawn = release.plan.data.audit_canaries
    if not drawn or not release.reads_private:
        return ""
    return (
        "All noisy counts, and the number of people, include canaries, which are invented texts for an "
        f"audit. {counted(drawn, 'canary', 'canaries')} {'was' if drawn == 1 else 'were'} drawn, and a coin "
        "decided for each whether it was counted as one more person. No canary is in the corpus."
    )


def _claimed(release: Release) -> str:
    claim = release.claim
    lines = ["## What is claimed", "", claim["text"]]
    if "epsilon" in claim:
        worst, who = claim["attack"], words_of(release.ledger["privacy_unit"])[0]
        lines += [
            "",
            (
                "In other words: suppose that an attacker knows everything about the data except whether "
                f"one particular {who} is in them, and has unlimited computing power. This "
                f"attacker distinguishes the two cases with an AUC of at most {rounded_up(worst['auc'], 3)} "
                "(0.5 is guessing). The attacker finds at most "
                f"{rounded_up(100 * worst['tpr_at_fpr_1_percent'], 1)} % of the members if 1 % of the "
                "non-members may be wrongly accused."
            ),
        ]
    return "\n".join(lines)


def _spent(release: Release) -> str:
    mechanisms = release.mechanisms
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


def _who_saw(release: Release) -> str:
    """What was sent to which host. The number of private texts is not published."""
    if not release.egress:
        return ""
    others = hosts(release.egress)
    said = f"Data were sent to {', '.join(others)}." if others else NOTHING_LEFT
    rows = [
        f"| {line.host} | {line.role} | {line.sees} | {'' if line.requests is None else line.requests} |"
        for line in release.egress
    ]
    head = ["## Who saw what", "", said, "", "| host | as | saw | requests |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


def _drops(release: Release) -> str:
    if release.is_seeded:  # what was dropped, and how often, would depend on private texts
        return ""
    rows = [
        f"| {stage} | {reason} | {count} |" for (stage, reason), count in sorted(release.pool.drops().items())
    ]
    written, alive = len(release.pool), len(release.pool.alive())
    head = (
        "## What became of the drafts\n\nNumber of drafts that were written: "
        f"{written}. Number of texts that were released: {alive}."
    )
    if not rows:
        return head
    return "\n".join([head, "", "| step | dropped because | drafts |", "|---|---|---|", *rows])


def _missing(release: Release) -> str:
    data = release.plan.data
    if data.label is None or data.labels:
        return ""
    return (
        "## Rare labels\n\nThe label values were found in the data, with noise. Values that only few people "
        "have are below the threshold and are missing here. A run includes all values that are declared with "
        "--labels."
    )


def _disclosed(release: Release) -> str:
    """The flows of private text without noise."""
    rows = [f"| {f['from']} | {f['to']} | {f['what']} |" for f in release.ledger["non_dp_flows"]]
    head = ["## What was read without noise", "", "| from | to | what |", "|---|---|---|"]
    return "\n".join([*head, *rows]) if rows else ""


def _cautions(release: Release) -> str:
    """What weakens the claim, to be printed next to it."""
    lines = [f"- {line}" for line in release.ledger["cautions"]]
    return "\n".join(["## Before you rely on it", "", *lines]) if lines else ""


def _audited(release: Release) -> str:
    """The outcome of a published audit, its limits, and what its figures are."""
    found = release.ledger.get("published_audit")
    if found is None:
        return ""
    head = [f"## {heading(found)}", "", *(line for told in sentences(found) for line in (told, ""))]
    table = [COLUMNS, ["---"] * len(COLUMNS), *attack_rows(found)]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in table)])


def _not_covered(release: Release) -> str:
    lines = [f"- {line}" for line in release.ledger.get("not_covered", [])]
    return "\n".join(["## What is not covered", "", *lines]) if lines else ""


def _signed(release: Release) -> str:
    signer = release.ledger.get("signer")
    if signer is None:
        return ""
    return (
        f"## Who signed it\n\nIt was signed with the {signer['algorithm']} key that has the fingerprint "
        f"{signer['fingerprint']}. "
        "Only another source can say whose key this is. Check the release with a key from such a source: "
        "`rpsg verify RELEASE --key KEY.pub`"
    )


def card(release: Release) -> str:
    """The data card: front matter for dataset hubs, then the summary and how to verify it."""
    front = _front(release)
    held = [
        "## Fields",
        "",
        *(f"- `{name}`: {told}" for name, told in held_fields(release)),
        "",
        origin_of_texts(release),
    ]
    check = [
        "## Check it",
        "",
        f"Run `rpsg verify .` in this folder. It checks the statements of `{LEDGER}`, and the files that the "
        "ledger names. "
        + (
            "It cannot derive the corpus again, because that would need private texts."
            if release.is_seeded
            else f"It derives the corpus again from `{EVIDENCE}/`. This needs no private data."
        ),
    ]
    text = "\n".join([*front, "", summary(release), *held, "", *check, ""])
    return as_in(release.ledger["code"]["version"], text)


def _front(release: Release) -> list[str]:
    """The front matter. The owner chooses the licence."""
    plan, tags = release.plan, ["synthetic"]
    language = language_of_texts(plan, release.pack)
    if "epsilon" in release.claim:
        tags.append("differential-privacy")
    about = plan.corpus.about or release.pack.about
    task = "text-classification" if plan.data.label or plan.data.columns else "text-generation"
    return [
        "---",
        f"pretty_name: {_quoted(f'Synthetic texts: {about}')}",
        *([f"language: [{_quoted(language)}]"] if language else []),
        f"license: {plan.corpus.license or 'unknown'}",
        "annotations_creators: [machine-generated]",
        "language_creators: [machine-generated]",
        f"task_categories: [{task}]",
        f"tags: [{', '.join(tags)}]",
        f"size_categories: [{_size_category(len(release.pool.alive()))}]",
        "configs:",
        f"  - config_name: {_config_name(release)}",
        f"    data_files: {CORPUS}",
        "---",
    ]


def _config_name(release: Release) -> str:
    """A name of the corpus that no other corpus has.

    ``datasets.load_dataset`` caches rows by the name of the folder and this name. If all corpora had one
    name, it could return the rows of another release.
    """
    if release.ledger["code"]["version"] in FIRST_FORM:
        return "default"
    return f"rpsg-{hashlib.sha256((release.path / CORPUS).read_bytes()).hexdigest()[:16]}"


def _quoted(text: str) -> str:
    """A YAML string: every JSON string in ASCII is one."""
    return json.dumps(" ".join(text.split())).replace("\x7f", "\\u007f")


def _size_category(count: int) -> str:
    limits = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    return next((name for limit, name in limits if count < limit), "1M<n<10M")
