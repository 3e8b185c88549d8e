"""``rpsg init``: six questions, and a commented plan file that reads back to the same plan."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rpsg.cli.options import SETTINGS, takes_settings
from rpsg.errors import RunError, UsageError

if TYPE_CHECKING:
    from rpsg.plan import Plan

QUESTIONS = (
    ("data.path", "Where are the private texts (a file or a folder)?"),
    ("data.text", "Which column holds the text?"),
    ("data.label", "Which column holds a label (empty: none)?"),
    ("data.user", "Which column says whose text it is (empty: each row is somebody else's)?"),
    ("corpus.about", "What are the texts, in a few public words?"),
    ("privacy.epsilon", "Which epsilon (1 is strong, 4 is usual, 10 is weak)?"),
)

_SECTIONS = {
    "data": "Where the private texts are. Nothing of them comes into this file.",
    "corpus": "What is wanted.",
    "privacy": "What is promised, to whom, and how it is paid for. Fix it before looking at the data.",
    "privacy.shares": "How the budget is split; what is not needed is shared out again.",
    "method": "How it is done.",
    "models": "Who writes and who compares.",
    "server": "The server of a writer that is named openai:MODEL or azure:DEPLOYMENT.",
    "limits": "Caps on what the writer may use. A run stops cleanly at one; raise it and go on.",
    "paper": "The methods paper and split, with the values of the paper. They say what they do not protect.",
    "split": "The method split: who gives seeds (not protected) and who votes (protected).",
    "generation": "The public random stream.",
    "vault": "How private files are encrypted on this machine.",
}
_COMMENTS = {
    "corpus.license": "Licence of the release, as hubs name it (cc-by-4.0). It cannot be added later.",
    "privacy.shares.size": "Counting the people; free with n_public.",
    "privacy.shares.labels": "Finding the label values; free with labels.",
    "privacy.shares.cards": "Counting how the texts vary; the seeds of the synthetic ones.",
    "privacy.shares.keyphrases": "Finding phrases that many people use. 0 leaves it out.",
    "privacy.shares.sketch": "One noisy sum that says where the private texts lie (select = sketch).",
    "privacy.shares.votes": "Voting for candidates (select = votes).",
    "privacy.noise": "Where the noise comes from: os (this machine's) or opendp.",
    "method.votes_per_record": "Candidates that each record votes for.",
    "method.hub_correction": "How much is taken off candidates that are close to everything: 0 to 1.",
    "method.uniform_mix": "Share of cards drawn evenly, for rare combinations: 0 to 1.",
    "method.phrases_per_record": "Phrases that a record may name, where the budget pays for phrases.",
    "models.scorer": "Model that scores how natural a text is.",
    "models.sentiment": "What tells the mood of a text; by default a probe that fits the embedder.",
    "models.form": "chat, text (one document to go on with), or auto (as suits the weights).",
    "models.context": "Tokens that a writer of this machine can hold; a server has its own limit.",
    "generation.temperature": "How freely the writer chooses; by default as the pack, or the paper, says.",
    "server.base_url": "Where it is, as in http://127.0.0.1:11434/v1. Empty: https://api.openai.com/v1.",
    "server.this_machine": "Your word that the server runs here: no tunnel, no proxy to another machine.",
    "server.key_env": "The environment variable that holds the key. The key itself never stands here.",
    "server.api": "chat or completions.",
    "server.api_version": "For Azure.",
    "server.organization": "Sent as OpenAI-Organization.",
    "server.project": "Sent as OpenAI-Project.",
    "server.concurrency": "Requests on the way at once, at the most; fewer while the server is slow.",
    "server.timeout": "Seconds that one request may take.",
    "server.retries": "How often a request that got no answer is sent again.",
    "limits.tokens": "Tokens of prompts and texts together.",
    "limits.requests": "Requests that were answered.",
    "limits.cost": "Money, by the table of prices.",
    "limits.seconds": "Seconds of writing.",
    "limits.prices": "A table of prices; empty: the one that comes with RPSG.",
    "paper.seeds": "Private records that become seeds; by default as many as texts are wanted.",
    "paper.seed_words": "Words of a record that are used; by default all.",
    "paper.abstracter": "Who sums up a record: the writer, or a summariser of its own.",
    "paper.summariser": "The summariser: a seq2seq model of the hub, or a folder with one.",
    "paper.candidates": "Summaries of each record to choose from.",
    "paper.min_tokens": "Tokens of a summary, at the least (summariser).",
    "paper.max_tokens": "Tokens of a summary, at the most.",
    "paper.guard_words": "A summary that has so many words in a row of its record is dropped.",
    "paper.guard_characters": "A summary that has more characters in a row of its record is dropped.",
    "paper.recogniser": "What finds identities, for guard and scrub: patterns, or presidio.",
    "paper.recogniser_model": "An installed spaCy model for presidio, which finds names; empty: none.",
    "paper.similarity_weight": "Weight of likeness in the score of a summary; the rest is mood.",
    "paper.flip_penalty": "Taken off the score of a summary with another mood.",
    "paper.min_confidence": "How sure the mood of a summary must be.",
    "paper.selection": "argmax (the best score under noise) or votes (of all records, under noise).",
    "paper.sensitivity": "What one record can change of the scores: paper (1) or sound (root of candidates).",
    "paper.nominal_epsilon": "A number in the paper's formula for the noise of its choice; 0: no noise. "
    "It bounds nothing.",
    "paper.length": "Length asked for, as a share of the record's words.",
    "paper.sentiment_attempts": "How often a text is written until it has the mood of its record.",
    "paper.histogram_sigma": "Noise of the AUG-PE step; 0 keeps every text.",
    "paper.surrogate": "Which language model scores texts: ngram (no weights), or transformers.",
    "paper.surrogate_model": "The model that is trained on the variants (transformers).",
    "paper.surrogate_epochs": "How often it is shown them.",
    "paper.representatives": "Scores that stand for all private ones.",
    "paper.filters": "Which version of the authors' code the filters follow: early, middle or late.",
    "paper.cosine_retain": "Share of texts that the cosine filter keeps; by default as the version says.",
    "paper.nll_percentile": "Percentile below which the NLL filter drops; by default as the version says.",
    "paper.nll_distance": "Distance to the farthest representative (max, as published) or the nearest (min).",
    "paper.remote": "What a writer on another machine may be sent: never, abstracts or records.",
    "split.donors": "Share of people who give seeds, drawn in secret.",
    "split.donor_list": "Or a file with the users who give seeds, one a line.",
    "generation.examples": "Invented examples of the pack that a prompt shows.",
    "generation.top_p": "Share of likely words it chooses from; by default as the pack, or the paper, says.",
}


@takes_settings
def init(
    given: dict[str, Any],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="FILE", help="The file to write. Default: rpsg.toml.", show_default=False
        ),
    ] = Path("rpsg.toml"),
) -> None:
    """Write a commented plan file: asks six questions on a terminal, otherwise takes the options."""
    from rpsg.cli import settings as layers  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.cli.console import Screen  # noqa: PLC0415  # only when it is needed: the help must be quick

    _refuse_existing(out)
    if sys.stdin.isatty() and sys.stdout.isatty():
        given = {**given, **ask(given)}
    plan = layers.make_plan([layers.option_layer(given)])
    _write_new(out, commented(plan))
    screen = Screen.stdout()
    screen.line(f"Wrote {out}. It is public: keep it under version control.")
    screen.line("Next, see what a run would claim and cost:")
    screen.command("rpsg plan" if out == layers.DEFAULT_FILE else f"rpsg plan --config {out}")


def ask(given: Mapping[str, Any]) -> dict[str, Any]:
    """The answers to those questions that no option has answered; an empty answer keeps the default."""
    defaults = {setting.key: setting.default for setting in SETTINGS}
    answers: dict[str, Any] = {}
    for key, question in QUESTIONS:
        if key in given:
            continue
        default = defaults[key]
        answer = typer.prompt(question, default=default, show_default=bool(default)).strip()
        if answer:
            answers[key] = answer
    return answers


def commented(plan: Plan) -> str:
    """The plan as TOML with a comment on each key; what is not set stands as a comment."""
    comments = _COMMENTS | {setting.key: setting.help for setting in SETTINGS}
    lines = [
        "# The plan of a run of RPSG. Everything in here is public.",
        "# See what it means with: rpsg plan. Run it with: rpsg run -o RUN.",
    ]
    for name, section in plan.model_dump(mode="json").items():
        lines += _section(name, section, comments)
    return "\n".join(lines) + "\n"


def _section(name: str, section: Mapping[str, Any], comments: Mapping[str, str]) -> Iterator[str]:
    yield ""
    if name in _SECTIONS:
        yield from _comment(_SECTIONS[name])
    yield f"[{name}]"
    for key, value in section.items():
        if isinstance(value, Mapping):
            continue
        if comment := comments.get(f"{name}.{key}"):
            yield from _comment(comment)
        unset = value is None
        yield f"# {key} = (not set)" if unset else f"{key} = {_toml(value)}"
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _section(f"{name}.{key}", value, comments)


def _toml(value: Any) -> str:
    """A JSON value is a TOML value, but for the one control character that JSON lets through."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 96, initial_indent="# ", subsequent_indent="# ")


def _refuse_existing(out: Path) -> None:
    if out.exists():
        raise UsageError(f"{out} is there already.", hint="Choose another name with: rpsg init -o OTHER.toml")


def _write_new(out: Path, text: str) -> None:
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        _refuse_existing(out)
    except OSError as error:
        raise RunError(
            f"{out} cannot be written: {error.strerror}.", hint="Choose another place with -o."
        ) from None
