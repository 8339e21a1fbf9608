# SPDX-License-Identifier: MIT
"""One sentence that says what is known of a goroutine: who, what it does, since when, where, for what, by whom, whose turn.

The runtime tells the same in the same words, rt/account.c, phrase by phrase and in the same order; tests/gdb/test_account.c
compares them. The grammar is in gossamer(7). Returns text, prints nothing.
"""

import codecs

from . import flight, places, words
from .abi import Trouble

_CASES_MAX = 8  # of a select
_LINE_MAX = 1000  # in a queue that are counted
_TEXT_MAX = 127  # bytes of a name, a key or a value
_TYPE_MAX = 99

_INERT = {ord("["): "(", ord("]"): ")", ord(","): ";"}
_INERT.update({c: "?" for c in list(range(32)) + [127]})


class Accounts:
    """Tells of the goroutines of a View that is loaded."""

    def __init__(self, view):
        self.view = view
        self.rt = view.rt
        self.by_id = {g.goid: g for g in view.goroutines}
        self._tids = None

    def sentence(self, g):
        """The account of g."""
        text = self._named(g.goid, g) + self._doing(g, False)
        if g.status == self.rt.waiting:
            text += self._turn(g)
        if g.status == self.rt.runnable:
            text += self._waker(g)
        text += "".join("; " + word for word in self.rt.flag_words(g))
        if g.creator:
            text += "; created by goroutine %d" % g.creator + self._at_by(g.create_pc, g.creator)
        return text + self._times(g) + self._labels(g)

    # ---- a goroutine ----

    def _named(self, goid, g=None):
        g = g or self.by_id.get(goid)
        raw = g.name.split(b"\0", 1)[0] if g is not None else b""
        return 'goroutine %d "%s"' % (goid, _inert(raw)) if raw else "goroutine %d" % goid

    def _who(self, goid):
        return self._named(goid) if goid else "the runtime"

    def _since(self, at):
        return words.duration(max(0, self.rt.now - at))

    def _at(self, g):
        """" at serve (srv.c:41)": where g called from."""
        return " at " + places.after_call(self.rt, g.wait_pc, g.entry).text if g.wait_pc else ""

    def _at_by(self, pc, goid):
        """The same of another's call, who may have ended."""
        entry = self.by_id[goid].entry if pc == self.rt.entry_return_pc and goid in self.by_id else 0
        return " at " + places.after_call(self.rt, pc, entry).text if pc else ""

    def _thread(self, g, before):
        if self._tids is None:
            self._tids = {m.address: m.tid for m in self.rt.ms()}
        return "%s%d" % (before, self._tids[g.m]) if g.m in self._tids else ""

    def _mark(self, what, goid, at, pc=0):
        """", last released by goroutine 9 "x" 3.2s ago at main (x.c:3)"; nothing if it was never done."""
        return "%s%s %s ago%s" % (what, self._who(goid), self._since(at), self._at_by(pc, goid)) if at else ""

    def _waker(self, g):
        """", made ready by goroutine 17": if that is the last that has happened to it."""
        try:
            events = flight.last(flight.Recorder(self.rt), g.goid, 1)
        except Trouble:
            return ""
        return ", made ready by " + self._named(events[0].by) if events and events[0].kind == "READY" and events[0].by else ""

    def _times(self, g):
        """"; in all it ran 1.2s in 3104 runs, was runnable 40ms and waited 5m02s"."""
        rt = self.rt
        try:
            t = rt.times(g)
        except Trouble:
            return ""
        if not t.made:
            return ""
        spent = {state: words.duration(t.spent[state]) for state in (rt.abi.state("RUNNING"), rt.runnable, rt.calling, rt.waiting)}
        return "; in all it ran %s in %d run%s, was %s %s%s and waited %s" % (
            spent[rt.abi.state("RUNNING")], t.runs, "" if t.runs == 1 else "s", rt.abi.states[rt.runnable].text, spent[rt.runnable],
            ", in %s %s" % (rt.abi.states[rt.calling].text, spent[rt.calling]) if t.spent[rt.calling] else "", spent[rt.waiting])

    def _labels(self, g):
        try:
            pairs = self.rt.raw_labels(g)
        except Trouble:
            pairs = []
        return "; " + ", ".join("%s=%s" % (_inert(key), _inert(value)) for key, value in pairs) if pairs else ""

    def _doing(self, g, brief):
        """" has waited 3.2s in sync.Mutex.Lock at serve (srv.c:41) for mutex 0x..."."""
        rt = self.rt
        word = rt.state_word(g)
        if g.status == rt.waiting:
            return " has waited %s in %s%s%s" % (self._since(rt.since(g)), rt.reason_word(g.reason) or "?", self._at(g), self._waits_for(g, brief))
        if g.status == rt.calling:
            return "%s for %s in %s%s" % (self._thread(g, " has blocked thread LWP "), self._since(rt.since(g)), word, self._at(g))
        if g.status == rt.runnable:
            text = " has been %s for %s" % (word, self._since(rt.since(g)))
            return text + (" and not begun at " + places.of_entry(g.entry).text if rt.never_run(g) else self._at(g))
        text = " is " + word + self._thread(g, " on thread LWP ")
        if not brief and g.address in self.view.on_thread:
            place = self.view.where(g).text
            text += " at " + place if place else ""
        return text

    # ---- whose turn it is ----

    def _line(self, chain):
        """(id of the first, how many, whether there are more) of those who stand in a queue."""
        first, count = 0, 0
        for sudog in chain:
            if count == _LINE_MAX:
                return first, count, True
            first = first or sudog.goid
            count += 1
        return first, count, False

    def _turn(self, g):
        rt, kind = self.rt, self.rt.object_kind(g)
        if not kind:
            return ""
        reason = rt.abi.reasons[g.reason].symbol
        try:
            if kind == "CHAN":
                c = rt.channel(g.wait_obj)
                return self._in_line(g, *self._line(rt.waiters(c.sendq if reason == "CHAN_SEND" else c.recvq)))
            if kind == "COND":
                return self._in_line(g, *self._line(rt.waiters(rt.cond(g.wait_obj).first)))
            if kind in ("MUTEX", "RWMUTEX", "ONCE", "SEMA", "GROUP", "FD"):
                word = self._word(g)
                if word:
                    line = self._line(rt.waiters_at_word(word))
                    return self._crowd(*line) if reason in ("WAITGROUP_WAIT", "RWMUTEX_RLOCK", "ONCE_DO") else self._in_line(g, *line)
        except Trouble:
            pass  # a queue that cannot be followed says nothing
        return ""

    def _word(self, g):
        """Address of the word that g waits on; 0: it waits otherwise."""
        return self.rt.sudog(g.waiting).elem if g.waiting else 0

    def _in_line(self, g, first, count, more):
        """"; next in line is goroutine 12, of 3 that wait"."""
        if not first:
            return ""
        text = "; it is next in line" if first == g.goid else "; next in line is " + self._who(first)
        return text + (", of %s%d that wait" % ("over " if more else "", count) if count > 1 else "")

    @staticmethod
    def _crowd(_first, count, more):
        """"; 3 wait for it": those who all go on together."""
        return "; %s%d wait for it" % ("over " if more else "", count) if count > 1 else ""

    # ---- what it waits for ----

    def _waits_for(self, g, brief):
        rt, kind, at = self.rt, self.rt.object_kind(g), g.wait_obj
        if not kind:
            return ""
        if kind == "SELECT":
            return self._select(g, brief)
        try:
            if kind == "CHAN":
                return " for " + self._channel(at, brief)
            if kind == "FD":
                return self._fd(g)
            if kind == "TIMER":
                left = rt.timer_when(at) - rt.now
                return ", with %s left" % words.duration(left) if left > 0 else " and is due"
        except Trouble:
            return ""
        text = " for %s 0x%x" % (rt.abi.objects[rt.abi.reasons[g.reason].object].text, at)
        try:
            if kind == "MUTEX":
                m = rt.fields("mutex", at, "owner", "pc", "since")
                text += self._owner(g, m.owner, m.pc, m.since, "held", "locked", brief)
            elif kind == "ONCE":
                m = rt.fields("mutex", at + rt.abi.field("once.mutex").offset, "owner", "pc", "since")
                text += self._owner(g, m.owner, m.pc, m.since, "run", "called", brief)
            elif kind == "RWMUTEX":
                text += self._rwmutex(g, brief)
            elif kind == "GROUP":
                wg = rt.fields("waitgroup", at, "state", "last", "last_pc", "last_at")
                text += " with %d to come" % (wg.state // rt.abi.const("waitgroup_one"))
                if not brief:
                    text += self._mark(", last changed by ", wg.last, wg.last_at, wg.last_pc)
            elif kind == "COND" and not brief:
                c = rt.fields("cond", at, "caller", "call_pc", "called_at")
                text += self._mark(", last signalled by ", c.caller, c.called_at, c.call_pc) or ", never signalled"
            elif kind == "SEMA" and not brief:
                s = rt.fields("sema", at, "acquirer", "acquire_pc", "acquired_at", "releaser", "release_pc", "released_at")
                text += self._mark(", last acquired by ", s.acquirer, s.acquired_at, s.acquire_pc)
                text += self._mark(", last released by ", s.releaser, s.released_at, s.release_pc)
        except Trouble:
            pass  # it lies in memory that cannot be read: its address is what is known
        return text

    def _owner(self, g, owner, pc, since, has, did, brief):
        if not owner:
            return ", which is free"
        itself = owner == g.goid
        text = " that %s has %s%s" % ("it" if itself else self._who(owner), has, " itself" if itself else "")
        if since:
            text += " for " + self._since(since)
        if brief:
            return text
        if since:
            text += ", " + did + self._at_by(pc, owner)
        return text if itself else text + self._that_one(owner)

    def _that_one(self, goid):
        """", and that one has waited 5.0s in IO wait at read_all (config.c:75) for fd 9"."""
        other = self.by_id.get(goid)
        return ", and that one" + (self._doing(other, True) if other is not None else " has ended")

    def _rwmutex(self, g, brief):
        rt = self.rt
        rw = rt.fields("rwmutex", g.wait_obj, "readers", "leaving", "owner", "pc", "since", "reader", "reader_pc", "reader_at")
        if rw.owner or rw.readers >= 0:
            return self._owner(g, rw.owner, rw.pc, rw.since, "held", "locked", brief)
        readers = max(0, rw.leaving)
        text = " that %d reader%s hold%s" % (readers, "" if readers == 1 else "s", "s" if readers == 1 else "")
        if brief:
            return text
        text += self._mark(", last locked for reading by ", rw.reader, rw.reader_at, rw.reader_pc)
        first = rt.rwmutex(g.wait_obj).next
        if first and first != g.goid:
            text += ", and %s comes first" % self._who(first) + self._that_one(first)
        return text

    def _channel(self, address, brief):
        text = "%s 0x%x" % (next(word.text for word in self.rt.abi.objects.values() if word.symbol == "CHAN"), address)
        if brief:
            return text
        c = self.rt.channel(address)
        about = [_inert((c.elem_type or "?").encode(), _TYPE_MAX), "%d of %d buffered" % (c.count, c.capacity) if c.capacity else "unbuffered"]
        if self.rt.chan_of(c):
            about.append(self.rt.chan_of(c))
        if c.file:
            about.append("made at %s:%d" % (_inert(c.file.rsplit("/", 1)[-1].encode()), c.line))
        record = self.rt.fields("chan", address, "sender", "sent_at", "receiver", "received_at")
        return ("%s (%s)" % (text, ", ".join(about)) + self._mark(", last sent to by ", record.sender, record.sent_at)
                + self._mark(", last received from by ", record.receiver, record.received_at))

    def _select(self, g, brief):
        rt, count, more = self.rt, 0, False
        cases = []
        try:
            for case in rt.cases(g):
                if count == _LINE_MAX:
                    more = True
                    break
                count += 1
                if count <= _CASES_MAX:
                    cases.append(case)
        except Trouble:
            pass
        text = " for %s%d channel%s" % ("" if count == 1 else "any of over " if more else "any of ", count, "" if count == 1 else "s")
        if brief:
            return text
        for i, case in enumerate(cases):
            send = case.case_dir == rt.abi.const("dir_send")
            try:
                text += "%s%s%s" % (": to " if i == 0 else ", or to ", "send to " if send else "receive from ", self._channel(case.obj, False))
                c = rt.channel(case.obj)
                first, _, _ = self._line(rt.waiters(c.sendq if send else c.recvq))
                if first and first != g.goid:
                    text += ", where next in line is " + self._who(first)
            except Trouble:
                pass
        return text + (", or %d more" % (count - _CASES_MAX) if count > _CASES_MAX else "")

    def _fd(self, g):
        rt = self.rt
        pd, word = rt.pollfd(g.wait_obj), self._word(g)
        kind = rt.abi.objects[rt.abi.reasons[g.reason].object].text
        way = ""
        if pd.rg == g.address or word == g.wait_obj + rt.abi.field("pollfd.read_turn").offset:
            way = " to read"
        elif pd.wg == g.address or word == g.wait_obj + rt.abi.field("pollfd.write_turn").offset:
            way = " to write"
        return " for %s %d%s" % (kind, pd.fd, way)


codecs.register_error("gossamer.question", lambda error: ("?" * (error.end - error.start), error.end))


def _inert(raw, most=_TEXT_MAX):
    """The program's own bytes, as the runtime's reports print them: nothing in them ends an item or a line, and what is no text is '?', byte by byte."""
    return raw[:most].decode("utf-8", "gossamer.question").translate(_INERT)
