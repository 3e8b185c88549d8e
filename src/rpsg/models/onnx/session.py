"""The one place where onnxruntime is opened: silent, with one thread, on the processor.

It reports to its maker by default, from the moment it is imported (``rpsg.hardening``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rpsg.errors import MissingExtraError, PrivacyError
from rpsg.hardening import came_too_late_for, switch_off_telemetry

if TYPE_CHECKING:
    from rpsg.errors import ModelError

# It joins a sum and the norm after it to one step, which here takes five times as long as the two.
_SLOWER = ["SkipLayerNormFusion"]


def open_session(model: str | bytes, *, damaged: ModelError) -> Any:
    """A session of one thread for the file at a path or the graph in memory; else raises ``damaged``.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        PrivacyError: something imported it before RPSG could switch its reporting off.
    """
    onnxruntime = silent_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"], disabled_optimizers=_SLOWER
        )
    except Exception as error:  # its errors share no base class but Exception
        raise damaged from error


def silent_onnxruntime() -> Any:
    """The package onnxruntime, which reports nothing. Raises as ``open_session`` does."""
    switch_off_telemetry()
    if came_too_late_for("onnxruntime"):
        raise PrivacyError(
            "onnxruntime was imported before rpsg and may report to its maker how often it is called, which "
            "is once for each private text. Nothing was read.",
            hint="Import rpsg first, or start Python with ORT_DISABLE_TELEMETRY=1.",
        )
    try:
        import onnxruntime  # noqa: PLC0415 - optional package
    except ImportError:
        raise MissingExtraError("local", "onnxruntime") from None
    onnxruntime.disable_telemetry_events()  # for builds that do not read the variable
    return onnxruntime
