"""The methods that make synthetic texts. Each is a ``methods.base.Method`` in its file, and listed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: name -> ("module:attribute" of its Method, a line about it). Methods of other packages come from the
#: entry points ``rpsg.methods``.
METHODS: Mapping[str, tuple[str, str]] = {
    "strict": ("rpsg.methods.strict:METHOD", "end-to-end differential privacy (the default)"),
    "floor": ("rpsg.methods.floor:METHOD", "no private data: the public pack alone, to compare with"),
    "split": ("rpsg.methods.split:METHOD", "donors give seeds, voters choose; only the voters are protected"),
    "augpe": (
        "rpsg.methods.augpe:METHOD",
        "AUG-PE: private texts vote, the winners are varied; end-to-end differential privacy",
    ),
    "private-prediction": (
        "rpsg.methods.private_prediction:METHOD",
        "tokens drawn from a model's logits, averaged over private examples; end-to-end differential privacy",
    ),
    "paper": ("rpsg.methods.paper:METHOD", "the paper's method, from private seeds: no guarantee"),
    "rupta": (
        "rpsg.methods.rupta:METHOD",
        "RUPTA: private texts edited until no model guesses: no guarantee",
    ),
    "dpsgd": ("rpsg.methods.dpsgd:METHOD", "a model trained by DP-SGD, to compare with: no guarantee"),
}
