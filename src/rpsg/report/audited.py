"""A published audit in words and rows, the same on every page of a release."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rpsg.display import counted
from rpsg.privacy.audit_figures import found_planted
from rpsg.privacy.gaussian import rounded_up
from rpsg.privacy.published_audit import LIKE_IT, OF_CANARIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Line = Mapping[str, Any]

COLUMNS = ("attack", "verdict", "epsilon at least", "found the planted leak", "detects a leak of")
NUMBERS = ("epsilon at least", "detects a leak of")
#: Whom a limit is about, by the kind of the attack; else members.
_OF = {"extraction": "planted canaries", "answers": "canaries"}


def heading(found: Line) -> str:
    limited = ", with limits" if found["verdict"] == "no violation seen" else ""
    return f"An audit: {found['verdict']}{limited}"


def sentences(found: Line) -> Iterator[str]:
    """What was attacked and tested, the limits of what was seen, and what the figures are."""
    tested = f"The audit attacked {found['of']}. It tested epsilon {found['claim']['epsilon']:g}."
    if found["of"] == LIKE_IT:
        tested += (
            " The publisher says that this corpus was made from the same private texts; nobody else can "
            "check this."
        )
    if left_out := found["people"].get("left_out"):
        tested += (
            f" It left out {counted(left_out, 'person', 'people')} whose texts were used, because others "
            "wrote the same text."
        )
    yield f"{tested} Its random draws, such as those of the test corpora, have the seed {found['seed']}."
    if found["verdict"] == "no violation seen":
        yield " ".join(_limits(found))
    yield found["words"]


def attack_rows(found: Line) -> list[tuple[str, ...]]:
    """A row for each attack, as ``COLUMNS`` says; figures of an attack that does not count would mislead."""
    claimed = found["claim"]["epsilon"]
    return [
        (line["name"], line["verdict"], "", "", "")
        if line["verdict"] == "not run"
        else (
            line["name"],
            line["verdict"],
            f"{math.floor(100 * line['epsilon_lower']) / 100:.2f}",
            _answer(line, claimed),
            _share(line, claimed),
        )
        for line in found["attacks"]
    ]


def _answer(line: Line, claimed: float) -> str:
    """Whether an attack found the planted leak; "" if it could not be tried on it."""
    if "in_planted_leak" not in line:
        return ""
    return "yes" if found_planted(line, claimed) else "no"


def _share(line: Line, claimed: float) -> str:
    """The smallest leak that an attack would have detected; "" if it did not even find the planted leak.

    An attack on noisy answers does not look at the corpus, so it cannot find a leak planted there.
    """
    if line["limit"] is None or not (found_planted(line, claimed) or line["kind"] == "answers"):
        return ""
    return f"{rounded_up(100 * line['limit'], 1)} % of the {_whom(line)}"


def _whom(line: Line) -> str:
    return "planted canaries" if line["name"] == OF_CANARIES else _OF.get(line["kind"], "members")


def _limits(found: Line) -> Iterator[str]:
    """The limits of an audit that saw no violation, as its private report has them."""
    claimed = found["claim"]["epsilon"]
    quiet = [line for line in found["attacks"] if line["verdict"] == "no violation seen"]
    caught = [line for line in quiet if found_planted(line, claimed)]
    missed = [line["name"] for line in quiet if _answer(line, claimed) == "no"]
    people = [line for line in caught if _whom(line) == "members"]
    if best := _best(people):
        yield (
            f"If the texts of {_share(best, claimed)} stood out from all others, as copies do, "
            f"{best['name']} would have shown it in 95 of 100 cases. The less they stand out, the more of "
            "them the attack needs. The texts of fewer people may have leaked, even word for word, without "
            "being found."
        )
    if best := _best([line for line in caught if _whom(line) == "planted canaries"]):
        yield f"If {_share(best, claimed)} had leaked, {best['name']} would have shown it."
    names = ", ".join(line["name"] for line in caught)
    yield (
        "In a test corpus, up to one text in twenty was a member's text or a planted canary, with a fifth of "
        f"its words dropped. This planted leak was found by {names}"
        + (f", but not by {', '.join(missed)}." if missed else ".")
    )
    if not people:
        yield (
            "So this audit relies on its canaries: it would not have detected a leak of people's texts if no "
            "canary leaked with them."
        )


def _best(lines: Sequence[Line]) -> Line | None:
    """The attack that would have detected the smallest leak."""
    return min((line for line in lines if line["limit"] is not None), key=_limit, default=None)


def _limit(line: Line) -> float:
    return float(line["limit"])
