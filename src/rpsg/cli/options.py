"""The settings of a plan as command-line options, in one table that help, layers and reference read."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

ABOUT_DATA = "The private texts"
ABOUT_CORPUS = "What is wanted"
ABOUT_PRIVACY = "What is promised"
ABOUT_MODELS = "Models and speed"
ABOUT_METHOD = "Method"
ABOUT_LIMITS = "Limits; a run stops cleanly at one and goes on with a larger one"


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of the plan. ``default`` is what the help says; a test holds it against the plan itself."""

    key: str
    option: str
    kind: type
    value: str
    help: str
    panel: str
    default: str = ""

    @property
    def parameter(self) -> str:
        """The name of the parameter it arrives in."""
        return self.key.replace(".", "__")

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return "RPSG_" + self.key.upper().replace(".", "__")

    @property
    def told(self) -> str:
        """The help, with the default in it."""
        return f"{self.help} Default: {self.default}." if self.default else self.help

    def as_parameter(self) -> inspect.Parameter:
        option = (
            typer.Option(self.option, metavar=self.value, help=self.told, rich_help_panel=self.panel)
            if self.option
            else typer.Argument(metavar=self.value, help=self.told, show_default=False)
        )
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Parameter(
            self.parameter, kind, default=None, annotation=Annotated[self.kind | None, option]
        )


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "data.path",
        "",
        str,
        "DATA",
        "The private texts: a .jsonl, .csv, .txt or .parquet file, or a folder of .txt files.",
        ABOUT_DATA,
    ),
    Setting("data.text", "--text", str, "COLUMN", "Column that holds the text.", ABOUT_DATA, "text"),
    Setting("data.label", "--label", str, "COLUMN", "Column that holds a label of each text.", ABOUT_DATA),
    Setting(
        "data.labels",
        "--labels",
        str,
        "A,B,C",
        "The values of the label, if they are public. Otherwise budget is spent to find them.",
        ABOUT_DATA,
    ),
    Setting(
        "data.unlisted",
        "--unlisted",
        str,
        "RULE",
        "Rows whose label is missing or not declared: drop them, or count them as other.",
        ABOUT_DATA,
        "drop",
    ),
    Setting(
        "data.user",
        "--user",
        str,
        "COLUMN",
        "Column that says whose text it is. With it people are protected, otherwise single rows.",
        ABOUT_DATA,
    ),
    Setting(
        "data.format",
        "--format",
        str,
        "FORMAT",
        "jsonl, csv, txt or parquet, where the file's name does not tell.",
        ABOUT_DATA,
    ),
    Setting(
        "data.account",
        "--account",
        str,
        "NAME",
        "Public name of the account that pays for these people. Default: the place of the file.",
        ABOUT_DATA,
    ),
    Setting(
        "data.unusable",
        "--unusable",
        str,
        "RULE",
        "Rows without a text or a user: drop them, or refuse the file, which the claim then tells.",
        ABOUT_DATA,
        "drop",
    ),
    Setting(
        "data.passage_words",
        "--passage-words",
        int,
        "N",
        "Read long texts in passages of about so many words; 0 never cuts. Only strict mode does.",
        ABOUT_DATA,
        "250",
    ),
    Setting(
        "corpus.about",
        "--about",
        str,
        "SENTENCE",
        "What the texts are, in a few public words. It goes into the prompts.",
        ABOUT_CORPUS,
    ),
    Setting(
        "corpus.domain",
        "--domain",
        str,
        "NAME",
        "Domain pack, or a folder that holds one. See: rpsg list domains.",
        ABOUT_CORPUS,
        "generic",
    ),
    Setting("corpus.size", "--size", int, "N", "How many synthetic texts are wanted.", ABOUT_CORPUS, "200"),
    Setting(
        "privacy.epsilon",
        "--epsilon",
        float,
        "E",
        "The privacy budget of this run; smaller is safer. See: rpsg explain.",
        ABOUT_PRIVACY,
        "2.0",
    ),
    Setting(
        "privacy.delta",
        "--delta",
        float,
        "D",
        "Chance that the promise may fail; far below 1 / number of people.",
        ABOUT_PRIVACY,
        "1e-06",
    ),
    Setting(
        "privacy.adjacency",
        "--adjacency",
        str,
        "KIND",
        "add_remove (somebody takes part or not) or replace_one (needs --n-public).",
        ABOUT_PRIVACY,
        "add_remove",
    ),
    Setting(
        "privacy.max_records_per_user",
        "--max-records-per-user",
        int,
        "C",
        "Texts of one person that are used at most.",
        ABOUT_PRIVACY,
        "1",
    ),
    Setting(
        "privacy.n_public",
        "--n-public",
        int,
        "N",
        "How many people there are, if that is public. Otherwise budget is spent to count them.",
        ABOUT_PRIVACY,
    ),
    Setting(
        "privacy.lifetime_epsilon",
        "--lifetime-epsilon",
        float,
        "E",
        "What the account of these data may spend over all runs together.",
        ABOUT_PRIVACY,
        "8.0",
    ),
    Setting(
        "method.name",
        "--method",
        str,
        "NAME",
        "How the texts are made. See: rpsg list methods.",
        ABOUT_METHOD,
        "strict",
    ),
    Setting(
        "method.select",
        "--select",
        str,
        "WHAT",
        "What chooses among the drafts: sketch (one noisy sum, for few people) or votes (for thousands).",
        ABOUT_METHOD,
        "sketch",
    ),
    Setting(
        "method.diversity",
        "--diversity",
        float,
        "X",
        "Above 1 the chosen texts are less like each other, below 1 more typical (select = sketch).",
        ABOUT_METHOD,
        "1.0",
    ),
    Setting(
        "method.rounds",
        "--rounds",
        int,
        "T",
        "Rounds of voting and rewriting (select = votes).",
        ABOUT_METHOD,
        "1",
    ),
    Setting(
        "method.oversample",
        "--oversample",
        float,
        "X",
        "Candidates written for each text that is wanted.",
        ABOUT_METHOD,
        "3.0",
    ),
    Setting(
        "models.writer",
        "--writer",
        str,
        "NAME",
        "Model that writes, or the path of its weights. See: rpsg list writers.",
        ABOUT_MODELS,
        "gemma-3-270m",
    ),
    Setting(
        "models.embedder",
        "--embedder",
        str,
        "NAME",
        "Model that compares texts. See: rpsg list embedders.",
        ABOUT_MODELS,
        "minilm",
    ),
    Setting(
        "models.sentiment",
        "--sentiment",
        str,
        "NAME",
        "What tells the mood of a text. See: rpsg list classifiers.",
        ABOUT_MODELS,
    ),
    Setting(
        "server.base_url",
        "--base-url",
        str,
        "URL",
        "Server of a writer named openai:MODEL, as in http://127.0.0.1:11434/v1.",
        ABOUT_MODELS,
    ),
    Setting(
        "models.slots",
        "--slots",
        int,
        "N",
        "Texts that a model of this machine writes at once.",
        ABOUT_MODELS,
    ),
    Setting("models.threads", "--threads", int, "N", "Processor threads of the models.", ABOUT_MODELS),
    Setting(
        "limits.tokens",
        "--max-tokens",
        int,
        "N",
        "Tokens of prompts and texts together that the writer may use.",
        ABOUT_LIMITS,
    ),
    Setting("limits.requests", "--max-requests", int, "N", "Requests that may be made.", ABOUT_LIMITS),
    Setting("limits.cost", "--max-cost", float, "X", "Money that may be spent, by --prices.", ABOUT_LIMITS),
    Setting("limits.seconds", "--max-seconds", float, "S", "Seconds that writing may take.", ABOUT_LIMITS),
    Setting(
        "limits.prices",
        "--prices",
        str,
        "FILE",
        "Table of what models cost. RPSG knows no prices of providers.",
        ABOUT_LIMITS,
    ),
    Setting(
        "generation.seed",
        "--seed",
        int,
        "N",
        "Seed of prompts and sampling. The noise never has one.",
        ABOUT_METHOD,
        "0",
    ),
    Setting(
        "vault.key",
        "--vault",
        str,
        "WHERE",
        "Where the key of the run's private files is: file, env, keyring or none (not encrypted).",
        ABOUT_DATA,
        "file",
    ),
)

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Plan file. Default: rpsg.toml in this folder, if there is one."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print one JSON object instead of a page.")]


def takes_settings(
    command: Callable[..., None], settings: tuple[Setting, ...] = SETTINGS
) -> Callable[..., None]:
    """``command`` with an option for each setting; those that were typed arrive in ``given``, by key."""

    @functools.wraps(command)
    def wrapper(**values: Any) -> None:
        typed = {s.key: values.pop(s.parameter) for s in settings}
        command(given={key: value for key, value in typed.items() if value is not None}, **values)

    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "given"]
    parameters = [*(setting.as_parameter() for setting in settings), *own]
    keyword = inspect.Parameter.KEYWORD_ONLY
    wrapper.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # what typer reads options from
        [p.replace(kind=keyword) for p in parameters]
    )
    return wrapper
