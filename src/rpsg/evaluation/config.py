"""The settings of an evaluation, in one list: the options of ``rpsg evaluate`` are made from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rpsg.evaluation.corpora import Source
    from rpsg.protocols import Embedder


def _option(option: str, about: str, *, kind: str = "str") -> dict[str, str]:
    """The option that sets a field, as ``--seed N``; ``kind`` is the type of its value."""
    option, metavar = option.split()
    return {"option": option, "metavar": metavar, "about": about, "kind": kind}


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """``corpus`` is a file of synthetic texts, a run folder, or rows; so is ``floor``.

    A column that is None is taken from the run's plan; without a run, the text column is "text" and there is
    no other. Synthetic files have columns of the same names as the real ones, unless other names are given. A
    run folder without ``floor`` gets its own, which is generated unless ``write_floor`` is false.
    """

    corpus: Source
    real: Source | None = field(
        default=None, metadata=_option("--real FILE", "Real texts to compare with.", kind="path")
    )
    train_real: Source | None = field(
        default=None,
        metadata=_option(
            "--train-real FILE",
            "Other real texts, for the ceiling; by default --real is split by person.",
            kind="path",
        ),
    )
    floor: Source | None = field(
        default=None,
        metadata=_option("--floor FILE", "Texts made without private data, to compare with.", kind="path"),
    )
    write_floor: bool = True
    text: str | None = field(default=None, metadata=_option("--text COLUMN", "Column that holds the text."))
    label: str | None = field(
        default=None,
        metadata=_option("--label COLUMN", "Column that holds a label, for the downstream task."),
    )
    user: str | None = field(
        default=None, metadata=_option("--user COLUMN", "Column that names the person of each real text.")
    )
    encoding: str = field(
        default="",
        metadata=_option("--encoding NAME", "Encoding of real files that are not UTF-8, such as cp1252."),
    )
    synthetic_text: str | None = field(
        default=None,
        metadata=_option(
            "--synthetic-text COLUMN", "Column of the text in synthetic files, if it has another name."
        ),
    )
    synthetic_label: str | None = field(
        default=None,
        metadata=_option(
            "--synthetic-label COLUMN", "Column of the label in synthetic files, if it has another name."
        ),
    )
    metrics: tuple[str, ...] = field(
        default=(),
        metadata=_option("--metrics A,B,C", "Only these metrics. See: rpsg list metrics.", kind="list"),
    )
    embedder: str | Embedder | None = field(
        default=None,
        metadata=_option(
            "--embedder NAME", "The embedder; by default that of the run, or minilm if there is none."
        ),
    )
    language_model: str = field(
        default="ngram",
        metadata=_option(
            "--language-model NAME", "ngram, or weights to fine-tune: a folder, or OWNER/REPO of a hub."
        ),
    )
    seed: int = field(
        default=0, metadata=_option("--seed N", "Decides splits, draws and resamples.", kind="int")
    )
