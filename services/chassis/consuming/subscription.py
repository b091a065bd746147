"""One topic that a service consumes, and how much of it the service has received."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from services.chassis.consuming.events import Handlers
from services.chassis.consuming.sequence_set import SequenceSet


@dataclass(frozen=True, slots=True)
class StreamPositions:
    """What was received of each stream of a topic. A stored document."""

    seen: dict[str, SequenceSet] = field(default_factory=dict)

    def has_all(self, heads: Mapping[str, int]) -> bool:
        """Whether nothing is missing up to the last number of each stream."""
        return not any(
            self.seen.get(stream, SequenceSet()).missing(last) for stream, last in heads.items()
        )

    def merge(self, other: StreamPositions) -> StreamPositions:
        """The union of both."""
        streams = {**self.seen}
        for stream, seen in other.seen.items():
            streams[stream] = streams.get(stream, SequenceSet()).merge(seen)
        return StreamPositions(streams)

    def only(self, streams: Iterable[str]) -> StreamPositions:
        """These streams alone: the producer has forgotten the others."""
        return StreamPositions({stream: self.seen.get(stream, SequenceSet()) for stream in streams})


_NOTHING, _NO_NUMBERS = StreamPositions(), SequenceSet()


@dataclass(slots=True)
class Subscription:
    """A subscription to a topic, which one service produces.

    `received` is what came since the positions were stored last, `stored` what came before, as far
    as this process knows. `announced` are the last numbers of the producer's streams that it told
    last, `caught_up` those up to which nothing is missing. `tops` are the highest received numbers
    at that time.
    With `spread` the broker spreads also the service's own events over its replicas.
    """

    topic: str
    producer: str
    spread: bool = False
    handlers: Handlers = field(default_factory=Handlers)
    received: StreamPositions = field(default_factory=StreamPositions)
    stored: StreamPositions | None = None
    announced: Mapping[str, int] = field(default_factory=dict)
    caught_up: Mapping[str, int] | None = None
    tops: dict[str, int] = field(default_factory=dict)
    _in_progress: int = 0

    def announce(self, heads: Mapping[str, int]) -> None:
        """Note the last numbers of the streams that the producer has told."""
        self.announced = heads
        known = (self.stored or _NOTHING).merge(self.received).seen
        self.tops |= {stream: known[stream].top for stream in heads if stream in known}

    def gap_upper_bound(self, stream: str, last: int, seen: SequenceSet) -> int:
        """The sequence number up to which a missing event counts as lost.

        While events of a stream still arrive or are handled, what lies above the highest received
        number is only late. To fetch that too would double the work when there is too much of it
        already.
        """
        top, self.tops[stream] = self.tops.get(stream, seen.top), seen.top
        return min(last, seen.top) if seen.top > top or self._in_progress else last

    def has_received(self, stream: str, sequence: int) -> bool:
        """Whether an event was handled already, as far as this process knows."""
        known = (self.received, self.stored or _NOTHING)
        return any(sequence in each.seen.get(stream, _NO_NUMBERS) for each in known)

    def lag(self) -> int | None:
        """How many events exist and are not handled, as of the last poll; None before the first.

        Numbers of changes that did not happen count until a poll finds that out.
        """
        if self.caught_up == self.announced:
            return 0
        if self.stored is None:
            return None
        known = self.stored.merge(self.received)
        return sum(
            high - low + 1
            for stream, last in self.announced.items()
            for low, high in known.seen.get(stream, _NO_NUMBERS).missing(last)
        )

    @contextmanager
    def handling(self) -> Iterator[None]:
        """Note that events are handled for as long as the context lasts."""
        self._in_progress += 1
        try:
            yield
        finally:
            self._in_progress -= 1

    def mark_received(self, positions: Iterable[tuple[str, int]]) -> None:
        """Note that events were handled, given as streams and sequence numbers."""
        by_stream: dict[str, list[int]] = {}
        for stream, sequence in positions:
            by_stream.setdefault(stream, []).append(sequence)
        for stream, sequences in by_stream.items():
            self.received = self.received.merge(
                StreamPositions({stream: SequenceSet().add(sequences)})
            )
