"""The sequence numbers received of a stream: all up to one, and some ranges above it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """An immutable set of positive numbers. It is small if they arrive nearly in order.

    `done`: all numbers up to it are in the set. Part of a stored document.
    """

    done: int = 0
    above: tuple[Range, ...] = field(default=())

    @property
    def top(self) -> int:
        """The highest number."""
        return self.above[-1][1] if self.above else self.done

    def __contains__(self, number: int) -> bool:
        return number <= self.done or any(low <= number <= high for low, high in self.above)

    def add(self, numbers: Iterable[int]) -> SequenceSet:
        """The set with more numbers."""
        return self.merge(SequenceSet(0, tuple((n, n) for n in numbers)))

    def upto(self, number: int) -> SequenceSet:
        """The set with all numbers up to one."""
        return self.merge(SequenceSet(number))

    def merge(self, other: SequenceSet) -> SequenceSet:
        """The union of two sets."""
        done = max(self.done, other.done)
        joined: list[Range] = []
        for low, high in sorted(self.above + other.above):
            if low <= done + 1:
                done = max(done, high)
            elif joined and low <= joined[-1][1] + 1:
                joined[-1] = (joined[-1][0], max(joined[-1][1], high))
            else:
                joined.append((low, high))
        return SequenceSet(done, tuple(joined))

    def missing(self, last: int) -> list[Range]:
        """The gaps up to a number, as inclusive ranges."""
        gaps: list[Range] = []
        expected = self.done + 1
        for low, high in self.above:
            if low > last:
                break
            gaps.append((expected, low - 1))
            expected = high + 1
        if expected <= last:
            gaps.append((expected, last))
        return gaps
