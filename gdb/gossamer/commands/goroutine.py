# SPDX-License-Identifier: MIT
"""'goroutine': stand on one, or run a command on one or on many, as 'thread' and 'thread apply' do for threads."""

import gdb

from .. import places, target, unwind, words
from ..abi import Trouble
from . import Command, View, guarded, parse_goid, report_missing, say
from .filters import WITH_VALUE, Filter


class Goroutine(Command):
    """Select a goroutine, or run a command on it, or say which is selected.
Usage: goroutine [ID [COMMAND]]

Without arguments, says which goroutine gdb stands on.

ID is a goroutine's id, as 'info goroutines' shows it. From then on bt, up, down,
frame, info locals, info args, print, list and x act on that goroutine, in a
process as in a core. The frame selected is the innermost of the user's code; bt
shows the runtime's frames below it too.

COMMAND is run with that goroutine selected; what was selected before is selected
again afterwards.

(gdb) goroutine 7
[Switching to goroutine 7 "conn 3" (chan receive, 3.2s)]
#4  0x0000555555556a31 in serve (fd=9) at srv.c:41
41              gos_chan_recv(c->answers, &answer);

One that runs is where its thread is, and that thread is selected. One that does
not run is shown in the place of a thread that is left as it is: nothing is
written to the process. 'continue', 'next' and the like, and 'thread N', leave
the goroutine and act on threads; 'finish', 'return' and 'jump' are refused."""

    name = "goroutine"
    category = gdb.COMMAND_STACK
    prefix = True

    def run(self, argument):
        argv = gdb.string_to_argv(argument)
        if not argv:
            return _which()
        view = View()
        goid = parse_goid(argv[0])
        g, thread = view.find(goid)
        command = argument.strip()[len(argument.strip().split(None, 1)[0]):].strip()
        if not command:
            switch(view, g, thread)
            say("[Switching to %s]" % words.goroutine(view.rt, g, thread))
            gdb.execute("frame")
            return None
        with _Excursion():
            switch(view, g, thread)
            gdb.execute(command)
        return None


class Apply(Command):
    """Run a command on several goroutines, one after the other.
Usage: goroutine apply all|ID... [FILTER]... [-q] [-c] [-s] COMMAND

ID is a goroutine's id or a range of them, as 5-9; all means every goroutine.

FILTER is one of those of 'info goroutines', as -reason "chan receive".

COMMAND is run with each of them selected; what was selected before is selected
again afterwards.

-q leaves out the line that names each goroutine. An error of COMMAND ends the
run; with -c it is shown and the run goes on, with -s it is not even shown.

(gdb) goroutine apply all -at serve -q frame
#4  0x0000555555556a31 in serve (fd=9) at srv.c:41"""

    name = "goroutine apply"
    category = gdb.COMMAND_STACK

    def run(self, argument):
        view = View().load()
        chosen, flags, command = _parse_apply(view.rt, argument)
        wanted = [g for g in view.goroutines if chosen.accepts(view, g, lambda g: places.of_creation(view.rt, g))]
        missing = [first for first, last in chosen.goids if first == last and not any(g.goid == first for g in view.goroutines)]
        if missing:
            view.rt.find(missing[0])  # says which exist
        if not wanted:
            raise Trouble("no goroutine matches (of %s)" % words.number(len(view.goroutines)))
        with _Excursion():
            for g in wanted:
                _apply(view, g, flags, command)
        report_missing(view.rt)


def _apply(view, g, flags, command):
    thread = view.on_thread.get(g.address)
    try:
        switch(view, g, thread)
        if "-q" not in flags:
            say("\nG%s:" % words.goroutine(view.rt, g, thread)[1:])
        gdb.execute(command)
    except (gdb.error, Trouble) as error:
        if "-s" in flags:
            return
        if "-c" not in flags:
            raise
        say(str(error))


def _parse_apply(rt, argument):
    """(Filter, flags, command). The command is everything from the first word on that is none of the others."""
    chosen, flags = Filter(rt), set()
    everyone = False
    rest = argument.strip()
    while rest:
        words_left = gdb.string_to_argv(rest)
        before = len(words_left)
        if words_left[0] == "all" and not everyone and not chosen.goids:
            everyone = True
            words_left.pop(0)
        elif words_left[0] in ("-q", "-c", "-s"):
            flags.add(words_left.pop(0))
        elif not chosen.take(words_left):
            break
        for _ in range(before - len(words_left)):
            rest = _after_word(rest)
    if not everyone and not chosen.goids:
        raise Trouble("say on which goroutines: goroutine apply all|ID... [%s VALUE]... COMMAND" % "|".join(WITH_VALUE))
    if not rest:
        raise Trouble("say which command to run on them: goroutine apply all|ID... COMMAND")
    return chosen, flags, rest


def _after_word(text):
    """What follows the first word of text, which may be quoted as gdb.string_to_argv reads it."""
    quote, index = "", 0
    while index < len(text):
        c = text[index]
        if c == "\\":
            index += 1
        elif quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        elif c.isspace():
            break
        index += 1
    return text[index:].lstrip()


def switch(view, g, thread):
    """Stands on g, in the innermost frame of the user's code."""
    rt = view.rt
    if thread is not None:
        unwind.leave()
        target.switch_to(thread.ptid)
        first = gdb.newest_frame()
    else:
        if g.status in rt.running:
            raise Trouble("goroutine %d is %s, but no thread's stack pointer is on its stack" % (g.goid, rt.state_word(g)))
        current = gdb.selected_thread()
        if current is None or not current.is_valid():
            raise Trouble("no thread is selected")
        if current.is_running():
            raise Trouble("the selected thread is running: stop it first")
        if target.program_file() is None:
            say("warning: without the program's file, which 'file PROGRAM' loads, the frames are guesses")
        unwind.select(g, rt, view.registers)
        first = unwind.innermost()
    view.user_frame(g, first).select()
    gdb.set_convenience_variable("_goroutine", g.goid)


class _Excursion:
    """with _Excursion(): whatever is selected meanwhile, the same goroutine or thread and frame are selected afterwards."""

    def __enter__(self):
        self.chosen = unwind.current()
        self.thread = gdb.selected_thread()
        self.level = _level()
        self.resumes = unwind.resumes()

    def __exit__(self, kind, *_):
        if self.thread is None or not self.thread.is_valid() or self.thread.is_running():
            return
        if self.resumes != unwind.resumes():
            return  # the command let the program run: gdb stands where that stopped
        restore(self.thread, self.chosen, self.level)


def restore(thread, chosen, level):
    """Stands where gdb stood: on a thread, perhaps on a goroutine shown there, at a frame's level."""
    unwind.leave()
    target.switch_to(thread.ptid)
    if chosen is not None:
        view = View()
        try:
            g = view.rt.goroutine_at(chosen.g.address)
            if g.goid == chosen.goid:
                unwind.select(g, view.rt, view.registers)
        except Trouble:
            pass
    gdb.set_convenience_variable("_goroutine", chosen.goid if chosen is not None else None)
    frame = gdb.newest_frame()
    while frame is not None and frame.level() < level:
        frame = frame.older()
    if frame is not None:
        frame.select()


def _level():
    try:
        return gdb.selected_frame().level()
    except gdb.error:
        return 0


def _which():
    view = View()
    g, thread = view.standing_on()
    if g is None:
        chosen = gdb.selected_thread()
        say("[No goroutine: thread %s runs none]" % (chosen.num if chosen else "?"))
    else:
        say("[Current goroutine is %s]" % words.goroutine(view.rt, g, thread).split(" ", 1)[1])


def register():
    Goroutine()
    Apply()
    guarded(gdb.set_convenience_variable, "_goroutine", None)
