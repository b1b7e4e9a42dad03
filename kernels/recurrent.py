"""The template of recurrent layers."""

from __future__ import annotations

from amdc.kernels.template import KernelTemplate, Parameter

FLAGS = ("STEP", "RESET_FIRST", "COUPLED", "HIDDEN_BIAS", "PEEPHOLES", "LENGTHS", "REVERSE")
LARGEST = 3072  # hidden units: four vectors of them fill most of the LDS
RECURRENT = KernelTemplate(
    "recurrent",
    "recurrent.hip",
    "steps of an RNN, GRU or LSTM layer: state times weights, and the gates",
    (
        Parameter("CELL", "1 RNN, 3 GRU, 4 LSTM", values=(1, 3, 4)),
        Parameter("H", "hidden units", 1, LARGEST),
        Parameter("KSPLIT", "parts of each sum", values=(1, 2, 4)),
        *(Parameter(flag, "see recurrent.hip", values=(0, 1)) for flag in FLAGS),
    ),
)
