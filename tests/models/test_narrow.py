"""Models whose own dtype is not float32, compiled, run on the simulated GPU, and verified under the bounds derived for them."""

from __future__ import annotations

import pytest
from onnx import ModelProto, TensorProto

from amdc.compiler import CompileOptions, compile_model
from amdc.compiler.verify import Verification, verify
from amdc.inputs import random_inputs
from amdc.runtime.session import open_session
from tests.models.narrow import residual_cnn, transformer_block


def verified(model: ModelProto, level: int) -> Verification:
    bundle = compile_model(model, CompileOptions(opt_level=level))
    with open_session(bundle, "sim") as session:
        return verify(model, bundle, session, random_inputs(session.inputs, 0))


@pytest.mark.parametrize("make", [residual_cnn, transformer_block])
@pytest.mark.parametrize("level", [pytest.param(0, marks=pytest.mark.slow), 3])
def test_float16(make: type, level: int) -> None:
    """Against ONNX Runtime in float16. The bound is no wider than 2 % of the largest value for these twenty nodes."""
    result = verified(make(TensorProto.FLOAT16), level)
    assert result.passed, [output.describe() for output in result.outputs]
    assert result.reference == "ONNX Runtime"
    assert all(output.rtol < 0.02 for output in result.outputs)


@pytest.mark.parametrize("make", [residual_cnn, transformer_block])
@pytest.mark.parametrize("element", [TensorProto.BFLOAT16, TensorProto.DOUBLE])
@pytest.mark.slow
def test_where_onnx_runtime_lacks_kernels(make: type, element: int) -> None:
    """It has no bfloat16 and no Conv or Erf in float64: the reference is onnx's own evaluator, and the result says so."""
    result = verified(make(element), 3)
    assert result.passed, [output.describe() for output in result.outputs]
    assert "evaluator" in result.reference
