"""The file of a comparison, ``compare.toml``: what is compared with what, and on which texts.

Every entry (a data set, a writer, a method) names settings of a plan. A cell's plan is made of these layers,
of which later ones override earlier ones: the plan of the comparison, the data set, the writer, the method,
the cell's own values.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from rpsg import registry
from rpsg.disk.toml_text import read_toml_file
from rpsg.errors import UsageError, in_one_clause
from rpsg.plan import LimitsSection, merge, read_toml, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

Settings = dict[str, dict[str, Any]]
HINT = "docs/comparison-files.md shows a whole file, and rpsg compare FILE --dry-run what it would do."


class MatrixPart(BaseModel):
    """A table of the file; a misspelt key is an error. Infinity is a value here: epsilon can be ``inf``."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")


class MatrixEntry(MatrixPart):
    """A name for some settings: those of a plan file, those given here, or both."""

    name: str = Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")
    plan: str = ""
    settings: Settings = {}


class ComparedData(MatrixEntry):
    """A set of real texts: ``path`` is a file, a folder or several; ``asset`` is one of ``rpsg models list``.

    ``public`` is the user's statement that everybody may see these texts, or that their authors agreed to
    such tests. ``held_out`` people are set aside before anything runs, and everything is measured against
    them.
    """

    path: str | tuple[str, ...] = ()
    asset: str = ""
    public: bool = False
    held_out: int = Field(default=1000, ge=10)

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.path,) if isinstance(self.path, str) else self.path))


class ComparedWriter(MatrixEntry):
    """A writer. If it has no settings, it is named after the model."""


class ComparedMethod(MatrixEntry):
    """A method with its settings. If these lack ``method.name``, the name of the entry is also the method's.

    Entries of one ``family`` are the same method at different costs. The table at equal tokens uses the entry
    that fits. ``infinite`` are the settings at epsilon = inf, for a method that can do without noise.
    """

    family: str = ""
    infinite: Settings | None = None


class MatrixEvaluation(MatrixPart):
    """How each corpus is measured. One embedder measures all of them, whatever they were made with."""

    metrics: tuple[str, ...] = ()
    embedder: str = "minilm"
    language_model: str = "ngram"


class MatrixAudit(MatrixPart):
    """The share of people whom no run uses, so that each can be attacked; 0: no audit."""

    holdout: float = Field(default=0.0, ge=0, lt=1)
    attacks: tuple[str, ...] = ()


class LeftOut(MatrixPart):
    """Cells that are not run: those that match every list that is given. The reason is published."""

    reason: str
    methods: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()
    epsilon: tuple[float, ...] = ()
    seeds: tuple[int, ...] = ()
    people: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()
    temperatures: tuple[float, ...] = ()


def _named(value: Any) -> Any:
    """An entry that is written as its name alone."""
    return {"name": value} if isinstance(value, str) else value


Epsilon = Annotated[float, Field(gt=0)]


class Matrix(MatrixPart):
    """The whole comparison.

    ``people`` are the numbers of people whose texts a run may use (0: all that are not held out), ``sizes``
    the numbers of texts that are released. ``declare_people`` tells each run its number of people, as if it
    were public. ``limits`` hold for all cells together.
    """

    title: str = Field(min_length=1)
    plan: str = ""
    settings: Settings = {}
    data: tuple[ComparedData, ...] = Field(min_length=1)
    methods: tuple[Annotated[ComparedMethod, BeforeValidator(_named)], ...] = Field(min_length=1)
    writers: tuple[Annotated[ComparedWriter, BeforeValidator(_named)], ...] = ()
    epsilon: tuple[Epsilon, ...] = (2.0,)
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = (0,)
    people: tuple[Annotated[int, Field(ge=0)], ...] = (0,)
    sizes: tuple[Annotated[int, Field(ge=2)], ...] = (200,)
    temperatures: tuple[Annotated[float, Field(gt=0, le=2)], ...] = ()
    declare_people: bool = False
    headline: tuple[str, ...] = ()
    evaluation: MatrixEvaluation = MatrixEvaluation()
    audit: MatrixAudit = MatrixAudit()
    limits: LimitsSection = LimitsSection()
    leave_out: tuple[LeftOut, ...] = ()

    @model_validator(mode="after")
    def _names_are_different(self) -> Self:
        for what in ("data", "methods", "writers"):
            names = [entry.name for entry in getattr(self, what)]
            if len(set(names)) < len(names):
                raise ValueError(f"{what}: two entries have the same name")
        for what in ("epsilon", "seeds", "people", "sizes", "temperatures"):
            if len(set(getattr(self, what))) < len(getattr(self, what)):
                raise ValueError(f"{what}: a value is listed twice")
        if self.audit.holdout and self.declare_people:
            raise ValueError("with an audit the number of people is secret: leave declare_people out")
        return self

    @model_validator(mode="after")
    def _leaves_out_what_there_is(self) -> Self:
        for rule in self.leave_out:
            for what in ("data", "methods", "writers"):
                unknown = set(getattr(rule, what)) - {entry.name for entry in getattr(self, what)}
                if unknown:
                    known = ", ".join(entry.name for entry in getattr(self, what))
                    raise ValueError(f"leave_out.{what}: there is no {min(unknown)!r}; there are: {known}")
        return self

    @model_validator(mode="after")
    def _shows_what_it_measures(self) -> Self:
        measured = self.evaluation.metrics or tuple(registry.names("metrics"))
        for name in self.headline:
            if name not in measured:
                raise ValueError(f"headline: {name!r} is not measured; there are: {', '.join(measured)}")
        return self

    @property
    def is_internal(self) -> bool:
        """Whether its figures must not be published, because they were computed from texts that are not
        public.
        """
        return not all(data.public for data in self.data)


def read_matrix(path: str | Path, files: Mapping[str, str] | None = None) -> Matrix:
    """The comparison in a TOML file. Relative paths of plan files and data start at its folder.

    ``files`` gives the files of data sets by name. An entry without settings stands for the model or method
    of its name. All plan files are read, so that the result depends on no other file than the data.

    Raises:
        UsageError: the file cannot be read or something in it is wrong; the message says what is allowed.
    """
    path = Path(path)
    found = read_toml_file(path, "comparison", hint=HINT)
    try:
        matrix = Matrix.model_validate(found)
    except ValidationError as error:
        wrong = "; ".join(
            in_one_clause(item) for item in error.errors(include_url=False, include_input=False)
        )
    else:
        return _complete(matrix, path.parent, dict(files or {}))
    raise UsageError(f"{path} is not valid: {wrong}.", hint=HINT)


def _complete(matrix: Matrix, folder: Path, files: dict[str, str]) -> Matrix:
    """The comparison with all files that it refers to read into it, except the data, whose paths become
    absolute.
    """
    unknown = files.keys() - {data.name for data in matrix.data}
    if unknown:
        known = ", ".join(data.name for data in matrix.data)
        raise UsageError(f"There is no data set {min(unknown)!r}.", hint=f"There are: {known}.")
    methods = [_with_default(m, {"method": {"name": m.name}}, folder) for m in matrix.methods]
    named = matrix.writers or (ComparedWriter(name=_writer_of(matrix, folder)),)
    writers = [_with_default(w, {"models": {"writer": w.name}}, folder) for w in named]
    data = [_with_paths(_inlined(d, folder), folder, files) for d in matrix.data]
    settings = merge(_plan_file(matrix.plan, folder), matrix.settings)
    new = {"plan": "", "settings": settings, "methods": methods, "writers": writers, "data": data}
    return matrix.model_copy(update={name: tuple(v) if isinstance(v, list) else v for name, v in new.items()})


def _writer_of(matrix: Matrix, folder: Path) -> str:
    return resolve(_plan_file(matrix.plan, folder), matrix.settings).models.writer


def _with_default(entry: Any, default: Settings, folder: Path) -> Any:
    """The entry with the settings of its plan file in it. If they name no model or method, its own name
    does.
    """
    return entry.model_copy(update={"plan": "", "settings": merge(default, _inlined(entry, folder).settings)})


def _inlined(entry: Any, folder: Path) -> Any:
    settings = merge(_plan_file(entry.plan, folder), entry.settings)
    return entry.model_copy(update={"plan": "", "settings": settings})


def _plan_file(name: str, folder: Path) -> Settings:
    return read_toml(folder / name) if name else {}


def _with_paths(data: ComparedData, folder: Path, files: Mapping[str, str]) -> ComparedData:
    given = (files[data.name],) if data.name in files else ()
    paths = given or tuple(str(folder / Path(path).expanduser()) for path in data.paths)
    return data.model_copy(update={"path": tuple(str(Path(path).absolute()) for path in paths)})


def changed(matrix: Matrix, holdout: float | None, limits: Mapping[str, float]) -> Matrix:
    """The comparison with another share to hold out for audits, and other limits.

    Raises:
        UsageError: one of them is not allowed.
    """
    body = json.loads(matrix.model_dump_json())
    if holdout is not None:
        body["audit"]["holdout"] = holdout
    body["limits"].update(limits)
    try:
        return Matrix.model_validate(body)
    except ValidationError as error:
        wrong = "; ".join(
            in_one_clause(item) for item in error.errors(include_url=False, include_input=False)
        )
    raise UsageError(f"The comparison is not valid: {wrong}.")


def epsilon_in_words(epsilon: float | None) -> str:
    """An epsilon as it is shown; "-" for a method that does not use one."""
    if epsilon is None:
        return "-"
    return "∞" if math.isinf(epsilon) else f"{epsilon:g}"
