"""The only place where onnxruntime is used: without telemetry, with one thread, on the CPU.

By default it sends telemetry from the moment it is imported (``rpsg.hardening``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rpsg.errors import PrivacyError, needed
from rpsg.hardening import came_too_late_for, switch_off_telemetry

if TYPE_CHECKING:
    from rpsg.errors import ModelError

# This optimization fuses a sum with the layer norm after it. The fused operation took five times as long here
# as the two separate ones.
_SLOWER = ["SkipLayerNormFusion"]


def open_session(model: str | bytes, *, damaged: ModelError) -> Any:
    """A session of one thread for a model file or a graph in memory; raises ``damaged`` if that fails.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        PrivacyError: it was imported before RPSG could switch its telemetry off.
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
    except Exception as error:  # its errors have only Exception as a common base class
        raise damaged from error


def silent_onnxruntime() -> Any:
    """The package onnxruntime without telemetry. Raises as ``open_session`` does."""
    switch_off_telemetry()
    if came_too_late_for("onnxruntime"):
        raise PrivacyError(
            "onnxruntime was imported before rpsg and may report to its maker how often it is called. It "
            "would be called once for each private text, so no text was read.",
            hint="Import rpsg first, or start Python with ORT_DISABLE_TELEMETRY=1.",
        )
    with needed("local", "onnxruntime"):
        import onnxruntime
    onnxruntime.disable_telemetry_events()  # for builds that do not read the variable
    return onnxruntime
