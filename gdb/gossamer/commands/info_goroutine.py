# SPDX-License-Identifier: MIT
"""'info goroutine N': everything known about one."""

import gdb

from .. import places, record, words
from ..abi import Trouble
from ..account import Accounts
from . import Command, View, parse_goid, report_missing, say
from .info_flight import lately
from .info_goroutines import created


class InfoGoroutine(Command):
    """Show all that is known about one goroutine.
Usage: info goroutine [-account] [ID]

ID is its id, as 'info goroutines' shows it; without one, the goroutine that gdb
stands on.

Goroutine 7 "conn 3"
  state     waiting, chan receive, for 3.2s
  waits on  chan 0x7ffff01c0 (struct job, 0/4, made at srv.c:33)
            last sent to by goroutine 17 4.1s ago
            waiting to receive: 7, 9, 12
  where     serve (srv.c:41)
  times     ran 41ms in 3,104 runs, waited 5m02s: chan receive 4m02s, sleep 1m00s
  created   accept_all (srv.c:77) by goroutine 1
            called from serve_forever (srv.c:120)
  labels    request=r-881, tenant=acme
  lately    parked 3.2s ago on chan receive of chan 0x7ffff01c0, having run for 41us on P 2
            made ready 3.2s ago by goroutine 17 "dispatch" on P 0
  entry     serve
  stack     0x7ffff7d2f000..0x7ffff7d3f000, 464 bytes in use
  record    struct gos_g at 0x7ffff7f00100
  account   goroutine 7 "conn 3" has waited 3.2s in chan receive at serve (...

-account shows the last line alone: one sentence with all that is known, as the
program itself tells it (gos_dump, SIGQUIT): whose turn it is, who holds a lock,
since when, where he took it and what he does, who used a channel last.

Who used the object last and who else waits on it is shown below it; for a lock,
its owner, since when he has it, where he took it and where he is; for a select,
each of its channels. For a goroutine that is on a thread, or locked to one, that
thread is shown by gdb's number and, as LWP, the system's, with the runtime's M,
and the P without which a goroutine that blocks its thread gets on. The times are its
life: it ran, was runnable, blocked its thread, and waited, for what. What it did
lately is what the program's flight recorder still has, the newest first; 'info
flight -g ID' has more of it."""

    name = "info goroutine"

    def run(self, argument):
        argv = gdb.string_to_argv(argument)
        alone = "-account" in argv
        if alone:
            argv.remove("-account")
        option = next((word for word in argv if word[:1] == "-" and not word[1:].isdigit()), None)
        if option is not None:
            raise Trouble("'%s' is neither an id nor an option; the option is -account" % option)
        if len(argv) > 1:
            raise Trouble("one id at a time; 'info goroutines %s' lists several" % argument)
        view = View().load()
        rt = view.rt
        if argv:
            goid = parse_goid(argv[0])
            g = next((g for g in view.goroutines if g.goid == goid), None) or rt.find(goid)
        else:
            g, _ = view.standing_on()
            if g is None:
                raise Trouble("gdb stands on no goroutine; give an id, see 'info goroutines'")
        if alone:
            say(Accounts(view).sentence(g))
        else:
            _show(view, g)
        report_missing(rt)


def _show(view, g):
    rt = view.rt
    thread = view.on_thread.get(g.address)
    say(words.named(g).capitalize() if not g.name[0] else "G" + words.named(g)[1:])
    _line("state", words.state(rt, g, thread) + (", for %s" % words.duration(rt.waited(g)) if rt.waited(g) else ""))
    for label, text in _waits(view, g):
        _line(label, text)
    for label, text in _threads(view, g, thread):
        _line(label, text)
    _line("where", view.where(g).text)
    _line("times", _times(rt, g))
    creator = next((other for other in view.goroutines if other.goid == g.creator), None)
    made = created(rt, g)
    if g.creator:
        made = "%s by %s" % (places.of_creation(rt, g).text, words.named(creator) if creator else "goroutine %d, which has ended" % g.creator)
    _line("created", made)
    for text in _callers(rt, g.creation):
        _line("", text)
    for label, text in _ancestors(view, g):
        _line(label, text)
    _line("labels", _labels(rt, g))
    for number, text in enumerate(lately(view, g)):
        _line("lately" if number == 0 else "", text)
    _line("entry", places.of_function(g.entry).text)
    _line("stack", _stack(view, g, thread))
    _line("record", "struct gos_g at 0x%x" % g.address)
    _line("account", Accounts(view).sentence(g))


def _callers(rt, number):
    """"called from accept_all (srv.c:77)" for each call above a place of creation that is the user's."""
    try:
        stack = rt.stack_of(number)
    except Trouble as trouble:
        yield str(trouble)
        return
    for pc in stack.pcs[1:] if stack else ():
        if not places.of_runtime(pc - 1, (rt.resume_pc, rt.trap_pc)):
            yield "called from %s" % places.after_call(rt, pc).text


def _ancestors(view, g):
    """(label, text) of each creator that was kept, with the calls above its own place of creation."""
    try:
        ancestors = view.rt.ancestors(g)
    except Trouble as trouble:
        yield "ancestor", str(trouble)
        return
    for ancestor in ancestors:
        by = " by goroutine %d" % ancestor.creator if ancestor.creator else ""
        yield "ancestor", "goroutine %d, created at %s%s" % (ancestor.goid, places.called_by(view.rt, ancestor.create_pc, ancestor.creator).text, by)
        for text in _callers(view.rt, ancestor.creation):
            yield "", text


def _times(rt, g):
    try:
        return words.times(rt, rt.times(g))
    except Trouble as trouble:
        return "(%s)" % trouble


def _labels(rt, g):
    try:
        return words.labels(rt.labels(g))
    except Trouble as trouble:
        return str(trouble)


def _line(label, text):
    if text:
        say("  %-8s  %s" % (label, text))


def _threads(view, g, thread):
    """(label, text) of the thread that g is on, and of the one that it is locked to."""
    rt = view.rt
    if thread:
        m = next((m for m in rt.ms() if m.tid == thread.tid), None)
        yield "thread", "%d (LWP %d)%s" % (thread.number, thread.tid, _m(rt, m) if m else "")
    m = rt.locked_m(g)
    if m is not None:
        number = next(("%d " % t.number for t in view.threads if t.tid == m.tid), "")
        yield "locked", "to thread %s(LWP %d), M %d" % (number, m.tid, m.id)


def _m(rt, m):
    """", M 2 with P 0"."""
    if not m.p:
        return ", M %d without a P" % m.id
    try:
        return ", M %d with P %d" % (m.id, rt.p_id(m.p))
    except Trouble:
        return ", M %d" % m.id


def _stack(view, g, thread):
    sp = thread.sp if thread else g.sched_sp
    bounds = "0x%x..0x%x" % (g.stack_lo, g.stack_hi)
    if not g.stack_lo <= sp <= g.stack_hi:
        return "%s, but its saved stack pointer is 0x%x: the record is corrupt" % (bounds, sp) if not thread else bounds
    return "%s, %s in use" % (bounds, words.count(g.stack_hi - sp, "byte"))


def _waits(view, g):
    """(label, text) of what g waits on and who else does."""
    rt = view.rt
    kind = rt.object_kind(g)
    if not kind:
        return
    if kind == "SELECT":
        yield from _select(rt, g)
        return
    yield "waits on", words.waits_on(rt, g)
    if kind == "CHAN":
        for text in _record(view, kind, g):
            yield "", text
        for label, text in _queues(rt, g.wait_obj):
            yield "", "%s: %s" % (label, text)
        return
    for text in _record(view, kind, g):
        yield "", text
    others = [other.goid for other in view.goroutines if other.wait_obj == g.wait_obj and other.goid != g.goid and rt.object_kind(other) == kind]
    if others:
        yield "", "also waiting on it: %s" % words.ids(others)


def _record(view, kind, g):
    """Who keeps g waiting, since when, where he took what g waits for and where he is; or who used it last."""
    rt = view.rt
    try:
        if kind == "CHAN":
            yield from record.channel(rt, rt.channel(g.wait_obj))
        elif kind == "MUTEX":
            yield from _holder(view, rt.mutex(g.wait_obj).lock)
        elif kind == "ONCE":
            yield from _holder(view, rt.once(g.wait_obj).call, "run", "called")
        elif kind == "RWMUTEX":
            rw = rt.rwmutex(g.wait_obj)
            yield from _holder(view, rw.lock)
            if not rw.owner:
                yield from record.rwmutex(rt, rw)[1:]
            if rw.next not in (0, g.goid):
                yield from _next(view, rw.next)
        elif kind == "GROUP":
            yield from record.waitgroup(rt, rt.waitgroup(g.wait_obj))[1:]
        elif kind == "COND":
            yield from record.cond(rt, rt.cond(g.wait_obj))
        elif kind == "SEMA":
            yield from record.sema(rt, rt.sema(g.wait_obj))
    except Trouble:
        pass  # it was said where the object was shown


def _holder(view, mark, *how):
    """"held by goroutine 5 "load" for 5.1s, locked at load (config.c:70); it waits in IO wait for 5.0s at read_all (config.c:75)"."""
    if mark.goid:
        holder = _known(view, mark.goid)
        yield record.holds(view.rt, mark, *how or ("held", "locked"), words.named(holder) if holder else None) + _stands(view, holder)


def _next(view, goid):
    holder = _known(view, goid)
    yield "to be held next by " + (words.named(holder) if holder else words.holder(view.rt, goid)) + _stands(view, holder)


def _known(view, goid):
    return next((other for other in view.goroutines if other.goid == goid), None)


def _stands(view, g):
    """"; it waits in IO wait for 5.0s at read_all (config.c:75)"; nothing of one that has ended."""
    return "; it %s at %s" % (words.doing(view.rt, g, view.on_thread.get(g.address)), view.where(g).text) if g else ""


def _select(rt, g):
    yield "waits on", "a select of these channels"
    try:
        for case in rt.cases(g):
            way = {rt.abi.const("dir_send"): "send to", rt.abi.const("dir_recv"): "receive from"}.get(case.case_dir, "use")
            try:
                what = words.channel(rt, rt.channel(case.obj))
            except Trouble as trouble:
                what = "chan 0x%x (%s)" % (case.obj, trouble)
            yield "", "%s %s" % (way, what)
            for label, text in _queues(rt, case.obj, g.goid):
                yield "", "  %s: %s" % (label, text)
    except Trouble as trouble:
        yield "", str(trouble)


def _queues(rt, address, but=None):
    """("waiting to receive", "7, 9") for each queue of a channel in which somebody stands."""
    try:
        c = rt.channel(address)
    except Trouble:
        return
    for label, first in (("waiting to send", c.sendq), ("waiting to receive", c.recvq)):
        waiting = words.waiters(rt, first, 20, but)
        if waiting:
            yield label, waiting


def register():
    InfoGoroutine()
