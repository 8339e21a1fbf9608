# SPDX-License-Identifier: MIT
"""'goroutine freeze', 'thaw', 'run-only', 'ready': which goroutines may run.

The process does it: these commands write words that its scheduler looks at (rt/hold.h has their meaning and order), so nothing
happens before the process goes on, and gdb has nothing to do afterwards. With the first hold gdb leaves its own pid in the
process, where both are on one machine: when gdb is gone, however that came, the process undoes all of it.
"""

import os

import gdb

from .. import places, target, words
from ..abi import Trouble
from . import Command, View, completions, in_event, parse_goid, runtime, say
from .filters import WITH_VALUE, Filter

_COMPLETED_MAX = 10_000  # records that are looked at for a completion


class _Process:
    """The words of one process, as far as they are ours to write. Lives as long as a command."""

    def __init__(self, rt):
        if target.is_core():
            raise Trouble("a core does not run: goroutines can be held back, let go and woken in a process only")
        if rt.hold_mask == 0:
            raise Trouble("this program's runtime was built without what holds goroutines back (GOS_RECORD=0)")
        self.rt = rt
        self.inferior = gdb.selected_inferior()
        self.frozen, self.other = rt.abi.hold("FROZEN"), rt.abi.hold("OTHER")

    def put(self, name, value):
        address, size = self.rt.word(name)
        target.write(self.inferior, address, value.to_bytes(size, "little"))

    def put_hold(self, g, bits):
        """What others of them g.hold has is the runtime's: it is taken away, by which the runtime knows that somebody has written."""
        address, size = self.rt.hold_of(g)
        target.write(self.inferior, address, (bits & (self.frozen | self.other)).to_bytes(size, "little"))

    def announce(self):
        """After any change: the runtime looks at everything anew."""
        self.put("hold_generation", self.rt.word_value("hold_generation") % 0xFFFFFFFF + 1)

    def own(self, keep):
        """Before a hold: who has to die for it to be undone."""
        before, mine = self.rt.word_value("holder"), 0 if keep else _pid_there()
        end = "nobody" if keep else "this gdb"
        if before == self.rt.abi.const("holder_gone"):
            say("[What a debugger that has ended held back here was just being undone: what is left of it ends with %s]" % end)
        elif before not in (0, mine):
            say("[Process %d has held goroutines back here; what it did now ends with %s]" % (before, end))
        self.put("holder", mine)
        if not mine and not keep:
            say("[This gdb is on another machine, or in a container: what it holds back stays so when it ends, unless it is thawed]")

    def disown_if_nothing_is_held(self):
        if not self.rt.word_value("hold_mask") & self.other and not any(g.hold & self.frozen for g in self.rt.records()):
            self.put("holder", 0)


def _pid_there():
    """gdb's pid as the process knows it; 0 where it knows none."""
    connection = getattr(gdb.selected_inferior(), "connection", None)
    if connection is not None and connection.type != "native":
        return 0
    try:
        same = os.readlink("/proc/self/ns/pid") == os.readlink("/proc/%d/ns/pid" % target.pid())
    except OSError:
        return 0
    return os.getpid() if same else 0


def _named(gs):
    """"Goroutine 7 "conn 3"", or "12 goroutines (7, 9, …)"."""
    if len(gs) == 1:
        return "G" + words.named(gs[0])[1:]
    return "%s (%s)" % (words.count(len(gs), "goroutine"), words.ids(g.goid for g in gs))


def _is(gs):
    return "is" if len(gs) == 1 else "are"


def _choose(view, argv, usage):
    """The goroutines that ids and filters name; a Trouble where there are none."""
    chosen = Filter(view.rt)
    while argv:
        if not chosen.take(argv):
            raise Trouble("'%s' is neither an id nor a filter: %s" % (argv[0], usage))
    if chosen.empty:
        raise Trouble("say which goroutines: %s" % usage)
    view.load()
    wanted = [g for g in view.goroutines if chosen.accepts(view, g, lambda g: places.of_creation(view.rt, g))]
    for first, last in chosen.goids:
        if first == last and not any(g.goid == first for g in view.goroutines):
            view.rt.find(first)  # says which exist
    if not wanted:
        raise Trouble("no goroutine matches (of %s)" % words.number(len(view.goroutines)))
    return wanted


def _ids(text, accepts):
    """For completion: ids that begin so, of records that accepts(rt, g)."""
    try:
        rt = runtime()
        if rt.gcount > _COMPLETED_MAX:
            return []
        word = text.split(" ")[-1]
        return [str(g.goid) for g in rt.goroutines() if str(g.goid).startswith(word) and accepts(rt, g)]
    except (Trouble, gdb.error):
        return []


class Freeze(Command):
    """Keep goroutines from running, and let the others go on.
Usage: goroutine freeze [-keep] ID... [FILTER]...

This acts on the process: it writes to it. ID is a goroutine's id or a range of
them, as 5-9; FILTER one of those of 'info goroutines', as -name "conn*".

A frozen goroutine that runs is stopped at the next point where it would let
others run, within some milliseconds; one that waits goes on waiting, and is held
back when what it waits for comes; one that blocks its thread is held back when
it comes back. Nothing is lost meanwhile. 'info goroutines' says "frozen" of it.

(gdb) goroutine freeze 7
[Goroutine 7 "conn 3" is frozen]
(gdb) continue

It stays so until 'goroutine thaw', also after 'detach', but not longer than this
gdb: the process undoes it when gdb ends or is killed. -keep leaves out that."""

    name = "goroutine freeze"
    category = gdb.COMMAND_RUNNING
    usage = "goroutine freeze [-keep] ID... [%s VALUE]..." % "|".join(WITH_VALUE)

    def run(self, argument):
        argv = gdb.string_to_argv(argument)
        keep = "-keep" in argv[:1]
        view = View()
        process = _Process(view.rt)
        wanted = _choose(view, argv[1:] if keep else argv, self.usage)
        process.own(keep)
        for g in wanted:
            process.put_hold(g, g.hold | process.frozen)
            _remember(g)
        process.announce()
        say("[%s %s frozen]" % (_named(wanted), _is(wanted)))

    def complete(self, text, word):
        return completions(text, word, ("-keep",) + WITH_VALUE) + _ids(text, lambda rt, g: not g.hold & rt.abi.hold("FROZEN"))


class Thaw(Command):
    """Let frozen goroutines run again.
Usage: goroutine thaw all|ID... [FILTER]...

This acts on the process: it writes to it. all means every frozen goroutine; ID
and FILTER are those of 'goroutine freeze'.

(gdb) goroutine thaw 7
[Goroutine 7 "conn 3" is thawed]"""

    name = "goroutine thaw"
    category = gdb.COMMAND_RUNNING
    usage = "goroutine thaw all|ID... [%s VALUE]..." % "|".join(WITH_VALUE)

    def run(self, argument):
        argv = gdb.string_to_argv(argument)
        view = View()
        process = _Process(view.rt)
        wanted = list(view.rt.goroutines()) if argv == ["all"] else _choose(view, argv, self.usage)
        frozen = [g for g in wanted if g.hold & process.frozen]
        if not frozen:
            say("[No goroutine is frozen]" if argv == ["all"] else "[%s %s not frozen]" % (_named(wanted), _is(wanted)))
            return
        for g in frozen:
            process.put_hold(g, g.hold & ~process.frozen)
        process.announce()
        process.disown_if_nothing_is_held()
        say("[%s %s thawed]" % (_named(frozen), _is(frozen)))

    def complete(self, text, word):
        return completions(text, word, ("all",) + WITH_VALUE) + _ids(text, lambda rt, g: g.hold & rt.abi.hold("FROZEN"))


class RunOnly(Command):
    """Let only some goroutines run, or all again.
Usage: goroutine run-only [-keep] ID... [FILTER]...
       goroutine run-only off

This acts on the process: it writes to it. All goroutines but these are held back
as 'goroutine freeze' does it, those too that are made meanwhile. Network and
timers go on: whom they make ready stands by until 'goroutine run-only off'.

ID, FILTER and -keep are those of 'goroutine freeze'; another 'goroutine run-only
ID' replaces the first. 'info goroutines' says "held by run-only" of the others.

(gdb) goroutine run-only 7 9
[Only 2 goroutines (7, 9) run]
(gdb) continue"""

    name = "goroutine run-only"
    category = gdb.COMMAND_RUNNING
    usage = "goroutine run-only off|[-keep] ID... [%s VALUE]..." % "|".join(WITH_VALUE)

    def run(self, argument):
        argv = gdb.string_to_argv(argument)
        keep = "-keep" in argv[:1]
        view = View()
        process = _Process(view.rt)
        if argv == ["off"]:
            self._allow(process, ())
            if not view.rt.hold_mask & process.other:
                say("[All goroutines may run already, but for those that are frozen]")
                return
            process.put("hold_mask", view.rt.hold_mask & ~process.other)
            process.announce()
            process.disown_if_nothing_is_held()
            say("[All goroutines run, but for those that are frozen]")
            return
        wanted = _choose(view, argv[1:] if keep else argv, self.usage)
        process.own(keep)
        self._allow(process, {g.address for g in wanted})
        process.put("hold_mask", view.rt.hold_mask | process.other)
        process.announce()
        frozen = [g for g in wanted if g.hold & process.frozen]
        say("[Only %s %s]" % (_named(wanted).replace("G", "g", 1), "runs" if len(wanted) == 1 else "run"))
        if frozen:
            say("[%s %s frozen, and does not run either]" % (_named(frozen), _is(frozen)))

    @staticmethod
    def _allow(process, addresses):
        for g in process.rt.goroutines():
            bits = g.hold & ~process.other if g.address in addresses else g.hold | process.other
            if bits != g.hold:
                process.put_hold(g, bits)

    def complete(self, text, word):
        return completions(text, word, ("off", "-keep") + WITH_VALUE) + _ids(text, lambda rt, g: True)


class Ready(Command):
    """Wake a goroutine that sleeps, before its time.
Usage: goroutine ready ID

This acts on the process: it writes to it. ID is a goroutine that waits in
gos_sleep; as soon as the process goes on it is made ready, once, as if its time
had come. Where the process has been idle for long that takes up to a second.
At the next stop gdb says what came of it.

(gdb) goroutine ready 7
[Goroutine 7 "retry" is woken when the program goes on]"""

    name = "goroutine ready"
    category = gdb.COMMAND_RUNNING
    asked = None  # (inferior's number, its pid, Runtime.root, goid) of a request that was not answered when last seen

    def run(self, argument):
        argv = gdb.string_to_argv(argument)
        if len(argv) != 1:
            raise Trouble("one goroutine at a time: goroutine ready ID")
        goid = parse_goid(argv[0])
        rt = runtime()
        process = _Process(rt)
        g = rt.find(goid)
        if not _sleeps(rt, g):
            raise Trouble("%s does not sleep: it is %s" % (words.named(g), words.state(rt, g)))
        pending = rt.word_value("ready_goid")
        if pending:
            raise Trouble("goroutine %d is to be woken first: let the program go on" % pending)
        process.put("ready_result", rt.abi.const("ready_pending", low=0))
        process.put("ready_goid", goid)
        Ready.asked = (process.inferior.num, process.inferior.pid, rt.root, goid)
        say("[G%s is woken when the program goes on]" % words.named(g)[1:])

    def complete(self, text, word):
        return _ids(text, _sleeps)


def _sleeps(rt, g):
    reason = rt.abi.reasons.get(g.reason)
    return g.status == rt.waiting and reason is not None and reason.symbol == "SLEEP"


# ---- events ----------------------------------------------------------------------------------------------------------

_frozen = {}  # {(inferior's number, pid): {address of G: goid}} of what this gdb froze


def _remember(g):
    inferior = gdb.selected_inferior()
    _frozen.setdefault((inferior.num, inferior.pid), {})[g.address] = g.goid


def tell_what_stays():
    """Before 'detach': what goes on to be held back without gdb."""
    in_event(_tell_what_stays)


def _tell_what_stays():
    try:
        rt = runtime()
    except Trouble:
        return
    if target.is_core() or rt.hold_mask == 0:
        return
    inferior = gdb.selected_inferior()
    still = []
    for address, goid in _frozen.pop((inferior.num, inferior.pid), {}).items():
        g = rt.goroutine_at(address)
        if g.goid == goid and g.hold & rt.abi.hold("FROZEN"):
            still.append(g)
    until = "until this gdb ends" if rt.word_value("holder") == os.getpid() else "until somebody thaws what is held back"
    if still:
        say("[%s %s frozen %s]" % (_named(still), "stays" if len(still) == 1 else "stay", until))
    if rt.hold_mask & rt.abi.hold("OTHER"):
        say("[Only some goroutines run %s: 'goroutine run-only off' ends that]" % until)


def _stopped(_):
    if Ready.asked is not None:
        in_event(_answered)


def _answered():
    inferior = gdb.selected_inferior()
    number, pid, root, goid = Ready.asked
    if (number, pid) != (inferior.num, inferior.pid):
        return
    rt = runtime()
    if rt.root != root or rt.word_value("ready_goid") != 0:
        return  # the program has not got to it
    Ready.asked = None
    result = rt.word_value("ready_result")
    if result == rt.abi.const("ready_done"):
        say("[Goroutine %d was woken]" % goid)
    elif result == rt.abi.const("ready_awake"):
        say("[Goroutine %d was not woken: it had been woken by its time]" % goid)
    elif result == rt.abi.const("ready_gone"):
        say("[Goroutine %d was not woken: it has ended]" % goid)


def register():
    for command in (Freeze, Thaw, RunOnly, Ready):
        command()
    gdb.events.stop.connect(_stopped)
