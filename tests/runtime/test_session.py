"""A session's work, whatever the device: here one that keeps its memory in numpy and computes the two kernels itself."""

from __future__ import annotations

import dataclasses
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import amdc
from amdc.bundle import MAIN, Bundle
from amdc.code_object import CodeObject
from amdc.errors import BundleError, DeviceError, InputError, UsageError
from amdc.program import Launch, Pointer, Program, Scalar
from amdc.runtime.device import Device, Dimensions
from amdc.runtime.session import Session, open_session
from tests.support.small_model import COUNT, WEIGHT, make_program, reference

BASE = 0x7F0000001000


class NumpyDevice:
    """One block of memory at BASE; launches are recorded, then computed."""

    kind, name, arch = "sim", "a test's device", "gfx803"

    def __init__(self, poison: bool = True, clock: bool = False) -> None:
        self.poison, self.has_clock = poison, clock
        self.memory = np.zeros(0, np.uint8)
        self.launched: list[tuple[str, Dimensions, Dimensions]] = []
        self.allocations, self.freed, self.closed, self.ticks = 0, 0, 0, 0
        self.written: list[tuple[int, int]] = []  # offset, size

    def allocate(self, nbytes: int) -> int:
        self.memory = np.zeros(nbytes, np.uint8)
        self.allocations += 1
        return BASE

    def free(self, address: int) -> None:
        assert address == BASE
        self.freed += 1

    def write(self, address: int, data: np.ndarray) -> None:
        self.memory[address - BASE : address - BASE + data.nbytes] = data.reshape(-1).view(np.uint8)
        self.written.append((address - BASE, data.nbytes))

    def read(self, address: int, nbytes: int) -> bytearray:
        return bytearray(self.memory[address - BASE : address - BASE + nbytes])

    def load_all(self, codes: list[tuple[CodeObject, bytes]]) -> list[Any]:
        return [code for code, _ in codes]

    def floats(self, address: int) -> np.ndarray:
        return self.memory[address - BASE : address - BASE + 4 * COUNT].view(np.float32)

    def launch(self, module: CodeObject, symbol: str, grid: Dimensions, block: Dimensions, kernarg: bytes) -> None:
        assert symbol in module.kernels
        self.launched.append((symbol, grid, block))
        if symbol == "scale":
            x, w, t, a, n = struct.unpack_from("<QQQfI", kernarg)
            self.floats(t)[:] = np.float32(a) * self.floats(x) + self.floats(w)
        else:
            t, y, n = struct.unpack_from("<QQI", kernarg)
            self.floats(y)[:] = self.floats(t) ** 2
        assert n == COUNT

    def synchronize(self) -> None:
        pass

    def mark(self) -> int:
        self.ticks += 1
        return self.ticks

    def spans_ms(self, marks: list[Any]) -> list[float]:
        return [float(end - start) for start, end in pairwise(marks)]

    def close(self) -> None:
        self.closed += 1


def changed(bundle: Bundle, **changes: Any) -> Bundle:
    return dataclasses.replace(bundle, programs={MAIN: dataclasses.replace(bundle.program, **changes)})


def with_symbol(bundle: Bundle, symbol: str) -> Bundle:
    return changed(bundle, kernels={name: dataclasses.replace(k, symbol=symbol) for name, k in bundle.program.kernels.items()})


def with_arguments(program: Program, *arguments: Any) -> tuple[Launch, ...]:
    return (dataclasses.replace(program.launches[0], arguments=arguments), *program.launches[1:])


def test_runs(bundle: Bundle, image: np.ndarray) -> None:
    device: Device = NumpyDevice()
    with Session(bundle, device) as session:
        outputs = session.run({"image": image})
    assert list(outputs) == ["probabilities"]
    np.testing.assert_array_equal(outputs["probabilities"], reference(image))
    assert outputs["probabilities"].flags.writeable


def test_launches_in_order_with_their_shapes(bundle: Bundle, image: np.ndarray) -> None:
    device = NumpyDevice()
    Session(bundle, device).run({"image": image})
    assert device.launched == [("scale", (2, 1, 1), (64, 1, 1)), ("square", (2, 1, 1), (64, 1, 1))]


def test_one_block_of_memory_and_constants_written_once(bundle: Bundle, image: np.ndarray) -> None:
    device = NumpyDevice(poison=False)
    with Session(bundle, device) as session:
        assert device.written == [(0, WEIGHT.nbytes)]
        for _ in range(3):
            session.run({"image": image})
    assert device.written == [(0, WEIGHT.nbytes)] + 3 * [(512, image.nbytes)]
    assert (device.allocations, device.freed, device.closed) == (1, 1, 1)


def test_activations_are_poisoned_before_each_run(bundle: Bundle, image: np.ndarray) -> None:
    device = NumpyDevice()
    session = Session(bundle, device)
    seen: list[np.float32] = []

    def tap(index: int, launch: Launch, written: dict[str, np.ndarray]) -> None:
        seen.append(device.floats(BASE + 1536)[0])

    for _ in range(2):
        session.run({"image": image}, taps=tap)
    assert list(np.isnan(seen)) == [True, False, True, False]  # y after the first launch, and after the second, which writes it


def test_taps_see_what_each_launch_wrote(bundle: Bundle, image: np.ndarray) -> None:
    seen: list[tuple[int, str, dict[str, np.ndarray]]] = []
    Session(bundle, NumpyDevice()).run(
        {"image": image}, taps=lambda index, launch, written: seen.append((index, launch.node, written))
    )
    assert [(index, node, list(written)) for index, node, written in seen] == [(0, "scale", ["t"]), (1, "square", ["y"])]
    np.testing.assert_array_equal(seen[0][2]["t"], np.float32(3) * image + WEIGHT)
    np.testing.assert_array_equal(seen[1][2]["y"], reference(image))


def test_inputs_that_numpy_can_convert(bundle: Bundle, image: np.ndarray) -> None:
    strided = np.repeat(image, 2)[::2]
    assert not strided.flags.c_contiguous
    outputs = Session(bundle, NumpyDevice()).run({"image": strided})
    np.testing.assert_array_equal(outputs["probabilities"], reference(image))


EXPECTED = r"\nthe model takes:\n  image: float32 \[100\]$"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "^input 'image' is missing"),
        ({"imgae": np.zeros(COUNT, np.float32)}, "^the model has no input 'imgae'; did you mean 'image'.\n.*is missing"),
        ({"image": np.zeros(COUNT, np.float64)}, r"^input 'image' is float64, expected float32; .*\.astype\('float32'\)"),
        ({"image": [1, 2, 3]}, "^input 'image' is int64, expected float32"),
        ({"image": np.zeros(COUNT, ">f4")}, "^input 'image' is >f4, expected float32"),
        ({"image": np.zeros((1, COUNT), np.float32)}, r"^input 'image' has shape \[1, 100\], expected \[100\]; .*--shape"),
        ({"image": np.float32(1)}, r"^input 'image' has shape \[\], expected \[100\]"),
    ],
)  # fmt: skip
def test_wrong_inputs(bundle: Bundle, inputs: dict[str, Any], message: str) -> None:
    device = NumpyDevice()
    with pytest.raises(InputError, match=message + ".*" + EXPECTED) as caught:
        Session(bundle, device).run(inputs)
    assert caught.value.exit_status == 2
    assert device.launched == []


def test_device_time_of_each_launch(bundle: Bundle, image: np.ndarray) -> None:
    session = Session(bundle, NumpyDevice(clock=True))
    session.run({"image": image}, time=True)
    assert session.launch_ms == [1.0, 1.0]
    with pytest.raises(UsageError, match="has no clock"):
        Session(bundle, NumpyDevice()).run({"image": image}, time=True)


def test_closed_session(bundle: Bundle, image: np.ndarray) -> None:
    device = NumpyDevice()
    session = Session(bundle, device)
    session.close()
    session.close()
    assert device.freed == 1
    with pytest.raises(UsageError, match="the session is closed"):
        session.run({"image": image})


def test_bundle_for_another_architecture(bundle: Bundle) -> None:
    with pytest.raises(DeviceError, match="is compiled for gfx906, but a test's device is gfx803; compile it with --arch gfx803"):
        Session(changed(bundle, arch="gfx906"), NumpyDevice())


def scalar(dtype: str, value: float) -> Scalar:
    return Scalar(dtype, value)


BUFFERS = (Pointer("x"), Pointer("w"), Pointer("t"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (BUFFERS, "the kernel takes 5 arguments, the program passes 3"),
        ((*BUFFERS, Pointer("x"), scalar("uint32", 1)), "argument 3 is the buffer x, but the kernel takes by_value"),
        ((scalar("int64", 1), *BUFFERS[1:], *2 * [scalar("int32", 1)]), "argument 0 is a int64, but the kernel takes a pointer"),
        ((*BUFFERS, scalar("int64", 1), scalar("uint32", 1)), "argument 3.*: it takes 4 bytes, but int64 has 8"),
        ((*BUFFERS, scalar("float32", 1), scalar("uint32", -1)), "argument 4: -1 is no uint32"),
        ((*BUFFERS, scalar("float32", 1), scalar("int32", 1 << 31)), "argument 4: 2147483648 is no int32"),
        ((*BUFFERS, scalar("complex64", 1), scalar("int32", 1)), "argument 3 has the unknown type complex64"),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit_the_kernel(bundle: Bundle, arguments: tuple[Any, ...], message: str) -> None:
    device = NumpyDevice()
    wrong = changed(bundle, launches=with_arguments(bundle.program, *arguments))
    with pytest.raises(BundleError, match=f"launch of scale_1 for scale: .*{message}.*; compile the model again"):
        Session(wrong, device)
    assert device.freed == 1


def test_pointer_with_an_offset(bundle: Bundle, image: np.ndarray) -> None:
    scalars = bundle.program.launches[0].arguments[3:]
    launches = with_arguments(bundle.program, Pointer("x"), Pointer("w"), Pointer("w", 1024), *scalars)
    outputs = Session(changed(bundle, launches=launches), NumpyDevice()).run({"image": image})
    np.testing.assert_array_equal(outputs["probabilities"], reference(image))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: dataclasses.replace(b, code={}), "needs the code object"),
        (lambda b: dataclasses.replace(b, constants={}), "constant w .* is not among the weights"),
        (lambda b: dataclasses.replace(b, code={key: data[:300] for key, data in b.code.items()}), "not a usable code object"),
        (lambda b: with_symbol(b, "gone"), "has no 'gone'"),
    ],
    ids=["no code", "no constant", "cut code", "no symbol"],
)  # fmt: skip
def test_bundle_that_does_not_fit_together(bundle: Bundle, change: Any, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        Session(change(bundle), NumpyDevice())


def test_unknown_device(saved: Path) -> None:
    with pytest.raises(UsageError, match="unknown device 'cuda'; known: sim, hip, and host"):
        open_session(saved, "cuda")


def test_opening_a_damaged_bundle(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:1000])
    with pytest.raises(BundleError, match="truncated or damaged"):
        amdc.load(saved, "sim")


def test_programs_are_described_by_the_session(bundle: Bundle) -> None:
    session = Session(bundle, NumpyDevice())
    assert (session.inputs, session.outputs) == (make_program().inputs, make_program().outputs)
    assert session.device_kind == "sim"
