"""Bundles: what is saved comes back, and everything that can be wrong with a file is found and said in one line."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from amdc import __version__
from amdc.bundle import MAIN, SCHEMA, Bundle, GraphText
from amdc.bundle.archive import ALIGNMENT, Archive, write_archive
from amdc.errors import BundleError, InternalError, UsageError
from amdc.program import Buffer, Kernel, Launch, Pointer, Port, Program, Scalar

CONSTANTS = {
    "flags": np.array([True, False, True]),
    "half": np.arange(5, dtype=np.float16),
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "index": np.arange(4, dtype=np.int64),
    "scalar": np.array(2.5, np.float32),
    "empty": np.zeros((0, 3), np.float32),
}
KEY = "ab" * 32


def program() -> Program:
    offsets = {name: 256 * number for number, name in enumerate(CONSTANTS)}
    buffers = {
        name: Buffer(name, "constant", array.dtype.name, array.shape, offsets[name]) for name, array in CONSTANTS.items()
    } | {"x": Buffer("x", "input", "float32", (2, 3), 2048), "y": Buffer("y", "output", "float32", (2, 3), 2304)}
    launch = Launch(
        kernel="k",
        grid=(1, 2, 3),
        arguments=(Pointer("x"), Pointer("y", 8), Scalar("int32", 3), Scalar("float32", 0.1)),
        reads=("x", "weight"),
        writes=("y",),
        node="add",
        source=("/model/add",),
    )
    kernel = Kernel("symbol", "template", {"N": 3, "mode": "relu"}, KEY, (64, 1, 1))
    ports = [(Port(name, name, "float32", (2, 3)),) for name in ("x", "y")]
    return Program("gfx803", *ports, buffers, {"k": kernel}, (launch,), 2560, 2048, 512, 48, {"levels": 3})


def bundle(**changes: Any) -> Bundle:
    graphs = {MAIN: GraphText("graph text", {"w": "weight"})}
    made = Bundle({MAIN: program()}, {KEY: b"code object"}, CONSTANTS, graphs, {KEY: "source"}, {"opt_level": 3})
    return dataclasses.replace(made, **changes)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return bundle().save(tmp_path / "m.amdc")


def rewritten(path: Path, change: Callable[[dict[str, bytes]], object]) -> Path:
    """The bundle with its members changed, packed as amdc packs."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    write_archive(path, {name: [data] for name, data in members.items()})
    return path


def manifest_with(**changes: Any) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        members["manifest.json"] = json.dumps(json.loads(members["manifest.json"]) | changes).encode()

    return change


def program_with(**changes: Any) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        manifest = json.loads(members["manifest.json"])
        manifest["programs"][MAIN]["program"] |= changes
        members["manifest.json"] = json.dumps(manifest).encode()

    return change


def test_what_is_saved_comes_back(saved: Path) -> None:
    opened = Bundle.open(saved)
    assert opened.program == program()
    assert opened.code == {KEY: b"code object"}
    assert opened.graphs == {MAIN: GraphText("graph text", {"w": "weight"})}
    assert (opened.sources, opened.options) == ({KEY: "source"}, {"opt_level": 3})
    assert opened.constants.keys() == CONSTANTS.keys()
    for name, array in CONSTANTS.items():
        assert opened.constants[name].dtype == array.dtype
        np.testing.assert_array_equal(opened.constants[name], array)


def test_optional_members_may_be_absent(tmp_path: Path) -> None:
    opened = Bundle.open(bundle(graphs={}, sources=None).save(tmp_path / "m.amdc"))
    assert (opened.graphs, opened.sources) == ({}, None)


def test_bundle_without_constants(tmp_path: Path) -> None:
    buffers = {name: buffer for name, buffer in program().buffers.items() if buffer.kind != "constant"}
    launch = dataclasses.replace(program().launches[0], reads=("x",))
    small = dataclasses.replace(program(), buffers=buffers, launches=(launch,))
    assert dict(Bundle.open(bundle(programs={MAIN: small}, constants={}).save(tmp_path / "m.amdc")).constants) == {}


def test_equal_bundles_are_equal_files(tmp_path: Path) -> None:
    files = [bundle(compile_seconds=seconds).save(tmp_path / f"{seconds}.amdc").read_bytes() for seconds in (1.0, 2.0)]
    assert files[0] == files[1]


def test_file_is_an_ordinary_zip_and_an_ordinary_safetensors(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == "manifest.json"
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        weights = safetensors.numpy.load(archive.read("weights.safetensors"))
    for name, array in CONSTANTS.items():
        np.testing.assert_array_equal(weights[name], array)


def test_weights_are_mapped_and_aligned(saved: Path) -> None:
    offset, _ = Archive(saved).span("weights.safetensors")
    assert offset % ALIGNMENT == 0
    constants = Bundle.open(saved).constants
    for array in constants.values():
        assert (array.size == 0 or isinstance(array, np.memmap)) and not array.flags.writeable and array.flags.aligned


def test_constants_that_are_not_contiguous(tmp_path: Path) -> None:
    constants = CONSTANTS | {"weight": np.arange(6, dtype=np.float32).reshape(3, 2).T}
    opened = Bundle.open(bundle(constants=constants).save(tmp_path / "m.amdc"))
    np.testing.assert_array_equal(opened.constants["weight"], constants["weight"])


def test_failed_save_leaves_the_old_bundle(saved: Path) -> None:
    before = saved.read_bytes()
    broken = bundle(constants=dict(CONSTANTS) | {"weight": np.zeros((3, 2), np.float32)})
    with pytest.raises(InternalError, match=r"constant weight \(float32 \[2, 3\]\) is not among the weights"):
        broken.save(saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["m.amdc"]


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot write the bundle .*/absent/m.amdc: No such file or directory"):
        bundle().save(tmp_path / "absent" / "m.amdc")


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such bundle: .*/absent.amdc"):
        Bundle.open(tmp_path / "absent.amdc")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x08\x01\x12\x07onnx"], ids=["empty", "text", "onnx"])
def test_file_that_is_no_bundle(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.amdc"
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"m.amdc is not an amdc bundle \(not a zip file\); make one with `amdc compile`"):
        Bundle.open(path)


def test_zip_that_is_no_bundle(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.amdc", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(BundleError, match=r"zip file but not an amdc bundle \(it has no manifest.json\)"):
        Bundle.open(tmp_path / "m.amdc")


def test_truncated_anywhere(saved: Path) -> None:
    data = saved.read_bytes()
    for size in range(4, len(data), 61):
        saved.write_bytes(data[:size])
        with pytest.raises(BundleError, match="it is truncated or damaged"):
            Bundle.open(saved)


def test_each_damaged_byte_is_found_or_harmless(saved: Path) -> None:
    """Flip one byte at a time. Either an error names the bundle, or all that was read is right (padding, time stamps)."""
    data = saved.read_bytes()
    found = 0
    for position in range(0, len(data), 7):
        saved.write_bytes(data[:position] + bytes([data[position] ^ 0x55]) + data[position + 1 :])
        try:
            opened = Bundle.open(saved)
            content = (opened.program, opened.code, opened.graphs, opened.sources)
            weights = {name: array.tobytes() for name, array in opened.constants.items()}
        except BundleError as error:
            assert "m.amdc" in str(error) and "\n" not in str(error)
            found += 1
        else:
            assert content[:2] == (program(), {KEY: b"code object"})
            assert weights == {name: array.tobytes() for name, array in CONSTANTS.items()}
    assert found > 0.6 * len(data) / 7


def test_newer_schema(saved: Path) -> None:
    rewritten(saved, manifest_with(schema=SCHEMA + 1, amdc="0.9.0", programs="a form that is not known yet"))
    with pytest.raises(
        BundleError,
        match=f"schema {SCHEMA + 1}, written by amdc 0.9.0, but this amdc {__version__} reads schema {SCHEMA}; install",
    ):
        Bundle.open(saved)


@pytest.mark.parametrize("member", [f"code/gfx803/{KEY}.hsaco", "weights.safetensors", "graphs/0.txt", f"sources/{KEY}.hip"])
def test_missing_member(saved: Path, member: str) -> None:
    rewritten(saved, lambda members: members.pop(member))
    with pytest.raises(BundleError, match=f"its member {member} is missing"):
        Bundle.open(saved)


@pytest.mark.parametrize("member", [f"code/gfx803/{KEY}.hsaco", "graphs/0.txt", f"sources/{KEY}.hip"])
def test_exchanged_member(saved: Path, member: str) -> None:
    rewritten(saved, lambda members: members.update({member: b"something else"}))
    with pytest.raises(BundleError, match=f"its member {member} does not match its hash"):
        Bundle.open(saved)


def test_exchanged_weights_are_found_when_they_are_used(saved: Path) -> None:
    other = safetensors.numpy.save({"weight": np.ones((2, 3), np.float32)})
    rewritten(saved, lambda members: members.update({"weights.safetensors": other}))
    opened = Bundle.open(saved)
    with pytest.raises(BundleError, match=r"its member weights.safetensors is damaged"):
        opened.constants["weight"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (manifest_with(format="another"), "is of the format 'another'"),
        (manifest_with(schema="one"), "schema 'one'"),
        (manifest_with(programs=None), "holds no valid program"),
        (manifest_with(programs={"arch": "gfx803"}), "holds no valid program"),
        (manifest_with(members=[]), "holds no valid program"),
        (lambda members: members.update({"manifest.json": b"{"}), "is malformed"),
        (lambda members: members.update({"manifest.json": b"[]"}), "is malformed"),
        (program_with(extra=1), "holds no valid program"),
        (program_with(arena_bytes=2000), r"buffer .* is outside the arena of 2000 bytes"),
        (program_with(kernels={}), "launch 0 names the unknown kernel k"),
        (program_with(inputs=[{"name": "x", "buffer": "z", "dtype": "float32", "shape": [1]}]), "port x and its buffer z differ"),
    ],
)  # fmt: skip
def test_malformed_manifest(saved: Path, change: Callable[[dict[str, bytes]], None], message: str) -> None:
    rewritten(saved, change)
    with pytest.raises(BundleError, match=message) as caught:
        Bundle.open(saved)
    assert "m.amdc" in str(caught.value) and "\n" not in str(caught.value)


def test_repacked_with_compression(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(BundleError, match="is compressed, so it was packed by another program"):
        Bundle.open(saved)


def test_wrong_weights_format_with_the_right_hash(tmp_path: Path) -> None:
    made = bundle().save(tmp_path / "m.amdc")

    def change(members: dict[str, bytes]) -> None:
        import hashlib

        members["weights.safetensors"] = b"\x02" + bytes(7) + b"[]"
        manifest = json.loads(members["manifest.json"])
        manifest["members"]["weights.safetensors"]["sha256"] = hashlib.sha256(members["weights.safetensors"]).hexdigest()
        members["manifest.json"] = json.dumps(manifest).encode()

    opened = Bundle.open(rewritten(made, change))
    with pytest.raises(BundleError, match="is no valid safetensors file"):
        opened.constants["weight"]
