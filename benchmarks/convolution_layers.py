"""The convolutions of ResNet-50, MobileNetV2 and EfficientNet-Lite0 at 224x224, each distinct shape once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """A square convolution with "same" padding: `size` is the input's height and width, `uses` how often the network has it."""

    channels: int
    outs: int
    size: int
    kernel: int
    stride: int = 1
    groups: int = 1
    uses: int = 1

    @property
    def name(self) -> str:
        kind = "depthwise " if self.groups > 1 else ""
        step = f"/{self.stride}" if self.stride > 1 else ""
        return f"{kind}{self.kernel}x{self.kernel}{step} {self.channels}->{self.outs} {self.size}x{self.size}"

    @property
    def pad(self) -> int:
        return self.kernel // 2

    @property
    def out(self) -> int:
        return (self.size + 2 * self.pad - self.kernel) // self.stride + 1

    @property
    def multiply_adds(self) -> int:
        """Of one image, by the definition of the convolution."""
        return self.outs * (self.channels // self.groups) * self.kernel**2 * self.out**2

    @property
    def elements(self) -> tuple[int, int]:
        """Of one image's input and output, and of the weights with the bias."""
        moved = self.channels * self.size**2 + self.outs * self.out**2
        return moved, self.outs * (self.channels // self.groups) * self.kernel**2 + self.outs


def depthwise(channels: int, size: int, kernel: int, stride: int = 1, uses: int = 1) -> Layer:
    return Layer(channels, channels, size, kernel, stride, channels, uses)


RESNET50 = (
    Layer(3, 64, 224, 7, 2),
    Layer(64, 64, 56, 1),
    Layer(64, 64, 56, 3, uses=3),
    Layer(64, 256, 56, 1, uses=4),
    Layer(256, 64, 56, 1, uses=2),
    Layer(256, 128, 56, 1),
    Layer(128, 128, 56, 3, 2),
    Layer(128, 512, 28, 1, uses=4),
    Layer(256, 512, 56, 1, 2),
    Layer(512, 128, 28, 1, uses=3),
    Layer(128, 128, 28, 3, uses=3),
    Layer(512, 256, 28, 1),
    Layer(256, 256, 28, 3, 2),
    Layer(256, 1024, 14, 1, uses=6),
    Layer(512, 1024, 28, 1, 2),
    Layer(1024, 256, 14, 1, uses=5),
    Layer(256, 256, 14, 3, uses=5),
    Layer(1024, 512, 14, 1),
    Layer(512, 512, 14, 3, 2),
    Layer(512, 2048, 7, 1, uses=3),
    Layer(1024, 2048, 14, 1, 2),
    Layer(2048, 512, 7, 1, uses=2),
    Layer(512, 512, 7, 3, uses=2),
)
MOBILENETV2 = (
    Layer(3, 32, 224, 3, 2),
    depthwise(32, 112, 3),
    Layer(32, 16, 112, 1),
    Layer(16, 96, 112, 1),
    depthwise(96, 112, 3, 2),
    Layer(96, 24, 56, 1),
    Layer(24, 144, 56, 1, uses=2),
    depthwise(144, 56, 3),
    depthwise(144, 56, 3, 2),
    depthwise(192, 28, 3, uses=2),
    depthwise(192, 28, 3, 2),
    Layer(192, 64, 14, 1),
    Layer(64, 384, 14, 1, uses=4),
    depthwise(384, 14, 3, uses=4),
    Layer(384, 96, 14, 1),
    depthwise(576, 14, 3, uses=2),
    depthwise(576, 14, 3, 2),
    Layer(160, 960, 7, 1, uses=3),
    depthwise(960, 7, 3, uses=3),
    Layer(960, 320, 7, 1),
    Layer(320, 1280, 7, 1),
)
EFFICIENTNET_LITE0 = (
    depthwise(144, 56, 5, 2),
    depthwise(240, 28, 5),
    depthwise(240, 28, 3, 2),
    depthwise(480, 14, 3, uses=2),
    depthwise(480, 14, 5),
    depthwise(672, 14, 5, uses=2),
    depthwise(672, 14, 5, 2),
    depthwise(1152, 7, 5, uses=3),
    depthwise(1152, 7, 3),
)
NETWORKS = {"resnet50": RESNET50, "mobilenetv2": MOBILENETV2, "efficientnet-lite0": EFFICIENTNET_LITE0}
