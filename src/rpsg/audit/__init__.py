"""What an attacker learns from a release: attacks, listed here by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: name -> ("module:attribute", a line about it). Attacks of other packages come from the entry points
#: ``rpsg.attacks``.
ATTACKS: Mapping[str, tuple[str, str]] = {}
