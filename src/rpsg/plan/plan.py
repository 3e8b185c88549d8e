"""The whole plan: its sections, its TOML, and the fingerprint that a run is bound to."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from functools import reduce
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import model_validator

from rpsg.disk.json_text import canonical_ascii_json
from rpsg.display import Overview, Shown, counted
from rpsg.plan.data import OWN_FILES, DataSection
from rpsg.plan.engine import EngineSection
from rpsg.plan.machines import (
    GenerationSection,
    LimitsSection,
    ModelsSection,
    ServerSection,
    VaultSection,
)
from rpsg.plan.methods import (
    AugpeSection,
    DpsgdSection,
    PaperSection,
    PredictionSection,
    RuptaSection,
    SplitSection,
)
from rpsg.plan.sections import CorpusSection, MethodSection, PrivacySection
from rpsg.plan.setting import Section, described

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Plan(Shown, Section):
    """The plan of a run. Everything in it is public and is fixed before anyone looks at the private data."""

    data: DataSection = DataSection()
    corpus: CorpusSection = CorpusSection()
    privacy: PrivacySection = PrivacySection()
    method: MethodSection = MethodSection()
    models: ModelsSection = ModelsSection()
    server: ServerSection = ServerSection()
    engine: EngineSection = EngineSection()
    limits: LimitsSection = LimitsSection()
    paper: PaperSection = PaperSection()
    split: SplitSection = SplitSection()
    dpsgd: DpsgdSection = DpsgdSection()
    augpe: AugpeSection = AugpeSection()
    rupta: RuptaSection = RuptaSection()
    prediction: PredictionSection = PredictionSection()
    generation: GenerationSection = GenerationSection()
    vault: VaultSection = VaultSection()

    @model_validator(mode="after")
    def _can_be_written_down(self) -> Self:
        try:
            self.to_toml().encode()
        except UnicodeEncodeError:
            raise ValueError(
                "a setting contains an incomplete character; write it in UTF-8, and on a terminal set a "
                "language with UTF-8: export LC_ALL=C.UTF-8"
            ) from None
        return self

    @model_validator(mode="after")
    def _who_is_left_is_not_public(self) -> Self:
        if self.data.audit_holdout and self.privacy.n_public is not None:
            raise ValueError(
                "data.audit_holdout holds out a secret number of people, so how many are left is not public: "
                "leave privacy.n_public out, and they are counted with noise"
            )
        if self.data.audit_canaries and self.privacy.n_public is not None:
            raise ValueError(
                "data.audit_canaries adds a secret number of made-up people, so how many there are is not "
                "public: leave privacy.n_public out, and they are counted with noise"
            )
        return self

    @property
    def unit(self) -> Literal["user", "record"]:
        """Who is protected: a person with all rows, or one row."""
        return "user" if self.data.user else "record"

    @property
    def records_per_unit(self) -> int:
        """How many rows of one person are used at most."""
        return self.privacy.max_records_per_user if self.data.user else 1

    def _overview(self) -> Overview:
        values = {found: reduce(getattr, found.key.split("."), self) for found in described(type(self))}
        spends = f"epsilon {self.privacy.epsilon:g}, delta {self.privacy.delta:g}"
        return Overview(
            f"Plan: method {self.method.name}, {spends}, {counted(self.corpus.size, 'text')}",
            columns=("setting", "value"),
            rows=tuple(
                (found.key, ", ".join(map(str, value)) if isinstance(value, tuple) else str(value))
                for found, value in values.items()
                if value != found.default
            ),
            notes=(
                "All other settings have their default values.",
                "What a run would do: rpsg.preview(plan).",
            ),
        )

    def without_data(self) -> Plan:
        """The plan as a method sees it: without the path of the private file and the account."""
        return self.model_copy(update={"data": self.data.model_copy(update=OWN_FILES)})

    def fingerprint(self, **public: str) -> str:
        """SHA-256 of all that determines the output; ``public`` has the hashes of pack and models."""
        return _sha256("rpsg-plan/1", self._identity(), public)

    def questions(self, **public: str) -> str:
        """SHA-256 of everything on which the noisy answers before the votes depend; ``public`` as above."""
        settings = self._identity()
        for section, keys in GENERATION.items():
            if section in settings:
                settings[section] = {key: v for key, v in settings[section].items() if key not in keys}
        return _sha256("rpsg-questions/1", settings, public)

    def _identity(self) -> dict[str, Any]:
        settings = self.written()
        for section in settings.keys() & NOT_IDENTITY.keys():
            for key in NOT_IDENTITY[section]:
                settings[section].pop(key, None)  # absent if it was added later and has its default
        return _without_new_sections(settings)

    def written(self, *, exclude_none: bool = False) -> dict[str, Any]:
        """The settings by section, as the JSON values that are stored and hashed.

        Sections of other methods (``Section.read_by``) and settings that were added later (``ADDED_LATER``)
        are left out as long as they have their defaults.
        """
        sections: dict[str, Section] = {name: getattr(self, name) for name in type(self).model_fields}
        unread = {
            name
            for name, section in sections.items()
            if section.read_by and self.method.name not in section.read_by and section == type(section)()
        }
        settings = self.model_dump(mode="json", exclude=unread, exclude_none=exclude_none)
        for section, keys in ADDED_LATER.items():
            for key in keys:
                if getattr(self, section).is_default(key):
                    settings[section].pop(key, None)  # already absent if its default is None
        return _without_new_sections(settings)

    def to_toml(self) -> str:
        """The resolved plan as TOML. Reading it gives the same plan."""
        lines: list[str] = []
        _write_table(lines, "", self.written(exclude_none=True))
        return "\n".join(lines).strip() + "\n"


def _without_new_sections(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings without those sections that earlier versions did not have and that hold only defaults."""
    return {section: keys for section, keys in settings.items() if keys or section not in NEW_SECTIONS}


def _sha256(tag: str, settings: Mapping[str, Any], public: Mapping[str, str]) -> str:
    body = canonical_ascii_json({"plan": settings, "public": public})
    return hashlib.sha256(f"{tag}\0".encode() + body).hexdigest()


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
    """A JSON value as TOML: the same, except for one character that only TOML escapes."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _by_section(keys: Iterator[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for key in keys:
        section, _, name = key.partition(".")
        found[section].add(name)
    return dict(found)


#: Not part of a run's identity, by section: locations and speed, never what determines the output.
NOT_IDENTITY = _by_section(s.key for s in described(Plan) if not s.identity)
#: Settings that are written down only if they differ from their default, by section.
ADDED_LATER = _by_section(s.key for s in described(Plan) if s.added_later)
#: Sections in which every setting was added later.
NEW_SECTIONS = frozenset(ADDED_LATER) - {
    s.key.partition(".")[0] for s in described(Plan) if not s.added_later
}
#: Settings that affect only the writing of texts, by section; the prompts of the pack do too.
GENERATION = _by_section(s.key for s in described(Plan) if s.only_generation)
