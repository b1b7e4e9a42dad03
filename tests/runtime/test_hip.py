"""The hip device without a card: against a real libamdhip64 as far as it goes, and a fake one (fake_hip.c) for the rest."""

from __future__ import annotations

import ctypes
import ctypes.util
from pathlib import Path

import numpy as np
import pytest

from amdc.bundle import Bundle
from amdc.code_object import CodeObject
from amdc.errors import DeviceError
from amdc.runtime import hip_device, hip_library, session
from amdc.runtime.hip_device import HipDevice, supported_card
from amdc.runtime.hip_library import HipLibrary
from amdc.runtime.kernarg import pack_launch
from amdc.runtime.session import Session, open_session
from tests.runtime.conftest import calls
from tests.support.small_model import SCALE, reference

SCALE_BYTES, SQUARE_BYTES = 32, 20  # of the arguments: three pointers, a float, an int; two pointers, an int
FALLIBLE = ("hipMalloc", "hipMemcpyHtoD", "hipMemcpyDtoH", "hipModuleLoadData", "hipModuleLaunchKernel", "hipDeviceSynchronize")


def fnv(data: bytes) -> int:
    value = 14695981039346656037
    for byte in data:
        value = (value ^ byte) * 1099511628211 % (1 << 64)
    return value


def test_runs_a_bundle(library: str, log: Path, bundle: Bundle, image: np.ndarray) -> None:
    with Session(bundle, HipDevice("gfx803", library)) as opened:
        assert (opened.device_kind, opened.device.name) == ("hip", "Fake Radeon 1")
        for scale in (1, 2, 3):
            outputs = opened.run({"image": scale * image})
            expected = reference(scale * image)  # the host compiler may contract multiply-adds, so sums that cancel differ
            np.testing.assert_allclose(outputs["probabilities"], expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    assert calls(log, "hipSetDevice") == ["hipSetDevice 1"]
    assert calls(log, "hipMalloc", "hipFree") == ["hipMalloc 2048", "hipFree"]


def test_launches_with_packed_arguments(library: str, log: Path, bundle: Bundle, image: np.ndarray) -> None:
    with Session(bundle, HipDevice("gfx803", library)) as opened:
        opened.run({"image": image})
    first, second = (line.rpartition(" bytes ") for line in calls(log, "hipModuleLaunchKernel"))
    assert first[0] == "hipModuleLaunchKernel scale grid 2 1 1 block 64 1 1 lds 0 stream 0"
    assert second[0] == "hipModuleLaunchKernel square grid 2 1 1 block 64 1 1 lds 0 stream 0"
    assert (int(first[2]), int(second[2])) == (SCALE_BYTES, SQUARE_BYTES)


def test_modules_are_loaded_whole_and_unloaded(library: str, log: Path, bundle: Bundle, image: np.ndarray) -> None:
    with Session(bundle, HipDevice("gfx803", library)) as opened:
        opened.run({"image": image})
        opened.run({"image": image})
    expected = [f"hipModuleLoadData {len(data)} {fnv(data):016x}" for data in bundle.code.values()]
    assert calls(log, "hipModuleLoadData") == expected
    assert calls(log, "hipModuleGetFunction") == ["hipModuleGetFunction scale", "hipModuleGetFunction square"]
    assert len(calls(log, "hipModuleUnload")) == 2


def test_order_of_a_run(library: str, log: Path, bundle: Bundle, image: np.ndarray) -> None:
    opened = Session(bundle, HipDevice("gfx803", library))
    log.unlink()
    opened.run({"image": image})
    names = [line.split()[0] for line in log.read_text().splitlines() if "GetFunction" not in line]
    assert names == ["hipMemcpyHtoD", "hipModuleLaunchKernel", "hipModuleLaunchKernel", "hipDeviceSynchronize", "hipMemcpyDtoH"]


def test_events_time_each_launch(library: str, log: Path, bundle: Bundle, image: np.ndarray) -> None:
    """The fake clock doubles and adds one at each record: spans that double show that neighbours were subtracted."""
    with Session(bundle, HipDevice("gfx803", library)) as opened:
        opened.run({"image": image}, time=True)
    assert opened.launch_ms[1] == 2 * opened.launch_ms[0] > 0
    assert len(calls(log, "hipEventCreate")) == len(calls(log, "hipEventDestroy")) == 3


@pytest.mark.parametrize("function", FALLIBLE)
def test_failures_speak_in_hips_words(
    library: str, log: Path, bundle: Bundle, image: np.ndarray, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    device = HipDevice("gfx803", library)
    monkeypatch.setenv("FAKE_HIP_FAIL", function)
    with pytest.raises(DeviceError, match=rf"(Fake Radeon 1|code object .*): {function} failed with error 2 \(out of memory\)"):
        Session(bundle, device).run({"image": image})


def test_cards_of_another_architecture(library: str, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_HIP_ARCHS", "gfx906,gfx1030")
    with pytest.raises(DeviceError, match=r"no card of architecture gfx803: found Fake Radeon 0 \(gfx906\), .* 1 \(gfx1030\)"):
        HipDevice("gfx803", library)


def test_no_card(library: str, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_HIP_ARCHS", "")
    with pytest.raises(DeviceError, match=r"no card: .* finds no AMD GPU; check .* --device sim") as caught:
        HipDevice("gfx803", library)
    assert caught.value.exit_status == 3


def test_hip_is_the_default_where_a_card_is_found(
    library: str, log: Path, bundle: Bundle, image: np.ndarray, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hip_device, "KFD", tmp_path)
    monkeypatch.setattr(hip_library, "FILE_NAMES", (library,))
    supported_card.cache_clear()
    try:
        assert supported_card("gfx803") and not supported_card("gfx1100")
        with open_session(bundle) as opened:
            assert opened.device_kind == "hip"
    finally:
        supported_card.cache_clear()


def test_machine_without_the_driver_is_not_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hip_device, "KFD", tmp_path / "absent")
    monkeypatch.setattr(hip_device, "HipLibrary", None)
    supported_card.cache_clear()
    assert not supported_card("gfx803")
    supported_card.cache_clear()


def test_no_runtime_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hip_library, "FILE_NAMES", ("libamdhip64.so.0",))
    with pytest.raises(DeviceError, match=r"no HIP runtime .* was found: install ROCm 5 or 6, or run .* --device sim"):
        HipDevice("gfx803")


def test_library_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "libamdhip64.so").write_text("not a library")
    with pytest.raises(DeviceError, match=r"cannot load .*/libamdhip64.so: .*"):
        HipLibrary(str(tmp_path / "libamdhip64.so"))


def test_library_without_hip() -> None:
    with pytest.raises(DeviceError, match=r"is no usable HIP runtime \(.*hipInit.*\); install ROCm 5 or 6"):
        HipLibrary(ctypes.util.find_library("c"))


def test_kernarg_layout(bundle: Bundle) -> None:
    """Three pointers, a float and an int, at the offsets that the code object's metadata gives."""
    launch = bundle.program.launches[0]
    kernel = CodeObject.parse(bundle.code[SCALE.key], "scale").kernels["scale"]
    packed = pack_launch(launch, kernel, (64, 1, 1), {"x": 0x1000, "w": 0x2000, "t": 0x3000})
    assert packed[:SCALE_BYTES] == np.array([0x1000, 0x2000, 0x3000], "<u8").tobytes() + b"\0\0\x40\x40" + b"\x64\0\0\0"
    assert len(packed) == kernel.kernarg_size


def test_real_library_without_a_card() -> None:
    """Debian's libamdhip64-5, or a ROCm's: all functions are there, and the missing card is said, not crashed on."""
    try:
        real = HipLibrary()
    except DeviceError as error:
        pytest.skip(str(error))
    if hip_device.KFD.exists():
        pytest.skip("this machine has an AMD GPU driver")
    assert real.device_count() == 0
    with pytest.raises(DeviceError, match=r"no card: libamdhip64.* finds no AMD GPU"):
        session.open_device("gfx803", "hip")
    with pytest.raises(DeviceError, match=r"allocating: hipMalloc failed with error 10[01] \(.+\); check that the card"):
        real.call("hipMalloc", ctypes.byref(ctypes.c_void_p()), 16, doing="allocating")
