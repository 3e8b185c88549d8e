"""A whole plan: all sections, how it is written down, and the fingerprint that a run is bound to."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import model_validator

from rpsg.plan.machines import Generation, Limits, Models, Server, Vault
from rpsg.plan.paper import Paper, Split
from rpsg.plan.sections import Corpus, Data, Method, Privacy
from rpsg.plan.setting import Section, described

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Plan(Section):
    """The plan of a run. Everything in it is public, and is fixed before anyone looks at the private data."""

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

    @model_validator(mode="after")
    def _who_is_left_is_not_public(self) -> Self:
        if self.data.audit_holdout and self.privacy.n_public is not None:
            raise ValueError(
                "data.audit_holdout holds out a secret number of people, so how many are left is not public: "
                "leave privacy.n_public out, and they are counted with noise"
            )
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
            settings[section] = {key: v for key, v in settings[section].items() if key not in keys}
        return _sha256("rpsg-questions/1", settings, public)

    def _identity(self) -> dict[str, Any]:
        settings = self.written()
        for section, keys in NOT_IDENTITY.items():
            for key in keys:
                settings[section].pop(key)
        return settings

    def written(self) -> dict[str, Any]:
        """The settings by section as JSON values, as they are written down and hashed."""
        settings = self.model_dump(mode="json")
        for section, keys in ADDED_LATER.items():
            for key in keys:
                if getattr(self, section).is_default(key):
                    settings[section].pop(key)
        return settings

    def to_toml(self) -> str:
        """The plan as it was resolved, as TOML that reads back to the same plan."""
        lines: list[str] = []
        _write_table(lines, "", self.written())
        return "\n".join(lines).strip() + "\n"


def _sha256(tag: str, settings: Mapping[str, Any], public: Mapping[str, str]) -> str:
    body = json.dumps({"plan": settings, "public": public}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{tag}\0{body}".encode()).hexdigest()


def _write_table(lines: list[str], name: str, table: Mapping[str, Any]) -> None:
    """Append ``table`` as TOML: plain keys first, sub-tables after (JSON scalars are TOML scalars)."""
    plain = {k: v for k, v in table.items() if not isinstance(v, dict) and v is not None}
    if name and plain:
        lines += ["", f"[{name}]"]
    lines += [f"{key} = {toml_value(value)}" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, dict):
            _write_table(lines, f"{name}.{key}" if name else key, value)


def toml_value(value: Any) -> str:
    """A JSON value as TOML: the same, but for one character that only TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _by_section(keys: Iterator[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for key in keys:
        section, _, name = key.partition(".")
        found[section].add(name)
    return dict(found)


#: Not part of a run's identity, by section: where things are and how fast they go, never what comes out.
NOT_IDENTITY = _by_section(s.key for s in described(Plan) if not s.identity)
#: Settings that are written down only where they differ from their default, by section.
ADDED_LATER = _by_section(s.key for s in described(Plan) if s.added_later)
#: What only generation depends on, beside the prompts of the pack, by section.
GENERATION = _by_section(s.key for s in described(Plan) if s.only_generation)
