"""The cache on disk: made once by many processes, bounded, never handing out damaged or half-written entries."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import amdc.cache
from amdc.cache import Cache, cache_root, content_key
from amdc.errors import InternalError, UsageError

ROOT = Path(__file__).resolve().parent.parent
KEY = content_key("an entry")


def writes(data: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(data) and None


def never(path: Path) -> None:
    raise AssertionError("the entry should have been there")


def start(root: Path, code: str) -> subprocess.Popen[str]:
    """Another process with `cache`, a Cache named "c" in `root`, and `key`."""
    head = f"""
        import sys, time; from pathlib import Path
        from amdc.cache import Cache
        cache = Cache("c", root=Path({str(root)!r})); key = {KEY!r}
    """
    program = textwrap.dedent(head) + textwrap.dedent(code)
    return subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def await_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_key_depends_on_where_parts_end() -> None:
    assert content_key("ab", "c") != content_key("a", "bc")
    assert content_key("ab", b"c") == content_key(b"ab", "c")


def test_root_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("AMDC_CACHE_DIR", raising=False)
    assert cache_root() == tmp_path / "xdg" / "amdc"
    monkeypatch.setenv("AMDC_CACHE_DIR", str(tmp_path / "own"))
    assert cache_root() == tmp_path / "own"


def test_made_once_then_found(tmp_path: Path) -> None:
    cache = Cache("c", root=tmp_path)
    assert not cache.contains(KEY)
    assert cache.get_or_make(KEY, writes(b"data")).read_bytes() == b"data"
    assert cache.read_or_make(KEY, never) == b"data"
    assert Cache("c", root=tmp_path).contains(KEY)
    assert list((tmp_path / "c" / "tmp").iterdir()) == list((tmp_path / "c" / "lock").iterdir()) == []


def test_failed_make_leaves_nothing(tmp_path: Path) -> None:
    def fails(path: Path) -> None:
        path.write_bytes(b"half")
        raise ZeroDivisionError

    cache = Cache("c", root=tmp_path)
    with pytest.raises(ZeroDivisionError):
        cache.get_or_make(KEY, fails)
    assert not cache.contains(KEY)
    assert list((tmp_path / "c" / "tmp").iterdir()) == []
    with pytest.raises(InternalError, match="wrote no file"):
        cache.get_or_make(KEY, lambda path: None)
    assert cache.read_or_make(KEY, writes(b"whole")) == b"whole"


@pytest.mark.parametrize("damage", [b"dat_", b"dat", b"", b"data and more"])
def test_damaged_entry_is_remade(tmp_path: Path, damage: bytes) -> None:
    cache = Cache("c", root=tmp_path)
    path = cache.get_or_make(KEY, writes(b"data"))
    path.write_bytes(damage)
    assert not cache.contains(KEY)
    assert cache.read_or_make(KEY, writes(b"data")) == b"data"


def test_entry_without_its_checksum_is_remade(tmp_path: Path) -> None:
    cache = Cache("c", root=tmp_path)
    path = cache.get_or_make(KEY, writes(b"data"))
    path.with_name(path.name + ".sha256").unlink()
    assert cache.read_or_make(KEY, writes(b"again")) == b"again"


def test_processes_make_an_entry_once(tmp_path: Path) -> None:
    code = f"""
        def make(path):
            with open({str(tmp_path / "log")!r}, "a") as log: log.write("made\\n")
            time.sleep(0.5)
            path.write_bytes(b"data")
        print(cache.read_or_make(key, make).decode())
    """
    processes = [start(tmp_path, code) for _ in range(4)]
    assert [process.communicate(timeout=60)[0].strip() for process in processes] == ["data"] * 4
    assert (tmp_path / "log").read_text() == "made\n"


def test_threads_make_an_entry_once(tmp_path: Path) -> None:
    cache, made = Cache("c", root=tmp_path), []

    def make(path: Path) -> None:
        made.append(1)
        time.sleep(0.2)
        path.write_bytes(b"data")

    threads = [threading.Thread(target=cache.get_or_make, args=(KEY, make)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert made == [1]


def test_killed_maker_blocks_nobody(tmp_path: Path) -> None:
    code = """
        def make(path):
            path.write_bytes(b"half"); print("making", flush=True); time.sleep(60)
        cache.get_or_make(key, make)
    """
    process = start(tmp_path, code)
    assert await_line(process) == "making"
    process.kill()
    process.wait(60)
    started = time.monotonic()
    cache = Cache("c", root=tmp_path)
    assert cache.read_or_make(KEY, writes(b"whole")) == b"whole"
    assert time.monotonic() - started < 5
    assert list((tmp_path / "c" / "tmp").iterdir()) == []


def test_stopped_maker_is_not_waited_for_forever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
        def make(path):
            print("making", flush=True); time.sleep(1); path.write_bytes(b"slow")
        print(cache.read_or_make(key, make).decode())
    """
    process = start(tmp_path, code)
    assert await_line(process) == "making"
    process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(amdc.cache, "LOCK_PATIENCE", 0.3)
    try:
        assert Cache("c", root=tmp_path).read_or_make(KEY, writes(b"fast")) == b"fast"
    finally:
        process.send_signal(signal.SIGCONT)
    assert process.communicate(timeout=60)[0].strip() in ("slow", "fast")


def fill(cache: Cache, count: int, size: int) -> list[str]:
    """Make entries, each older than the next."""
    keys = [content_key(str(number)) for number in range(count)]
    for number, key in enumerate(keys):
        path = cache.get_or_make(key, writes(bytes(size)))
        cache.release(key)
        os.utime(path, (1000 + number, 1000 + number))
    return keys


def test_longest_unused_entries_are_evicted(tmp_path: Path) -> None:
    cache = Cache("c", limit_bytes=1000, root=tmp_path)
    keys = fill(cache, 10, 100)
    cache.read_or_make(keys[0], never)  # now the youngest
    cache.read_or_make(KEY, writes(bytes(100)))
    assert [key in (keys[0], *keys[4:]) for key in keys] == [cache.contains(key) for key in keys]
    assert cache.contains(KEY)
    assert sum(path.stat().st_size for path in (tmp_path / "c").glob("??/*") if not path.suffix) <= 1000


def test_entries_in_use_are_not_evicted(tmp_path: Path) -> None:
    cache = Cache("c", limit_bytes=1000, root=tmp_path)
    mine, theirs, idle = fill(cache, 3, 100)
    cache.get_or_make(mine, never)
    code = f"""
        cache.get_or_make({theirs!r}, None); print("pinned", flush=True); time.sleep(60)
    """
    process = start(tmp_path, code)
    assert await_line(process) == "pinned"
    cache.clear()
    assert [cache.contains(key) for key in (mine, theirs, idle)] == [True, True, False]
    process.kill()
    process.wait(60)
    cache.release(mine)
    cache.clear()
    assert [cache.contains(key) for key in (mine, theirs)] == [False, False]


def test_entry_larger_than_the_limit_is_still_handed_out(tmp_path: Path) -> None:
    cache = Cache("c", limit_bytes=10, root=tmp_path)
    assert cache.get_or_make(KEY, writes(bytes(100))).stat().st_size == 100


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a file where the folder should be")
    with pytest.raises(UsageError, match=f"cannot use the cache folder {tmp_path}/c: .*; set AMDC_CACHE_DIR"):
        Cache("c", root=tmp_path)


def test_bad_limit_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMDC_CACHE_BYTES", "1 GB")
    with pytest.raises(UsageError, match="AMDC_CACHE_BYTES is '1 GB'; expected a number of bytes"):
        Cache("c", root=tmp_path)
    monkeypatch.setenv("AMDC_CACHE_BYTES", "4096")
    assert Cache("c", root=tmp_path).limit_bytes == 4096
