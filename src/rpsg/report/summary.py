"""The summary of a release, and its data card. Nothing private is read."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from rpsg.methods.languages import language_of_texts
from rpsg.models.catalog import licence_of
from rpsg.privacy.claims import FIRST_FORM
from rpsg.privacy.egress import hosts
from rpsg.privacy.gaussian import rounded_up
from rpsg.privacy.published_audit import LIKE_IT
from rpsg.report.fields import held_fields
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
    return "\n\n".join(part for part in parts if part) + "\n"


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
        "All noisy counts, and the number of people, include canaries: made-up texts for an audit. "
        f"{drawn} were drawn, and a coin for each decided whether it was counted as one more person. None is "
        "in the corpus."
    )


def _claimed(release: Release) -> str:
    claim = release.claim
    lines = ["## What is claimed", "", claim["text"]]
    if "epsilon" in claim:
        worst = claim["attack"]
        lines += [
            "",
            (
                "In other words: somebody who knows everything but whether one particular "
                f"{release.plan.unit} is in the data, and who does the best that mathematics allows, "
                f"tells it right with an AUC of at most {rounded_up(worst['auc'], 3)} (0.5 is guessing), "
                f"and finds at most {rounded_up(100 * worst['tpr_at_fpr_1_percent'], 1)} % of the members "
                "when 1 % of the others may be accused."
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
    said = f"Something was sent to {', '.join(others)}." if others else "Nothing left this machine."
    rows = [
        f"| {line.host} | {line.role} | {line.sees} | {'' if line.requests is None else line.requests} |"
        for line in release.egress
    ]
    head = ["## Who saw what", "", said, "", "| host | as | saw | requests |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


def _drops(release: Release) -> str:
    if release.is_seeded:  # what was dropped, and how often, would depend on private records
        return ""
    rows = [
        f"| {stage} | {reason} | {count} |" for (stage, reason), count in sorted(release.pool.drops().items())
    ]
    written = len(release.pool)
    head = f"## What became of {written} texts that were written\n\n{len(release.pool.alive())} are released."
    if not rows:
        return head
    return "\n".join([head, "", "| step | dropped because | texts |", "|---|---|---|", *rows])


def _missing(release: Release) -> str:
    data = release.plan.data
    if data.label is None or data.labels:
        return ""
    return (
        "## Rare labels\n\nThe label values were found in the data with noise. Values that few people carry "
        "are below the threshold and do not appear; declare them with --labels to have them."
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
    """The outcome of a published audit, and what its figures are."""
    found = release.ledger.get("published_audit")
    if found is None:
        return ""
    rows = [
        f"| {line['name']} | {line['verdict']} | {line.get('epsilon_lower', '')} |"
        for line in found["attacks"]
    ]
    tested = f"The attacks were on {found['of']}, and tested epsilon {found['claim']['epsilon']:g}."
    if found["of"] == LIKE_IT:
        tested += " That it was made from the same private texts is the word of the publisher."
    if left_out := found["people"].get("left_out"):
        tested += (
            f" It did not look at {left_out:,} people whose texts were used, because others wrote the same."
        )
    head = [f"## An audit: {found['verdict']}", "", tested, "", found["words"], ""]
    return "\n".join([*head, "| attack | verdict | epsilon at least |", "|---|---|---|", *rows])


def _not_covered(release: Release) -> str:
    lines = [f"- {line}" for line in release.ledger.get("not_covered", [])]
    return "\n".join(["## What is not covered", "", *lines]) if lines else ""


def _signed(release: Release) -> str:
    signer = release.ledger.get("signer")
    if signer is None:
        return ""
    return (
        f"## Who signed it\n\nThe {signer['algorithm']} key with the fingerprint {signer['fingerprint']}. "
        "Whose key that is must be known from elsewhere: `rpsg verify RELEASE --key KEY.pub`"
    )


def card(release: Release) -> str:
    """The data card: front matter for dataset hubs, then the summary and how to verify it."""
    seeded, front = release.is_seeded, _front(release)
    held = [
        "## Fields",
        "",
        *(f"- `{name}`: {told}" for name, told in held_fields(release)),
        "",
        "Every text is written by a language model."
        + (" It was made from a private record." if seeded else " None is a record of a person."),
    ]
    check = [
        "## Check it",
        "",
        f"`rpsg verify .` in this folder checks what `{LEDGER}` says, and the files that it names"
        + (
            ". The corpus cannot be derived again: it began with private records."
            if seeded
            else f" and derives the corpus again from the noisy counts in `{EVIDENCE}/`. "
            "It needs no private data."
        ),
    ]
    return "\n".join([*front, "", summary(release), *held, "", *check, ""])


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
