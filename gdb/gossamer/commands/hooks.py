# SPDX-License-Identifier: MIT
"""Before and after gdb's own commands: what they must not do to, or must not show of, the thread that hosts a goroutine.

gdb runs 'define hook-X' before X, and 'hookpost-X' after it; each of ours calls one internal command. A hook that the user
had defined before keeps its commands, behind ours.
"""

import gdb

from .. import places, target, unwind, words
from ..abi import Trouble
from . import Command, View, catch, goroutine, hold, runtime, say

_LEAVE = ("step", "next", "stepi", "nexti", "until", "advance", "signal", "reverse-step", "reverse-next", "reverse-stepi", "reverse-nexti", "thread", "inferior")
_REFUSE = ("return", "jump", "finish", "reverse-finish")
_FRAMES = ("up", "frame", "frame level", "frame function", "frame address")
_FRAMES_SILENT = ("up-silently", "down-silently", "select-frame", "select-frame level", "select-frame function", "select-frame address")


class _Leave(Command):
    """Internal to goroutine debugging: run before commands that act on threads."""

    name = "goroutine-leave"
    category = gdb.COMMAND_OBSCURE

    def run(self, argument):
        chosen = unwind.current()
        if chosen is not None:
            say("[Leaving goroutine %d: '%s' acts on threads]" % (chosen.goid, argument))
            gdb.set_convenience_variable("_goroutine", None)
        unwind.leave()


class _Refuse(Command):
    """Internal to goroutine debugging: run before commands that would change the wrong thread."""

    name = "goroutine-refuse"
    category = gdb.COMMAND_OBSCURE

    def run(self, argument):
        chosen = unwind.current()
        if chosen is not None:
            raise Trouble("goroutine %d does not run: '%s' would act on the thread that shows it ('thread %d' selects that)"
                          % (chosen.goid, argument, gdb.selected_thread().num))


class _KeepOff(Command):
    """Internal to goroutine debugging: run after commands that may have selected a frame of the hosting thread."""

    name = "goroutine-keep-off"
    category = gdb.COMMAND_OBSCURE

    def run(self, argument):
        chosen = unwind.current()
        if chosen is None or not unwind.hidden(gdb.selected_frame()):
            return
        unwind.innermost().select()
        if argument != "silently":
            say("[That frame is not goroutine %d's; its innermost one is:]" % chosen.goid)
            gdb.execute("frame")


class Down(Command):
    """Select and print stack frame called by this one.
An argument says how many frames down to go."""

    # gdb's own command, for gdb's own words at the bottom: a hook does not see how far the user wants to go.
    name = "down"
    category = gdb.COMMAND_STACK

    def run(self, argument):
        if unwind.current() is not None:
            bottom = unwind.innermost()
            if gdb.selected_frame().level() <= bottom.level() and not argument.strip().startswith("-"):
                gdb.newest_frame().select()
                try:
                    gdb.execute("down-silently")  # fails, in gdb's own words
                finally:
                    bottom.select()
        gdb.execute("down-silently " + argument)
        gdb.execute("frame")


class _ApplyBefore(Command):
    """Internal to goroutine debugging: 'thread apply' shows threads as they are."""

    name = "goroutine-suspend"
    category = gdb.COMMAND_OBSCURE
    kept = None

    def run(self, argument):
        chosen = unwind.current()
        _ApplyBefore.kept = None
        if chosen is not None:
            _ApplyBefore.kept = (gdb.selected_thread(), chosen, gdb.selected_frame().level(), unwind.resumes())
        unwind.leave()


class _ApplyAfter(Command):
    """Internal to goroutine debugging: selects again what 'thread apply' found selected."""

    name = "goroutine-resume"
    category = gdb.COMMAND_OBSCURE

    def run(self, argument):
        kept, _ApplyBefore.kept = _ApplyBefore.kept, None
        if kept is not None and kept[3] == unwind.resumes() and kept[0].is_valid():
            goroutine.restore(*kept[:3])


class _BeforeCore(Command):
    """Internal to goroutine debugging: run before 'generate-core-file'."""

    name = "goroutine-before-core"
    category = gdb.COMMAND_OBSCURE

    def run(self, argument):
        unwind.leave()
        try:
            rt = runtime()
        except Trouble:
            return
        _tell_time(rt)
        if rt.soft_guards:
            say("warning: this core will lack goroutines' stacks. Of %s goroutine stacks %s end in guard pages (MADV_GUARD_INSTALL) at which"
                % (words.number(rt.hard_guards + rt.soft_guards), words.number(rt.soft_guards)))
            say("gdb gives up the rest of their mapping. For a whole core let the kernel write it, which ends the process:")
            say("  (gdb) shell prlimit --core=unlimited --pid %d      then      (gdb) signal SIGABRT" % target.pid())


def _tell_time(rt):
    """Sets the runtime's clock to the time as of which the process stands still: the core has no other by which to tell how long waits have lasted.

    The one thing that is written on behalf of a core. It is what any thread of the runtime does when it looks at the clock, so that the program takes no notice.
    """
    address, size = rt.word("now")
    now = rt.now & ~rt.abi.const("wait_since_marks")  # the runtime's clock leaves these bits free
    if now <= rt.word_value("now") or target.any_running():
        return
    try:
        target.write(gdb.selected_inferior(), address, now.to_bytes(size, "little"))
    except gdb.error:
        pass  # then the core is as late as the process


class _BeforeDetach(Command):
    """Internal to goroutine debugging: run before 'detach' and 'kill'."""

    name = "goroutine-before-detach"
    category = gdb.COMMAND_OBSCURE

    def run(self, argument):
        unwind.leave()
        catch.disarm()
        if argument == "detach":
            hold.tell_what_stays()


def _hook(command, ours, when="hook"):
    """define hook-COMMAND with ours in front of what the user's own hook of that name does."""
    prefix, _, last = command.rpartition(" ")
    name = ("%s %s-%s" % (prefix, when, last)).strip()
    # Not "show user NAME", which fails where there is none: gdb 13 stops waiting for the program when a command fails, caught or not, while a
    # library that it has just loaded brings this package in.
    _, _, rest = gdb.execute("show user", to_string=True).partition('User command "%s":\n' % name)
    body = rest.split('\nUser command "')[0]
    body = "\n".join(line for line in body.split("\n") if line.strip() and not line.strip().startswith("goroutine-"))
    try:
        gdb.execute("define %s\n%s\n%s\nend" % (name, ours, body) if body else "define %s\n%s\nend" % (name, ours))
    except gdb.error:
        pass  # this gdb has no such command


def _stopped(_):
    """$_goroutine for a stop: the goroutine of the thread that stopped."""
    try:
        g, _ = View().standing_on()
    except (Trouble, gdb.error):
        return  # no runtime here, which is nobody's trouble
    gdb.set_convenience_variable("_goroutine", g.goid if g is not None else None)


def register():
    for command in (_Leave, _Refuse, _KeepOff, Down, _ApplyBefore, _ApplyAfter, _BeforeCore, _BeforeDetach):
        command()
    for name in _LEAVE:
        _hook(name, "goroutine-leave " + name)
    for name in _REFUSE:
        _hook(name, "goroutine-refuse " + name)
    for name in _FRAMES:
        _hook(name, "goroutine-keep-off", "hookpost")
    for name in _FRAMES_SILENT:
        _hook(name, "goroutine-keep-off silently", "hookpost")
    for name in ("thread apply", "thread apply all"):
        _hook(name, "goroutine-suspend")
        _hook(name, "goroutine-resume", "hookpost")
    _hook("generate-core-file", "goroutine-before-core")
    _hook("detach", "goroutine-before-detach detach")
    _hook("kill", "goroutine-before-detach")
    gdb.events.stop.connect(_stopped)
    for event in ("new_objfile", "clear_objfiles", "exited", "free_objfile"):
        registry = getattr(gdb.events, event, None)
        if registry is not None:
            registry.connect(places.forget)
