"""Private prediction: tokens are drawn from a public model's logits, averaged over private examples.

Each text is drawn token by token. The public model is asked what comes next after a public example and after
each of some private ones; what these change, clipped for each person, is added up, and the next token is
drawn from the result (Amin et al., 2024; with the difference to public logits of InvisibleInk, 2025). The
draw is the noise, and the only way out of the private texts. What differs from what was published, and why,
is in ``docs/private-prediction.md``.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.errors import InfeasibleError, ModelError, UsageError
from rpsg.methods.base import Method, Workload
from rpsg.methods.dp_steps import ask, public_filters, report_spent
from rpsg.models.fake import FakeLogits
from rpsg.models.transformers.logits import TransformersLogits
from rpsg.privacy.accounting import Budget, StagePlan, calibrate
from rpsg.privacy.egress import EgressRule
from rpsg.privacy.gaussian import mu_for
from rpsg.privacy.token_sampling import RULE, SCALE, Choices, References, largest_clip
from rpsg.records import Candidate, Card, Drop, Pool
from rpsg.stages.partition import content_tag
from rpsg.stages.scrub import scrub

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from rpsg.domains import Pack
    from rpsg.methods.base import Job
    from rpsg.plan import Plan
    from rpsg.privacy.evidence import Token
    from rpsg.privacy.histogram import IntArray
    from rpsg.privacy.private import Private
    from rpsg.protocols import Contexts, LogitSource
    from rpsg.records import Document

#: The only question: its share of mu squared, less a rounding error of the whole.
STAGE, SHARE = "tokens", 1.0
#: A text that is cut at its most tokens ends with its last sentence, if it has one.
_ENDS = (".", "!", "?", '."', '!"', '?"')
#: The model reads private texts, on this machine; what it is sent is not covered by the claim.
EGRESS = (
    EgressRule("reading", "embedder", "dp_outputs", "here", "synthetic texts"),
    EgressRule("drawing", "mechanisms", "private", "here", "private logits; they let out tokens"),
    EgressRule("filtering", "scorer", "dp_outputs", "here", "synthetic texts"),
    EgressRule("predicting", "writer", "private", "here", "private texts, as examples", "raw_private"),
)


def synthesize(job: Job) -> Pool:
    """The pool of all texts that were drawn; those that the public filters leave are the synthetic corpus."""
    asked = ask(job, STAGE, "the next token of each text, by private examples", job.plan.corpus.size)
    public = _PublicPrompts(job)

    def references(draw: str) -> Private[References]:
        job.progress.start("drawing tokens", 100)
        return job.people.rows.zip(job.people.units, partial(_references, job, draw))

    texts = job.kernel.sample(asked, public.choices, references)
    report_spent(job, STAGE)
    return scrub(public_filters(job, job.pack, Pool(tuple(map(_candidate, range(len(texts)), texts)))))


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
    """Contexts of one text at a time, continued by what was written of it."""

    def __init__(self, begin: Callable[[int], Contexts]) -> None:
        self._begin = begin
        self._text = -1
        self._read: list[Token] = []
        self._contexts: Contexts | None = None

    def after(self, text: int, written: Sequence[Token]) -> Contexts:
        contexts = self._contexts
        if contexts is None or text != self._text or self._read != list(written[: len(self._read)]):
            self._contexts = contexts = None  # the memory of one text at a time
            self._contexts = contexts = self._begin(text)
            self._text, self._read = text, []
        for token in written[len(self._read) :]:
            contexts.append(token[0])
            self._read.append(token)
        return contexts


class _PublicPrompts:
    """What comes next by the public prompt: an invented example of the pack, another for each text."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._following = _Following(self._begin)

    def _begin(self, text: int) -> Contexts:
        examples = self._job.pack.examples
        shown = examples[text % len(examples)].text if examples else ""
        return _begin(self._job, [shown], 1)

    def choices(self, text: int, written: Sequence[Token]) -> Choices:
        """The likeliest tokens, and their logits over the temperature."""
        settings, pieces = self._job.plan.prediction, source_of(self._job).pieces
        logits = self._following.after(text, written).scores()[0].astype(np.float64)
        usable = np.array([_may_follow(piece, written) for piece in pieces]) & np.isfinite(logits)
        if not usable.any():
            raise ModelError("The model gave no numbers for a public prompt.")
        best = np.lexsort((np.arange(len(logits)), -np.where(usable, logits, -np.inf)))
        chosen = [int(i) for i in best[: settings.choices] if usable[i]]
        tokens = tuple((i, _ending(pieces[i])) for i in chosen)
        return Choices(tokens, logits[chosen] / settings.temperature)


def _may_follow(piece: str | None, written: Sequence[Token]) -> bool:
    """Whether a token can be drawn: a text does not begin with its end."""
    return piece is not None and (bool(written) or _ending(piece) != "")


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


def groups_of(plan: Plan) -> int:
    """Into how many groups people are divided: one for each text, and those that are not used.

    Where more people are declared than ``batch`` for each text, the others are in groups without a text.
    """
    size, people = plan.corpus.size, plan.privacy.n_public or 0
    return max(size, people // plan.prediction.batch)


def group_of(row: Document, key: bytes, draw: str, groups: int) -> int:
    """The group of a row: a keyed hash of its person, or of the row if it names none.

    No other row and no position matters, so that one person more or less moves nobody else.
    """
    if row.user is None:
        tag = content_tag(key, f"prediction/{draw}", row)
    else:
        who = row.user.encode(errors="surrogatepass")
        tag = hmac.digest(key, f"rpsg-prediction/1\0{draw}\0".encode() + who, hashlib.sha256)
    return int.from_bytes(tag[:16], "big") % groups


def _references(job: Job, draw: str, rows: Sequence[Document], units: IntArray) -> References:
    """The rows, divided among the texts. Private."""
    settings, size = job.plan.prediction, job.plan.corpus.size
    groups = np.array([group_of(row, job.key, draw, groups_of(job.plan)) for row in rows], np.int64)
    used = groups < size
    rows, units, texts = [row for row, use in zip(rows, used, strict=True) if use], units[used], groups[used]
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

    return References(units, texts, scores)


def _centred(differences: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Each row less its median: a constant changes no probability, and would use up the clip."""
    if not differences.size:
        return differences
    middle: npt.NDArray[np.float64] = differences - np.median(differences, axis=1, keepdims=True)
    return middle


# -- what comes of them -----------------------------------------------------------------------------------


def _candidate(number: int, tokens: Sequence[Token]) -> Candidate:
    """A drawn text; one that was cut ends with its last whole sentence."""
    joined = "".join(piece for _, piece in tokens).encode("latin-1").decode("utf-8", "replace")
    text = " ".join(joined.replace("\ufffd", "").split())
    if tokens and tokens[-1][1]:
        text = text[: max(text.rfind(end) + len(end) for end in _ENDS)] if _has_end(text) else text
    return Candidate(number, text, Card({}), dropped=None if text else Drop("writing", "no text"))


def _has_end(text: str) -> bool:
    return any(end in text for end in _ENDS)


# -- what it costs ----------------------------------------------------------------------------------------


def budget(plan: Plan, pack: Pack) -> Budget:  # noqa: ARG001  # the signature of all budgets
    """All of epsilon for the tokens of one text: each person takes part in one of them.

    The clip w is the largest that the budget pays for; the noise of a draw is fixed.

    Raises:
        InfeasibleError: not even a clip of one step can be paid for.
    """
    privacy, k, c = plan.privacy, plan.prediction.tokens, plan.records_per_unit
    mu = mu_for(privacy.epsilon, privacy.delta) * (1 - 1e-6)
    w = largest_clip(mu, k, c, doubled=privacy.adjacency == "replace_one")
    if w < 1:
        raise InfeasibleError(
            "The budget is too small for so many tokens.", hint="Raise --epsilon, or ask for fewer tokens."
        )
    tokens = StagePlan(STAGE, SHARE, RULE, k=k, w=w, c=c)
    return calibrate(privacy.epsilon, privacy.delta, [tokens], adjacency=privacy.adjacency)


def clip_of(plan: Plan, planned: Budget) -> float:
    """How far a person moves the average over ``batch`` people times the batch, in logits."""
    return planned.releases[0].w / SCALE * plan.prediction.batch * plan.prediction.temperature


# -- what the rest has to know ----------------------------------------------------------------------------


def make_source(plan: Plan) -> LogitSource:
    """The model that the plan names as its writer.

    Raises:
        MissingExtraError, ModelError: as ``TransformersLogits``.
    """
    if plan.models.writer == "fake":
        return FakeLogits()
    return TransformersLogits(plan.models.writer, threads=plan.models.threads)


class _Later:
    """The model of a plan, opened at its first use: a release is verified without it."""

    endpoint = "local_model"

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    @property
    def _source(self) -> LogitSource:
        if not hasattr(self, "_opened"):
            self._opened = make_source(self._plan)
        return self._opened

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def pieces(self) -> Sequence[str | None]:
        return self._source.pieces

    def begin(self, before: str, texts: Sequence[str], after: str, **bounds: int) -> Contexts:
        return self._source.begin(before, texts, after, **bounds)


def models(plan: Plan) -> Mapping[str, Callable[[], Any]]:
    """The model in the place of the writer, and the same where logits are asked for."""
    return {"writer": partial(make_source, plan), "logits": partial(_Later, plan)}


def check(plan: Plan) -> None:
    """See that the plan asks for nothing that this method does not do.

    Raises:
        UsageError: the model does not run here, there are labels, or the noise is to come from OpenDP.
    """
    form, _, name = plan.models.writer.partition(":")
    if name and form not in {"transformers", "hf"}:
        raise UsageError(
            f"The writer {plan.models.writer} does not show its logits.",
            hint="Name weights, for instance: --writer smollm2-135m, or --writer transformers:OWNER/REPO",
        )
    if plan.data.label is not None:
        raise UsageError(
            "The method private-prediction makes texts without labels.", hint="Leave --label out."
        )
    if plan.privacy.noise != "os":
        raise UsageError(
            "Tokens are drawn by RPSG itself, not by OpenDP.", hint="Leave [privacy] noise at its default."
        )


def workload(plan: Plan, pack: Pack) -> Workload:  # noqa: ARG001  # the face of all such functions
    """Nothing is asked of a writer; what the model computes instead is told by ``explain``."""
    size, s = plan.corpus.size, plan.prediction
    return Workload(
        candidates=size,
        requests=0,
        prompt=0,
        computed_prompt=size * (s.batch + 1) * s.reference_tokens,
        completion=size * (s.batch + 1) * s.tokens,
        most_requests=0,
        most_tokens=None,
    )


def explain(plan: Plan, pack: Pack) -> tuple[str, ...]:
    """How much each person can move, and how many people the plan is made for."""
    s, size = plan.prediction, plan.corpus.size
    clip = clip_of(plan, budget(plan, pack))
    made_for = (
        f"Each text of at most {s.tokens} tokens is drawn from what about {s.batch} people wrote: the "
        f"plan is made for about {size * s.batch:,} people."
    )
    heard = (
        f"Each of them can add {clip:.2f} to a logit before the average is taken; from about 2 on "
        "nearly all of what they say is heard."
    )
    return made_for, heard


def cautions(plan: Plan) -> tuple[str, ...]:
    """What is not covered."""
    told = (
        f"The model {plan.models.writer} reads private texts, on this machine; what it is sent the claim "
        "does not cover; what is drawn from it, it does."
    )
    return (told,)


METHOD = Method(
    name="private-prediction",
    about="tokens drawn from a model's logits, averaged over private examples",
    reads="noisy_answers",
    synthesize=synthesize,
    budget=budget,
    sections=frozenset({"prediction"}),
    untold=frozenset(
        {
            *(
                f"method.{name}"
                for name in (
                    *("select", "diversity", "rounds", "oversample", "votes_per_record"),
                    *("hub_correction", "uniform_mix", "phrases_per_record"),
                )
            )
        }
    ),
    check=check,
    models=models,
    tries_writer=False,
    egress=lambda plan: EGRESS,  # noqa: ARG005  # the face of all such functions
    workload=workload,
    #: How many people there are is not asked, because nothing depends on it.
    people=lambda plan: None,  # noqa: ARG005  # as above
    explain=explain,
    cautions=cautions,
)
