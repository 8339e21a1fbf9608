# SPDX-License-Identifier: MIT
"""'info gossamer': the scheduler, and what all goroutines have done with their time."""

import gdb

from .. import words
from ..abi import Trouble
from . import Command, View, report_missing, say


class InfoGossamer(Command):
    """Show the runtime's Ps and what all goroutines have done with their time.
Usage: info gossamer

1,204 goroutines: 1,160 waiting, 40 runnable, 3 running, 1 syscall
Their times, with those of goroutines that have ended:
  waiting   5h12m: chan receive 5h02m, sleep 10m07s
  running   12.3s
  runnable  3.2s

  P  M  Thread   Switches   Parks      Made   Ended  Stolen  Preempted  Taken away
  0  1  LWP 731  1,204,887  1,204,101  3,104  1,900  212     14         3
  1  -           904,113    904,002    0      0      1,411   9          0

Stood in line before they ran:
  no time that the clock shows    2,108,611
  up to 524us                     389

Made, Ended: goroutines. Stolen: times that it took some from another P. Preempted:
goroutines that had had their time. Taken away: times that it was taken from a
thread that a goroutine blocked. The clock that times are told by moves in
steps of some tenths of a millisecond; who was faster is counted as no time."""

    name = "info gossamer"

    def run(self, argument):
        if gdb.string_to_argv(argument):
            raise Trouble("'info gossamer' takes no argument")
        view = View().load()
        rt = view.rt
        ps = list(rt.ps())
        _say_goroutines(rt, view.goroutines)
        _say_times(rt, rt.total_times(view.goroutines, ps))
        say()
        _say_ps(rt, ps)
        _say_latencies(rt.latencies(ps))
        report_missing(rt)


def _say_goroutines(rt, goroutines):
    counts = {}
    for g in goroutines:
        counts[rt.state_word(g)] = counts.get(rt.state_word(g), 0) + 1
    by_state = ", ".join("%s %s" % (words.number(n), word) for word, n in sorted(counts.items(), key=lambda item: -item[1]))
    say(words.count(len(goroutines), "goroutine") + (": " + by_state if by_state else ""))


def _say_times(rt, times):
    say("Their times, with those of goroutines that have ended:")
    for state, ns in times.spent.most_common():
        if not ns:
            continue
        reasons = ", ".join("%s %s" % (rt.reason_word(reason), words.duration(ns)) for reason, ns in times.waited.most_common()) if state == rt.waiting else ""
        say("  %-8s  %s%s" % (rt.abi.states[state].text, words.duration(ns), ": " + reasons if reasons else ""))


def _say_ps(rt, ps):
    ms = {m.address: m for m in rt.ms()}
    rows = []
    for p in ps:
        m = ms.get(p.m)
        rows.append(["  %d" % p.id, str(m.id) if m else "-", "LWP %d" % m.tid if m else ""]
                    + [words.number(n) for n in (p.tick, p.parks, p.spawns, p.ends, p.steals, p.preempts, p.handoffs)])
    for line in words.table(["  P", "M", "Thread", "Switches", "Parks", "Made", "Ended", "Stolen", "Preempted", "Taken away"], rows):
        say(line)


def _say_latencies(latencies):
    if not any(latencies):
        return
    say()
    say("Stood in line before they ran:")
    last = len(latencies) - 1
    for i, n in enumerate(latencies):
        if n:
            what = "no time that the clock shows" if i == 0 else "up to %s" % words.duration(1 << i) if i < last else "longer"
            say("  %-28s  %s" % (what, words.number(n)))


def register():
    InfoGossamer()
