"""What RPSG needs to know about strict mode: what its stages can show, and what is lost in noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rpsg.domains import find_pack
from rpsg.errors import UsageError
from rpsg.methods.budget import asked_of, smallest_size, strict_budget, voted_apart
from rpsg.stages.cards import in_words, is_coarse
from rpsg.stages.levels import thinned
from rpsg.stages.resolution import CONFIDENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget


def explain(plan: Plan, pack: Pack) -> tuple[str, ...]:
    """What is counted, and what a number of people can resolve."""
    budget = strict_budget(plan, find_pack(plan.corpus.domain))  # ``pack`` has the label and may be thinned
    lines = list(_counted(plan, pack, budget))
    if plan.method.select == "votes":
        lines.append(voted_apart(budget))
    if not plan.privacy.shares.keyphrases:
        lines.append(
            "No budget is spent on keyphrases: for a few thousand texts a detailed list of topics works as "
            "well."
        )
    return tuple(lines)


def check(plan: Plan) -> None:
    """Check that the settings of a plan can be combined.

    The drafts that most people vote for would be kept whatever their columns are, so the shares of the
    columns in the release would not be those that were counted. Shards can only count sums.

    Raises:
        UsageError: the plan combines votes with columns beside the text, or shards with something that
            compares people's rows.
    """
    if plan.method.select == "votes" and plan.data.columns:
        raise UsageError(
            "Votes depend on the texts alone, so the columns beside the text would not keep their shares.",
            hint='Leave --columns out ([data] columns), or --select votes ([method] select = "votes").',
        )
    if plan.data.shards:
        _check_shards(plan)


def cautions(plan: Plan) -> tuple[str, ...]:
    """Cautions: undeclared label values are found with noise, and nobody may have rows at two sites."""
    found = []
    if plan.data.label is not None and not plan.data.labels:
        found.append(
            "The values of the label are found with noise, so rare values are not found. Declare them with "
            "--labels."
        )
    if plan.data.shards and plan.data.divided_by == "site":
        found.append(
            "Nobody may have rows at two sites. Such a person would be counted once per site, and would be "
            "protected only as much as a group of people."
        )
    return tuple(found)


def _check_shards(plan: Plan) -> None:
    """Raise UsageError if a plan with shards asks for something that needs all rows in one place."""
    data, wanted = plan.data, "With shards "
    refused: tuple[tuple[bool, str, str], ...] = (
        (
            data.label is not None and not data.labels,
            "the values of a label cannot be found, because this would need the rows of everybody together",
            "Declare them as public with --labels A,B,C.",
        ),
        (
            plan.privacy.shares.keyphrases > 0,
            "no phrases can be found, because this would need the rows of everybody together",
            "Set [privacy.shares] keyphrases = 0.",
        ),
        (
            plan.method.select == "votes",
            "texts cannot be chosen by votes, because each round of votes is another question",
            "Leave --select out: the sketch, which is the default, needs only one question.",
        ),
        (data.audit_holdout > 0, "nobody can be held out for an audit", "Leave --audit-holdout out."),
        (data.audit_canaries > 0, "no canaries can be planted", "Leave --audit-canaries out."),
        (
            data.unusable == "refuse",
            "a row that cannot be used must not stop a shard, because that would reveal the row to others",
            'Leave out [data] unusable = "refuse"; rpsg check shows such rows to you.',
        ),
        (
            plan.vault.key == "none",
            "the run folder holds the key that opens the exact sums, so it must be encrypted",
            'Leave out [vault] key = "none".',
        ),
    )
    for applies, why, hint in refused:
        if applies:
            raise UsageError(f"{wanted}{why}.", hint=hint)


def _counted(plan: Plan, pack: Pack, budget: Budget) -> Iterator[str]:
    n = plan.privacy.n_public
    if words := plan.data.passage_words:
        whom = "each person" if plan.data.user else "each row"
        most = "one passage" if plan.records_per_unit == 1 else f"{plan.records_per_unit} passages"
        used = "is used" if plan.records_per_unit == 1 else "are used"
        yield (
            f"Texts of more than {1.5 * words:,.0f} words are read in passages of about {words:,}, cut at "
            f"the ends of sentences. Of {whom}, at most {most}, drawn at random, {used}."
        )
    few = "" if n is not None else " With few people, groups of values are counted instead of values."
    yield f"Counted: {in_words(pack)}.{few}"
    people = n or smallest_size(budget) or 1
    if n is None:
        yield f"The next figures are for {people:,} {asked_of(plan)}, the minimum number for this plan."
    yield from resolutions(pack, people, budget, asked_of(plan))


def resolutions(pack: Pack, n: int, budget: Budget, who: str = "people") -> Iterator[str]:
    """For each stage whose noise has an intuitive meaning, a sentence on its precision with ``n`` people.

    ``who`` names those who are counted.
    """
    for release in budget.releases:
        if release.stage == "size":
            yield (
                f"The number of {who} will be known to within about {CONFIDENT * release.sigma:,.0f} either "
                "way, in 95 of 100 runs."
            )
        elif release.stage == "cards":
            yield _cards(pack, n, release.sigma, who)
            yield from _columns(pack, n, release.sigma)
        elif release.stage == "sketch":
            within = CONFIDENT * release.sigma / (release.w * n)
            yield (
                f"The sketch is the mean of the vectors of {n:,} {who}, each of length at most 1. An entry "
                f"of the sketch will be known to within {within:.2g} either way, in 95 of 100 runs. Then it "
                "is corrected for what noise alone explains."
            )


def _cards(pack: Pack, n: int, sigma: float, who: str) -> str:
    counted = thinned(pack, n, sigma)
    root = counted.marginals[0][0]
    together = 1
    for name in counted.marginals[0][1:]:
        together *= len(pack.attribute(name).values)
    least = CONFIDENT * sigma * together**0.5
    what = f"A group of the attribute {root}" if is_coarse(counted, 0, root) else f"A value of {root}"
    share = f"{least:,.0f} {who} ({least / n:.1%} of {n:,})"
    about = "are" if who == "rows" else "write"
    return f"{what} can be told apart from noise if more than {share} {about} about it."


def _columns(pack: Pack, n: int, sigma: float) -> Iterator[str]:
    """For each column beside the text, how precisely its shares will be known: by itself and with others."""
    counted = thinned(pack, n, sigma)
    widths = [
        {a.name: len(a.groups) if a.has_levels else len(a.values) for a in map(counted.attribute, group)}
        for group in counted.marginals
    ]
    for first, *others in counted.marginals:
        if not (column := counted.attribute(first).column):
            continue
        # Of the marginals with this column, the most precise is the one with the fewest combinations of other
        # values.
        beside = min(math.prod(held.values()) // held[first] for held in widths if first in held)
        alone, together = (CONFIDENT * sigma * root / n for root in (beside**0.5, 1.0))
        line = (
            f"The shares of the column {column} will be known to within {alone:.1%} either way, in 95 of 100 "
            "runs"
        )
        names = " and ".join(
            f"{a.name} groups" if a.has_levels else a.name for a in map(counted.attribute, others)
        )
        more = f"; those of its combinations with {names} to within {together:.1%}"
        yield f"{line}{more if others else ''}."
