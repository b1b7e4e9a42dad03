"""Backends that misbehave, for tests of the runner: what a case's operator asks for is done."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import numpy as np
import onnx


class Prepared:
    def run(self, inputs: list[Any]) -> tuple[np.ndarray, ...]:
        return (np.maximum(inputs[0], 0),)


class Misbehaving:
    """Relu is computed; Sign crashes, Abs hangs with a child process, Exit ends the process, anything else is not implemented."""

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU") -> Prepared:
        kind = model.graph.node[0].op_type
        if kind == "Sign":
            os.write(2, b"last words\n")
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "Abs":
            os.system("sleep 600")
            time.sleep(600)
        if kind == "Neg":
            os._exit(7)
        if kind != "Relu":
            raise NotImplementedError(kind)
        return Prepared()
