"""Runs cases in worker processes, which may crash or hang: that fails the case at hand, and a new worker goes on.

Workers are forked, so that the cases (which onnx takes seconds to compute) need not be made again; a worker imports the backend
itself. Each is the head of a process group, which is killed as a whole: compilers that it started go with it.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO, Any

from amdc.onnx_backend.cases import Case
from amdc.onnx_backend.outcome import MAX_REASON, Outcome, run_case

Runner = Callable[[Case, Any], Outcome]


@dataclass
class _Worker:
    """A process, the case that it works on (an index), and since when."""

    process: Any
    pipe: Connection
    log: IO[bytes]
    case: int = -1
    started: float = field(default=0.0)

    def give(self, case: int) -> None:
        self.case, self.started = case, time.monotonic()
        self.pipe.send(case)

    def stop(self) -> None:
        """End the process and all that it started."""
        if self.process.is_alive():
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:  # it has not become the head of its group yet, or is gone
                self.process.kill()
        self.process.join()
        self.pipe.close()
        self.log.close()

    def last_words(self) -> str:
        """The end of what the process wrote to stdout and stderr."""
        lines = [line for line in Path(self.log.name).read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""


def run_cases(cases: Sequence[Case], backend: str, jobs: int, limit: Callable[[Case], float]) -> Iterator[Outcome]:
    """The outcome of each case, as they come. `backend` is "module:Class", `limit` gives a case's seconds."""
    waiting = list(reversed(range(len(cases))))
    workers: list[_Worker] = []
    try:
        while waiting or workers:
            while waiting and len(workers) < jobs:
                workers.append(_start(cases, backend))
                workers[-1].give(waiting.pop())
            for worker in list(workers):
                outcome = _collect(worker, cases[worker.case], limit(cases[worker.case]))
                if outcome is None:
                    continue
                yield outcome
                if worker.process.is_alive() and not worker.pipe.closed and waiting:
                    worker.give(waiting.pop())
                else:
                    worker.stop()
                    workers.remove(worker)
            wait([worker.pipe for worker in workers] + [worker.process.sentinel for worker in workers], timeout=0.5)
    finally:
        for worker in workers:
            worker.stop()


def _collect(worker: _Worker, case: Case, limit: float) -> Outcome | None:
    """The outcome of the worker's case, or None while it is at work. A worker that died or ran too long is ended."""
    seconds = time.monotonic() - worker.started
    try:
        if worker.pipe.poll():
            return worker.pipe.recv()
        reason = f"took longer than {limit:g} s" if seconds > limit else ""
    except (EOFError, ConnectionResetError):
        worker.process.join()
        code = worker.process.exitcode
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        reason = f"the worker died ({how}) {worker.last_words()}".strip()[:MAX_REASON]
    if not reason:
        return None
    worker.stop()
    return Outcome(case.name, case.group, "", reason, round(seconds, 3))


def _start(cases: Sequence[Case], backend: str) -> _Worker:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    log = tempfile.NamedTemporaryFile(prefix="amdc-conformance-")  # noqa: SIM115 - lives as long as the worker
    process = context.Process(target=_work, args=(cases, backend, theirs, ours, log.name), daemon=False)
    process.start()
    theirs.close()
    return _Worker(process, ours, log)


def _work(cases: Sequence[Case], backend: str, pipe: Connection, other: Connection, log: str) -> None:
    """A worker's life: run the cases whose indices arrive until the pipe closes."""
    os.setpgid(0, 0)
    other.close()
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    module, name = backend.split(":")
    loaded = getattr(importlib.import_module(module), name)
    while True:
        try:
            index = pipe.recv()
        except EOFError:
            return
        pipe.send(run_case(cases[index], loaded))
