"""``rpsg.toml`` as typed settings, and the fingerprint that a run is bound to.

Everything here is public: it must be fixed before anyone looks at the private data. Defaults < file <
``RPSG_*`` environment < options of the command line.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from rpsg.arguments import is_text
from rpsg.errors import UsageError
from rpsg.records import OTHER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pydantic_core import ErrorDetails

#: Not part of a run's identity: where things lie and how fast they go, never what comes out. A pack may lie
#: anywhere: its hash is part of the identity. Under another account a run may go on too: that account is
#: charged anew for all that was drawn, so no charge is lost by it.
NOT_IDENTITY = {
    "data": {"path", "account"},
    "corpus": {"domain"},
    "models": {"slots", "threads"},
    "privacy": {"lifetime_epsilon"},
    "server": {"base_url", "key_env", "organization", "project", "concurrency", "timeout", "retries"},
    "limits": {"tokens", "requests", "cost", "seconds", "prices"},
    "split": {"donor_list"},
}

#: What only generation depends on, beside the prompts of the pack: no noisy answer does before votes are
#: drawn. ``*`` is the whole section.
GENERATION = {
    "corpus": {"about", "size", "license"},
    "method": {"oversample", "uniform_mix", "diversity"},
    "models": {"writer", "scorer", "context", "form"},
    "server": {"*"},
    "paper": {"*"},
    "generation": {"*"},
}

_WORD = re.compile(r"\w{1,40}")
Share = Annotated[float, Field(ge=0, le=1)]


def _no_text(value: str) -> str:
    """``value``, if it can be a path or the name of a column; a whole text is refused, and not repeated."""
    if is_text(value):
        raise ValueError("this is text, and a path or a short name of one line is wanted")
    return value


#: A path, or the name of a column or of a label.
Name = Annotated[str, AfterValidator(_no_text)]


class Section(BaseModel):
    """A misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class Data(Section):
    """Where the private texts are, what the columns mean, who pays, and what becomes of rows without use.

    ``account`` is a public name that the operator declares: all runs on the same people belong to one
    account, wherever their files lie. By default it is the place of the file.

    The two rules look at one row alone, so one row never decides what becomes of the others. ``unusable``: a
    row without a text, without a user where a column is named, or broken in itself is left out ("drop"), or
    ends the run ("refuse", and then the claim says that it does not cover that). ``unlisted``: a row whose
    label is missing or not declared is left out, or counted under one more label, "other".

    A text of more than one and a half times ``passage_words`` words is read in passages of about so many, of
    which as many take part as rows may (0: never cut). Only strict mode looks at it.
    """

    path: Name = ""
    account: Annotated[Name, Field(pattern=r"^[^\x00-\x1f\x7f]{0,200}$")] = ""
    text: Name = "text"
    label: Name | None = None
    labels: tuple[Name, ...] = ()
    user: Name | None = None
    format: Literal["jsonl", "csv", "txt", "parquet"] | None = None
    unusable: Literal["drop", "refuse"] = "drop"
    unlisted: Literal["drop", "other"] = "drop"
    passage_words: int = Field(250, ge=0, le=100_000)

    @model_validator(mode="after")
    def _labels_have_a_column(self) -> Self:
        if self.labels and not self.label:
            raise ValueError("labels are declared but no label column is named")
        if self.labels and len(set(self.labels)) < 2:
            raise ValueError("at least two different labels are needed")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("a label is declared twice; name each value once, and not the column's rows")
        if not all(label.isprintable() for label in self.labels):
            raise ValueError(
                "a declared label holds a character that nobody sees; the release would hold it too"
            )
        if self.unlisted == "other" and not self.labels:
            raise ValueError('unlisted = "other" needs declared labels: nobody knows which others there are')
        return self

    @property
    def label_values(self) -> tuple[str, ...]:
        """Every label that a row may have, where they are declared: "other" too, if rows are counted so."""
        more = self.unlisted == "other" and OTHER not in self.labels
        return (*self.labels, OTHER) if more else self.labels


class Corpus(Section):
    """What is wanted. ``license`` is the licence of the release, as hubs name it: ``cc-by-4.0``."""

    about: str = ""
    domain: str = "generic"
    size: int = Field(200, ge=1, le=10_000_000)
    license: str = Field("", pattern=r"^[A-Za-z0-9.+-]{0,60}$")


class Shares(Section):
    """How the budget is split, as shares of mu squared; what is not used goes to the others in proportion."""

    size: Share = 0.05
    labels: Share = 0.05
    cards: Share = 0.35
    keyphrases: Share = 0.0
    sketch: Share = 0.60
    votes: Share = 0.60


class Privacy(Section):
    """What is promised, to whom, and how it is paid for."""

    epsilon: float = Field(2.0, gt=0, le=1000)
    delta: float = Field(1e-6, gt=0, le=1e-4)
    adjacency: Literal["add_remove", "replace_one"] = "add_remove"
    max_records_per_user: int = Field(1, ge=1, le=1000)
    n_public: int | None = Field(None, ge=1)
    lifetime_epsilon: float = Field(8.0, gt=0)
    noise: Literal["os", "opendp"] = "os"
    shares: Shares = Shares()

    @model_validator(mode="after")
    def _replace_one_knows_n(self) -> Self:
        if self.adjacency == "replace_one" and self.n_public is None:
            raise ValueError("replace_one adjacency makes n public: declare it as n_public")
        return self


class Method(Section):
    """Which method is used, and its few levers.

    ``select`` is the question that decides which texts stay: one noisy "sketch" of the private texts, or
    their "votes" for the nearest texts. ``diversity`` above 1 takes texts that are less like each other,
    below 1 more typical ones. The levers of votes are ``rounds``, ``votes_per_record`` and
    ``hub_correction``.
    """

    name: str = "strict"
    select: Literal["sketch", "votes"] = "sketch"
    diversity: float = Field(1.0, gt=0, le=100)
    rounds: int = Field(1, ge=1, le=10)
    oversample: float = Field(3.0, ge=1, le=100)
    votes_per_record: int = Field(1, ge=1, le=16)
    hub_correction: float = Field(0.6, ge=0, le=1)
    uniform_mix: float = Field(0.15, ge=0, le=1)
    phrases_per_record: int = Field(4, ge=1, le=16)


class Models(Section):
    """The models, by name, path or hub id.

    ``form`` is how the writer is given examples and a card: "chat" as turns of a chat, "text" as one document
    to go on with, "auto" as suits its weights. On a server it chooses the API, over ``api`` of ``[server]``.
    """

    writer: str = "gemma-3-270m"
    embedder: str = "minilm"
    scorer: str | None = None
    sentiment: str | None = None
    slots: int | None = Field(None, ge=1, le=256)
    threads: int | None = Field(None, ge=1, le=256)
    context: int = Field(2048, ge=256, le=131072)
    form: Literal["auto", "chat", "text"] = "auto"


class Server(Section):
    """An OpenAI-compatible server, when a model is named ``openai:MODEL`` or ``azure:DEPLOYMENT``.

    Keys are never written here: ``key_env`` names the environment variable that holds one. Where the server
    is belongs to the writer's name, and so to the run's identity, by its host.

    A loopback address is no proof that a server runs on this machine: a tunnel or a proxy looks the same.
    ``this_machine`` is the operator's word for it, without which it is sent no private text.
    """

    base_url: str = ""
    this_machine: bool = False
    key_env: str = "OPENAI_API_KEY"
    api: Literal["chat", "completions"] = "chat"
    api_version: str = ""
    organization: str = ""
    project: str = ""
    concurrency: int = Field(64, ge=1, le=4096)
    timeout: float = Field(300.0, gt=0)
    retries: int = Field(6, ge=0, le=100)


class Limits(Section):
    """Caps on what a run may use; it stops cleanly at one and goes on with a larger one.

    ``cost`` is in the currency of the table of prices, a file that ``prices`` names.
    """

    tokens: int | None = Field(None, ge=1)
    requests: int | None = Field(None, ge=1)
    cost: float | None = Field(None, gt=0)
    seconds: float | None = Field(None, gt=0)
    prices: Name = ""


class Paper(Section):
    """What the methods paper and split are set by: the paper's hyperparameters, with its values.

    Split ends with votes as strict does: it takes the seeds, summaries and first rewrite from here. It has no
    surrogate, representatives or filters of these, and refuses ``selection = "votes"`` and the histogram.

    ``nominal_epsilon`` goes into the paper's formula for the noise of its choice (0: no noise). It is no
    budget and bounds nothing, so no release names it. ``filters`` names a version of the authors' code:
    the cosine filter keeps 0.60, 0.65 or all, the NLL filter 50, 45 or 90 of a hundred texts.
    """

    seeds: int | None = Field(None, ge=1, le=10_000_000)
    seed_words: int | None = Field(None, ge=1)
    abstracter: Literal["writer", "summariser"] = "writer"
    summariser: str = "facebook/bart-large-cnn"
    candidates: int = Field(5, ge=1, le=64)
    min_tokens: int = Field(50, ge=0)
    max_tokens: int = Field(150, ge=1, le=4096)
    guard_words: int = Field(6, ge=1)
    guard_characters: int = Field(30, ge=1)
    recogniser: Literal["patterns", "presidio"] = "patterns"
    recogniser_model: str = ""
    similarity_weight: float = Field(0.75, ge=0, le=1)
    flip_penalty: float = Field(0.15, ge=0, le=1)
    min_confidence: float = Field(0.55, ge=0, le=1)
    selection: Literal["argmax", "votes"] = "argmax"
    sensitivity: Literal["paper", "sound"] = "paper"
    nominal_epsilon: float = Field(4.0, ge=0)
    length: float = Field(0.8, gt=0, le=4)
    sentiment_attempts: int = Field(4, ge=1, le=20)
    histogram_sigma: float = Field(0.0, ge=0, le=1e5)
    surrogate: Literal["ngram", "transformers"] = "ngram"
    surrogate_model: str = "prajjwal1/bert-small"
    surrogate_epochs: int = Field(3, ge=1, le=100)
    representatives: int = Field(250, ge=1)
    filters: Literal["early", "middle", "late"] = "late"
    cosine_retain: float | None = Field(None, gt=0, le=1)
    nll_percentile: float | None = Field(None, ge=0, le=100)
    nll_distance: Literal["max", "min"] = "max"
    remote: Literal["never", "abstracts", "records"] = "never"

    @model_validator(mode="after")
    def _lengths_fit(self) -> Self:
        if self.min_tokens > self.max_tokens:
            raise ValueError("min_tokens is above max_tokens")
        return self


class Split(Section):
    """Who gives seeds and who votes: a share of the people by a secret draw, or a list of users."""

    donors: float = Field(0.2, gt=0, lt=1)
    donor_list: Name = ""


class Vault(Section):
    """Where the key is that encrypts a run's private files; "none" leaves them in the clear, and is told.

    "file" is ``vault.key`` in the state folder, "env" the variable RPSG_VAULT_KEY, "keyring" the desktop's.
    """

    key: Literal["file", "env", "keyring", "none"] = "file"


class Generation(Section):
    """The public random stream: prompts, sampling. It never touches the noise.

    ``examples`` is how many of the pack's invented texts a prompt shows: those whose length is nearest to
    the one that is wanted, and fewer where they are so long that they would fill the context.
    """

    seed: int = Field(0, ge=0, lt=2**63)
    temperature: float | None = Field(None, gt=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    examples: int = Field(4, ge=0, le=20)


class Plan(Section):
    """The whole of a run, resolved."""

    data: Data = Data()
    corpus: Corpus = Corpus()
    privacy: Privacy = Privacy()
    method: Method = Method()
    models: Models = Models()
    server: Server = Server()
    limits: Limits = Limits()
    paper: Paper = Paper()
    split: Split = Split()
    generation: Generation = Generation()
    vault: Vault = Vault()

    @model_validator(mode="after")
    def _can_be_written_down(self) -> Self:
        try:
            self.to_toml().encode()
        except UnicodeEncodeError:
            raise ValueError("a setting holds half a character; write it in UTF-8") from None
        return self

    @property
    def unit(self) -> Literal["user", "record"]:
        return "user" if self.data.user else "record"

    @property
    def records_per_unit(self) -> int:
        return self.privacy.max_records_per_user if self.data.user else 1

    def without_data(self) -> Plan:
        """The plan as a method sees it: where the private file lies, and who pays, is not in it."""
        return self.model_copy(update={"data": self.data.model_copy(update={"path": "", "account": ""})})

    def fingerprint(self, **public: str) -> str:
        """SHA-256 of all that decides what comes out; ``public`` holds the hashes of pack and models."""
        return _sha256("rpsg-plan/1", self._identity(), public)

    def questions(self, **public: str) -> str:
        """SHA-256 of what the noisy answers depend on before votes are drawn; ``public`` as above."""
        settings = self._identity()
        for section, keys in GENERATION.items():
            for key in settings[section] if "*" in keys else keys:
                settings[section] = {k: v for k, v in settings[section].items() if k != key}
        return _sha256("rpsg-questions/1", settings, public)

    def _identity(self) -> dict[str, Any]:
        settings = self.model_dump(mode="json")
        for section, keys in NOT_IDENTITY.items():
            for key in keys:
                settings[section].pop(key)
        return settings

    def to_toml(self) -> str:
        """The plan as it was resolved, as TOML that reads back to the same plan."""
        lines: list[str] = []
        _write_table(lines, "", self.model_dump(mode="json", exclude_none=True))
        return "\n".join(lines).strip() + "\n"


def _sha256(tag: str, settings: Mapping[str, Any], public: Mapping[str, str]) -> str:
    body = json.dumps({"plan": settings, "public": public}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{tag}\0{body}".encode()).hexdigest()


def _write_table(lines: list[str], name: str, table: Mapping[str, Any]) -> None:
    """Append ``table`` as TOML: plain keys first, sub-tables after (JSON scalars are TOML scalars)."""
    plain = {k: v for k, v in table.items() if not isinstance(v, dict)}
    if name and plain:
        lines += ["", f"[{name}]"]
    lines += [f"{key} = {_scalar(value)}" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, dict):
            _write_table(lines, f"{name}.{key}" if name else key, value)


def _scalar(value: Any) -> str:
    """JSON is TOML here, but for one character that TOML wants escaped and JSON does not."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def read_toml(path: Path) -> dict[str, Any]:
    """The settings of an ``rpsg.toml``, not yet checked."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no plan file {path}.", hint="Write one with: rpsg init") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Later layers win, key by key; a None in a layer says nothing."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if isinstance(value, Mapping):
                merged[key] = merge(merged.get(key, {}), value)
            elif value is not None:
                merged[key] = value
    return merged


def resolve(*layers: Mapping[str, Any]) -> Plan:
    """A checked plan from layered settings; UsageError names the key and what is allowed, never the value."""
    for layer in layers:
        if not isinstance(layer, Mapping):
            raise UsageError(
                f"Settings are given as a dictionary of sections, and this is a {type(layer).__name__}.",
                hint='For instance: {"data": {"path": "notes.csv", "text": "note"}}',
            )
    try:
        return Plan.model_validate(merge(*layers))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        problems = "; ".join(_problem(item) for item in details)
    # Raised out here, so that the error does not lead to the other one, which holds all that was given.
    raise UsageError(f"The plan does not hold together. {problems}.")


def _problem(item: ErrorDetails) -> str:
    where = ".".join(_key(part) for part in item["loc"]) or "plan"
    if item["type"] == "extra_forbidden":
        return f"{where}: there is no such setting; {_meant(item['loc'])}"
    return f"{where}: {item['msg'].removeprefix('Value error, ').removesuffix('.')}"


def _key(part: int | str) -> str:
    """A key as it may be repeated: what is no word of a plan may be text that came to a wrong place."""
    return str(part) if _WORD.fullmatch(str(part)) else "(something that is no name)"


def _names_in(section: str) -> tuple[str, ...]:
    """The settings of a section of the plan."""
    return tuple(getattr(Plan.model_fields[section].annotation, "model_fields", ()))


def _meant(path: Sequence[int | str]) -> str:
    """The setting that was meant, or all there are beside it."""
    if len(path) == 1 and (sections := [s for s in Plan.model_fields if path[0] in _names_in(s)]):
        return f"perhaps {' or '.join(f'{section}.{path[0]}' for section in sections)} is meant"
    section: Any = Plan
    for part in path[:-1]:
        section = section.model_fields[part].annotation
    names = list(section.model_fields)
    near = get_close_matches(str(path[-1]), names, n=1)
    return f"perhaps {near[0]!r} is meant" if near else f"there are {', '.join(names)}"
