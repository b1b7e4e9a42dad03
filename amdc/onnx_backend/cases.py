"""The cases of the ONNX backend suite, as onnx ships them: models with inputs and expected outputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import numpy_helper
from onnx.backend.test.case.test_case import TestCase

GROUPS = ("node", "real", "simple", "pytorch-converted", "pytorch-operator")
DataSet = tuple[list[Any], list[Any]]  # inputs, expected outputs; arrays, or lists of them for sequences


@dataclass(frozen=True)
class Case:
    """One test. `load` reads the model and its data sets (done in a worker: some are large); `operators` counts as its label."""

    name: str
    group: str
    rtol: float
    atol: float
    load: Callable[[], tuple[onnx.ModelProto, list[DataSet]]]


def load_cases(group: str) -> list[Case]:
    """The cases of a group, by name. The node cases are computed by onnx: 5 to 12 s."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the suite makes infinities and overflowing casts on purpose
        tests = load_model_tests(kind=group)
    return sorted((_case(test, group) for test in tests), key=lambda case: case.name)


def _case(test: TestCase, group: str) -> Case:
    if test.model is not None:
        load = _Generated(test)
    elif test.model_dir is not None:
        load = _Stored(Path(test.model_dir))  # type: ignore[assignment]
    else:
        load = _Light(test)  # type: ignore[assignment]
    return Case(test.name, group, test.rtol, test.atol, load)


@dataclass(frozen=True)
class _Generated:
    """A node case: model and data stand in the TestCase."""

    test: TestCase

    def __call__(self) -> tuple[onnx.ModelProto, list[DataSet]]:
        assert self.test.model is not None and self.test.data_sets is not None
        sets = [([_array(v) for v in inputs], [_array(v) for v in outputs]) for inputs, outputs in self.test.data_sets]
        return self.test.model, sets


@dataclass(frozen=True)
class _Stored:
    """A folder with model.onnx and test_data_set_*/{input,output}_*.pb."""

    folder: Path

    def __call__(self) -> tuple[onnx.ModelProto, list[DataSet]]:
        model = onnx.load(self.folder / "model.onnx")
        folders = sorted(self.folder.glob("test_data_set*"))
        if not folders:
            raise FileNotFoundError(f"{self.folder} holds no test_data_set")
        sets = []
        for folder in folders:
            inputs = [_read(path, model.graph.input[i].type) for i, path in _numbered(folder, "input")]
            outputs = [_read(path, model.graph.output[i].type) for i, path in _numbered(folder, "output")]
            sets.append((inputs, outputs))
        return model, sets


@dataclass(frozen=True)
class _Light:
    """One of the "real" networks: the structure and constant weights stand in the onnx package, with the expected output; the
    input is the suite's own ramp."""

    test: TestCase

    def __call__(self) -> tuple[onnx.ModelProto, list[DataSet]]:
        from onnx.backend.test.runner import Runner

        assert self.test.url is not None
        path = Path(onnx.__file__).parent.parent / self.test.url
        model = onnx.load(path)
        weights = {tensor.name for tensor in model.graph.initializer}
        given = [value for value in model.graph.input if value.name not in weights]
        inputs = [Runner.generate_dummy_data(value, seed=0, name=self.test.name) for value in given]
        stored = [path.with_name(f"{path.stem}_output_{i}.pb") for i in range(len(model.graph.output))]
        outputs = [_read(file, value.type) for file, value in zip(stored, model.graph.output, strict=True)]
        return model, [(inputs, outputs)]


def _numbered(folder: Path, kind: str) -> Iterator[tuple[int, Path]]:
    for index in range(len(list(folder.glob(f"{kind}_*.pb")))):
        yield index, folder / f"{kind}_{index}.pb"


def _read(path: Path, kind: onnx.TypeProto) -> Any:
    """A stored value: a tensor, or a list or an optional of them."""
    data = path.read_bytes()
    if kind.HasField("sequence_type"):
        return numpy_helper.to_list(onnx.SequenceProto.FromString(data))
    if kind.HasField("optional_type"):
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    return numpy_helper.to_array(onnx.TensorProto.FromString(data))


def _array(value: Any) -> Any:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value
