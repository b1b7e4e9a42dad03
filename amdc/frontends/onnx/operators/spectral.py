"""Fourier transforms as matrix products, and the windows and filter banks around them. All lengths are constants."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from amdc.frontends.onnx.registry import NotSupported, onnx_op
from amdc.frontends.onnx.tensors import torch_dtype

LARGEST = 256  # a longer transform is split in two where its length has a divisor: less work, smaller matrices


def _angles(rows: int, columns: int, length: int, sign: int) -> Tensor:
    """sign 2 pi (row column mod length) / length in float64."""
    product = torch.arange(rows)[:, None] * torch.arange(columns)[None, :] % length
    return product.to(torch.float64) * (sign * 2 * math.pi / length)


def _matrix(length: int, sign: int, parts_in: int, rows: int, columns: int, dtype: torch.dtype) -> Tensor:
    """[rows * parts_in, columns * 2]: real (and imaginary) parts of an input of `rows` to those of `columns` frequencies."""
    angles = _angles(rows, columns, length, sign)
    real, imaginary = torch.cos(angles), torch.sin(angles)
    from_real = torch.stack([real, imaginary], -1)  # row, column, part
    from_imaginary = torch.stack([-imaginary, real], -1)
    parts = torch.stack([from_real, from_imaginary][:parts_in], 1)  # row, part, column, part
    return parts.reshape(rows * parts_in, columns * 2).to(dtype)


def _divisor(length: int) -> int:
    """The largest divisor up to LARGEST."""
    return next(d for d in range(min(LARGEST, length), 0, -1) if length % d == 0)


def _transform(x: Tensor, length: int, sign: int, columns: int) -> Tensor:
    """The first `columns` frequencies of x [..., length, 1 or 2] as [..., columns, 2], without a factor."""
    rows, parts = x.shape[-2:]
    outer = _divisor(length)
    if length <= LARGEST or outer == 1:
        product = torch.matmul(x.reshape(*x.shape[:-2], rows * parts), _matrix(length, sign, parts, rows, columns, x.dtype))
        return product.reshape(*x.shape[:-2], columns, 2)
    # Cooley and Tukey 1965: element j = j1 * inner + j2, frequency k = k1 + outer * k2
    inner = length // outer
    first = _transform(x.reshape(*x.shape[:-2], outer, inner, parts).transpose(-3, -2), outer, sign, outer)  # ..., j2, k1, part
    turned = _turn(first, _angles(inner, outer, length, sign))
    second = _transform(turned.transpose(-3, -2), inner, sign, inner)  # ..., k1, k2, part
    return second.transpose(-3, -2).reshape(*x.shape[:-2], length, 2)[..., :columns, :]


def _turn(x: Tensor, angles: Tensor) -> Tensor:
    """Complex numbers [..., rows, columns, 2] turned by the angles [rows, columns]."""
    cos, sin = torch.cos(angles).to(x.dtype), torch.sin(angles).to(x.dtype)
    real, imaginary = x.select(-1, 0), x.select(-1, 1)
    return torch.stack([real * cos - imaginary * sin, real * sin + imaginary * cos], -1)


def _resized(x: Tensor, dim: int, length: int) -> Tensor:
    """x cut off, or filled with zeros, along dim."""
    missing = length - x.shape[dim]
    if missing <= 0:
        return x.narrow(dim, 0, length)
    return torch.constant_pad_nd(x, [0, 0] * (x.dim() - 1 - dim) + [0, missing], 0.0)


def _whole(x: Tensor, length: int) -> Tensor:
    """All frequencies [..., length, 2] of a real signal from the first length // 2 + 1: the rest are their conjugates."""
    half = _resized(x, x.dim() - 2, length // 2 + 1)
    rest = torch.flip(half[..., 1 : (length + 1) // 2, :], [x.dim() - 2])
    return torch.cat([half, rest * torch.tensor([1.0, -1.0], dtype=x.dtype)], -2)


def _dft(x: Tensor, length: int | None, axis: int, inverse: int, onesided: int) -> Tensor:
    if axis % x.dim() == x.dim() - 1:
        raise NotSupported("the last dimension holds real and imaginary parts and cannot be transformed")
    signal = x.movedim(axis % x.dim(), x.dim() - 2)
    back = bool(inverse and onesided)
    size = length or (2 * (signal.shape[-2] - 1) if back else signal.shape[-2])
    signal = _whole(signal, size) if back else _resized(signal, x.dim() - 2, size)
    columns = size // 2 + 1 if onesided and not inverse else size
    result = _transform(signal, size, 1 if inverse else -1, columns)
    result = result / size if inverse else result
    return (result[..., :1] if back else result).movedim(x.dim() - 2, axis % x.dim())


@onnx_op("DFT", since=17, static=("dft_length",))
def dft_attribute(x: Tensor, dft_length: int | None = None, /, *, axis: int = 1, inverse: int = 0, onesided: int = 0) -> Tensor:
    return _dft(x, dft_length, axis, inverse, onesided)


@onnx_op("DFT", since=20, static=("dft_length", "axis"))
def dft(x: Tensor, dft_length: int | None = None, axis: int | None = None, /, *, inverse: int = 0, onesided: int = 0) -> Tensor:
    """x [..., n, ..., 1 or 2 (real and imaginary part)]; one-sided: only the frequencies that a real signal does not repeat."""
    return _dft(x, dft_length, -2 if axis is None else axis, inverse, onesided)


@onnx_op("STFT", since=17, static=("frame_step", "frame_length"))
def stft(
    signal: Tensor,
    frame_step: int,
    window: Tensor | None = None,
    frame_length: int | None = None,
    /,
    *,
    onesided: int = 1,
) -> Tensor:
    """Transforms of windowed frames: signal [B,L,1 or 2] gives [B,frames,frequencies,2]."""
    length = frame_length or (signal.shape[1] if window is None else window.shape[0])
    count = 1 + (signal.shape[1] - length) // frame_step
    places = torch.arange(count)[:, None] * frame_step + torch.arange(length)[None, :]
    frames = torch.index_select(signal, 1, places.reshape(-1)).reshape(signal.shape[0], count, length, signal.shape[2])
    if window is not None:
        frames = frames * window.reshape(-1, 1)
    return _transform(frames, length, -1, length // 2 + 1 if onesided else length)


WINDOWS = {"HannWindow": (0.5, 0.5, 0.0), "HammingWindow": (25 / 46, 21 / 46, 0.0), "BlackmanWindow": (0.42, 0.5, 0.08)}


def _register(name: str, terms: tuple[float, float, float]) -> None:
    @onnx_op(name, since=17, static=("size",))
    def window(size: int, /, *, output_datatype: int = 1, periodic: int = 1) -> Tensor:
        """A sum of cosines; a symmetric window reaches its ends, a periodic one would with one element more."""
        angle = torch.arange(size, dtype=torch.float64) * (2 * math.pi / max(size if periodic else size - 1, 1))
        values = terms[0] - terms[1] * torch.cos(angle) + terms[2] * torch.cos(2 * angle)
        return values.to(torch_dtype(output_datatype, "its output"))


for _name, _terms in WINDOWS.items():
    _register(_name, _terms)


@onnx_op("MelWeightMatrix", since=17, static=("bins", "dft_length", "sample_rate", "lower", "upper"))
def mel_weight_matrix(
    bins: int, dft_length: int, sample_rate: int, lower: float, upper: float, /, *, output_datatype: int = 1
) -> Tensor:
    """[dft_length // 2 + 1, bins]: triangular filters, evenly spaced on the mel scale, between two frequencies in hertz."""
    low, high = (2595 * math.log10(1 + hertz / 700) for hertz in (lower, upper))
    step = (high - low) / (bins + 2)
    hertz = [700 * (10 ** ((low + i * step) / 2595) - 1) for i in range(bins + 2)]
    edges = [int((dft_length + 1) * f // sample_rate) for f in hertz]
    places = torch.arange(dft_length // 2 + 1, dtype=torch.float64)
    columns = []
    for left, centre, right in zip(edges, edges[1:], edges[2:], strict=False):
        rising = (places - left) / (centre - left) if centre > left else (places == centre).to(torch.float64)
        falling = (right - places) / (right - centre) if right > centre else torch.zeros_like(places)
        column = torch.where(places <= centre, rising, torch.zeros_like(places))
        column = torch.where((places >= centre) & (places < right), falling, column)
        columns.append(torch.clamp(column, min=0.0))
    return torch.stack(columns, 1).to(torch_dtype(output_datatype, "its output"))
