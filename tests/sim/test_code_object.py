"""The code object reader: kernels, descriptors, occupancy, source lines, other producers' files, and damaged ones."""

from __future__ import annotations

import random
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from amdc.code_object import CodeObject, KernelInfo, waves_per_simd
from amdc.code_object.descriptor import Descriptor
from amdc.code_object.msgpack import unpack
from amdc.errors import BundleError, DeviceError
from amdc.sim.decoder import decode
from amdc.target import target

DATA = Path(__file__).parent / "data"
PRODUCERS = sorted((Path(__file__).parent.parent / "data" / "code_objects").glob("*.hsaco"))
EI_ABIVERSION, E_FLAGS = 8, 48


def data_of(version: int) -> bytes:
    return (DATA / f"kernels_v{version}.hsaco").read_bytes()


@pytest.mark.parametrize("version", [4, 5, 6])
def test_kernels_of_every_version(version: int) -> None:
    code = CodeObject.parse(data_of(version), "kernels")
    assert (code.arch, code.version, sorted(code.kernels)) == ("gfx803", version, ["axpy", "sizes"])
    axpy = code.kernels["axpy"]
    assert [(a.name, a.type, a.offset, a.size, a.value_kind) for a in axpy.arguments if not a.hidden] == [
        ("x", "float*", 0, 8, "global_buffer"),
        ("y", "float*", 8, 8, "global_buffer"),
        ("a", "float", 16, 4, "by_value"),
        ("n", "int", 20, 4, "by_value"),
    ]
    assert (axpy.symbol, axpy.lds_bytes, axpy.scratch_bytes, axpy.max_workgroup_size) == ("axpy.kd", 1024, 0, 256)
    assert (axpy.vgprs, axpy.vgpr_spills, axpy.sgpr_spills, axpy.wavefront_size) == (6, 0, 0, 64)
    assert axpy.required_workgroup_size is None
    sizes = code.kernels["sizes"]
    assert (sizes.required_workgroup_size, sizes.max_workgroup_size, sizes.scratch_bytes) == ((8, 4, 2), 64, 68)


def test_hidden_arguments_of_version_5() -> None:
    axpy = CodeObject.parse(data_of(5), "kernels").kernels["axpy"]
    hidden = {argument.value_kind: (argument.offset, argument.size) for argument in axpy.arguments if argument.hidden}
    assert axpy.kernarg_size == 280
    assert hidden["hidden_block_count_x"] == (24, 4)
    assert hidden["hidden_group_size_x"] == (36, 2)
    assert hidden["hidden_grid_dims"] == (88, 2)


def layout(kernel: KernelInfo) -> list[tuple[str, int, int]]:
    return [(entry.name, entry.first, entry.count) for entry in kernel.descriptor.sgpr_layout]


def test_descriptor_says_how_a_wave_starts() -> None:
    code = CodeObject.parse(data_of(4), "kernels")
    axpy, sizes = code.kernels["axpy"], code.kernels["sizes"]
    assert layout(axpy) == [
        ("private_segment_buffer", 0, 4),
        ("dispatch_ptr", 4, 2),
        ("kernarg_segment_ptr", 6, 2),
        ("workgroup_id_x", 8, 1),
    ]
    assert layout(sizes) == [
        ("private_segment_buffer", 0, 4),
        ("kernarg_segment_ptr", 4, 2),
        ("flat_scratch_init", 6, 2),
        ("workgroup_id_x", 8, 1),
        ("workgroup_id_z", 9, 1),
        ("scratch_wave_offset", 10, 1),
    ]
    assert (axpy.descriptor.workitem_id_dimensions, sizes.descriptor.workitem_id_dimensions) == (1, 3)
    assert (axpy.descriptor.uses_scratch, sizes.descriptor.uses_scratch) == (False, True)
    assert (axpy.descriptor.vgprs, axpy.descriptor.sgprs) == (8, 24)  # in granules of 4 and 8


def test_modes_of_the_descriptor() -> None:
    descriptor = Descriptor(0, 0, 0, 0, rsrc1=0b1 << 23 | 0b1 << 21 | 0b11_01_10_01 << 12, rsrc2=0, rsrc3=0, properties=0)
    assert (descriptor.round_32, descriptor.round_16_64, descriptor.denorm_32, descriptor.denorm_16_64) == (1, 2, 1, 3)
    assert descriptor.ieee_mode
    assert descriptor.dx10_clamp
    assert not replace(descriptor, rsrc1=0).ieee_mode


def test_text_of_a_kernel_is_its_own() -> None:
    code = CodeObject.parse(data_of(4), "kernels")
    for kernel in code.kernels.values():
        assert decode(code.kernel_text(kernel), kernel.entry)[-1].op.name == "s_endpgm"
        assert len(code.kernel_text(kernel)) == kernel.code_size
        without_size = code.kernel_text(replace(kernel, code_size=0))
        assert without_size.startswith(code.kernel_text(kernel))
    assert code.read(code.kernels["axpy"].descriptor_address, 4) == struct.pack("<I", 1024)
    assert code.read(1 << 40, 4) is None


def test_source_lines() -> None:
    code = CodeObject.parse(data_of(4), "kernels")
    source = (DATA / "kernels.cl").read_text().splitlines()
    stores = [i.address for i in decode(code.text, code.text_address) if i.op.name == "flat_store_dword"]
    found = [code.lines.find(address) for address in stores]
    assert found
    assert all(line is not None and line.file == "kernels.cl" and "x[i] = a * tile" in source[line.line - 1] for line in found)
    assert code.lines.find(0) is None
    assert code.lines.find(code.text_address + len(code.text)) is None


@pytest.mark.parametrize(
    ("vgprs", "sgprs", "workgroup", "lds", "waves"),
    [
        (24, 80, 256, 0, 10), (28, 80, 256, 0, 9), (32, 80, 256, 0, 8), (36, 80, 256, 0, 7), (40, 80, 256, 0, 6),
        (48, 80, 256, 0, 5), (64, 80, 256, 0, 4), (84, 80, 256, 0, 3), (128, 80, 256, 0, 2), (132, 80, 256, 0, 1),
        (256, 80, 256, 0, 1),
        (24, 88, 256, 0, 8), (24, 96, 256, 0, 8), (24, 104, 256, 0, 7),
        (24, 16, 256, 16384, 4), (24, 16, 256, 32768, 2), (24, 16, 256, 65536, 1), (24, 16, 256, 66048, 0),
        (24, 16, 64, 65536, 1), (24, 16, 64, 1, 10), (24, 16, 128, 0, 8), (24, 16, 1024, 0, 8), (132, 16, 1024, 0, 0),
    ],
)  # fmt: skip
def test_occupancy(vgprs: int, sgprs: int, workgroup: int, lds: int, waves: int) -> None:
    """The table in AMD's occupancy rules for GCN3: 256 VGPRs and 800 SGPRs a SIMD, 64 KiB of LDS and 16 barriers a CU."""
    kernel = CodeObject.parse(data_of(4), "kernels").kernels["axpy"]
    descriptor = replace(kernel.descriptor, rsrc1=vgprs // 4 - 1 | (sgprs // 8 - 1) << 6)
    assert waves_per_simd(replace(kernel, descriptor=descriptor, lds_bytes=lds), target("gfx803"), workgroup) == waves


def test_dynamic_lds_counts() -> None:
    kernel = CodeObject.parse(data_of(4), "kernels").kernels["axpy"]
    assert waves_per_simd(kernel, target("gfx803"), dynamic_lds=32768 - 1024) == 2


def test_the_chip_comes_from_the_elf_flags() -> None:
    data = bytearray(data_of(4))
    data[E_FLAGS] = 0x2F
    code = CodeObject.parse(bytes(data), "other.hsaco")
    assert code.arch == "gfx906"
    with pytest.raises(DeviceError, match=r"other\.hsaco: compiled for gfx906, but gfx803 is wanted"):
        code.require_arch("gfx803")
    data[E_FLAGS] = 0xEE
    assert "0xee" in CodeObject.parse(bytes(data), "other.hsaco").arch


def test_version_3_and_another_target_string() -> None:
    data = bytearray(data_of(4).replace(b"amdgcn-amd-amdhsa--gfx803", b"amdgcn-amd-amdhsa-hccgf80"))
    data[EI_ABIVERSION] = 1
    code = CodeObject.parse(bytes(data), "old.hsaco")
    assert (code.version, code.arch, len(code.kernels)) == (3, "gfx803", 2)


@pytest.mark.parametrize("path", PRODUCERS, ids=lambda path: path.stem)
def test_other_producers(path: Path) -> None:
    code = CodeObject.parse(path.read_bytes(), path.name)
    assert code.arch == "gfx803"
    assert code.kernels
    for kernel in code.kernels.values():
        assert decode(code.kernel_text(kernel), kernel.entry)
        assert all(argument.offset + argument.size <= kernel.kernarg_size for argument in kernel.arguments)


def broken(offset: int, value: bytes) -> bytes:
    data = data_of(4)
    return data[:offset] + value + data[offset + len(value) :]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "starts with nothing"),
        (b"PK\x03\x04 not a code object", "starts with 504b0304"),
        (data_of(4)[:40], "cut off at 40 bytes"),
        (data_of(4)[:-100], "section header"),
        (broken(4, b"\x01"), "not a 64-bit"),
        (broken(18, b"\x3e\x00"), "machine is 62"),
        (broken(EI_ABIVERSION, b"\x00"), "no code object v3 to v6"),
        (data_of(4).replace(b"amdhsa.kernels", b"amdhsa.kernelz"), None),
        (data_of(4).replace(b"\xa5.name\xa4axpy", b"\xa5.nbme\xa4axpy"), r"\.name should be str, found nothing"),
        (data_of(4).replace(b"axpy.kd\x00", b"axpz.kd\x00"), r"kernel axpy: its descriptor's symbol axpy\.kd is not defined"),
        (data_of(4).replace(b".text\x00", b".tixt\x00"), r"no \.text section"),
        (data_of(4).replace(b"AMDGPU\x00", b"AMDGPV\x00"), "no AMDGPU metadata note"),
    ],
)
def test_damaged_files_get_one_clear_error(data: bytes, message: str | None) -> None:
    if message is None:  # metadata without kernels is not damage
        assert CodeObject.parse(data, "bad.hsaco").kernels == {}
        return
    with pytest.raises(BundleError, match=message) as caught:
        CodeObject.parse(data, "bad.hsaco")
    assert str(caught.value).startswith("bad.hsaco: ")


def test_every_truncation_is_refused() -> None:
    data = data_of(4)
    for size in range(0, len(data), 7):
        with pytest.raises(BundleError):
            CodeObject.parse(data[:size], "cut.hsaco")


def test_random_damage_never_escapes_as_another_exception() -> None:
    generator = random.Random(803)
    data = data_of(5)
    refused = 0
    for _ in range(2000):
        damaged = bytearray(data)
        for _ in range(generator.choice((1, 2, 8))):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        try:
            CodeObject.parse(bytes(damaged), "noise.hsaco").lines  # noqa: B018
        except BundleError:
            refused += 1
    assert refused > 200


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x07", 7), (b"\xff", -1), (b"\xe0", -32), (b"\xcc\xff", 255), (b"\xcd\x01\x00", 256), (b"\xd1\xff\x00", -256),
        (b"\xcf" + b"\xff" * 8, 2**64 - 1), (b"\xd3" + b"\xff" * 8, -1), (b"\xc0", None), (b"\xc2", False), (b"\xc3", True),
        (b"\xa3abc", "abc"), (b"\xd9\x03abc", "abc"), (b"\xda\x00\x01a", "a"), (b"\xc4\x02\x00\x01", b"\0\1"),
        (b"\x92\x01\xa1x", [1, "x"]), (b"\xdc\x00\x01\x05", [5]), (b"\x81\xa1k\x02", {"k": 2}),
        (b"\xde\x00\x01\xa1k\x02", {"k": 2}),
        (b"\xcb?\xf8\x00\x00\x00\x00\x00\x00", 1.5), (b"\xca?\xc0\x00\x00", 1.5),
    ],
)  # fmt: skip
def test_msgpack(data: bytes, value: object) -> None:
    found = unpack(data, "note")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xa3ab", "3 more bytes"),
        (b"\xc1", "type byte 0xc1"),
        (b"\x81\x01\x02", "key is int"),
        (b"\x91" * 40 + b"\x00", "nested"),
    ],
)
def test_damaged_msgpack(data: bytes, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        unpack(data, "note")
