# SPDX-License-Identifier: MIT
"""'info flight': what the flight recorder has; and the section `lately` of 'info goroutine'."""

import gdb

from .. import flight, places, words
from ..abi import Trouble
from . import Command, View, parse_goid, report_missing, say

_SHOWN = 40
_LATELY = 6  # lines
_LATELY_EVENTS = 16  # out of which they are made


class InfoFlight(Command):
    """List what has lately happened to goroutines, as the program itself wrote it down.
Usage: info flight [-g ID] [-n COUNT]

-g ID shows what happened to one goroutine, which may have ended, and what it did
to others. -n COUNT shows so many events, the last ones; without it, the last 40.

  Time       P  Goroutine  Event
  12.003114  2  17         made ready chan 42
  12.003115  2  17         parked: chan receive, chan 0x7ffff01c0
  12.003115  2  42         ran

Time is in seconds since the program's start, and that of the end is shown below; it
is a millisecond or so coarse, unless the program was started with
GOSDEBUG=flight=exact. P: the place where goroutines run, of which there are
GOMAXPROCS; none for what happened where there was none. Goroutine: who did it,
or, when it says ran, who began to. How far back it goes depends on
how much happened: GOSDEBUG=flight=N, see gossamer(7)."""

    name = "info flight"

    def run(self, argument):
        goid, count = _options(gdb.string_to_argv(argument))
        view = View()
        rt = view.rt
        recorder = flight.Recorder(rt)
        rings = recorder.each(words=None if goid is not None else 4 * count + 4096)
        events = flight.merge(rings)
        if goid is not None:
            events = [e for e in events if goid in (e.goid, e.by)]
        if not events:
            say("Nothing has been written down%s." % (" of goroutine %d, or it was too long ago" % goid if goid is not None else ""))
            return report_missing(rt)
        digits = 6 if recorder.exact else 3
        rows = [(("<" if e.early else "") + "%.*f" % (digits, max(0, e.at - recorder.start) / 1e9), "" if e.p is None else str(e.p), str(e.by or e.goid or ""), _event(rt, e))
                for e in events[-count:]]
        for line in words.table(("Time", "P", "Goroutine", "Event"), rows, right=(0, 1)):
            say(line)
        say("It is %.*f now." % (digits, max(0, rt.now - recorder.start) / 1e9))
        report_missing(rt)


def _options(argv):
    goid, count = None, _SHOWN
    while argv:
        option = argv.pop(0)
        if option not in ("-g", "-n"):
            raise Trouble("'%s' is no option; options are -g ID, -n COUNT" % option)
        if not argv:
            raise Trouble("%s needs %s" % (option, "a goroutine's id" if option == "-g" else "a number"))
        value = argv.pop(0)
        if option == "-g":
            goid = parse_goid(value)
        elif value.isdigit() and int(value):
            count = int(value)
        else:
            raise Trouble("'%s' is no number of events" % value)
    return goid, count


def _object(rt, e):
    """"chan 0x7ffff01c0": what a goroutine parked on."""
    reason = rt.abi.reasons.get(e.reason)
    kind = rt.abi.objects.get(reason.object) if reason else None
    if kind is None or kind.symbol in ("NONE", "SELECT", "TIMER") or not e.value:  # a select's first case and a sleeper's timer are on its stack
        return ""
    if kind.symbol == "FD":
        try:
            return "fd %d" % rt.pollfd(e.value).fd
        except Trouble:
            pass
    return "%s 0x%x" % (kind.text, e.value)


def _event(rt, e):
    """One event as a line of the list has it, after who did it."""
    if e.kind == "PARK":
        return ", ".join(filter(None, ("parked: " + rt.reason_word(e.reason), _object(rt, e))))
    if e.kind in ("CALL", "PANIC"):
        return "%s at %s" % ("began a blocking call" if e.kind == "CALL" else "panicked", places.called_by(rt, e.value, e.by or e.goid).text or "?")
    if e.kind in ("CREATE", "READY"):
        made = "made" if e.kind == "CREATE" else "made ready"
        return "%s goroutine %d" % (made, e.goid) if e.by else "was %s%s" % (made, " by the runtime" if e.by == 0 and e.kind == "CREATE" else "")
    if e.kind == "STEAL":
        return "goroutines taken over from P %d" % e.value
    return {"RUN": "ran", "WAKE": "was woken", "YIELD": "gave way", "PREEMPT": "had to give way", "CALL_END": "was back from its call", "EXIT": "ended"}.get(
        e.kind, "event %s" % e.kind)


# ---- lately ----


def lately(view, g):
    """What happened to g, newest first: [line]."""
    rt = view.rt
    try:
        recorder = flight.Recorder(rt)
        events = flight.last(recorder, g.goid, _LATELY_EVENTS)
    except Trouble as trouble:
        return ["not known: %s" % trouble]
    names = {other.goid: other for other in view.goroutines}
    lines = []
    while events and len(lines) < _LATELY:
        e = events.pop(0)
        text = _told(rt, e, names)
        if e.kind in ("PARK", "YIELD", "PREEMPT", "CALL", "EXIT") and events and events[0].kind == "RUN":
            began = events.pop(0)
            text += ", having run %son P %d" % (_span(e, began), began.p)
        elif e.p is not None:
            text += " on P %d" % e.p
        lines.append(text)
    return lines


def _span(e, before):
    """"for 41us ": from one event to another; nothing where the clock does not tell."""
    if before.early:
        return "for over %s " % words.duration(e.at - before.at) if e.at > before.at else ""
    return "for %s " % words.duration(e.at - before.at) if e.at > before.at and not e.early else ""


def _told(rt, e, names):
    passed = rt.now - e.at
    ago = "over %s ago" % words.duration(max(0, passed)) if e.early else "%s ago" % words.duration(passed) if passed > 0 else "just now"
    if e.kind == "PARK":
        what = _object(rt, e)
        return "parked %s on %s%s" % (ago, rt.reason_word(e.reason), " of " + what if what else "")
    if e.kind in ("CALL", "PANIC"):
        return "%s %s at %s" % ("began a blocking call" if e.kind == "CALL" else "panicked", ago, places.called_by(rt, e.value, e.by or e.goid).text or "?")
    if e.kind in ("CREATE", "READY", "WAKE"):
        by = "the runtime" if e.kind == "CREATE" else "a timer, the netpoller or the like" if e.kind == "WAKE" else ""
        if e.by or e.by is None:
            by = words.named(names[e.by]) if e.by in names else "goroutine %d" % e.by if e.by else ""
        return "%s %s%s" % ("made" if e.kind == "CREATE" else "made ready", ago, " by " + by if by else "")
    return "%s %s" % ({"RUN": "began to run", "YIELD": "gave way", "PREEMPT": "had to give way", "CALL_END": "came back from its call", "EXIT": "ended"}.get(e.kind, e.kind), ago)


def register():
    InfoFlight()
