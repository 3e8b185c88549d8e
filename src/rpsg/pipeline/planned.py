"""The plan of a call in Python, which names a plan, a file or a table, and settings as keywords."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rpsg.arguments import path_of
from rpsg.errors import UsageError
from rpsg.plan import Plan, read_toml, resolve
from rpsg.storage.readers.memory import held

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def plan_of(
    layers: tuple[object, ...], data: object, config: str | Path | None, settings: dict[str, Any]
) -> Plan:
    """The plan of ``rpsg.make_plan``: of a file, then paths and dictionaries of sections, then keywords.

    Raises:
        UsageError: a layer is neither, or a setting does not fit.
    """
    file = {} if config is None else read_toml(path_of(config, "config"))
    given = (layer if isinstance(layer, Mapping) else _layer_of_data(layer) for layer in layers)
    return resolve(file, *given, _layer_of_data(data), settings)


def _layer_of_data(data: object) -> Mapping[str, Any]:
    """The settings for a path, or for the section ``data``; UsageError for anything else."""
    if data is None or isinstance(data, Mapping):
        return {} if data is None else {"data": data}
    return {"data": {"path": str(path_of(data, "data"))}}


@contextmanager
def planned(
    data: object, config: str | Path | None, layer: dict[str, Any], *, pays: bool = True
) -> Iterator[Plan]:
    """The plan of a call: ``data`` is a plan, a path, or a table, which gets a path within the block.

    ``pays``: the call spends from an account, or shows what a run would spend.

    Raises:
        UsageError: settings are given besides a plan, a table has no account, or a setting does not fit.
    """
    file = {} if config is None else read_toml(path_of(config, "config"))
    if isinstance(data, Plan):
        if layer or config is not None:
            raise UsageError(
                "A plan already has all its settings, so no keyword can be given with it.",
                hint="Make another plan: rpsg.make_plan(...).",
            )
        yield data
    elif data is None or isinstance(data, str | os.PathLike):
        yield resolve(file, _layer_of_data(data), layer)
    else:
        with held(data) as held_path:
            plan = resolve(file, {"data": {"path": str(held_path)}}, layer)
            if pays and not plan.data.account.strip():
                raise UsageError(
                    "A table in memory has no path that could name its privacy account.",
                    hint="Name the account of these people: account='ward 7'. Use it for them every time.",
                )
            yield plan
