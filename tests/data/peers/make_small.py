"""Makes small.onnx, whose code by TVM and tinygrad stands beside it (benchmarks/peers/README.md says how they are run):

python make_small.py
PYTHON-WITH-TVM ../../../benchmarks/peers/tvm_compile.py small.onnx tvm
PYTHON-WITH-TINYGRAD ../../../benchmarks/peers/tinygrad_compile.py small.onnx tinygrad
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RNG = np.random.default_rng(5)


def constant(name: str, *shape: int) -> TensorProto:
    return numpy_helper.from_array(RNG.standard_normal(shape).astype(np.float32), name)


def port(name: str, *shape: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def main() -> None:
    """Convolutions (one strided, one depthwise), pooling, a product, the error function, softmax; odd sizes."""
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["a"], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("Conv", ["r", "d"], ["e"], kernel_shape=[3, 3], pads=[1] * 4, group=8),
        helper.make_node("MaxPool", ["e"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p"], ["f"], axis=1),
        helper.make_node("MatMul", ["f", "m"], ["g"]),
        helper.make_node("Erf", ["g"], ["h"]),
        helper.make_node("Softmax", ["h"], ["y"], axis=-1),
    ]
    constants = [constant("w", 8, 3, 3, 3), constant("b", 8), constant("d", 8, 1, 3, 3), constant("m", 8 * 4 * 5, 33)]
    graph = helper.make_graph(nodes, "small", [port("x", 2, 3, 17, 19)], [port("y", 2, 33)], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, Path(__file__).parent / "small.onnx")


if __name__ == "__main__":
    main()
