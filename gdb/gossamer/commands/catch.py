# SPDX-License-Identifier: MIT
"""'catch goroutine': stop at a transition of a goroutine.

The process filters. What is wanted is written into one of the runtime's watch entries and into the event masks that every
transition tests, and the runtime calls its trap function only for what matches; gdb has an ordinary breakpoint there, whose
condition, $_goroutine_event, tells the catchpoints apart by the bit of the matching entry. So 'info breakpoints', 'delete', 'disable',
'condition' and 'commands' are gdb's own, and what does not match costs the process nothing that could be measured.

Here and in hold.py the package writes into the process, and nowhere else but before it makes a core (hooks.py). While gdb resumes it, nothing but plain memory writes is safe, and while
it tells of deleted breakpoints not even those: so changes are noted, and written when the process next resumes.

A process that is only to be started, or started anew, is armed when it comes to gos_run, which is before there is any goroutine: an internal breakpoint
there writes and lets it go on. So nothing that is asked for need be known before: where the runtime is in a library, gdb's breakpoints wait for that as all
pending ones do, and the words of the command for the rows that say what they mean.
"""

from collections import namedtuple

import gdb

from .. import abi, clock, model, places, target, words
from ..abi import Trouble
from . import Command, View, guarded, in_event, parse_goid, runtime, say
from .filters import match_reason

_TRAP = "rt_debug_trap"  # what runtime.trap_pc is where there are symbols: a name holds good wherever the program is loaded to
_PROLOGUE_MAX = 64  # bytes: gdb may take the function to begin behind what an unoptimized one does first, which leaves the arguments where they are
_PHRASES = {"CREATE": "is created", "RUN": "runs", "PARK": "parks", "READY": "becomes ready", "EXIT": "exits", "CALL": "blocks its thread"}


class _Catchpoint:
    """What was asked for, the breakpoint that belongs to it, and, once a runtime has said what the words mean, one watch entry."""

    def __init__(self, argv):
        self.argv = argv  # the words, with expressions evaluated
        self.text = " ".join(argv)
        self.breakpoint = None
        self.forget()

    def forget(self):
        self.slot = self.event = None
        self.goid = self.reasons = 0
        self.g = None  # the record that carries the mask; None: the mask of all goroutines

    def exists(self):
        return self.breakpoint is None or self.breakpoint.is_valid()

    def is_met(self, happened, matched):
        """Whether the trap's arguments, the event and the entries that match, mean this one."""
        return self.slot is not None and happened == 1 << self.event and matched >> self.slot & 1 != 0

    def wanted(self):
        return self.slot is not None and self.breakpoint is not None and self.breakpoint.is_valid() and self.breakpoint.enabled


class _Arms:
    """All catchpoints of one inferior, and the only writer of its watches and masks. It is bound to one process at a time, or to none yet."""

    def __init__(self):
        self.inferior = gdb.selected_inferior()
        self.catchpoints = []
        self.root = self.pid = None
        self.masked = set()  # addresses of Gs whose mask we have set
        self.changed = False

    def is_bound_to(self, root):
        return self.root == root and self.pid == self.inferior.pid

    def bind(self, rt):
        """To the process that there is: what is asked for is understood anew, by what this one says of itself."""
        self.read, self.root, self.pid = rt.read, rt.root, self.inferior.pid
        self.fields, self.entries, self.entry_size, self.slots = rt.watch_fields()
        self.watchmask = rt.abi.field("runtime.watchmask")
        self.dbgmask = rt.abi.field("g.dbgmask")
        self.goid = rt.abi.field("g.goid")
        self.arguments = target.registers(rt.abi.machine).arguments
        self.masked = set()
        self.catchpoints = [c for c in self.catchpoints if c.exists()]
        for c in self.catchpoints:
            c.forget()
        for c in self.catchpoints:
            try:
                self.understand(c, rt, quietly=True)
            except Trouble as trouble:
                say("[Catchpoint %d catches nothing: %s]" % (c.breakpoint.number, trouble))

    def unbind(self):
        self.root = self.pid = None
        self.masked = set()
        for c in self.catchpoints:
            c.forget()

    def understand(self, catchpoint, rt, quietly=False):
        asked = _parse(rt, list(catchpoint.argv))
        slot = self.free_slot()
        g = _goroutine(rt, asked, quietly)
        catchpoint.slot, catchpoint.g = slot, g
        catchpoint.event, catchpoint.goid, catchpoint.reasons = asked.event.number, asked.goid, asked.reasons

    def free_slot(self):
        taken = {c.slot for c in self.catchpoints if c.exists()}
        for slot in range(self.slots):
            if slot not in taken:
                return slot
        raise _too_many(self.slots)

    def comes_to(self, text):
        """Whether the thread that has come to the trap has come there for a catchpoint of these words. The event counts, too: it may have been on its way there
        for one that had the same entry, and was deleted."""
        if self.root is None or self.inferior.num != gdb.selected_inferior().num:
            return False
        frame = gdb.newest_frame()
        happened, matched = (int(frame.read_register(name)) & 0xFFFFFFFF for name in self.arguments[1:3])
        return any(c.text == text and c.is_met(happened, matched) for c in self.catchpoints if c.exists())

    def write(self, nothing=False):
        """Makes the process's watches and masks what the catchpoints ask for. Plain memory access only: see above."""
        self.changed = False
        self.catchpoints = [c for c in self.catchpoints if c.exists()]
        if not self.is_there():
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

    def is_there(self):
        """Whether this still is the process: the root object stands where it stood."""
        try:
            return self.root is not None and self.inferior.is_valid() and self.inferior.pid == self.pid != 0 and abi.is_root(bytes(self.inferior.read_memory(self.root, 8)))
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

    there = None

    def __init__(self):
        super().__init__("gos_run", internal=True)
        self.silent = True

    def stop(self):
        if _arms is not None and _arms.inferior.num == gdb.selected_inferior().num and any(c.exists() for c in _arms.catchpoints):
            in_event(_bind, True)
        return False


class _Await(Command):
    """Internal to goroutine debugging: 'catch goroutine' waits for the start of a process."""

    # A command, so that it can be run unheard: gdb says of an internal breakpoint, too, that there is no such function yet.
    name = "goroutine-await-start"
    category = gdb.COMMAND_OBSCURE

    def run(self, argument):
        there = _Start.there
        if there is not None and there.is_valid() and there.enabled:
            return
        if there is not None and there.is_valid():
            there.delete()  # gdb gave it up, as it does when 'file' takes the program's symbols away
        _Start.there = _Start()


def _bind(anew=False):
    """Arms the catchpoints in the process that there is, if it has the runtime and they are not armed there."""
    if not anew and _arms.is_there() or not target.alive() or target.is_core():
        return
    root = target.find_root()
    if root is not None:
        _arms.bind(model.Runtime(target.read, root, clock.now))
        _arms.write()


class _Event(gdb.Function):
    """Whether the thread has stopped for a catchpoint of goroutines.
Usage: $_goroutine_event ("WORDS")

It is the condition of what 'catch goroutine WORDS' sets. To narrow that down:

(gdb) condition 2 $_goroutine_event ("park 7") && count > 3"""

    def __init__(self):
        super().__init__("_goroutine_event")

    def invoke(self, text):
        try:
            return _arms is not None and _arms.comes_to(text.string())
        except (gdb.error, Trouble):
            return False


class CatchGoroutine(Command):
    """Stop when a goroutine comes to a transition.
Usage: catch goroutine create|run|park|ready|exit|syscall [ID] [-reason REASON]

The events: it is created, it begins or goes on to run, it parks (begins to
wait), it is made ready to go on, it exits, it begins a section that blocks its
thread.

ID restricts it to one goroutine, which need not exist yet. REASON, with park or
ready, to one wait reason or those that contain it: "chan receive", select, ...

The catchpoint is a breakpoint: delete, disable, enable, ignore and commands work
on its number, and so does condition when the runtime is loaded: put what is to
hold too behind its own ('help function _goroutine_event'). There are at most 8
of these at a time. It writes to the process: it arms a watch that the runtime
itself tests, so that what does not match costs nothing to speak of; detaching
disarms it.

It may be set before the program is started. Where the runtime is in a library, it
is pending until that is loaded, and only then is it known whether EVENT and
REASON are words of it; 'info breakpoints' says <PENDING> meanwhile. It holds for
each process that 'run' starts.

(gdb) catch goroutine park 7
Catchpoint 2 (goroutine 7, park)
(gdb) continue
Catchpoint 2 (goroutine 7 "conn 3" parks: chan receive on chan 0x7ffff01c0
(int, 0/4, made at srv.c:33)), serve (srv.c:41)"""

    name = "catch goroutine"
    category = gdb.COMMAND_BREAKPOINTS
    verb, what = "break", "Catchpoint"

    def run(self, argument):
        if target.is_core():
            raise Trouble("a core does not run: catchpoints need a process")
        rt = _runtime()
        argv = gdb.string_to_argv(argument)
        asked = _parse(rt, argv) if rt is not None else _guess(argv)
        if rt is not None and rt.trap_pc == 0 and target.alive():
            raise Trouble("this program's runtime has no trap function: it was built without catchpoints")
        arms = _arms_here()
        catchpoint = _Catchpoint(asked.argv)
        if rt is not None and target.alive():
            if not arms.is_bound_to(rt.root):
                arms.bind(rt)
            arms.understand(catchpoint, rt)
        elif rt is not None:
            _, _, _, slots = rt.watch_fields()
            if sum(c.exists() for c in arms.catchpoints) >= slots:
                raise _too_many(slots)
        catchpoint.breakpoint = _breakpoint(rt, catchpoint.text, self.verb)
        arms.catchpoints.append(catchpoint)
        arms.write()
        gdb.execute(_Await.name, to_string=True)
        say("%s %d (%s)%s" % (self.what, catchpoint.breakpoint.number, asked.about, "" if rt is not None else " pending until the runtime is loaded."))

    def complete(self, text, word):
        try:
            rt = _runtime()
            return [w.text for w in rt.abi.events.values() if w.text.startswith(word or "")] if rt is not None else []
        except (Trouble, gdb.error):
            return []


class TemporaryCatch(CatchGoroutine):
    """Stop once when a goroutine comes to a transition.
Usage: tcatch goroutine create|run|park|ready|exit|syscall [ID] [-reason REASON]

Like 'catch goroutine', but the catchpoint is deleted when it has stopped the
program."""

    name = "tcatch goroutine"
    verb, what = "tbreak", "Temporary catchpoint"


def _runtime():
    """The runtime of the process, or, before it is started, what the program's file says of it; None where a library may bring it that is not loaded yet."""
    if target.alive():
        if not gdb.selected_inferior().was_attached and target.find_root() is None and target.loads_libraries():
            return None
        return runtime(started=False)
    if target.program_file() is None:
        raise Trouble("there is neither a program to be run ('file PROGRAM') nor a process")
    try:
        root = target.symbol("gos_runtime")
        if root is not None and target.symbol(_TRAP) is not None:
            return model.Runtime(target.read, root, clock.now)
    except Trouble:
        pass
    if target.program_has_runtime():
        raise Trouble("the program is not started, and its file has lost the runtime's symbols: catch when it runs, or is attached to")
    if not target.loads_libraries():
        raise Trouble("this program has no Gossamer runtime, and loads no library that could bring it")
    return None


_Asked = namedtuple("_Asked", "argv event goid reasons about")  # event: a Word; reasons: bits; argv, about: all of it in words


def _words(argv):
    """Takes a command's words apart, whatever they mean: the event, or None; then ("-reason", what follows) and ("id", a number)."""
    yield "event", argv.pop(0) if argv else None
    goid = 0
    while argv:
        if argv[0] == "-reason":
            argv.pop(0)
            if not argv or not argv[0]:
                raise Trouble("-reason needs a value")
            yield "reason", argv
        elif goid == 0:
            goid = parse_goid(argv.pop(0))
            if goid <= 0:
                raise Trouble("goroutines' ids begin at 1")
            if goid > target.MASK:
                raise Trouble("no goroutine's id is as large as %d" % goid)
            yield "id", goid
        else:
            raise Trouble("'%s' is too much: catch goroutine EVENT [ID] [-reason REASON]" % argv[0])


def _parse(rt, argv):
    """The _Asked of a command's words, by what the runtime says that they mean."""
    events = rt.abi.events.values()
    event, goid, reasons, about, plain = None, 0, 0, "", []
    for kind, value in _words(argv):
        if kind == "event":
            event = next((w for w in events if w.text == value), None)
            if event is None:
                raise Trouble("%s goroutines' events are %s" % ("no event '%s';" % value if value else "which event?", ", ".join(w.text for w in events)))
        elif kind == "id":
            goid = value
        else:
            found, used = match_reason(rt, value)
            for number in found:
                reasons |= 1 << number
            about = ", " + " or ".join(rt.reason_word(number) for number in sorted(found))
            plain += ["-reason", " ".join(value[:used])]
            del value[:used]
    if reasons and event.symbol not in ("PARK", "READY"):
        raise Trouble("-reason goes with park and ready only: a goroutine has none at '%s'" % event.text)
    return _asked(plain, event, event.text, goid, reasons, about)


def _guess(argv):
    """The _Asked of words whose meaning is not known yet: a reason is then all words up to an id or another option."""
    text, goid, about, plain = None, 0, "", []
    for kind, value in _words(argv):
        if kind == "event":
            text = value
            if not text:
                raise Trouble("which event? catch goroutine EVENT [ID] [-reason REASON]")
        elif kind == "id":
            goid = value
        else:
            used = 1
            while used < len(value) and not value[used].isdigit() and not value[used].startswith("-"):
                used += 1
            about = ", " + " ".join(value[:used])
            plain += ["-reason"] + value[:used]
            del value[:used]
    return _asked(plain, None, text, goid, 0, about)


def _asked(reason, event, text, goid, reasons, about):
    return _Asked([text] + ([str(goid)] if goid else []) + reason, event, goid, reasons,
                  "%s, %s%s" % ("goroutine %d" % goid if goid else "any goroutine", text, about))


def _too_many(slots):
    return Trouble("all %d watches of the runtime are in use; delete a goroutine catchpoint first" % slots)


def _goroutine(rt, asked, quietly):
    """The record of the goroutine that is asked for; None where all must be watched because it does not exist yet."""
    if not asked.goid:
        return None
    g = next((g for g in rt.goroutines() if g.goid == asked.goid), None)
    if g is not None and asked.event.symbol == "CREATE":
        raise Trouble("goroutine %d exists already" % asked.goid)
    if g is None and asked.event.symbol != "CREATE" and not quietly:
        say("[Goroutine %d does not exist now; when it does, it is caught]" % asked.goid)
    return g


def _arms_here():
    global _arms
    if _arms is not None and _arms.inferior.num != gdb.selected_inferior().num:
        if any(c.breakpoint is not None and c.breakpoint.is_valid() for c in _arms.catchpoints):
            raise Trouble("there are goroutine catchpoints in another process; delete them first")
        _arms = None
    if _arms is None:
        _arms = _Arms()
    return _arms


def _breakpoint(rt, text, verb):
    """An ordinary breakpoint at the trap: made by command, because the constructor would announce it as one. By the function's name, because gdb waits for functions
    of a library that is not loaded, or not loaded again when the program is run anew, but gives up a breakpoint at an expression that means nothing for the moment."""
    where = "-qualified %s" % _TRAP
    if rt is not None and target.alive() and target.symbol(_TRAP) != rt.trap_pc:
        where = "*0x%x" % rt.trap_pc
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    command = '%s %s if $_goroutine_event("%s")' % (verb, where, quoted)
    before = {b.number for b in gdb.breakpoints()}
    if rt is None:
        _execute_pending(command)
    else:
        gdb.execute(command, to_string=True)
    made = [b for b in gdb.breakpoints() if b.number not in before]
    if len(made) != 1:
        raise Trouble("gdb made no breakpoint at the runtime's trap function, %s" % where)
    return made[0]


def _execute_pending(command):
    """Lets a breakpoint be pending without a question, unless the user has said that none may be."""
    setting = gdb.parameter("breakpoint pending")
    if setting is False:
        raise Trouble("the runtime is not loaded yet, and 'set breakpoint pending off' says not to wait for it")
    gdb.execute("set breakpoint pending on", to_string=True)
    try:
        gdb.execute(command, to_string=True)
    finally:
        gdb.execute("set breakpoint pending %s" % ("on" if setting else "auto"), to_string=True)


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


def _exited(event):
    if _arms is not None and _arms.inferior.num == event.inferior.num:
        _arms.unbind()


def _stopped(event):
    if _arms is None:
        return
    if _arms.catchpoints and not _arms.is_there() and _arms.inferior.num == gdb.selected_inferior().num:
        try:
            guarded(_bind)  # to a process that was attached to, say
        except gdb.GdbError:
            pass  # who asks for anything is told
    if not isinstance(event, gdb.BreakpointEvent):
        return
    hit = {b.number for b in event.breakpoints}
    ours = [c for c in _arms.catchpoints if c.breakpoint is not None and c.breakpoint.is_valid() and c.breakpoint.number in hit]
    if ours:
        in_event(_announce, ours)


def _announce(ours):
    view = View()
    rt = view.rt
    frame = gdb.newest_frame()
    if not 0 <= frame.pc() - rt.trap_pc <= _PROLOGUE_MAX:
        return
    address, event, matched, reason = (int(frame.read_register(name)) & target.MASK for name in view.registers.arguments)
    g = rt.goroutine_at(address)
    thread = view.place_one(g)
    for c in ours:
        word = rt.abi.events.get(c.event)
        if word is None or not c.is_met(event & 0xFFFFFFFF, matched & 0xFFFFFFFF):
            continue  # gdb names all breakpoints at an address, those too whose condition did not hold
        text = "%s %s" % (words.named(g), _PHRASES.get(word.symbol, word.text))
        if word.symbol in ("PARK", "READY"):
            text += _why(rt, g, reason & 0xFFFFFFFF)
        where = _where(view, g, thread, word)
        say("Catchpoint %d (%s)%s" % (c.breakpoint.number, text, ", " + where if where else ""))


def _where(view, g, thread, word):
    if word.symbol == "CREATE":
        return "%s made by %s" % (places.of_function(g.entry).text, places.of_creation(view.rt, g).text)
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
    TemporaryCatch()
    _Await()
    _Event()
    gdb.events.breakpoint_deleted.connect(_touched)
    gdb.events.breakpoint_modified.connect(_touched)
    gdb.events.cont.connect(_resuming)
    gdb.events.exited.connect(_exited)
    gdb.events.stop.connect(_stopped)
    exiting = getattr(gdb.events, "gdb_exiting", None)
    if exiting is not None:
        exiting.connect(lambda _: disarm())
