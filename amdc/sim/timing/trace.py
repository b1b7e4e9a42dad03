"""Recorded traces of work-groups: see native/trace.h for their words."""

from __future__ import annotations

import ctypes

import numpy

from amdc.sim.structures import Launch, TraceBuffer

WORDS = 128 << 20  # of all workers together; memory is only used as far as it is written
HEADER = 3  # of a work-group: its number in two words, and its length


class Recording:
    """Takes the traces of `groups` (uint64, ascending) of one launch. With `total`, the launch's number of work-groups, all of
    them run; without it only those of `groups` do."""

    def __init__(self, groups: numpy.ndarray, total: int | None = None) -> None:
        self._picked = groups
        self._sampled = None
        if total is not None:
            self._sampled = numpy.zeros(total, numpy.uint8)
            self._sampled[groups] = 1
        self._words: list[numpy.ndarray] = []
        self._buffers: ctypes.Array[TraceBuffer] | None = None

    def prepare(self, launch: Launch, workers: int) -> None:
        """Let `launch` record, with this many workers."""
        size = WORDS // workers
        self._words = [numpy.empty(size, numpy.uint32) for _ in range(workers)]
        self._buffers = (TraceBuffer * workers)(*(TraceBuffer(words=words.ctypes.data, size=size) for words in self._words))
        launch.traces = ctypes.addressof(self._buffers)
        if self._sampled is None:
            launch.picked, launch.total = self._picked.ctypes.data, len(self._picked)
        else:
            launch.sampled = self._sampled.ctypes.data

    def traces(self) -> list[numpy.ndarray]:
        """The words of the recorded work-groups in the order of `groups`, up to the first one that there was no room for."""
        assert self._buffers is not None
        found: dict[int, numpy.ndarray] = {}
        for words, buffer in zip(self._words, self._buffers, strict=True):
            at = 0
            while at < buffer.used:
                low, high, length = (int(word) for word in words[at : at + HEADER])
                found[low | high << 32] = words[at + HEADER : at + HEADER + length]
                at += HEADER + length
        leading = []
        for group in self._picked.tolist():
            if group not in found:
                break
            leading.append(found[group])
        return leading
