"""For the engineer: how the texts were made, which were dropped, and with which models and settings."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from rpsg.display import Html, isolate, joined, tag
from rpsg.methods.named import method_of
from rpsg.release.coverage import CONFIDENT
from rpsg.release.public_plan import PLACE, is_published
from rpsg.report.html import block, figure, folded, listed, paragraph, part, percent, table
from rpsg.report.life import life_steps, sigma_of_votes
from rpsg.report.svg import bar, curve
from rpsg.storage.layout import REPORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rpsg.display import Child
    from rpsg.release.reader import Release
    from rpsg.report.marks import ShowText

BUDGET = re.compile("epsilon|delta")
UNTOLD = "This release does not say what became of the drafts that are not in the corpus."


def provenance_part(release: Release, shown: ShowText, *, first: bool = False) -> Html:
    """How the texts were made, and from what; the arguments are those of ``corpus_part``."""
    return part(
        "making",
        "How it was made",
        "For the engineer.",
        _life(release, shown),
        _fates(release),
        _votes(release),
        *_particulars(release, first=first),
    )


def _particulars(release: Release, *, first: bool) -> Iterator[Html]:
    """Models, settings, files and program, each folded; in the first form of the report none is."""
    models = listed(
        [joined("Embedder: ", isolate(release.embedder)), joined("Writer: ", isolate(release.writer))]
    )
    if first:
        yield block("Models and settings", models, _settings(release))
        yield block("Files", _files(release))
        yield block("Program", _code(release))
    else:
        yield block(
            "Models, settings, files, program",
            models,
            folded("The plan, setting by setting", _settings(release)),
            folded("Files and their SHA-256", _files(release)),
            folded("The program that ran", _code(release)),
        )


def _life(release: Release, shown: ShowText) -> Html | None:
    """The steps of one text from card to release: the text with the best score, or else the first."""
    if not release.texts:
        return None
    best = max(release.texts, key=lambda c: (c.scores.get("votes", c.scores.get("sketch", 0.0)), -c.id))
    steps = list(life_steps(release, best, shown))
    intro = "The first released text."
    if "votes" in best.scores:
        intro = "The released text with the most votes."
    elif "sketch" in best.scores:
        intro = "The released text that is most like the private texts, as far as the noisy answers show."
    return block("How one text was made", paragraph(intro), listed(steps, ordered=True, kind="life"))


def _fates(release: Release) -> Html:
    if not release.is_whole:
        return block("What became of every text", paragraph(UNTOLD))
    pool = release.pool
    written = max(len(pool), 1)
    rows: list[tuple[Child, ...]] = [
        (stage, isolate(reason), joined(bar(n / written, kind="second"), f"{n:,} ({percent(n / written)})"))
        for (stage, reason), n in sorted(pool.drops().items())
    ]
    alive = len(release.texts)
    rows.append(
        ("release", "released", joined(bar(alive / written), f"{alive:,} ({percent(alive / written)})"))
    )
    variants = sum(c.parent is not None for c in pool)
    said = f"Drafts written: {len(pool):,}." + (
        f" Variants of other drafts among them: {variants:,}." if variants else ""
    )
    return block(
        "What became of every text",
        paragraph(said),
        table("What became of the drafts", ("step", "what happened", "texts"), rows, ("texts",)),
    )


def _votes(release: Release) -> Html | None:
    """All noisy votes in descending order, with the range of the noise."""
    votes = sorted((c.scores["votes"] for c in release.pool if "votes" in c.scores), reverse=True)
    sigma = sigma_of_votes(release)
    if not release.is_whole or sigma is None or len(votes) < 2:
        return None
    low, high = min(*votes, -CONFIDENT * sigma), max(*votes, CONFIDENT * sigma)

    def up(value: float) -> float:
        return (value - low) / (high - low)

    points = [(i / (len(votes) - 1), up(value)) for i, value in enumerate(votes)]
    chosen = sum(
        "votes" in c.scores and (c.dropped is None or c.dropped.stage != "votes") for c in release.pool
    )
    reach = CONFIDENT * sigma
    said = f"The usable drafts with the most votes were chosen: {chosen:,} of {len(votes):,}."
    picture = curve(
        "votes",
        [("first line", points)],
        title="Noisy votes of every usable draft",
        desc=f"The drafts in the order of their votes, from {votes[0]:.0f} to {votes[-1]:.0f}. A band shows "
        f"what noise alone would give in 95 % of cases: plus or minus {reach:.0f}.",
        axes=("drafts, most votes first", "votes"),
        band=(up(-reach), up(reach)),
        ticks=(
            [(0.0, "1"), (1.0, f"{len(votes):,}")],
            [(up(v), f"{v:.0f}") for v in (0.0, votes[0])],
        ),
    )
    return block(
        "The votes",
        paragraph(said),
        figure(
            picture, f"Shaded: what noise alone would give in 95 % of cases (± {reach:.0f}).", _ranks(votes)
        ),
    )


def _ranks(votes: Sequence[float]) -> Html:
    indices = sorted({0, *(len(votes) * i // 10 for i in range(1, 10)), len(votes) - 1})
    rows = [(f"{index + 1:,}", f"{votes[index]:.0f}") for index in indices]
    return table("Noisy votes by rank", ("rank", "votes"), rows, ("rank", "votes"))


def _settings(release: Release) -> Html:
    """The plan; without its budget if there is no guarantee."""
    plan = release.plan.written(exclude_none=True)
    hidden = {"limits", "server"} | (set() if release.is_private else {"privacy"})
    method = method_of(release.plan)
    rows: list[tuple[Child, ...]] = []
    for section, values in plan.items():
        if section not in hidden:
            for key, value in values.items():
                told = is_published(method, section, key) and (release.is_private or not BUDGET.search(key))
                if told and value not in (None, "", [], {}):
                    rows.append((f"{section}.{key}", isolate(_said(value))))
    return table("The plan", ("setting", "value"), rows)


def _said(value: object) -> str:
    """A setting in words; only the last part of a path, because the operator's paths are private."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    said = str(value)
    return PurePath(said).name if PLACE.match(said) else said


def _files(release: Release) -> Html:
    rows = [
        (output["name"], tag("code", output["sha256"]))
        for output in release.ledger["outputs"]
        if output["name"] != REPORT  # a page cannot contain its own hash; that is in the ledger
    ]
    return table("Files that the ledger names", ("file", "SHA-256"), rows)


def _code(release: Release) -> Html:
    code = release.ledger["code"]
    rows: list[tuple[Child, ...]] = [("rpsg", code["version"]), ("Python", code["python"])]
    rows.append(("hash of the source", tag("code", code["source_sha256"])))
    rows.append(("source of the noise", release.ledger["rng"]["source"]))
    return table("What ran", ("what", "which"), rows)
