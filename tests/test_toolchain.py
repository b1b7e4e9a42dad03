"""Finding a compiler, and compiling kernels with each of those at hand."""

from __future__ import annotations

import dataclasses
import importlib.util
import shutil
import struct
from pathlib import Path

import pytest

from amdc.code_object import CodeObject
from amdc.codegen import toolchain_search
from amdc.codegen.toolchain import KernelSource, Toolchain, find_toolchain
from amdc.errors import InternalError, ToolchainError

HEAD = 'extern "C" __attribute__((global, amdgpu_flat_work_group_size(64, 64))) void '
DOT = KernelSource(
    symbol="dot",
    text=HEAD + "dot(const float *x, float *y) { float s = 0; for (int i = 0; i < N; i++) s += x[i] * x[i + 1]; *y = s; }\n",
    defines=(("N", 8),),
    block=(64, 1, 1),
)
WHEEL = importlib.util.find_spec("ziglang")
SYSTEM = shutil.which("clang-19") and shutil.which("ld.lld-19")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AMDC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("AMDC_CLANG", raising=False)
    return tmp_path / "cache"


@pytest.fixture(params=["system", "wheel"])
def toolchain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Toolchain:
    """Each compiler in turn, found as a user's machine would find it."""
    if request.param == "system":
        if not SYSTEM:
            pytest.skip("clang-19 and ld.lld-19 are not installed")
        return find_toolchain()
    if not WHEEL:
        pytest.skip("the ziglang wheel is not installed")
    monkeypatch.setenv("PATH", str(tmp_path))
    return find_toolchain()


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(0o755)
    return path


def no_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with nothing but what the test puts into the returned folder, which is its PATH."""
    monkeypatch.setattr(toolchain_search, "ROCM_FOLDERS", tmp_path / "opt")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


def words(data: bytes) -> tuple[int, ...]:
    text = CodeObject.parse(data, "test").text
    return struct.unpack(f"<{len(text) // 4}I", text)


def test_system_compiler_is_preferred_to_the_wheel(toolchain: Toolchain) -> None:
    assert toolchain.origin in ("on PATH", "the ziglang wheel")
    assert ("zig" in toolchain.clang[0]) == (toolchain.origin == "the ziglang wheel")
    assert toolchain.version in toolchain.describe()
    assert find_toolchain() == toolchain


def test_compiles(toolchain: Toolchain) -> None:
    code = CodeObject.parse(toolchain.compile_one(DOT, "gfx803"), "dot")
    assert (code.arch, code.version, list(code.kernels)) == ("gfx803", 4, ["dot"])
    assert [(a.offset, a.size, a.value_kind) for a in code.kernels["dot"].arguments if not a.hidden] == [
        (0, 8, "global_buffer"),
        (8, 8, "global_buffer"),
    ]


def test_multiply_adds_become_v_mac(toolchain: Toolchain) -> None:
    """v_mac_f32 is VOP2 opcode 22: bits 31 to 25. Without flushed denormals clang emits v_mul and v_add instead."""
    assert sum(word >> 25 == 22 for word in words(toolchain.compile_one(DOT, "gfx803"))) >= 7


def test_defines_reach_the_compiler(toolchain: Toolchain) -> None:
    larger = dataclasses.replace(DOT, defines=(("N", 20),))
    assert larger.key != DOT.key
    assert len(words(toolchain.compile_one(larger, "gfx803"))) > len(words(toolchain.compile_one(DOT, "gfx803")))


def test_equal_sources_give_equal_bytes(toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = [toolchain.compile_one(DOT, "gfx803", line_tables) for line_tables in (False, True)]
    monkeypatch.setenv("AMDC_CACHE_DIR", str(tmp_path / "another"))
    assert [toolchain.compile_one(DOT, "gfx803", line_tables) for line_tables in (False, True)] == first


def test_line_tables_only_on_request(toolchain: Toolchain) -> None:
    plain = CodeObject.parse(toolchain.compile_one(DOT, "gfx803"), "plain")
    lined = CodeObject.parse(toolchain.compile_one(DOT, "gfx803", line_tables=True), "lined")
    assert plain.section(".debug_line") is None
    assert lined.section(".debug_line") is not None
    assert lined.text == plain.text


def test_second_compile_starts_no_process(toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch) -> None:
    first = toolchain.compile_all([DOT], "gfx803")
    monkeypatch.setattr("subprocess.run", None)
    assert find_toolchain().compile_all([DOT], "gfx803") == first


def test_compile_all(toolchain: Toolchain) -> None:
    sources = [dataclasses.replace(DOT, defines=(("N", n),)) for n in (1, 2, 3, 2)]
    seen: list[tuple[int, int, str]] = []
    made = toolchain.compile_all(
        sources, "gfx803", jobs=2, progress=lambda done, total, source: seen.append((done, total, source.symbol))
    )
    assert list(made) == [source.key for source in sources[:3]]
    assert seen == [(1, 3, "dot"), (2, 3, "dot"), (3, 3, "dot")]
    assert len(set(made.values())) == 3


def test_kernel_that_does_not_compile(toolchain: Toolchain, own_cache: Path) -> None:
    bad = KernelSource("bad", HEAD + "bad() { undeclared = LIMIT; }\n", (("LIMIT", 7),))
    with pytest.raises(InternalError, match="kernel 'bad' does not compile for gfx803") as caught:
        toolchain.compile_all([DOT, bad], "gfx803")
    (kept,) = (own_cache / "failed").iterdir()
    assert str(kept) in str(caught.value)
    assert "undeclared identifier" in str(caught.value)
    assert "#define LIMIT 7\n" + bad.text in kept.read_text()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (dataclasses.replace(DOT, symbol="other"), "it holds no kernel 'other', but: dot"),
        (dataclasses.replace(DOT, block=(65, 1, 1)), r"it allows 64 work-items a work-group, but .* launched with \(65, 1, 1\)"),
        (KernelSource("calls", f"__attribute__((device)) int f(); {HEAD} calls(int *x) {{ *x = f(); }}"), "undefined .*: f"),
    ],
    ids=["symbol", "block", "undefined"],
)  # fmt: skip
def test_kernel_that_is_not_as_promised(toolchain: Toolchain, source: KernelSource, message: str) -> None:
    with pytest.raises(InternalError, match=message):
        toolchain.compile_one(source, "gfx803")


def test_compiler_that_broke_since_it_was_found(toolchain: Toolchain) -> None:
    gone = dataclasses.replace(toolchain, clang=("/nonexistent/clang",))
    with pytest.raises(ToolchainError, match="no longer compiles kernels"):
        gone.compile_one(DOT, "gfx803")


def test_key_depends_on_every_field() -> None:
    others = {"symbol": "dot2", "text": DOT.text + " ", "defines": (("N", 9),), "block": (32, 1, 1), "options": ("-O1",)}
    assert set(others) == {field.name for field in dataclasses.fields(KernelSource)}
    keys = {DOT.key, *(dataclasses.replace(DOT, **{name: value}).key for name, value in others.items())}
    assert len(keys) == 1 + len(others)


@pytest.mark.skipif(not SYSTEM, reason="clang-19 and ld.lld-19 are not installed")
def test_newest_rocm_comes_before_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(toolchain_search, "ROCM_FOLDERS", tmp_path / "opt")
    for version in ("rocm-6.9.0", "rocm-6.10.0"):
        script(tmp_path / "opt" / version / "llvm" / "bin" / "clang", f'exec {shutil.which("clang-19")} "$@"\n')
    found = find_toolchain()
    assert found.clang == (str(tmp_path / "opt" / "rocm-6.10.0" / "llvm" / "bin" / "clang"),)
    assert found.origin == "ROCm"


@pytest.mark.skipif(not SYSTEM, reason="clang-19 and ld.lld-19 are not installed")
def test_broken_candidates_are_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(toolchain_search, "ROCM_FOLDERS", tmp_path / "opt")
    script(tmp_path / "opt" / "rocm" / "llvm" / "bin" / "clang", "exit 1\n")
    assert find_toolchain().origin == "on PATH"


def test_nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    no_others(monkeypatch, tmp_path)
    with pytest.raises(ToolchainError, match=r"(?s)no clang >= 19 .* pip install 'amdc\[toolchain\]'.*none was found") as caught:
        find_toolchain()
    assert caught.value.exit_status == 3


VERSION = 'case "$1" in --version) echo "clang version 19.1.7";; '


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('echo "clang version 14.0.6"\n', "clang 14 is too old; 19 or newer is needed"),
        ("echo gcc 12.2.0\n", "not a clang: it calls itself 'gcc 12.2.0'"),
        ("echo broken >&2; exit 127\n", "failed: broken"),
        (VERSION + "*) echo ld.lld;; esac\n", r"it has no ld.lld \(install lld-19\)"),
        (VERSION + "-print*) echo /bin/true;; *) echo no AMDGPU target >&2; exit 1;; esac\n", "no AMDGPU target"),
    ],
    ids=["old", "other", "failing", "no lld", "no target"],
)
def test_what_is_wrong_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str, reason: str) -> None:
    clang = script(no_others(monkeypatch, tmp_path) / "clang", body)
    with pytest.raises(ToolchainError, match=reason) as caught:
        find_toolchain()
    assert str(clang) in str(caught.value)


@pytest.mark.parametrize("value", ["/nonexistent/clang", "no-such-program", "sh"])
def test_chosen_compiler_is_not_replaced_silently(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AMDC_CLANG", value)
    with pytest.raises(ToolchainError, match="AMDC_CLANG does not name a usable compiler"):
        find_toolchain()


@pytest.mark.skipif(not WHEEL, reason="the ziglang wheel is not installed")
def test_chosen_compiler_may_be_a_zig(monkeypatch: pytest.MonkeyPatch) -> None:
    assert WHEEL is not None and WHEEL.submodule_search_locations
    monkeypatch.setenv("AMDC_CLANG", str(Path(WHEEL.submodule_search_locations[0]) / "zig"))
    assert find_toolchain().origin == "AMDC_CLANG"
