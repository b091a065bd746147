"""One topic that a service consumes, and how much of it the service has received."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.chassis.consuming.events import Handlers
from services.chassis.consuming.sequence_set import SequenceSet


@dataclass(frozen=True, slots=True)
class StreamPositions:
    """What was received of each stream of a topic. A stored document."""

    seen: dict[str, SequenceSet] = field(default_factory=dict)

    def merge(self, other: StreamPositions) -> StreamPositions:
        """The union of both."""
        streams = {**self.seen}
        for stream, seen in other.seen.items():
            streams[stream] = streams.get(stream, SequenceSet()).merge(seen)
        return StreamPositions(streams)

    def only(self, streams: Iterable[str]) -> StreamPositions:
        """These streams alone: the producer has forgotten the others."""
        return StreamPositions({stream: self.seen.get(stream, SequenceSet()) for stream in streams})


@dataclass(slots=True)
class Subscription:
    """A subscription to a topic, which one service produces.

    `received` is what came since the positions were stored last, `announced` the last numbers of
    the producer's streams at the poll before, `caught_up` those up to which nothing is missing.
    """

    topic: str
    producer: str
    handlers: Handlers = field(default_factory=Handlers)
    received: StreamPositions = field(default_factory=StreamPositions)
    announced: dict[str, int] = field(default_factory=dict)
    caught_up: dict[str, int] | None = None
    tops: dict[str, int] = field(default_factory=dict)

    def gap_upper_bound(self, stream: str, last: int, seen: SequenceSet) -> int:
        """The sequence number up to which a missing event counts as lost.

        While the broker still delivers a stream, what lies above the highest received number is
        only late. To fetch that too would double the work when there is too much of it already.
        """
        top, self.tops[stream] = self.tops.get(stream, seen.top), seen.top
        return min(last, seen.top) if seen.top > top else last

    def mark_received(self, stream: str, sequences: Iterable[int]) -> None:
        """Note that events of a stream were handled."""
        self.received = self.received.merge(StreamPositions({stream: SequenceSet().add(sequences)}))
