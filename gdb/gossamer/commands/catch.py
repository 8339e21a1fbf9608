# SPDX-License-Identifier: MIT
"""'catch goroutine': stop at a transition of a goroutine.

The process filters. What is wanted is written into one of the runtime's watch entries and into the event masks that every
transition tests, and the runtime calls its trap function only for what matches; gdb has an ordinary breakpoint there, whose
condition tells the catchpoints apart by the bit of the matching entry. So 'info breakpoints', 'delete', 'disable',
'condition' and 'commands' are gdb's own, and what does not match costs the process nothing that could be measured.

Here and in hold.py the package writes into the process, and nowhere else but before it makes a core (hooks.py). While gdb resumes it, nothing but plain memory writes is safe, and while
it tells of deleted breakpoints not even those: so changes are noted, and written when the process next resumes.

A process that is only to be started, or started anew, is armed when it comes to gos_run, which is before there is any goroutine: an internal breakpoint
there writes and lets it go on.
"""

import gdb

from .. import abi, clock, model, places, target, words
from ..abi import Trouble
from . import Command, View, in_event, parse_goid, runtime, say
from .filters import match_reason

_TRAP = "rt_debug_trap"  # what runtime.trap_pc is where there are symbols: an expression holds good wherever the program is loaded to
_PHRASES = {"CREATE": "is created", "RUN": "runs", "PARK": "parks", "READY": "becomes ready", "EXIT": "exits", "CALL": "blocks its thread"}


class _Catchpoint:
    """One watch entry and the breakpoint that belongs to it."""

    def __init__(self, slot, event, goid, reasons, g):
        self.slot, self.event, self.goid, self.reasons = slot, event, goid, reasons
        self.g = g  # the record that carries the mask; None: the mask of all goroutines
        self.breakpoint = None

    def wanted(self):
        return self.breakpoint is not None and self.breakpoint.is_valid() and self.breakpoint.enabled


class _Arms:
    """All catchpoints of one process, and the only writer of its watches and masks."""

    def __init__(self, rt):
        self.inferior = gdb.selected_inferior()
        self.read, self.root = rt.read, rt.root
        self.fields, self.entries, self.entry_size, self.slots = rt.watch_fields()
        self.watchmask = rt.abi.field("runtime.watchmask")
        self.dbgmask = rt.abi.field("g.dbgmask")
        self.goid = rt.abi.field("g.goid")
        self.catchpoints = []
        self.masked = set()  # addresses of Gs whose mask we have set
        self.changed = False

    def add(self, catchpoint):
        self.catchpoints.append(catchpoint)

    def free_slot(self):
        taken = {c.slot for c in self.catchpoints if c.breakpoint is None or c.breakpoint.is_valid()}
        for slot in range(self.slots):
            if slot not in taken:
                return slot
        raise Trouble("all %d watches of the runtime are in use; delete a goroutine catchpoint first" % self.slots)

    def write(self, nothing=False):
        """Makes the process's watches and masks what the catchpoints ask for. Plain memory access only: see above."""
        self.changed = False
        self.catchpoints = [c for c in self.catchpoints if c.breakpoint is None or c.breakpoint.is_valid()]
        if not self._is_there():
            return
        armed = [] if nothing else [c for c in self.catchpoints if c.wanted()]
        by_slot = {c.slot: c for c in armed}
        for slot in range(self.slots):
            if slot not in by_slot:
                self._put(self.entries + slot * self.entry_size, self.fields["events"], 0)
        for slot, c in by_slot.items():
            entry = self.entries + slot * self.entry_size
            self._put(entry, self.fields["goid"], c.goid)
            self._put(entry, self.fields["reasons"], c.reasons)
            self._put(entry, self.fields["events"], 1 << c.event)
        masks, everyone = {address: 0 for address in self.masked}, 0
        for c in armed:
            if c.g is not None and self._holds(c.g):
                masks[c.g.address] = masks.get(c.g.address, 0) | 1 << c.event
            else:
                everyone |= 1 << c.event
        self._put(self.root, self.watchmask, everyone)
        for address, mask in masks.items():
            try:
                self._put(address, self.dbgmask, mask)
            except gdb.error:
                pass  # its record is gone with the process it was in
        self.masked = {address for address, mask in masks.items() if mask}

    def _is_there(self):
        """Whether this still is the process: the root object stands where it stood."""
        try:
            return self.inferior.is_valid() and self.inferior.pid != 0 and abi.is_root(bytes(self.inferior.read_memory(self.root, 8)))
        except gdb.error:
            return False

    def _holds(self, g):
        try:
            raw = bytes(self.inferior.read_memory(g.address + self.goid.offset, self.goid.size))
        except gdb.error:
            return False
        return int.from_bytes(raw, "little") == g.goid

    def _put(self, base, field, value):
        target.write(self.inferior, base + field.offset, value.to_bytes(field.size, "little"))


_arms = None


class _Start(gdb.Breakpoint):
    """Where a process begins to have goroutines. It never stops there."""

    _there = None

    def __init__(self):
        super().__init__("gos_run", internal=True)
        self.silent = True

    @classmethod
    def watch(cls):
        if (cls._there is None or not cls._there.is_valid()) and target.symbol("gos_run") is not None:
            cls._there = cls()

    def stop(self):
        try:
            root = target.find_root() if _arms is not None else None
            if root is not None:
                _move_to(model.Runtime(target.read, root, clock.now))
                _arms.write()
        except (gdb.error, Trouble):
            pass  # then nothing is caught, as in a process without the runtime
        return False


def _move_to(rt):
    """The catchpoints are of another process of the same program, or of it where it was loaded to."""
    global _arms
    catchpoints = _arms.catchpoints
    _arms = _Arms(rt)
    _arms.catchpoints = catchpoints
    for c in catchpoints:
        c.g = None  # a record of the process before


class CatchGoroutine(Command):
    """Stop when a goroutine comes to a transition.
Usage: catch goroutine create|run|park|ready|exit|syscall [ID] [-reason REASON]

The events: it is created, it begins or goes on to run, it parks (begins to
wait), it is made ready to go on, it exits, it begins a section that blocks its
thread.

ID restricts it to one goroutine, which need not exist yet. REASON, with park or
ready, to one wait reason or those that contain it: "chan receive", select, ...

The catchpoint is a breakpoint: delete, disable, enable, condition, ignore and
commands work on its number. There are at most 8 of these at a time. It writes
to the process: it arms a watch that the runtime itself tests, so that what does
not match costs nothing to speak of; detaching disarms it.

It may be set before the program is started, where the runtime is a part of the
program's file; else 'start' the program first.

(gdb) catch goroutine park 7
Catchpoint 2 (goroutine 7, park)
(gdb) continue
Catchpoint 2 (goroutine 7 "conn 3" parks: chan receive on chan 0x7ffff01c0
(int, 0/4, made at srv.c:33)), serve (srv.c:41)"""

    name = "catch goroutine"
    category = gdb.COMMAND_BREAKPOINTS

    def run(self, argument):
        rt = _runtime()
        event, goid, reasons, about = _parse(rt, gdb.string_to_argv(argument))
        if target.is_core():
            raise Trouble("a core does not run: catchpoints need a process")
        if rt.trap_pc == 0 and target.alive():
            raise Trouble("this program's runtime has no trap function: it was built without catchpoints")
        arms = _arms_of(rt)
        slot = arms.free_slot()
        catchpoint = _Catchpoint(slot, event.number, goid, reasons, _goroutine(rt, event, goid))
        catchpoint.breakpoint = _breakpoint(rt, slot, event.number)
        arms.add(catchpoint)
        arms.write()
        _Start.watch()
        say("Catchpoint %d (%s)" % (catchpoint.breakpoint.number, about))

    def complete(self, text, word):
        try:
            return [w.text for w in _runtime().abi.events.values() if w.text.startswith(word or "")]
        except (Trouble, gdb.error):
            return []


def _runtime():
    """The runtime of the process, or, before it is started, what the program's file says of it."""
    if target.alive():
        return runtime(started=False)
    if target.program_file() is None:
        raise Trouble("there is neither a program to be run ('file PROGRAM') nor a process")
    try:
        root = target.symbol("gos_runtime")
        if root is not None and target.symbol(_TRAP) is not None:
            return model.Runtime(target.read, root, clock.now)
    except Trouble:
        pass
    raise Trouble("the program is not started, and its file says nothing of the runtime, which is in a library, or has lost its symbols: 'start' first, then catch")


def _parse(rt, argv):
    """(event's Word, goid or 0, bits of reasons, the catchpoint in words)."""
    events = rt.abi.events.values()
    event = next((w for w in events if argv and w.text == argv[0]), None)
    if event is None:
        raise Trouble("%s goroutines' events are %s" % ("no event '%s';" % argv[0] if argv else "which event?", ", ".join(w.text for w in events)))
    goid, reasons, about = 0, 0, ""
    argv = argv[1:]
    while argv:
        if argv[0] == "-reason":
            if len(argv) < 2:
                raise Trouble("-reason needs a value")
            found, used = match_reason(rt, argv[1:])
            for number in found:
                reasons |= 1 << number
            about = ", " + " or ".join(rt.reason_word(number) for number in sorted(found))
            del argv[:1 + used]
        elif goid == 0:
            goid = parse_goid(argv.pop(0))
            if goid <= 0:
                raise Trouble("goroutines' ids begin at 1")
        else:
            raise Trouble("'%s' is too much: catch goroutine EVENT [ID] [-reason REASON]" % argv[0])
    if reasons and event.symbol not in ("PARK", "READY"):
        raise Trouble("-reason goes with park and ready only: a goroutine has none at '%s'" % event.text)
    return event, goid, reasons, "%s, %s%s" % ("goroutine %d" % goid if goid else "any goroutine", event.text, about)


def _goroutine(rt, event, goid):
    """The record of goroutine goid; None where all must be watched because it does not exist yet."""
    if not goid:
        return None
    g = next((g for g in rt.goroutines() if g.goid == goid), None)
    if g is not None and event.symbol == "CREATE":
        raise Trouble("goroutine %d exists already" % goid)
    if g is None and event.symbol != "CREATE":
        say("[Goroutine %d does not exist now; when it does, it is caught]" % goid)
    return g


def _arms_of(rt):
    global _arms
    if _arms is not None and _arms.inferior.num != gdb.selected_inferior().num:
        if any(c.breakpoint is not None and c.breakpoint.is_valid() for c in _arms.catchpoints):
            raise Trouble("there are goroutine catchpoints in another process; delete them first")
        _arms = None
    if _arms is None:
        _arms = _Arms(rt)
    elif _arms.root != rt.root:
        _move_to(rt)
    return _arms


def _breakpoint(rt, slot, event):
    """An ordinary breakpoint at the trap: made by command, because the constructor would announce it as one. It looks at the event, too: a thread may be on its way to
    the trap for a catchpoint that had the same entry, and was deleted."""
    _, happened, matched, _ = target.registers(rt.abi.machine).arguments
    where = "&'%s'" % _TRAP if target.symbol(_TRAP) == rt.trap_pc or not target.alive() else "0x%x" % rt.trap_pc
    before = {b.number for b in gdb.breakpoints()}
    gdb.execute("break *%s if ((unsigned int) $%s & %d) != 0 && (unsigned int) $%s == %d" % (where, matched, 1 << slot, happened, 1 << event), to_string=True)
    made = [b for b in gdb.breakpoints() if b.number not in before]
    if len(made) != 1:
        raise Trouble("gdb made no breakpoint at the runtime's trap function, 0x%x" % rt.trap_pc)
    return made[0]


# ---- events ----------------------------------------------------------------------------------------------------------


def disarm():
    """Before gdb lets go of the process: no watch stays behind."""
    if _arms is not None:
        in_event(_arms.write, True)
        _arms.changed = True  # should it come back, the catchpoints that are left arm again


def _touched(_):
    """A breakpoint was changed or deleted; which, and whether it is ours, is found out when the process resumes."""
    if _arms is not None:
        _arms.changed = True


def _resuming(_):
    if _arms is not None and _arms.changed:
        try:
            _arms.write()
        except (gdb.error, Trouble):
            pass


def _exited(_):
    if _arms is not None:
        _arms.masked = set()
        _arms.changed = True


def _stopped(event):
    if _arms is None or not isinstance(event, gdb.BreakpointEvent):
        return
    hit = {b.number for b in event.breakpoints}
    ours = [c for c in _arms.catchpoints if c.breakpoint is not None and c.breakpoint.is_valid() and c.breakpoint.number in hit]
    if ours:
        in_event(_announce, ours)


def _announce(ours):
    view = View()
    rt = view.rt
    frame = gdb.newest_frame()
    if frame.pc() != rt.trap_pc:
        return
    address, event, _, reason = (int(frame.read_register(name)) & target.MASK for name in view.registers.arguments)
    g = rt.goroutine_at(address)
    thread = view.place_one(g)
    for c in ours:
        word = rt.abi.events.get(c.event)
        if word is None or not event >> c.event & 1:
            continue
        text = "%s %s" % (words.named(g), _PHRASES.get(word.symbol, word.text))
        if word.symbol in ("PARK", "READY"):
            text += _why(rt, g, reason & 0xFFFFFFFF)
        where = _where(view, g, thread, word)
        say("Catchpoint %d (%s)%s" % (c.breakpoint.number, text, ", " + where if where else ""))


def _where(view, g, thread, word):
    if word.symbol == "CREATE":
        return "%s made by %s" % (places.of_function(g.entry).text, places.after_call(g.create_pc).text)
    if word.symbol == "EXIT":
        return "which ran %s" % places.of_function(g.entry).text
    return view.where(g).text if thread is not None or g.wait_pc else ""


def _why(rt, g, reason):
    """": chan receive on chan 0x…": the wait as the trap's arguments tell it, whichever state g's record is in just now."""
    word = rt.abi.reasons.get(reason)
    if word is None or not word.text:
        return ""
    as_waiting = g._replace(status=rt.waiting, reason=reason)
    on = words.waits_on(rt, as_waiting)
    return ": %s%s" % (word.text, " on " + on if on else "")


def register():
    CatchGoroutine()
    gdb.events.breakpoint_deleted.connect(_touched)
    gdb.events.breakpoint_modified.connect(_touched)
    gdb.events.cont.connect(_resuming)
    gdb.events.exited.connect(_exited)
    gdb.events.stop.connect(_stopped)
    exiting = getattr(gdb.events, "gdb_exiting", None)
    if exiting is not None:
        exiting.connect(lambda _: disarm())
