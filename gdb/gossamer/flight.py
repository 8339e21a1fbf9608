# SPDX-License-Identifier: MIT
"""The flight recorder: what lately happened to goroutines, out of the rings of a process or a core.

rt/flight.h says what a word is. A ring is read as a whole and decoded forwards, since who did something is who ran there then. This module knows no gdb, as
model.py does not.
"""

import struct
from collections import deque, namedtuple

from .abi import Trouble

PAYLOAD_NS, PAYLOAD_GOID, PAYLOAD_WAIT, PAYLOAD_PC, PAYLOAD_P, PAYLOAD_NEXT, PAYLOAD_WAIT_NEXT = range(1, 8)  # enum gos_payload
_VERSION = 2  # RT_FLIGHT_VERSION
_WORDS_MAX = 1 << 24  # of a ring
_RINGS_MAX = 1025

# kind: its symbol. early: at is not when it happened, but something that it happened before. p: None where there was none. goid: to whom; by: who did it, 0 for
# nobody, None where it is not known. value: the object, the pc or the other P.
Event = namedtuple("Event", "at early p kind goid by reason value")

_STOPS = ("PARK", "PREEMPT", "CALL", "EXIT")  # then nobody runs there
_RUNS = ("RUN", "CALL_END")  # then it does
_AFTER = {  # what can come right before, in a goroutine's life: tells the order where the clock does not
    "CREATE": (),
    "READY": ("PARK",),
    "WAKE": ("PARK",),
    "CALL_END": ("CALL",),
    "RUN": ("CREATE", "READY", "WAKE", "YIELD", "PREEMPT", "CALL_END"),
}
_RUNNING = ("RUN", "CALL_END", "PANIC")


class Recorder:
    """One look at the recorder of rt, a model.Runtime. A Trouble where it is off."""

    def __init__(self, rt):
        self._rt = rt
        head = rt.flight()
        if head is None:
            raise Trouble("the flight recorder is off (GOSDEBUG=flight=0, or there was no memory)")
        self.exact = bool(head.exact)
        self.start, self.start_real = head.start, head.start_real
        if not 0 < head.words <= _WORDS_MAX or head.words & (head.words - 1):
            raise Trouble("the flight recorder's record at 0x%x is corrupt: rings of %d words" % (head.address, head.words))
        self.words = head.words
        self._without_p = head.without_p
        abi = rt.abi
        if head.version != _VERSION:
            raise Trouble("the flight recorder's format is version %d; this package reads version %d" % (head.version, _VERSION))
        self._kinds = {word.number: word for word in abi.flights.values()}
        self._shift = abi.const("flight_kind_shift", high=63)
        self._object_bits = abi.const("flight_object_bits", high=63)
        self._at_word = abi.const("flight_word", high=1 << 16)
        self._ahead = abi.const("flight_ahead", low=0, high=64)

    def _number_of(self, symbol):
        return next((number for number, word in self._kinds.items() if word.symbol == symbol), None)

    def _rings(self):
        """(number of the P or None, address of its ring)."""
        yield None, self._without_p
        for p, address in self._rt.p_flights():
            yield p, address

    def each(self, goid=None, words=None):
        """Every event of each ring, oldest first, as one list a ring: Iterator[[Event]]. goid: those of one goroutine only. words: at most so many of a ring."""
        for count, (p, address) in enumerate(self._rings()):
            if count > _RINGS_MAX:
                return
            try:
                yield list(self._events(p, *self._raw(address, words), goid))
            except Trouble as trouble:
                self._rt.missing.append("the flight recorder's ring of %s: %s" % ("P %d" % p if p is not None else "what has no P", trouble))

    def _raw(self, address, words):
        """The words of a ring, oldest first, its own time, and whether they are all that were ever written."""
        ring = self._rt.flight_ring(address)
        if ring.mask == 0:  # it had no memory
            return (), 0, True
        size = ring.mask + 1
        if size != self.words:
            raise Trouble("it is corrupt: %d words of %d" % (size, self.words))
        count = min(ring.head, max(0, size - self._ahead), words or size)
        raw = []
        first = (ring.head - count) & ring.mask
        for at, n in ((first, min(count, size - first)), (0, count - min(count, size - first))):
            if n:
                raw.extend(struct.unpack("<%dQ" % n, self._rt.read(address + self._at_word + 8 * at, 8 * n)))
        return raw, ring.time, count == ring.head

    def _events(self, p, raw, ring_time, whole, goid):
        kinds, shift, mask = self._kinds, self._shift, (1 << self._shift) - 1
        time_kind, next_kind = self._number_of("TIME"), self._number_of("NEXT")
        at = next((word & mask for word in raw if word >> shift == time_kind), None)
        if at is None:  # none of all those words was written later than the clock said last
            at, early = ring_time, False
        else:
            at, early = at + self.start, True
        runs = readied = 0 if whole or p is None else None
        for word in raw:
            number, payload = word >> shift, word & mask
            if number == time_kind:
                at, early = payload + self.start, False
                continue
            if number == next_kind:
                readied = payload
                continue
            kind = kinds.get(number)
            symbol = kind.symbol if kind else "?%d" % number
            then = 0  # who runs after it, by the same word; None: somebody
            if kind and kind.object == PAYLOAD_NEXT:
                then, payload = payload, 0
            elif kind and kind.object == PAYLOAD_WAIT_NEXT:
                symbol, then = "PARK", readied or None
            if goid is None or goid in (runs, payload):
                if symbol == "RUN" and runs and runs != payload and goid in (None, runs):
                    yield Event(at, early, p, "YIELD", runs, 0, 0, 0)
                event = self._event(symbol, kind, payload, at, early, p, runs)
                if goid is None or goid == event.goid:
                    yield event
            if then and goid in (None, then):
                yield Event(at, early, p, "RUN", then, 0, 0, 0)
            if p is not None:
                if symbol == "READY":
                    readied = payload
                runs = payload if symbol in _RUNS else then if symbol in _STOPS else runs

    def _event(self, symbol, kind, payload, at, early, p, runs):
        reason, value, who, by = 0, 0, runs or 0, 0
        form = kind.object if kind else 0
        if form in (PAYLOAD_WAIT, PAYLOAD_WAIT_NEXT):
            reason, value = payload >> self._object_bits, payload & ((1 << self._object_bits) - 1)
        elif form == PAYLOAD_GOID:
            who, by = payload, runs if symbol in ("CREATE", "READY") else 0
        else:
            value = payload
            if form == PAYLOAD_P:
                who = 0
        return Event(at, early, p, symbol, who, by, reason, value)


def _possible(event, last):
    """2: what has happened last to its goroutine can come right before it, or it has no goroutine, or is the beginning of one; 1: nothing is known of that; 0: it cannot."""
    if not event.goid or event.kind == "CREATE":
        return 2
    before = last.get(event.goid)
    return 1 if before is None else 2 * (before in _AFTER.get(event.kind, _RUNNING))


def merge(rings):
    """The events of several rings in the order in which they happened: list of Event.

    Within a ring the order is certain. Between rings it is the time that tells it and, where that is the same, what can have happened to a goroutine after what.
    """
    rings = [deque(ring) for ring in rings if ring]
    last, merged = {}, []
    while rings:
        now = min(ring[0].at for ring in rings)
        first = [ring for ring in rings if ring[0].at <= now]
        ring = max(first, key=lambda ring: _possible(ring[0], last))
        # Go on with it as long as the others have nothing earlier: a ring's own order needs no asking.
        while True:
            event = ring.popleft()
            last[event.goid] = event.kind
            merged.append(event)
            if not ring:
                rings.remove(ring)
                break
            if ring[0].at > now or len(first) > 1 and _possible(ring[0], last) < 2:
                break
    return merged


def last(recorder, goid, count):
    """The last events of a goroutine, newest first: [Event]."""
    merged = merge(recorder.each(goid))
    return merged[:-count - 1:-1]
