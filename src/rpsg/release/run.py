"""What commands return: a finished run, what a run used, a verification. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from rpsg.display import Overview, Shown, counted
from rpsg.errors import in_python
from rpsg.privacy.first_words import shown_claim
from rpsg.release import outward

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rpsg.privacy.verify import Check


@dataclass(frozen=True, slots=True)
class Bill:
    """What a run has used so far. ``cost`` is None if no price is known.

    ``lost`` requests were in flight when a process died. Their tokens were not counted, nor those of some
    replies; ``unsure_tokens`` is the largest possible number of these tokens. ``seconds`` of writing are None
    if prompts held private text.
    """

    requests: int
    lost: int
    prompt_tokens: int
    completion_tokens: int
    unsure_tokens: int
    seconds: float | None
    cost: float | None
    at_most_cost: float | None
    currency: str
    prices: str


#: What a reader must know about a release before anything else, by the type of its claim.
_FIRST = {
    "no_formal_guarantee": "No guarantee covers these texts, and they may contain private ones. Do not "
    "publish them.",
    "voters_only_dp": "The donors of this run are not protected, and these texts may contain theirs.",
}


@dataclass(frozen=True, slots=True, repr=False)
class Run(Shown):
    """A finished run: ``path`` is its folder, ``release`` the folder that may be shared.

    ``records`` are the rows of the corpus, ``ledger`` is the public ledger, and ``timings`` are the seconds
    of the stages that wrote texts. The time of stages that read private texts is private; it is stored in the
    private folder only.
    """

    path: Path
    release: Path
    texts: tuple[str, ...]
    records: tuple[Mapping[str, Any], ...]
    ledger: Mapping[str, Any]
    summary: str
    timings: Mapping[str, float] = field(default_factory=dict)

    def __fspath__(self) -> str:
        """The folder, so that ``rpsg.verify(run)`` and ``rpsg.evaluate(run, ...)`` take the run itself."""
        return str(self.path if self.release.parent == self.path else self.release)

    @property
    def epsilon(self) -> float | None:
        """The epsilon of the claim, for one person or row; None if nothing is claimed."""
        value = self.ledger.get("claim", {}).get("epsilon")
        return None if value is None else float(value)

    @property
    def delta(self) -> float | None:
        """The delta of the claim; None if nothing is claimed."""
        value = self.ledger.get("claim", {}).get("delta")
        return None if value is None else float(value)

    @property
    def claim(self) -> str:
        """The claim in words; what it does not cover is in ``summary``."""
        return shown_claim(self.ledger)

    def to_pandas(self) -> Any:
        """The corpus as a ``pandas.DataFrame``: one row per text, with its label, columns and attributes."""
        return outward.to_pandas(self.records)

    def to_arrow(self) -> Any:
        """The corpus as a ``pyarrow.Table``, with the columns of ``to_pandas``."""
        return outward.to_arrow(self.records)

    def push(
        self,
        repository: str,
        *,
        private: bool = True,
        token: str | None = None,
        without_guarantee: bool = False,
    ) -> str:
        """Upload the release as the data set ``OWNER/NAME`` of the Hugging Face hub; returns its address.

        The release is uploaded unchanged, with its ledger, evidence and data card, and nothing else. If an
        earlier release was pushed to the same name, it is replaced, and none of its files is kept.

        Raises:
            UsageError: the data set has other files, or it is public and ``private`` is True.
            PrivacyError: the release does not protect everybody, and ``without_guarantee`` is False.
            ModelError: the hub refuses.
        """
        claim = str(self.ledger.get("claim", {}).get("type", ""))
        return outward.push(
            self.release, claim, repository, private=private, token=token, without_guarantee=without_guarantee
        )

    def _overview(self) -> Overview:
        claim = self.ledger.get("claim", {})
        sentences = self.claim.split(". ")
        said = ". ".join(sentences[: 2 if len(sentences[0]) < 20 else 1]).rstrip(".")
        spent = "no claim" if self.epsilon is None else f"epsilon {self.epsilon:g}"
        return Overview(
            f"Run: {counted(len(self.texts), 'synthetic text')}, {spent}, in {self.path}",
            first=_FIRST.get(str(claim.get("type")), ""),
            facts=(
                ("claim", f"{said}." if said else "none"),
                ("method", str(self.ledger.get("method", ""))),
                ("may be shared", "no" if claim.get("type") in _FIRST else str(self.release)),
            ),
            columns=("the first texts",),
            rows=tuple((text,) for text in self.texts[:3]),
            notes=("All texts: .texts, .to_pandas(). More about them: .summary. To check it: rpsg.verify.",),
        )


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the doctor found about one thing, and what to do about it."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    fix: str = ""


_PRIVATE = "Private: noise was tested against exact counts. Do not pass this on."


@dataclass(frozen=True, slots=True, repr=False)
class Verification(Shown):
    """All checks of a release, and what no check can show.

    ``claims`` says whether the release makes a differential-privacy claim. A release of the method ``paper``
    or ``floor`` can pass every check without making one. ``private`` says whether a check read private data.
    """

    path: Path
    checks: tuple[Check, ...]
    cannot_show: tuple[str, ...]
    claims: bool = False
    private: bool = False

    @property
    def ok(self) -> bool:
        """Whether there were checks and all passed."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    @property
    def verdict(self) -> str:
        """The outcome in one sentence."""
        failed = sum(not check.ok for check in self.checks)
        if not self.checks:
            return "Nothing was checked, so nothing about this release is proved."
        if failed:
            return f"The release does not hold: {failed} of {len(self.checks)} checks failed."
        if not self.claims:
            return f"All {len(self.checks)} checks passed. This release makes no differential-privacy claim."
        return f"The claim holds: all {len(self.checks)} checks passed."

    def _overview(self) -> Overview:
        rows = [
            ("✓" if ok else "✗", ", ".join(check.name for check in same), in_python(detail))
            for (ok, detail), found in groupby(self.checks, lambda check: (check.ok, check.detail))
            for same in [list(found)]
        ]
        return Overview(
            self.verdict,
            first=_PRIVATE if self.private else "",
            facts=(("release", str(self.path)),),
            columns=("", "checked", "found"),
            rows=tuple(sorted(rows, key=lambda row: row[0] == "✓")),
            notes=(f"What no check can show: {'; '.join(self.cannot_show)}.",) if self.cannot_show else (),
        )
