"""``rpsg.toml`` as typed settings, each described once, and the fingerprint that a run is bound to."""

from rpsg.plan.layers import merge, read_toml, resolve
from rpsg.plan.machines import Limits, Server, Vault
from rpsg.plan.plan import GENERATION, NOT_IDENTITY, Plan, toml_value
from rpsg.plan.sections import Data
from rpsg.plan.setting import Described, described

__all__ = [
    "GENERATION",
    "NOT_IDENTITY",
    "Data",
    "Described",
    "Limits",
    "Plan",
    "Server",
    "Vault",
    "described",
    "merge",
    "read_toml",
    "resolve",
    "toml_value",
]
