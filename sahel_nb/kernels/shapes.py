"""Machine shapes, as `machine_shape` in kernel-metadata.json names them: which there are, and which there were."""

from __future__ import annotations

import re
from typing import Any

LIVING = (
    "NvidiaTeslaT4",
    "NvidiaL4",
    "NvidiaL4X1",
    "NvidiaTeslaA100",
    "NvidiaH100",
    "NvidiaRtxPro6000",
    "TpuV5E8",
    "TpuV6E8",
)
RETIRED = {
    "NvidiaTeslaP100": "NvidiaTeslaT4",
    "TpuV38": "TpuV5E8",
    "Tpu1VmV38": "TpuV5E8",
    "tpuv232": "",
    "tpuv2256": "",
}
"""What Kaggle gives in place of a retired one; empty: a CPU, without a word."""
_ANY_GPU = "Gpu"
"""What Kaggle calls a machine whose shape it was not told, or does not know."""
_MODELS = {
    "rtx": "NvidiaRtxPro6000", "a100": "NvidiaTeslaA100", "h100": "NvidiaH100", "l4x1": "NvidiaL4X1",
    "t4": "NvidiaTeslaT4", "l4": "NvidiaL4", "p100": "NvidiaTeslaT4", "tpuv6": "TpuV6E8", "v6e": "TpuV6E8",
    "tpuv5": "TpuV5E8", "v5e": "TpuV5E8", "tpuv3": "TpuV5E8", "tpu1vm": "TpuV5E8",
    "v38": "TpuV5E8",
}  # fmt: skip
"""What people's own spellings have in common; the first that is in one decides."""


def shape_of(value: Any) -> str:
    """A machine shape as metadata has it, or empty where it names none: `kernels pull` writes "None" for that."""
    text = str(value or "").strip()
    return "" if text.lower() == "none" else text


def advice(value: Any) -> str:
    """What is wrong with a shape, with the nearest that can be had; empty where nothing is."""
    shape = shape_of(value)
    if not shape or shape in LIVING or shape == _ANY_GPU:
        return ""
    for retired, given in RETIRED.items():
        if shape.lower() == retired.lower():
            return f"{shape} is retired; Kaggle silently gives {given or 'a CPU'}"
    near = nearest(shape)
    return f"{shape!r} is not documented" + (f"; the nearest is {near}" if near else "; leave it out for any machine")


def nearest(shape: str) -> str:
    """The shape that can be had and that was probably meant; empty where that is anybody's guess."""
    text = re.sub(r"[^a-z0-9]", "", shape.lower())
    for model, found in _MODELS.items():
        if model in text:
            return found
    return ""
