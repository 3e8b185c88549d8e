"""Private prediction: tokens are drawn from a public model's logits, averaged over private examples.

Each text is drawn token by token. The public model computes logits for the next token, after a public example
and after each of some private ones. For each private example RPSG takes the difference to the public logits
(InvisibleInk, 2025). These differences are clipped for each person and added up, and the next token is drawn
from the result (Amin et al., 2024). The draw is the noise, and the only way out of the private texts.
``docs/private-prediction.md`` says how this differs from the published methods, and why.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.errors import ModelError, UsageError
from rpsg.methods import METHODS
from rpsg.methods.base import OF_DRAFTS, Method
from rpsg.methods.dp_steps import ask, public_filters, report_spent
from rpsg.methods.prediction_plan import (
    EGRESS,
    STAGE,
    budget,
    cautions,
    check,
    explain,
    groups_of,
    models,
    workload,
)
from rpsg.privacy.token_sampling import Choices, References
from rpsg.records import Candidate, Card, Drop, Pool
from rpsg.stages.partition import content_tag
from rpsg.stages.scrub import scrub

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from rpsg.domains import Pack
    from rpsg.methods.base import Job
    from rpsg.privacy.evidence import Token
    from rpsg.privacy.histogram import IntArray
    from rpsg.privacy.private import Private
    from rpsg.protocols import Contexts, LogitSource
    from rpsg.records import Document

#: A text that reaches the maximum number of tokens ends after its last whole sentence, if it has one.
_ENDS = (".", "!", "?", '."', '!"', '?"')


def synthesize(job: Job) -> Pool:
    """The pool of all texts that were drawn; those that the public filters leave are the synthetic corpus."""
    asked = ask(job, STAGE, "the next token of each text, by private examples", job.plan.corpus.size)
    public = _PublicPrompts(job)

    def references(draw: str) -> Private[References]:
        job.progress.start("drawing tokens", 100)
        return job.people.rows.zip(job.people.units, partial(_references, job, draw))

    texts = job.kernel.sample(asked, public.choices, references)
    report_spent(job, STAGE)
    drawn = Pool(tuple(map(_candidate, range(len(texts)), texts)))
    return scrub(public_filters(job, job.pack, drawn), job.pack.language, job.processes)


# -- what the tokens are drawn from -----------------------------------------------------------------------


def prompt_parts(pack: Pack) -> tuple[str, str]:
    """What comes before and after the example of a prompt."""
    kind = pack.text.capitalize()
    return f"{pack.about[:1].upper()}{pack.about[1:]}, one on each line.\n\n{kind}: ", f"\n\n{kind}:"


def source_of(job: Job) -> LogitSource:
    """The model of a job that shows its logits."""
    if job.tools.logits is None:
        raise UsageError("The method private-prediction was given no model that shows its logits.")
    return job.tools.logits


class _Following:
    """The contexts of one text at a time, continued by the tokens that were written so far."""

    def __init__(self, begin: Callable[[int], Contexts]) -> None:
        self._begin = begin
        self._text = -1
        self._read: list[Token] = []
        self._contexts: Contexts | None = None

    def after(self, text: int, written: Sequence[Token]) -> Contexts:
        contexts = self._contexts
        if contexts is None or text != self._text or self._read != list(written[: len(self._read)]):
            self._contexts = contexts = None  # freed before the next text begins
            self._contexts = contexts = self._begin(text)
            self._text, self._read = text, []
        for token in written[len(self._read) :]:
            contexts.append(token[0])
            self._read.append(token)
        return contexts


class _PublicPrompts:
    """The logits after the public prompt, which has one invented example of the pack: a different one for
    each text.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._following = _Following(self._begin)
        self._usable: dict[bool, npt.NDArray[np.bool_]] = {}

    def _begin(self, text: int) -> Contexts:
        examples = self._job.pack.examples
        shown = examples[text % len(examples)].text if examples else ""
        return _begin(self._job, [shown], 1)

    def choices(self, text: int, written: Sequence[Token]) -> Choices:
        """The most likely tokens, and their logits divided by the temperature."""
        settings, pieces = self._job.plan.prediction, source_of(self._job).pieces
        logits = self._following.after(text, written).scores()[0].astype(np.float64)
        usable = np.flatnonzero(self._may_follow(begun=bool(written)) & np.isfinite(logits))
        if not len(usable):
            raise ModelError("The model gave no numbers for a public prompt.")
        chosen = [int(i) for i in usable[np.argsort(-logits[usable], kind="stable")[: settings.choices]]]
        tokens = tuple((i, _ending(pieces[i])) for i in chosen)
        return Choices(tokens, logits[chosen] / settings.temperature)

    def _may_follow(self, *, begun: bool) -> npt.NDArray[np.bool_]:
        """Which tokens can be drawn. The first token of a text cannot be one that ends it."""
        if begun not in self._usable:
            known = [
                piece is not None and (begun or _ending(piece) != "") for piece in source_of(self._job).pieces
            ]
            self._usable[begun] = np.array(known)
        return self._usable[begun]


def _ending(piece: str | None) -> str:
    """The piece of a token; a text is one line, so a new line ends it."""
    return "" if piece is None or "\n" in piece else piece


def _begin(job: Job, texts: Sequence[str], least: int) -> Contexts:
    settings = job.plan.prediction
    before, after = prompt_parts(job.pack)
    lines = [" ".join(text.split()) for text in texts]
    return source_of(job).begin(
        before, lines, after, most=settings.reference_tokens, room=settings.tokens, least=least
    )


def person_tag(row: Document, key: bytes, draw: str) -> bytes:
    """256 bits that name a row's person, or the row if it names none, under one key and draw."""
    if row.user is None:
        return content_tag(key, f"prediction/{draw}", row)
    who = row.user.encode(errors="surrogatepass")
    return hmac.digest(key, f"rpsg-prediction/1\0{draw}\0".encode() + who, hashlib.sha256)


def group_of(tag: bytes, groups: int) -> int:
    """The group of a person, by the tag alone: adding or removing one person moves nobody else."""
    return int.from_bytes(tag[:16], "big") % groups


def _references(job: Job, draw: str, rows: Sequence[Document], units: IntArray) -> References:
    """The rows, divided among the texts. Private."""
    settings, size = job.plan.prediction, job.plan.corpus.size
    tags = [person_tag(row, job.key, draw) for row in rows]
    groups = np.array([group_of(tag, groups_of(job.plan)) for tag in tags], np.int64)
    used = np.flatnonzero(groups < size).tolist()
    rows, tags, units, texts = [rows[i] for i in used], [tags[i] for i in used], units[used], groups[used]
    mine = [[rows[i].text for i in np.flatnonzero(texts == text)] for text in range(size)]
    following = _Following(lambda text: _begin(job, mine[text], settings.batch))
    heard = -1

    def scores(text: int, written: Sequence[Token], choices: Choices) -> npt.NDArray[Any]:
        nonlocal heard
        if text != heard:
            job.progress.advance(100 * (text + 1) // size - 100 * (heard + 1) // size)
            heard = text
        contexts = following.after(text, written)
        logits = contexts.scores([number for number, _ in choices.tokens]).astype(np.float64)
        public = choices.scores * settings.temperature
        return _centred(logits - public) / (settings.batch * settings.temperature)

    return References(units, texts, tuple(tags), scores)


def _centred(differences: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Each row minus its median: a constant changes no probability but would use up the clip."""
    if not differences.size:
        return differences
    with np.errstate(all="ignore"):  # a warning would say that some private text breaks the model
        middle: npt.NDArray[np.float64] = differences - np.median(differences, axis=1, keepdims=True)
    return middle


# -- the drawn texts --------------------------------------------------------------------------------------


def _candidate(number: int, tokens: Sequence[Token]) -> Candidate:
    """A drawn text; one that was cut ends with its last whole sentence."""
    joined = "".join(piece for _, piece in tokens).encode("latin-1").decode("utf-8", "replace")
    text = " ".join(joined.replace("\ufffd", "").split())
    if tokens and tokens[-1][1] and any(end in text for end in _ENDS):
        text = text[: max(text.rfind(end) + len(end) for end in _ENDS)]
    return Candidate(number, text, Card({}), dropped=None if text else Drop("writing", "no text"))


METHOD = Method(
    name="private-prediction",
    about=METHODS["private-prediction"][1],
    reads="noisy_answers",
    synthesize=synthesize,
    budget=budget,
    sections=frozenset({"prediction"}),
    untold=OF_DRAFTS,
    check=check,
    models=models,
    packages=lambda plan: {} if plan.models.writer == "fake" else {"torch": "hf", "transformers": "hf"},
    tries_writer=False,
    egress=lambda plan: EGRESS,  # noqa: ARG005  # the signature of all such functions
    workload=workload,
    #: How many people there are is not asked, because nothing depends on it.
    people=lambda plan: None,  # noqa: ARG005  # as above
    explain=explain,
    cautions=cautions,
)
