# SPDX-License-Identifier: MIT
"""'info goroutines': who is there."""

import itertools
import operator

import gdb

from .. import places, words
from ..abi import Trouble
from ..model import name_of
from . import Command, View, completions, report_missing, say, uncollected
from .filters import WITH_VALUE, Filter

_SHOWN = 20  # goroutines listed one by one unless more are asked for
_GROUPS_SHOWN = 6  # with the lines around them this stays below ten


class InfoGoroutines(Command):
    """List the goroutines of the program, in a process or in a core.
Usage: info goroutines [ID]... [FILTER]... [-all] [-limit N] [-page N] [-group | -no-group] [-sort id|time]

More than 20 goroutines are shown in groups: those in the same state, for the
same reason, at the same place, made at the same place. Looking changes nothing.

ID is a goroutine's id or a range of them, as 5-9.

FILTER is any of these; a goroutine must pass them all:
  -state STATE          running, waiting, runnable, syscall, ...
  -reason REASON        why it waits: chan receive, select, "IO wait", ...
  -name GLOB            its name, as "conn*"
  -at TEXT              where it stands: part of a function's name or FILE:LINE
  -created TEXT         where it was made, likewise
  -waiting-longer TIME  200ms, 5s, 2m
  -on ADDRESS           the channel or other object that it waits on
  -label KEY[=GLOB]     it has this label, with such a value: "request=r-88*"

-all lists every goroutine or group, -limit N that many, -page N the Nth part.
-no-group lists one by one, -group groups even a few.
-sort time begins with those that have waited longest; else by id.

  Id  Name      State                  For   Where                 Waits on                                   Created
* 1   "main"    running on thread 1          main_loop (srv.c:88)                                             gos_run
  7   "conn 3"  waiting, chan receive  3.2s  serve (srv.c:41)      chan 0x7ffff01c0 (int, 0/4, made at ...)   accept_all (srv.c:77) by 1

'*' is the goroutine that gdb stands on. For: how long it has waited, or blocked
its thread (state syscall). Where: its user's code; the function that it was
started with, if that jumped to its last call, as optimizing compilers make it.
Waits on: the object, with its elements and capacity, its owner, or what is left of
its time. Created: the place and the goroutine that made it."""

    name = "info goroutines"

    def run(self, argument):
        with uncollected():
            self._run(argument)

    @staticmethod
    def _run(argument):
        view = View().load()
        options = _Options(view.rt, gdb.string_to_argv(argument))
        rt = view.rt
        source = sorted((g for g in rt.records() if g.goid), key=lambda g: g.goid) if options.filter.wants_ended() else view.goroutines
        memo = {}
        wanted = source if options.filter.empty else [g for g in source if options.filter.accepts(view, g, lambda g: places.of_creation(view.rt, g))]
        if options.sort == "time":
            wanted.sort(key=lambda g: -rt.waited(g))
        here, _ = view.standing_on()
        if not wanted:
            say("No goroutine matches (of %s)." % words.number(len(view.goroutines)) if view.goroutines else "No goroutine can be read." if rt.missing else "No goroutines.")
        elif options.group if options.group is not None else len(wanted) > _SHOWN and not options.one_by_one:
            _show_groups(view, wanted, options, here)
        else:
            _show_each(view, wanted, options, here, memo)
        there = {g.goid for g in itertools.chain(source, view.goroutines)}
        gone = [str(first) for first, last in options.filter.goids if first == last and first not in there]
        if gone:
            say("There is no goroutine %s." % ", ".join(gone))
        report_missing(rt)

    def complete(self, text, word):
        options = WITH_VALUE + ("-all", "-limit", "-page", "-group", "-no-group", "-sort")
        return completions(text, word, options)


class _Options:
    def __init__(self, rt, argv):
        self.filter = Filter(rt)
        self.all = False
        self.limit = None
        self.page = 1
        self.group = None
        self.sort = "id"
        while argv:
            if argv[0] == "-all":
                self.all = True
                argv.pop(0)
            elif argv[0] in ("-group", "-no-group"):
                self.group = argv.pop(0) == "-group"
            elif argv[0] in ("-limit", "-page"):
                if len(argv) < 2 or not argv[1].isdigit() or int(argv[1]) == 0:
                    raise Trouble("%s needs a number from 1 on" % argv[0])
                setattr(self, argv[0][1:], int(argv[1]))
                del argv[:2]
            elif argv[0] == "-sort":
                if len(argv) < 2 or argv[1] not in ("id", "time", "duration"):
                    raise Trouble("-sort needs id or time")
                self.sort = "time" if argv[1] != "id" else "id"
                del argv[:2]
            elif not self.filter.take(argv):
                raise Trouble("'%s' is neither an id nor an option; options are %s, -all, -limit, -page, -group, -no-group, -sort"
                              % (argv[0], ", ".join(WITH_VALUE)))
        self.one_by_one = self.group is False or self.all or self.limit is not None or self.page > 1

    def next_page(self):
        return ("-limit %d " % self.limit if self.limit else "") + "-page %d" % (self.page + 1)

    def part(self, items, size):
        """(the items to show, number of the first of them): the asked page."""
        if self.all:
            return items, 0
        size = self.limit or size
        first = (self.page - 1) * size
        if first >= len(items):
            raise Trouble("there is no page %d: %s fill %s" % (self.page, words.number(len(items)), words.count((len(items) + size - 1) // size, "page")))
        return items[first:first + size], first


def _show_each(view, wanted, options, here, memo):
    rt = view.rt
    shown, first = options.part(wanted, _SHOWN)
    rows = []
    for g in shown:
        thread = view.on_thread.get(g.address)
        name = name_of(g)
        rows.append([
            "* %d" % g.goid if here is not None and g.address == here.address else "  %d" % g.goid,
            '"%s"' % name if name else "",
            words.state(rt, g, thread),
            words.duration(rt.waited(g)) if rt.waited(g) else "",
            view.where(g).text,
            words.waits_on(rt, g, memo),
            created(rt, g),
        ])
    for line in words.table(["  Id", "Name", "State", "For", "Where", "Waits on", "Created"], rows):
        say(line)
    left = len(wanted) - first - len(shown)
    if left or first:
        say("%s to %s of %s%s" % (words.number(first + 1), words.number(first + len(shown)), words.count(len(wanted), "goroutine"),
                                  "; %s shows the next, -all the whole list." % options.next_page() if left else "."))


def created(rt, g):
    """"accept_all (srv.c:77) by 1"; the first goroutine was made by nobody's call."""
    where = places.of_creation(rt, g).text
    return "%s by %d" % (where, g.creator) if g.creator else where


def _show_groups(view, wanted, options, here):
    rt = view.rt
    groups = {}
    on_thread = view.on_thread
    waiting, now = rt.waiting, rt.now
    flags, held = sum(rt.abi.flags), rt.hold_mask  # bits
    entered = rt.entry_return_pc  # a wait_pc that does not tell which entry has jumped to the call
    for g in wanted:
        if g.address in on_thread:
            key = (g.status, g.reason if g.status == waiting else 0, view.where(g).text, g.create_pc, g.flags & flags | (g.hold & held) << 8)
        elif g.status == waiting:
            key = (g.status, g.reason, g.wait_pc if g.wait_pc != entered else -g.entry, g.create_pc, g.flags & flags | (g.hold & held) << 8)
        else:
            key = (g.status, 0, g.wait_pc if g.wait_pc not in (0, entered) else -g.entry, g.create_pc, g.flags & flags | (g.hold & held) << 8)
        group = groups.get(key)
        if group is None:
            group = groups[key] = []
        group.append(g)
    ordered = sorted(_merged(view, groups), key=lambda group: -len(group))
    if options.sort == "time":
        ordered.sort(key=lambda group: -max(map(rt.waited, group)))
    shown, first = options.part(ordered, _GROUPS_SHOWN)
    rows = []
    for group in shown:
        g = group[0]
        threads = [view.on_thread[member.address] for member in group if member.address in view.on_thread]
        waits = [rt.since(member) for member in group if member.status in rt.timed and 0 < member.wait_since <= now]
        span = ""
        if waits:
            low, high = words.duration(now - max(waits)), words.duration(now - min(waits))
            span = low if low == high else "%s to %s" % (low, high)
        rows.append([
            ("* " if here is not None and any(member.address == here.address for member in group) else "  ") + words.number(len(group)),
            words.state(rt, g, threads[0], words.count(len(threads), "thread")) if threads else words.state(rt, g),
            span,
            view.where(g).text,
            places.of_creation(rt, g).text,
            words.ids((member.goid for member in group[:4]), 3).split(" and ")[0] + (", …" if len(group) > 3 else ""),
        ])
    total = sum(map(len, ordered))
    say("%s in %s:" % (words.count(total, "goroutine"), words.count(len(ordered), "group")))
    for line in words.table(["  Count", "State", "For", "Where", "Created", "Ids"], rows):
        say(line)
    left = ordered[first + len(shown):]
    if left:
        say("%s in %s not shown: -group -all shows them, -group %s the next, -at TEXT or another filter fewer."
            % (words.count(sum(map(len, left)), "goroutine"), words.count(len(left), "more group"), options.next_page()))
    else:
        say("-no-group lists them one by one, -at TEXT and other filters fewer of them: help info goroutines.")


def _merged(view, groups):
    """Lists of goroutines, one for each that reads otherwise: compilers make several calls of one in the source."""
    merged = {}
    for key, group in groups.items():
        g = group[0]
        where = key[2] if g.address in view.on_thread else view.where(g).text
        merged.setdefault((*key[:2], where, places.of_creation(view.rt, g).text, key[4]), []).append(group)
    return [parts[0] if len(parts) == 1 else sorted(itertools.chain(*parts), key=operator.attrgetter("goid")) for parts in merged.values()]


def register():
    InfoGoroutines()
