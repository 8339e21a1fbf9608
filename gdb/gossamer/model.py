# SPDX-License-Identifier: MIT
"""The runtime's objects as plain values: goroutines, channels, locks and who waits, each as a generator or a lookup.

Everything that comes out of the process may be wrong: counts are held against what can be read, directories and queues
against cycles and wild addresses, here and nowhere else. What could not be read is kept in `missing`, as sentences, beside
what could. This module knows no gdb: it is handed a `read` that gives bytes or raises Trouble.
"""

import struct
from bisect import bisect_left
from collections import Counter, namedtuple

from . import abi
from .abi import Trouble, text_of

_PAGE = 4096
_QUEUE_MAX = 100_000  # waiters on one object that are followed
_DEPTH_MAX = 256  # of a tree of those who wait
_CASES_MAX = 65_536  # of one select
_DIRECTORY_CHUNK = 512  # slab addresses a read
_TROUBLES_MAX = 200  # sentences after which a list is given up
_TEXT_MAX = 1023
MANY = 100_000  # goroutines: more are not looked through for one that may have ended

_G_FIELDS = ("sched_sp", "seq", "status", "dbgmask", "reason", "goid", "stack_lo", "stack_hi", "wait_since", "wait_obj",
             "wait_pc", "entry", "create_pc", "creator", "m", "waiting", "flags", "hold", "locked_m", "name", "labels", "creation", "ancestors")
_CHAN_FIELDS = ("live", "owner", "closed", "count", "capacity", "elem_size", "buffer", "recvx", "sendx", "recvq", "sendq", "elem_type", "file", "line",
                "sender", "sent_at", "receiver", "received_at", "closer", "close_pc", "closed_at")
_SUDOG_FIELDS = ("g", "next", "prev", "waitlink", "elem", "obj", "case_dir", "is_select")

Sudog = namedtuple("Sudog", "address g goid next prev waitlink elem obj case_dir is_select")


def _made_at(file, line):
    return "%s:%d" % (file.rsplit("/", 1)[-1], line) if file else ""


class Chan(namedtuple("Chan", ("address",) + _CHAN_FIELDS)):
    """struct gos_chan; elem_type and file are text already."""

    __slots__ = ()

    @property
    def made_at(self):
        return _made_at(self.file, self.line)

    @property
    def sent(self):
        return Mark(self.sender, 0, self.sent_at)

    @property
    def received(self):
        return Mark(self.receiver, 0, self.received_at)

    @property
    def shut(self):
        return Mark(self.closer, self.close_pc, self.closed_at)


Mark = namedtuple("Mark", "goid pc at")  # who did something last, 0 is the runtime; where, 0 is nowhere known; when, 0 is never
Stack = namedtuple("Stack", "pcs whole")  # return addresses, the innermost first; whether the last frame is the goroutine's first
Ancestor = namedtuple("Ancestor", "goid creator create_pc creation")
# waiters, readers, writers: how many goroutines wait, so; the others are goids, 0 for nobody.
Mutex = namedtuple("Mutex", "address state owner waiters lock")  # lock: a Mark, while there is an owner
RWMutex = namedtuple("RWMutex", "address owner holders next readers writers lock read")  # owner writes, or so many holders read, whom next waits for
Cond = namedtuple("Cond", "address waiters first called")  # first: of the sudogs of those who have got to waiting
Once = namedtuple("Once", "address done owner waiters call")
WaitGroup = namedtuple("WaitGroup", "address count waiters changed")
Sema = namedtuple("Sema", "address units acquired released")
Timer = namedtuple("Timer", "address live active when period chan fn creator create_pc")
Context = namedtuple("Context", "address live err deadline done parent children key value made_at ended")  # deadline: None where there is none
Pollfd = namedtuple("Pollfd", "address fd rg wg")
M = namedtuple("M", "address id tid curg p spinning asleep")
P = namedtuple("P", "address id status m tick parks spawns ends steals preempts handoffs")
_U32 = (1 << 32) - 1


class Times:
    """ns by state, and by reason for what was waited; from `made` (0: of all goroutines) to `as_of`, in so many runs."""

    def __init__(self, made, as_of, runs):
        self.made, self.as_of, self.runs = made, as_of, runs
        self.spent = Counter()  # by number of the state
        self.waited = Counter()  # by number of the reason

    def add(self, state, reason, ns, waiting):
        self.spent[state] += ns
        if state == waiting and ns:
            self.waited[reason] += ns


class Runtime:
    """One look at a process's runtime. Read when a command begins and dropped when it ends: nothing here outlives a stop.

    clock: gives CLOCK_MONOTONIC as of which the process is looked at, or None where only the runtime knows the time.
    missing: what could not be read, as sentences, filled while the generators run.
    """

    def __init__(self, read, root, clock=lambda: None):
        self.read = read
        self.root = root
        self._clock, self._now = clock, None
        self.abi = abi.parse(read, root)
        self.missing = []
        raw = bytes(read(root, self.abi.size("runtime")))
        self._raw = raw
        self.state = self._root_field("state")
        self.gcount = self._root_field("gcount")
        self.resume_pc = self._root_field("resume_pc")
        self.start_pc = self._root_field("start_pc")
        self.entry_return_pc = self._root_field("entry_return_pc")
        self.trap_pc = self._root_field("trap_pc")
        self.hold_mask = self._root_field("hold_mask")
        self.soft_guards = self._root_field("soft_guards")
        self.hard_guards = self._root_field("hard_guards")
        self.waiting = self.abi.state("WAITING")
        self.calling = self.abi.state("SYSCALL")
        self.running = (self.abi.state("RUNNING"), self.calling)
        self.timed = (self.waiting, self.calling)  # the states of which wait_since says since when
        self._marks = self.abi.const("wait_since_marks")
        self.runnable = self.abi.state("RUNNABLE")
        self.gone = (self.abi.state("IDLE"), self.abi.state("DEAD"))
        self._g = _Reader(self.abi, "g", _G_FIELDS)
        self._sudog = _Reader(self.abi, "sudog", _SUDOG_FIELDS)
        self._chan = _Reader(self.abi, "chan", _CHAN_FIELDS)
        self._living = None

    @property
    def now(self):
        """The time of this look, by which all ages are told: the runtime's clock, or the kernel's where that is known and the runtime's is late."""
        if self._now is None:
            self._now = self._root_field("now")
            if self._now and not self._root_field("own_time"):
                self._now = max(self._now, self._clock() or 0)
        return self._now

    def _root_field(self, name):
        field = self.abi.field("runtime.%s" % name)
        return int.from_bytes(self._raw[field.offset:field.offset + field.size], "little", signed=field.form == "i")

    # ---- words ----

    def state_word(self, g):
        word = self.abi.states.get(g.status)
        return word.text if word else "state %d?" % g.status

    def reason_word(self, number):
        word = self.abi.reasons.get(number)
        return word.text if word else "reason %d?" % number

    def flag_words(self, g):
        """What else is to be known of g: ["locked to thread", "frozen"]."""
        marks, held = g.flags, g.hold & self.hold_mask
        if not marks and not held:
            return []
        return [word.text for bit, word in self.abi.flags.items() if marks & bit] + [word.text for bit, word in self.abi.holds.items() if held & bit]

    def locked_m(self, g):
        """The M that g is locked to, or None."""
        if not g.flags & self.abi.flag("LOCKED") or not g.locked_m:
            return None
        return next((m for m in self.ms() if m.address == g.locked_m), None)

    def object_kind(self, g):
        """Symbol of what g.wait_obj points to: "CHAN", "SELECT", …; "" when g waits on nothing that has an address."""
        reason = self.abi.reasons.get(g.reason)
        if g.status != self.waiting or reason is None or g.wait_obj == 0:
            return ""
        kind = self.abi.objects.get(reason.object)
        return kind.symbol if kind else ""

    def waited(self, g):
        """How long g has waited, or blocked its thread, in ns; 0 when it does neither."""
        if g.status not in self.timed or g.wait_since <= 0:
            return 0
        return max(0, self.now - self.since(g))

    def since(self, g):
        """When g's state last changed: a time of the coarse clock."""
        return g.wait_since & ~self._marks

    def never_run(self, g):
        """Whether g stands in its first frame. One that was made to wait in line elsewhere may lack a wait_pc as well."""
        if g.status != self.runnable or g.wait_pc != 0:
            return False
        try:
            returns_to = self.read(g.sched_sp + 8 * (self.abi.const("saved_words", high=4096) - 1), 8)
        except Trouble:
            return False
        return int.from_bytes(bytes(returns_to), "little") == self.start_pc

    # ---- goroutines ----

    def slabs(self, directory, count, per_slab, item, what):
        """Addresses of the slabs that hold `count` items, checked: (address, items in it)."""
        wanted = (count + per_slab - 1) // per_slab
        base = self._root_field(directory)
        if base == 0 and wanted:
            self.missing.append("the directory of %s has no address" % what)
            return
        seen = {}
        for first in range(0, wanted, _DIRECTORY_CHUNK):
            here = min(_DIRECTORY_CHUNK, wanted - first)
            try:
                entries = struct.unpack("<%dQ" % here, self.read(base + 8 * first, 8 * here))
            except Trouble as trouble:
                self.missing.append("the directory of %s is unreadable from slab %d on (%s): at most %d of %d records follow"
                                    % (what, first, trouble, first * per_slab, count))
                return
            for index, address in enumerate(entries, first):
                if len(self.missing) > _TROUBLES_MAX:
                    self.missing.append("after so many troubles the other %d slabs of %s were not looked at" % (wanted - index, what))
                    return
                items = min(per_slab, count - index * per_slab)
                if address == 0:
                    self.missing.append("the runtime counts %d records of %s, but its directory ends after %d: the count or the directory is corrupt"
                                        % (count, what, index * per_slab))
                    return
                if address in seen:
                    self.missing.append("slab %d of %s is slab %d again (0x%x): the directory is corrupt" % (index, what, seen[address], address))
                    continue
                seen[address] = index
                if address % 8 or address + items * item > 1 << 63:
                    self.missing.append("slab %d of %s is said to be at 0x%x, which is no address of one: the directory is corrupt" % (index, what, address))
                    continue
                yield address, items

    def _records(self, reader, directory, count, per_slab, what):
        """Every record of the slabs, as tuples that end in their own address."""
        for address, items in self.slabs(directory, count, per_slab, reader.size, what):
            try:
                raw = self.read(address, items * reader.size)
            except Trouble:
                yield from self._broken(reader, address, items, what)
                continue
            yield from reader.each(raw, address)

    def _broken(self, reader, address, items, what):
        """A slab of which a part cannot be read (a truncated core): the records that lie in readable pages."""
        lost = items
        end = address + items * reader.size
        page = address
        pages = {}
        while page < end:
            stop = min(end, (page // _PAGE + 1) * _PAGE)
            try:
                pages[page // _PAGE] = bytes(self.read(page, stop - page))
            except Trouble:
                pass
            page = stop
        for at in range(address, end, reader.size):
            first, last = at // _PAGE, (at + reader.size - 1) // _PAGE
            if all(number in pages for number in range(first, last + 1)):
                raw = b"".join(pages[number] for number in range(first, last + 1))
                skip = at - max(first * _PAGE, address)
                lost -= 1
                yield reader.one(raw[skip:skip + reader.size], at)
        if lost:
            self.missing.append("%d records of %s at 0x%x could not be read%s" % (lost, what, address, "" if lost < items else ": nothing is there"))

    def records(self):
        """Every G of allgs, ended and unused ones too: Iterator[G]."""
        return self._records(self._g, "gslabs", self.gcount, self.abi.const("g_per_slab", high=1 << 24), "goroutines")

    def goroutines(self):
        """Every goroutine that lives: Iterator[G]. One with an id of 0 is a corrupt record and is reported, not given."""
        gone = self.gone
        broken = 0
        for g in self.records():
            if g.status in gone:
                continue
            if g.goid == 0 or g.status not in self.abi.states:
                broken += 1
                sample = g
                continue
            yield g
        if broken:
            self.missing.append("%s corrupt at 0x%x (id %d, state %d)" % (
                "one goroutine's record is" if broken == 1 else "%d goroutines' records are, one of them is" % broken,
                sample.address, sample.goid, sample.status))

    def goroutine_at(self, address):
        """The G at an address."""
        return self._g.one(bytes(self.read(address, self._g.size)), address)

    def find(self, goid):
        """The living goroutine of this id, or a Trouble that says which there are."""
        lowest, highest, count = 0, 0, 0
        for g in self.goroutines():
            if g.goid == goid:
                return g
            count += 1
            lowest, highest = min(lowest or g.goid, g.goid), max(highest, g.goid)
        why = "; ".join(self.missing[:1])
        if count == 0:
            raise Trouble("no goroutine %d (none exists%s)" % (goid, "; " + why if why else ""))
        ids = "%d..%d" % (lowest, highest)
        exist = "%s exist" % ids if highest - lowest + 1 == count else "%d exist, between %s" % (count, ids.replace("..", " and "))
        raise Trouble("no goroutine %d (%s%s)" % (goid, exist, "; " + why if why else ""))

    def has_ended(self, goid):
        """Whether the goroutine of this id is gone for good. Where there are so many that looking takes long, nobody is said to be."""
        if goid == 0 or not self._knows_living():
            return False
        return goid not in self._living and not self.missing

    def entry_of(self, goid):
        """The entry of the goroutine of this id, or 0: it has ended, or there are too many to look for it."""
        return self._living.get(goid, 0) if goid and self._knows_living() else 0

    def _knows_living(self):
        if self._living is None and self.gcount <= MANY:
            self.remember(self.goroutines())
        return self._living is not None

    def remember(self, goroutines):
        """Who lives, from one who has read them all."""
        self._living = {g.goid: g.entry for g in goroutines}

    def ms(self):
        """Every M, as far as they can be read: Iterator[M]."""
        reader = _Reader(self.abi, "m", M._fields[1:])
        base, count = self._root_field("ms"), self._root_field("mcount")
        for index in range(min(count, 65_536)):
            try:
                address = struct.unpack("<Q", self.read(base + 8 * index, 8))[0]
                if address == 0:
                    continue
                m = reader.one(bytes(self.read(address, reader.size)), address)
            except Trouble:
                return
            yield M(m.address, *(getattr(m, name) for name in M._fields[1:]))

    def ps(self):
        """Every P, as far as they can be read: Iterator[P]."""
        reader = _Reader(self.abi, "p", P._fields[1:])
        base, count = self._root_field("ps"), self._root_field("pcount")
        for index in range(min(count, 65_536)):
            try:
                address = struct.unpack("<Q", self.read(base + 8 * index, 8))[0]
                p = reader.one(bytes(self.read(address, reader.size)), address)
            except Trouble as trouble:
                self.missing.append("the Ps from number %d on could not be read (%s)" % (index, trouble))
                return
            yield P(p.address, *(getattr(p, name) for name in P._fields[1:]))

    # ---- time ----

    def times(self, g):
        """What g has done with its time until now: Times."""
        record = self._plain("g", g.address, "first_seq", "times")
        account = self._plain("times", record.times, "goid", "made_at")
        times = Times(self.since(g), self.now, (g.seq - record.first_seq + 1) // 2)
        if account.goid == g.goid:
            times.made = account.made_at
            self._add_account(times, record.times + self.abi.field("times.account").offset)
        self._add_open(times, g)
        return times

    def total_times(self, goroutines, ps):
        """What all goroutines, ended ones too, have done with their time; goroutines and ps: all that there are."""
        times = Times(0, self.now, sum(p.tick for p in ps))
        for address in [self._root_field("times")] + [p.address + self.abi.field("p.times").offset for p in ps]:
            self._add_account(times, address)
        for g in goroutines:
            self._add_open(times, g)
        return times

    def latencies(self, ps):
        """How often a goroutine stood in line for 2^(i-1)..2^i ns before it ran, as a list; [0]: for less than the clock shows."""
        sums = [0]
        for p in ps:
            here = self._array("p.latencies", p.address)
            sums += [0] * (len(here) - len(sums))
            sums = [a + b for a, b in zip(sums, here)]
        sums[0] = max(0, sum(p.tick for p in ps) - sum(sums[1:]))
        return sums

    def _add_account(self, times, address):
        account = self._plain("account", address, "running", "runnable", "in_calls")
        for state, ns in (("RUNNING", account.running), ("RUNNABLE", account.runnable), ("SYSCALL", account.in_calls)):
            times.spent[self.abi.state(state)] += ns
        for reason, ns in enumerate(self._array("account.waiting", address)):
            times.add(self.waiting, reason, ns, self.waiting)

    def _add_open(self, times, g):
        """What g has been doing since its state last changed is in no account yet."""
        if g.status not in self.gone and g.wait_since > 0:
            times.add(g.status, g.reason, max(0, self.now - self.since(g)), self.waiting)

    def _array(self, name, address):
        """The numbers of a field that is an array of them."""
        field = self.abi.field(name)
        return struct.unpack("<%d%s" % (field.size // 8, "q" if field.form == "[i]" else "Q"), self.read(address + field.offset, field.size))

    # ---- goroutines and threads ----

    def on_threads(self, gs, threads):
        """{address of G: Thread}: whose stack each thread's stack pointer is in.

        The range decides, not the state: between becoming `waiting` and leaving its stack a goroutine's saved sp is stale. A
        thread in a signal handler on another stack is found through its M instead.
        """
        threads = sorted(threads, key=lambda thread: thread.sp)
        sps = [thread.sp for thread in threads] + [1 << 64]
        found = {g.address: threads[bisect_left(sps, g.stack_lo)] for g in gs if sps[bisect_left(sps, g.stack_lo)] < g.stack_hi}
        placed = {thread.ptid for thread in found.values()}
        rest = {thread.tid: thread for thread in threads if thread.ptid not in placed}
        if rest:
            by_address = {m.curg: rest[m.tid] for m in self.ms() if m.tid in rest and m.curg}
            for g in gs if by_address else ():
                if g.address in by_address and g.address not in found and g.status in self.running and g.seq & 1:
                    found[g.address] = by_address[g.address]
        return found

    def labels(self, g):
        """[(key, value)] of g, in the order of the keys; a Trouble where what should be its labels is not."""
        return [(text_of(key), text_of(value)) for key, value in self.raw_labels(g)]

    def raw_labels(self, g):
        """The same as bytes."""
        if not g.labels:
            return []
        head = self._plain("labels", g.labels, "count", "bytes")
        if not 0 < head.count <= self.abi.const("labels_max") or head.bytes > self.abi.const("labels_text_max"):
            raise Trouble("what should be goroutine %d's labels, at 0x%x, is something else: %d labels in %d bytes" % (g.goid, g.labels, head.count, head.bytes))
        raw = bytes(self.read(g.labels + self.abi.field("labels.text").offset, head.bytes))
        words = raw.split(b"\0")[:-1]
        if len(words) != 2 * head.count:
            raise Trouble("goroutine %d's labels, at 0x%x, are corrupt: %d words of text for %d labels" % (g.goid, g.labels, len(words), head.count))
        return list(zip(words[::2], words[1::2]))

    def stack_of(self, number):
        """The Stack in the depot that has this number; None for 0, which is none."""
        if number == 0:
            return None
        slab, word = divmod(number, self.abi.const("depot_per_slab", high=1 << 24))
        base = self._root_field("depot")
        inside = number < self.abi.const("depot_words", high=1 << 32) and base != 0
        first = int.from_bytes(bytes(self.read(base + 8 * slab, 8)), "little") if inside else 0
        if first == 0:
            raise Trouble("there is no stack number %d in the depot" % number)
        address = first + 8 * word
        head = self._plain("stack", address, "count", "whole")
        if not 0 < head.count <= self.abi.const("stack_max", high=4096):
            raise Trouble("what should be stack number %d, at 0x%x, is something else: it has %d frames" % (number, address, head.count))
        raw = bytes(self.read(address + self.abi.field("stack.pc").offset, 8 * head.count))
        return Stack(struct.unpack("<%dQ" % head.count, raw), bool(head.whole))

    def ancestors(self, g):
        """Who made g, and who made that one, as far as they were kept, the nearest first: [Ancestor]."""
        if not g.ancestors:
            return []
        count = self._plain("ancestors", g.ancestors, "count").count
        if not 0 < count <= self.abi.const("ancestors_max", high=4096):
            raise Trouble("what should be goroutine %d's ancestors, at 0x%x, is something else: %d of them" % (g.goid, g.ancestors, count))
        reader = _Reader(self.abi, "ancestor", Ancestor._fields)
        raw = bytes(self.read(g.ancestors + self.abi.field("ancestors.ancestor").offset, count * reader.size))
        return [Ancestor(*(getattr(each, name) for name in Ancestor._fields)) for each in reader.each(raw, 0)]
    # ---- the flight recorder: flight.py ----

    def flight(self):
        """The recorder's record, or None where it is off."""
        address = self._root_field("flight")
        return self._plain("flight", address, "version", "words", "exact", "start", "start_real", "without_p") if address else None

    def flight_ring(self, address):
        return self._plain("flight_ring", address, "head", "time", "mask")

    def p_flights(self):
        """(id of a P, address of its ring) of all Ps that can be read."""
        base, count = self._root_field("ps"), self._root_field("pcount")
        for index in range(min(count, 65_536)):
            try:
                p = self._plain("p", struct.unpack("<Q", self.read(base + 8 * index, 8))[0], "id", "flight")
            except Trouble as trouble:
                self.missing.append("P %d: %s" % (index, trouble))
                return
            yield p.id, p.flight

    def check_stack(self, g):
        """Raises Trouble unless g's saved stack pointer lies on its stack."""
        if not g.stack_lo <= g.sched_sp <= g.stack_hi - 8 * self.abi.const("saved_words", high=4096) or g.sched_sp % 8:
            raise Trouble("goroutine %d's saved stack pointer 0x%x is not on its stack (0x%x..0x%x): its record is corrupt"
                          % (g.goid, g.sched_sp, g.stack_lo, g.stack_hi))

    # ---- what they wait on ----

    def sudog(self, address):
        values = self._sudog.one(bytes(self.read(address, self._sudog.size)), address)
        goid = 0
        field = self.abi.field("g.goid")
        try:
            goid = int.from_bytes(bytes(self.read(values.g + field.offset, field.size)), "little")
        except Trouble:
            pass
        return Sudog(address, values.g, goid, values.next, values.prev, values.waitlink, values.elem, values.obj, values.case_dir, values.is_select)

    def chain(self, first, link, limit):
        """The sudogs from `first` on along `link` ("next" or "waitlink"): Iterator[Sudog]. Stops with a Trouble at a cycle."""
        seen = set()
        while first:
            if first in seen:
                raise Trouble("the queue comes back to 0x%x: it is corrupt" % first)
            if len(seen) >= limit:
                raise Trouble("the queue has more than %d members: it is corrupt, or this is not one" % limit)
            seen.add(first)
            sudog = self.sudog(first)
            yield sudog
            first = getattr(sudog, link)

    def cases(self, g):
        """What a goroutine in a select waits with, one sudog for each channel: Iterator[Sudog]."""
        return self.chain(g.wait_obj or g.waiting, "waitlink", _CASES_MAX)

    def waiters(self, first):
        """Who stands in a channel's queue: Iterator[Sudog]."""
        return self.chain(first, "next", _QUEUE_MAX)

    def waiters_at_word(self, word):
        """Who waits on a word in memory, the first in line first: Iterator[Sudog]."""
        tree = self.abi.field("sema_root.tree")
        root = self._root_field("semas") + (word >> self.abi.const("sema_shift", high=16)) % self.abi.const("sema_roots", high=1 << 20) * self.abi.size("sema_root")
        node = int.from_bytes(bytes(self.read(root + tree.offset, tree.size)), "little")
        for _ in range(_DEPTH_MAX):
            if not node:
                return
            sudog = self.sudog(node)
            if sudog.elem == word:
                yield from self.chain(node, "waitlink", _QUEUE_MAX)
                return
            node = sudog.prev if word < sudog.elem else sudog.next
        raise Trouble("the tree of those who wait on words is more than %d deep: it is corrupt" % _DEPTH_MAX)

    def channel(self, address):
        """The channel at an address; Trouble where none is."""
        return self._chan_of(self._chan.one(bytes(self.read(address, self._chan.size)), address))

    def _chan_of(self, values):
        return Chan(*(getattr(values, name) if name not in ("elem_type", "file") else self._text(getattr(values, name)) for name in Chan._fields))

    def _text(self, address):
        try:
            return read_text(self.read, address) if address else ""
        except Trouble:
            return "?"

    def channel_among(self, address):
        """The channel at an address; Trouble where none ever was: in a core any memory may look like one."""
        per_slab, size = self.abi.const("c_per_slab", high=1 << 24), self.abi.size("chan")
        for slab, items in self.slabs("cslabs", self._root_field("ccount"), per_slab, size, "channels"):
            if 0 <= address - slab < items * size and (address - slab) % size == 0:
                return self.channel(address)
        raise Trouble("there is no channel at 0x%x; 'info channels' lists them" % address)

    def channels(self):
        """Every channel that was made and not freed: Iterator[Chan]."""
        for values in self._records(self._chan, "cslabs", self._root_field("ccount"), self.abi.const("c_per_slab", high=1 << 24), "channels"):
            if values.live:
                yield self._chan_of(values)

    def mutex(self, address):
        values = self._plain("mutex", address, "state", "owner", "pc", "since")
        return Mutex(address, values.state, values.owner, values.state // self.abi.const("mutex_waiter"), Mark(values.owner, values.pc, values.since))

    def _inner_mutex(self, name, address):
        """A mutex that is the field `name` of something at an address."""
        return self.mutex(address + self.abi.field(name).offset)

    def rwmutex(self, address):
        values = self._plain("rwmutex", address, "readers", "leaving", "owner", "pc", "since", "reader", "reader_pc", "reader_at")
        marks = Mark(values.owner, values.pc, values.since), Mark(values.reader, values.reader_pc, values.reader_at)
        mutex = self._inner_mutex("rwmutex.writers", address)
        if values.owner:
            return RWMutex(address, values.owner, 0, 0, values.readers + self.abi.const("rwmutex_writer"), mutex.waiters, *marks)
        if values.readers >= 0:
            return RWMutex(address, 0, values.readers, 0, 0, mutex.waiters, *marks)
        inside = max(0, values.leaving)
        return RWMutex(address, 0, inside, mutex.owner, max(0, values.readers + self.abi.const("rwmutex_writer") - inside), mutex.waiters, *marks)

    def cond(self, address):
        values = self._plain("cond", address, "wait", "notify", "first", "caller", "call_pc", "called_at")
        return Cond(address, values.wait - values.notify & _U32, values.first, Mark(values.caller, values.call_pc, values.called_at))

    def once(self, address):
        mutex = self._inner_mutex("once.mutex", address)
        return Once(address, self._plain("once", address, "done").done, mutex.owner, mutex.waiters, mutex.lock)

    def waitgroup(self, address):
        values = self._plain("waitgroup", address, "state", "last", "last_pc", "last_at")
        return WaitGroup(address, *divmod(values.state, self.abi.const("waitgroup_one")), Mark(values.last, values.last_pc, values.last_at))

    def sema(self, address):
        values = self._plain("sema", address, "units", "acquirer", "acquire_pc", "acquired_at", "releaser", "release_pc", "released_at")
        return Sema(address, values.units, Mark(values.acquirer, values.acquire_pc, values.acquired_at), Mark(values.releaser, values.release_pc, values.released_at))

    def pollfd(self, address):
        values = self._plain("pollfd", address, "fd", "rg", "wg")
        return Pollfd(address, values.fd, values.rg, values.wg)

    def timer_when(self, address):
        return self._plain("timer", address, "when").when

    def p_id(self, address):
        """The number of the P at an address."""
        return self._plain("p", address, "id").id

    def timer(self, address):
        """A program's timer or ticker."""
        names = ("active", "when", "period", "chan", "fn", "creator", "create_pc")
        values = self._plain("user_timer", address, "magic", *names)
        return Timer(address, values.magic == self.abi.const("timer_live"), *(getattr(values, name) for name in names))

    def context(self, address):
        names = ("magic", "err", "deadline", "done", "parent", "children", "key", "value", "file", "line", "ender", "end_pc", "ended_at")
        values = self._plain("context", address, *names)
        return Context(address, values.magic == self.abi.const("context_live"), values.err,
                       None if values.deadline == self.abi.const("context_no_deadline", high=1 << 63) else values.deadline,
                       values.done, values.parent, values.children, values.key, values.value, _made_at(self._text(values.file), values.line),
                       Mark(values.ender, values.end_pc, values.ended_at))

    def contexts_from(self, address, link, limit):
        """The contexts at an address and on along `link` ("parent" or "next"), at most `limit`: Iterator[Context]. Ends at a cycle with a Trouble."""
        seen = set()
        field = self.abi.field("context." + link)
        while address and len(seen) < limit:
            if address in seen:
                raise Trouble("the contexts come back to 0x%x: they are corrupt" % address)
            seen.add(address)
            yield self.context(address)
            address = int.from_bytes(bytes(self.read(address + field.offset, field.size)), "little")

    def chan_of(self, c):
        """"of a timer", "of a ticker", …: what sends on a channel or closes it; "" for one of the program's own."""
        for what in ("after", "timer", "ticker", "context"):
            if c.owner == self.abi.const("chan_of_" + what):
                return "of gos_after" if what == "after" else "of a " + what
        return ""

    def fields(self, owner, address, *names):
        """The fields of these names, and `address`, of the `owner` at an address; of what is asked for one at a time."""
        return self._plain(owner, address, *names)

    def _plain(self, owner, address, *names):
        """A structure's fields of these names, as a named tuple."""
        reader = _Reader(self.abi, owner, names)
        return reader.one(bytes(self.read(address, reader.size)), address)

    # ---- what debuggers write ----

    def word(self, name):
        """(address, size) of the field `name` of the root object."""
        field = self.abi.field("runtime.%s" % name)
        return self.root + field.offset, field.size

    def hold_of(self, g):
        """(address, size) of the bits that hold g back."""
        field = self.abi.field("g.hold")
        return g.address + field.offset, field.size

    def word_value(self, name):
        """The word `name` of the root object as it is now."""
        address, size = self.word(name)
        return int.from_bytes(bytes(self.read(address, size)), "little")

    def watch_fields(self):
        """{name: (offset from an entry, size)} of struct gos_watch, the entries' address, their size and their number."""
        fields = {name: self.abi.field("watch.%s" % name) for name in ("events", "goid", "reasons")}
        return fields, self.root + self.abi.field("runtime.watches").offset, self.abi.size("watch"), self.abi.const("watch_count", high=32)


class _Reader:
    """Takes the named fields out of whole structures: as named tuples in offset order, their address last."""

    def __init__(self, rows, owner, names):
        self._struct, order = rows.layout(owner, names)
        self.size = self._struct.size
        self._shape = namedtuple(owner.capitalize(), order + ["address"])

    def one(self, raw, address):
        return self._shape(*self._struct.unpack(raw), address)

    def each(self, raw, address):
        shape, new, size = self._shape, tuple.__new__, self.size  # there may be a million
        for values in self._struct.iter_unpack(raw):
            yield new(shape, values + (address,))
            address += size


def name_of(g):
    """The name that its program gave it, or ""."""
    return text_of(g.name) if g.name[0] else ""


def read_text(read, address):
    """Zero-terminated text at an address, a cache line at a time so that it may end just before unreadable memory."""
    raw = b""
    while len(raw) < _TEXT_MAX and b"\0" not in raw:
        step = 64 - (address + len(raw)) % 64
        raw += bytes(read(address + len(raw), step))
    return text_of(raw[:_TEXT_MAX])
