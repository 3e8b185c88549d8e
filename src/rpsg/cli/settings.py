"""The layers of settings: defaults < plan file < ``RPSG_*`` environment < options. Later override earlier.

``RPSG_PRIVACY__EPSILON=2`` sets ``privacy.epsilon``: two underscores separate section and key. An empty
variable counts as not set.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.cli.options import SETTINGS
from rpsg.errors import UsageError
from rpsg.plan import flat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.plan import Plan

DEFAULT_FILE = Path("rpsg.toml")
PREFIX = "RPSG_"
_BY_KEY = {setting.key: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings from one origin: nested values, and the place where each key was set."""

    values: Mapping[str, Any]
    origins: Mapping[str, str]


def gather(given: Mapping[str, Any], config: Path | None, environment: Mapping[str, str]) -> list[Layer]:
    """The layers above the defaults, weakest first.

    Raises:
        UsageError: there is no such plan file, it is not TOML, or a variable is a misspelt setting.
    """
    return [*_file_layer(config), _environment_layer(environment), option_layer(given)]


def option_layer(given: Mapping[str, Any]) -> Layer:
    """The settings that were typed, by key."""
    words = {s.key: f"option {s.option}" if s.option else f"argument {s.metavar}" for s in SETTINGS}
    return Layer(_nested(given), {key: words[key] for key in given})


def make_plan(layers: Sequence[Layer]) -> Plan:
    """The checked plan; a UsageError names the origin of the wrong value."""
    from rpsg import api

    try:
        return api.make_plan(*(layer.values for layer in layers))
    except UsageError as error:
        wrong = [f"{key}: {origin}" for key, origin in origins(layers).items() if key in error.message]
        hint = error.hint or (f"It was set here: {'; '.join(wrong)}." if wrong else "")
        raise UsageError(error.message, hint=hint) from None


def retyped(given: Mapping[str, Any], config: Path | None) -> list[str]:
    """The words to type for the same settings."""
    words = [str(given["data.path"])] if "data.path" in given else []
    for setting in SETTINGS:
        if setting.option and setting.key in given:
            words += filter(None, [setting.option, setting.retyped(given[setting.key])])
    return [*words, *(["--config", str(config)] if config else [])]


def origins(layers: Sequence[Layer]) -> dict[str, str]:
    """The origin of each setting by key, without those left at their default."""
    return {key: origin for layer in layers for key, origin in layer.origins.items()}


def values_of(plan: Plan) -> dict[str, Any]:
    """The plan by key, with JSON-ready values."""
    return flat(plan.model_dump(mode="json"))


def _file_layer(config: Path | None) -> list[Layer]:
    from rpsg.plan import read_toml

    if config is None and not DEFAULT_FILE.is_file():
        return []
    file = config or DEFAULT_FILE
    try:
        values = read_toml(file)
    except OSError as error:
        raise UsageError(f"The plan file {file} cannot be read: {error.strerror}.") from None
    for name, section in values.items():
        if not isinstance(section, dict):
            raise UsageError(
                f"{file}: {name} is outside of any section.", hint="Sections look like: [privacy]"
            )
    return [Layer(values, dict.fromkeys(flat(values), f"file {file}"))]


def _environment_layer(environment: Mapping[str, str]) -> Layer:
    flat, names = {}, {}
    for name, value in sorted(environment.items()):
        if not name.startswith(PREFIX) or not value:
            continue
        _refuse_near_miss(name)
        section, double, rest = name.removeprefix(PREFIX).lower().partition("__")
        if double:
            key = f"{section}.{rest.replace('__', '.')}"
            setting = _BY_KEY.get(key)
            flat[key] = setting.value(value) if setting else value
            names[key] = f"environment {name}"
    return Layer(_nested(flat), names)


def _refuse_near_miss(name: str) -> None:
    """Refuse a setting written with one underscore, which would otherwise be ignored without a word."""
    for setting in SETTINGS:
        if name == setting.variable.replace("__", "_", 1):
            raise UsageError(
                f"The environment variable {name} is not a setting.", hint=f"Did you mean {setting.variable}?"
            )


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """``{"a.b": 1}`` as ``{"a": {"b": 1}}``; UsageError when a section is also given as a value."""
    nested: dict[str, Any] = {}
    for key, value in sorted(flat.items()):
        *sections, last = key.split(".")
        table = nested
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                raise UsageError(f"{key} cannot be set, because {section} was given as a single value.")
        table[last] = value
    return nested
