"""Translated kernels as loaded libraries: made once for each content, kept in the cache, loaded once in a process."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from amdc.cache import Cache, content_key
from amdc.sim.host_compiler import find_host_compiler
from amdc.sim.structures import Launch


@dataclass(frozen=True)
class Job:
    """One kernel to translate. `content` is all that the C source is made from; `source` makes it, unless it is cached.

    `support` makes the C that is compiled once for all kernels of the same `flavour`.
    """

    content: tuple[str | bytes, ...]
    source: Callable[[], str]
    flavour: str
    support: Callable[[], str]

    @functools.cached_property
    def key(self) -> str:
        return content_key(*self.content, self.flavour, translator_digest(), find_host_compiler().identity)


class KernelLibrary:
    """The entry points of a translated kernel: see native/worker.h."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(str(path))
        self.run_worker = library.run_worker
        self.run_worker.argtypes = [ctypes.POINTER(Launch), ctypes.c_uint32, ctypes.c_void_p]
        self.run_worker.restype = None
        self.worker_bytes = library.worker_bytes
        self.worker_bytes.argtypes = [ctypes.POINTER(Launch)]
        self.worker_bytes.restype = ctypes.c_uint64


class TranslationCache:
    """Makes and loads kernel libraries, `jobs` at a time."""

    def __init__(self, cache: Cache, jobs: int) -> None:
        self._cache, self._jobs = cache, jobs
        self._loaded: dict[str, KernelLibrary] = {}
        self._lock = threading.Lock()

    def prepare(self, jobs: Sequence[Job]) -> None:
        """Load all of `jobs`, translating what the cache lacks in parallel. Raises what the first bad one raises."""
        wanted = {job.key: job for job in jobs if job.key not in self._loaded}
        with ThreadPoolExecutor(self._jobs, "amdc-translate") as pool:
            for future in [pool.submit(self.library, job) for job in wanted.values()]:
                future.result()

    def library(self, job: Job) -> KernelLibrary:
        """The kernel's library, loaded."""
        found = self._loaded.get(job.key)
        if found is None:
            path = self._cache.get_or_make(job.key, lambda output: self._make(job, output))
            found = KernelLibrary(path)
            self._cache.release(job.key)
            with self._lock:
                found = self._loaded.setdefault(job.key, found)
        return found

    def _make(self, job: Job, output: Path) -> None:
        compiler = find_host_compiler()
        source = job.source()  # before the support: what cannot be simulated is refused at once
        key = content_key("support", job.flavour, translator_digest(), compiler.identity)
        support = self._cache.get_or_make(key, lambda path: compiler.compile(job.support(), path))
        compiler.build(source, output, support)


@functools.cache
def translator_digest() -> str:
    """The hash of the translator itself: all Python files of the simulator."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
