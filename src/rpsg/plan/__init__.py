"""``rpsg.toml`` as typed settings, each described once, and the fingerprint that a run is bound to."""

from rpsg.plan.columns import Column
from rpsg.plan.data import DataSection
from rpsg.plan.engine import EngineSection
from rpsg.plan.keywords import Keywords, layer_of, shows_settings
from rpsg.plan.layers import flat, merge, read_toml, resolve
from rpsg.plan.machines import LimitsSection, ServerSection, VaultSection
from rpsg.plan.plan import GENERATION, NOT_IDENTITY, Plan, toml_value
from rpsg.plan.setting import Described, described

__all__ = [
    "GENERATION",
    "NOT_IDENTITY",
    "Column",
    "DataSection",
    "Described",
    "EngineSection",
    "Keywords",
    "LimitsSection",
    "Plan",
    "ServerSection",
    "VaultSection",
    "described",
    "flat",
    "layer_of",
    "merge",
    "read_toml",
    "resolve",
    "shows_settings",
    "toml_value",
]
