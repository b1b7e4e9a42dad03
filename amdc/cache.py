"""A cache of built files (code objects, the simulator's shared libraries) on disk, shared by all processes of a user.

Each `Cache` is a folder `<root>/<name>`, root being $AMDC_CACHE_DIR, else $XDG_CACHE_HOME/amdc, else ~/.cache/amdc:
  ab/abcdef...          an entry, named by its key (the hash of everything that it was made from, see `content_key`)
  ab/abcdef....sha256   the hash of the entry's bytes: an entry that no longer matches is remade
  tmp/  lock/           files being written, and one lock file for each key that is being made
An entry appears by rename, so it is whole or absent. All locks are flock()s: the kernel drops them when their holder dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from amdc.errors import InternalError, UsageError

DEFAULT_LIMIT = 1 << 30  # bytes of one cache, unless AMDC_CACHE_BYTES says otherwise; a kernel takes 5 to 500 KB
LOCK_PATIENCE = 600.0  # seconds; longer than any make takes, so its holder is stopped or stuck: make a second copy then
MAKE_ATTEMPTS = 3
_KEY = re.compile(r"[0-9A-Za-z_-]{4,128}")


def content_key(*parts: str | bytes) -> str:
    """The SHA-256, in hex, of `parts`. Each part's length is hashed too: ("ab", "c") and ("a", "bc") differ."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def cache_root() -> Path:
    """The folder of all caches (it need not exist)."""
    if chosen := os.environ.get("AMDC_CACHE_DIR"):
        return Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "amdc"


def _limit() -> int:
    text = os.environ.get("AMDC_CACHE_BYTES") or str(DEFAULT_LIMIT)
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"AMDC_CACHE_BYTES is '{text}'; expected a number of bytes")
    return int(text)


class Cache:
    """One named cache. Any number of threads and processes may use the same one.

    An entry that was handed out by `get_or_make` is pinned: it is not evicted until `release`, or until this process ends.
    """

    def __init__(self, name: str, limit_bytes: int | None = None, root: Path | None = None) -> None:
        self.folder = (root or cache_root()) / name
        self.limit_bytes = limit_bytes = _limit() if limit_bytes is None else limit_bytes
        self._pins: dict[str, int] = {}  # key -> descriptor that holds a shared lock on the entry
        self._pins_lock = threading.Lock()
        self._unchecked = limit_bytes  # bytes made since the size was last summed; a new process sums at its first make
        try:
            for sub in ("tmp", "lock"):
                (self.folder / sub).mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=self.folder / sub):  # may this user write there?
                    pass
        except OSError as error:
            raise UsageError(
                f"cannot use the cache folder {self.folder}: {error.strerror}; set AMDC_CACHE_DIR to a writable one"
            ) from None

    def get_or_make(self, key: str, make: Callable[[Path], None]) -> Path:
        """The path of the entry, made by `make(path)` (which must write that file) where absent or damaged.

        What `make` raises passes through, and nothing is kept then. The path stays valid until `release(key)`.
        """
        descriptor = self._open_or_make(key, make)
        with self._pins_lock:
            previous = self._pins.pop(key, None)
            self._pins[key] = descriptor
        if previous is not None:
            os.close(previous)
        return self._path(key)

    def read_or_make(self, key: str, make: Callable[[Path], None]) -> bytes:
        """The entry's bytes. As `get_or_make`, but nothing stays pinned."""
        with os.fdopen(self._open_or_make(key, make), "rb") as file:
            file.seek(0)
            return file.read()

    def contains(self, key: str) -> bool:
        """Whether an undamaged entry is there now."""
        descriptor = self._open(key)
        if descriptor is not None:
            os.close(descriptor)
        return descriptor is not None

    def release(self, key: str) -> None:
        """Let the entry be evicted from now on. A library loaded from it stays usable: its pages outlive the name."""
        with self._pins_lock:
            descriptor = self._pins.pop(key, None)
        if descriptor is not None:
            os.close(descriptor)

    def clear(self) -> None:
        """Evict everything that is not pinned."""
        self._evict(0)

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise InternalError(f"'{key}' cannot name a cache entry")
        return self.folder / key[:2] / key

    def _open_or_make(self, key: str, make: Callable[[Path], None]) -> int:
        for _ in range(MAKE_ATTEMPTS):  # another process with a smaller limit may evict the entry before it is opened
            descriptor = self._open(key)
            if descriptor is not None:
                return descriptor
            with self._making(key):
                descriptor = self._open(key)  # another process may have made it while this one waited for the lock
                if descriptor is None:
                    self._make(key, make)
                    descriptor = self._open(key)
                    self._bound()
            if descriptor is not None:
                return descriptor
        raise UsageError(f"the cache folder {self.folder} does not keep what is written to it; set AMDC_CACHE_DIR to another one")

    def _open(self, key: str) -> int | None:
        """A descriptor with a shared lock on the undamaged entry, or None."""
        path = self._path(key)
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        fcntl.flock(descriptor, fcntl.LOCK_SH)  # waits at most for an eviction, which takes milliseconds
        if _is_named(descriptor, path) and _digest(descriptor) == _recorded_digest(path):
            with contextlib.suppress(OSError):  # a read-only cache serves too; its entries only look older than they are
                os.utime(path)
            return descriptor
        os.close(descriptor)
        return None

    def _make(self, key: str, make: Callable[[Path], None]) -> None:
        path = self._path(key)
        temporary = self.folder / "tmp" / f"{key}.{os.getpid()}.{os.urandom(4).hex()}"
        checksum = temporary.with_name(temporary.name + ".sha256")
        try:
            make(temporary)
            if not temporary.is_file():
                raise InternalError(f"the maker of cache entry {key} wrote no file")
            data = temporary.read_bytes()
            checksum.write_text(hashlib.sha256(data).hexdigest())
            path.parent.mkdir(exist_ok=True)
            os.replace(temporary, path)
            os.replace(checksum, _checksum_path(path))
        finally:
            temporary.unlink(missing_ok=True)
            checksum.unlink(missing_ok=True)
        self._unchecked += len(data)

    @contextlib.contextmanager
    def _making(self, key: str) -> Iterator[None]:
        """Hold the lock of a key that is to be made. The lock file is removed by its holder, so one that was locked but no longer
        has its name is not the lock any more."""
        path = self.folder / "lock" / key
        deadline = time.monotonic() + LOCK_PATIENCE
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            held = _lock_before(descriptor, deadline)
            if not held or _is_named(descriptor, path):
                break
            os.close(descriptor)
        try:
            if held:
                for leftover in (self.folder / "tmp").glob(f"{key}.*"):  # of a holder that was killed
                    leftover.unlink(missing_ok=True)
            yield
        finally:
            if held:
                path.unlink(missing_ok=True)
            os.close(descriptor)

    def _bound(self) -> None:
        """Evict where needed; the folder is summed only once in a while, so that each make does not read a large folder."""
        if self._unchecked >= self.limit_bytes // 64:
            self._unchecked = 0
            self._evict(self.limit_bytes)

    def _evict(self, limit: int) -> None:
        """Where the entries exceed `limit` bytes, remove the longest unused until 7/8 of it remain. Pinned ones stay."""
        entries = []
        for path in self.folder.glob("??/*"):
            with contextlib.suppress(FileNotFoundError):
                if path.suffix != ".sha256":
                    status = path.stat()
                    entries.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in entries)
        if total <= limit:
            return
        for _, size, path in sorted(entries):
            if total <= limit - limit // 8:
                break
            if _remove_unused(path):
                total -= size


def _checksum_path(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _recorded_digest(path: Path) -> str:
    try:
        return _checksum_path(path).read_text()
    except (FileNotFoundError, UnicodeDecodeError):
        return "absent"


def _digest(descriptor: int) -> str:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_named(descriptor: int, path: Path) -> bool:
    """Whether the open file is still the one that `path` names."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _lock_before(descriptor: int, deadline: float) -> bool:
    """Take the exclusive lock, waiting at most until `deadline` (of time.monotonic). False where it was not to be had."""
    pause = 0.005
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def _remove_unused(path: Path) -> bool:
    """Remove an entry unless somebody holds it. True where it is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        path.unlink(missing_ok=True)
        _checksum_path(path).unlink(missing_ok=True)
        return True
    finally:
        os.close(descriptor)
