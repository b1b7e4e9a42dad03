"""Bad models, options, bundles and inputs: each ends with its exit status and one clear message, and shows no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx.helper as oh
import pytest

from tests.cli.conftest import Run, convolution_model, model

Case = tuple[str, Callable[[Path], list[object]], int, list[str]]


def saved(proto: onnx.ModelProto, folder: Path, name: str = "bad.onnx") -> Path:
    onnx.save(proto, folder / name)
    return folder / name


def written(data: bytes, path: Path) -> Path:
    path.write_bytes(data)
    return path


def unsupported(folder: Path) -> list[object]:
    nodes = [
        oh.make_node("Relu", ["x"], ["a"], "fine"),
        oh.make_node("Twirl", ["a", "a"], ["b"], "/post/Twirl", domain="acme"),
        oh.make_node("Blur", ["a"], ["c"], "/encoder/Blur_0", domain="acme"),
        oh.make_node("Blur", ["c"], ["y"], "/encoder/Blur_1", domain="acme"),
    ]
    proto = model(nodes, {"x": [1, 3, 4]}, {"y": [1, 3, 4]})
    proto.opset_import.append(oh.make_opsetid("acme", 1))
    return ["compile", saved(proto, folder)]


def dynamic(*extra: object) -> Callable[[Path], list[object]]:
    def make(folder: Path) -> list[object]:
        proto = model([oh.make_node("Relu", ["x"], ["y"], "r")], {"x": ["N", 3, "height"]}, {"y": ["N", 3, "height"]})
        return ["compile", saved(proto, folder), *extra]

    return make


def fixed(*extra: object) -> Callable[[Path], list[object]]:
    return lambda folder: ["compile", saved(convolution_model(), folder), *extra]


def undefined_value(folder: Path) -> list[object]:
    return ["compile", saved(model([oh.make_node("Relu", ["nowhere"], ["y"], "r")], {"x": [1]}, {"y": [1]}), folder)]


def old_opset(folder: Path) -> list[object]:
    return ["compile", saved(model([oh.make_node("Relu", ["x"], ["y"], "r")], {"x": [1]}, {"y": [1]}, opset=5), folder)]


def future_opset(folder: Path) -> list[object]:
    return ["compile", saved(model([oh.make_node("Relu", ["x"], ["y"], "r")], {"x": [1]}, {"y": [1]}, opset=99), folder)]


def wrong_shapes(folder: Path) -> list[object]:
    proto = model([oh.make_node("MatMul", ["x", "z"], ["y"], "/head/MatMul")], {"x": [2, 3], "z": [4, 5]}, {"y": [2, 5]})
    return ["compile", saved(proto, folder)]


def missing_external_data(folder: Path) -> list[object]:
    path = folder / "external.onnx"
    big = convolution_model()
    onnx.save_model(big, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    (folder / "weights.bin").unlink()
    return ["compile", path]


def truncated(folder: Path) -> list[object]:
    path = saved(convolution_model(), folder)
    return ["compile", written(path.read_bytes()[:200], path)]


MODELS: list[Case] = [
    ("no file", lambda folder: ["compile", folder / "absent.onnx"], 2, ["absent.onnx"]),
    ("a folder", lambda folder: ["compile", folder], 2, ["folder"]),
    ("an empty file", lambda folder: ["compile", written(b"", folder / "empty.onnx")], 1, ["empty.onnx"]),
    ("not a model", lambda folder: ["compile", written(b"hello, world" * 9, folder / "text.onnx")], 1, ["text.onnx"]),
    ("a truncated model", truncated, 1, ["bad.onnx"]),
    ("unsupported operators", unsupported, 1, ["acme:Blur", "2", "/encoder/Blur_0", "acme:Twirl", "/post/Twirl"]),
    ("an undefined value", undefined_value, 1, ["nowhere"]),
    ("an old opset", old_opset, 1, ["opset 5", "6 to"]),
    ("an opset of the future", future_opset, 1, ["99"]),
    ("shapes that do not fit", wrong_shapes, 1, ["/head/MatMul"]),
    ("missing external data", missing_external_data, 1, ["weights.bin"]),
    ("unbound dimensions", dynamic(), 2, ["N", "height", "--shape", "--bind"]),
    ("one unbound dimension", dynamic("--bind", "N=1"), 2, ["height"]),
    ("an unknown symbol", dynamic("--bind", "N=1", "--bind", "hieght=4"), 2, ["hieght", "height"]),
    ("a symbol of one's own without a value", dynamic("--shape", "x=Bx3xH", "--bind", "B=1,2"), 2, ["'H'", "--bind H="]),
    ("a symbol bound twice over", dynamic("--bind", "N=1,2,2", "--bind", "height=4"), 2, ["'N'", "1, 2, 2", "twice"]),
    ("a bucket on a fixed dimension", fixed("--bucket", "S=4,8"), 2, ["'S'", "symbols are: none"]),
    ("a bucket and a binding of one symbol", dynamic("--bind", "N=1", "--bucket", "N=4,8"), 2, ["'N'", "--bucket", "--bind"]),
    ("a bucket of size one", dynamic("--bind", "N=1", "--bucket", "height=1"), 2, ["height=1", "pads nothing"]),
    ("an unknown input in --shape", fixed("--shape", "z=1x3x9x9"), 2, ["z", "x"]),
    ("a shape against the model's", fixed("--shape", "x=1x4x9x9"), 2, ["x", "4", "3"]),
]

OPTIONS: list[Case] = [
    ("an unknown verb", lambda folder: ["comple"], 2, ["comple", "compile"]),
    ("an unknown option", fixed("--fast"), 2, ["--fast"]),
    ("an unknown architecture", fixed("--arch", "gfx1100"), 2, ["gfx1100", "gfx803"]),
    ("a level that is not there", fixed("-O4"), 2, ["4"]),
    ("a malformed shape", fixed("--shape", "x=1x3x-4"), 2, ["x=1x3x-4"]),
    ("a malformed binding", fixed("--bind", "N"), 2, ["N=1"]),
    ("a binding to nothing", fixed("--bind", "N=1,"), 2, ["N=1,8"]),
    ("a binding to zero", fixed("--bind", "x=0"), 2, ["no dimension is called 'x'"]),
    ("a malformed bucket", fixed("--bucket", "S=4-8"), 2, ["S=4-8"]),
    ("an unknown pass", fixed("--print-after", "fold-everything"), 2, ["fold-everything", "fold-batch-norm"]),
    ("an output that cannot be written", fixed("-o", "/nonexistent/deep/model.amdc"), 2, ["/nonexistent/deep"]),
    ("zero jobs", fixed("-j", "0"), 2, ["0"]),
]


@pytest.mark.parametrize(
    ("make", "status", "fragments"), [case[1:] for case in MODELS + OPTIONS], ids=[c[0] for c in MODELS + OPTIONS]
)
def test_bad_models_and_options(
    make: Callable[[Path], list[object]], status: int, fragments: list[str], tmp_path: Path, amdc: Run
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    result = amdc(*make(folder))
    check(result, status, fragments)
    assert not list(folder.glob("*.amdc")), "a failed compile leaves no bundle"


def check(result: tuple[int, str, str], status: int, fragments: list[str]) -> None:
    code, out, err = result
    assert code == status, err
    assert "Traceback" not in err and "bug in amdc" not in err
    assert not out
    assert len(err.strip().splitlines()) <= 24, "one screen"
    for fragment in fragments:
        assert fragment in err


def damaged_member(path: Path, folder: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    """A copy of a bundle with one member (the first whose name starts with `name`) changed."""
    copy = folder / "damaged.amdc"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
        first = next(entry for entry in source.namelist() if entry.startswith(name))
        for entry in source.namelist():
            data = source.read(entry)
            target.writestr(entry, change(data) if entry == first else data)
    return copy


def manifest(**changes: object) -> Callable[[bytes], bytes]:
    return lambda data: json.dumps(json.loads(data) | changes).encode()


def flipped(data: bytes) -> bytes:
    return data[:-9] + bytes([data[-9] ^ 0xFF]) + data[-8:]


BUNDLES: list[tuple[str, Callable[[Path, Path], Path], int, list[str]]] = [
    ("absent", lambda bundle, folder: folder / "absent.amdc", 2, ["absent.amdc"]),
    ("empty", lambda bundle, folder: written(b"", folder / "empty.amdc"), 1, ["empty.amdc"]),
    ("no zip", lambda bundle, folder: written(b"x" * 400, folder / "text.amdc"), 1, ["text.amdc"]),
    ("truncated", lambda bundle, folder: written(bundle.read_bytes()[:-300], folder / "short.amdc"), 1, ["short.amdc"]),
    (
        "older schema",
        lambda b, f: damaged_member(b, f, "manifest.json", manifest(schema=1)),
        1,
        ["schema 1", "compile the model"],
    ),
    ("newer schema", lambda b, f: damaged_member(b, f, "manifest.json", manifest(schema=99)), 1, ["99"]),
    ("malformed manifest", lambda b, f: damaged_member(b, f, "manifest.json", lambda data: data[:50]), 1, ["manifest"]),
    (
        "a manifest without a program",
        lambda b, f: damaged_member(b, f, "manifest.json", manifest(programs={})),
        1,
        ["damaged.amdc"],
    ),
    ("damaged weights", lambda b, f: damaged_member(b, f, "weights", flipped), 1, ["weights"]),
    ("a damaged code object", lambda b, f: damaged_member(b, f, "code/", flipped), 1, ["code"]),
]


@pytest.mark.parametrize(("make", "status", "fragments"), [case[1:] for case in BUNDLES], ids=[case[0] for case in BUNDLES])
def test_bad_bundles(
    make: Callable[[Path, Path], Path], status: int, fragments: list[str], tmp_path: Path, bundle_path: Path, amdc: Run
) -> None:
    check(amdc("run", make(bundle_path, tmp_path), "--random", 0, "--device", "sim"), status, fragments)


def array(folder: Path, shape: tuple[int, ...], dtype: str = "float32") -> Path:
    np.save(folder / "x.npy", np.zeros(shape, dtype))
    return folder / "x.npy"


def archive(folder: Path, name: str = "x") -> Path:
    np.savez(folder / "inputs.npz", **{name: np.zeros((1, 3, 9, 9), np.float32)})
    return folder / "inputs.npz"


def damaged_archive(folder: Path) -> Path:
    """The array's bytes are not those that the archive's checksum was taken of."""
    data = bytearray(archive(folder).read_bytes())
    data[400] ^= 0xFF
    return written(bytes(data), folder / "broken.npz")


def pickled(folder: Path) -> Path:
    np.savez(folder / "pickled.npz", x=np.array([{}], dtype=object))
    return folder / "pickled.npz"


INPUTS: list[tuple[str, Callable[[Path], list[object]], list[str]]] = [
    ("none given", lambda folder: [], ["--input", "--random"]),
    ("both given", lambda folder: ["--random", 0, "--input", f"x={array(folder, (1, 3, 9, 9))}"], ["--random"]),
    ("a wrong name", lambda folder: ["--input", f"X={array(folder, (1, 3, 9, 9))}"], ["X", "x", "float32 [1, 3, 9, 9]"]),
    ("a wrong shape", lambda folder: ["--input", f"x={array(folder, (1, 3, 9, 8))}"], ["[1, 3, 9, 8]", "[1, 3, 9, 9]"]),
    ("a wrong dtype", lambda folder: ["--input", f"x={array(folder, (1, 3, 9, 9), 'float64')}"], ["float64", "float32"]),
    ("an absent file", lambda folder: ["--input", "x=absent.npy"], ["absent.npy"]),
    ("no array", lambda folder: ["--input", f"x={written(b'junk', folder / 'junk.npy')}"], ["junk.npy"]),
    ("no .npz", lambda folder: ["--input", written(b"PK junk", folder / "junk.npz")], ["junk.npz", "not a readable .npz"]),
    (
        "a truncated .npz",
        lambda folder: ["--input", written(archive(folder).read_bytes()[:-40], folder / "cut.npz")],
        ["cut.npz"],
    ),
    ("a damaged .npz", lambda folder: ["--input", damaged_archive(folder)], ["broken.npz", "not a readable .npz"]),
    ("a .npz with an unknown name", lambda folder: ["--input", archive(folder, "X")], ["no input 'X'", "input 'x' is missing"]),
    ("a .npz with pickles", lambda folder: ["--input", pickled(folder)], ["pickled.npz"]),
    ("an input twice", lambda f: ["--input", archive(f), "--input", f"x={array(f, (1, 3, 9, 9))}"], ["'x' is given twice"]),
    ("a .npz as one input", lambda folder: ["--input", f"x={archive(folder)}"], ["no such file: x="]),
    ("no name", lambda folder: ["--input", "image.npy"], ["x=image.npy"]),
    ("an unknown device", lambda folder: ["--random", 0, "--device", "cuda"], ["cuda", "sim"]),
]


@pytest.mark.parametrize(("make", "fragments"), [case[1:] for case in INPUTS], ids=[case[0] for case in INPUTS])
def test_bad_inputs(
    make: Callable[[Path], list[object]], fragments: list[str], tmp_path: Path, bundle_path: Path, amdc: Run
) -> None:
    arguments = make(tmp_path)
    device = [] if "--device" in arguments else ["--device", "sim"]
    check(amdc("run", bundle_path, *device, *arguments), 2, fragments)


def test_no_card(bundle_path: Path, amdc: Run) -> None:
    """Without a card (or without the HIP runtime) `--device hip` says so, with status 3."""
    check(amdc("run", bundle_path, "--random", 0, "--device", "hip"), 3, ["hip"])


def test_no_compiler(model_path: Path, amdc: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMDC_CLANG", "/nonexistent/clang")
    check(amdc("compile", model_path), 3, ["/nonexistent/clang", "AMDC_CLANG"])


def test_unknown_variable_warns(amdc: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMDC_CLAGN", "clang")
    result = amdc("targets")
    assert result.status == 0 and "AMDC_CLAGN" in result.err and "AMDC_CLANG" in result.err


def test_python_finds_the_command_line_by_the_packages_name() -> None:
    """Its exit status too."""
    ran = subprocess.run([sys.executable, "-m", "amdc", "compile", "absent.onnx"], capture_output=True, text=True)
    assert (ran.returncode, "absent.onnx" in ran.stderr) == (2, True), ran.stderr
