# SPDX-License-Identifier: MIT
"""What a user types. Only this folder, printers/ and functions/ print; each command is one file."""

import contextlib
import gc
import operator

import gdb

from .. import clock, model, places, target, unwind, words
from ..abi import Trouble


_INTEGERS = (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_ENUM, gdb.TYPE_CODE_CHAR, gdb.TYPE_CODE_BOOL)


class Command(gdb.Command):
    """A command whose every failure is one sentence: run() may raise Trouble, invoke() turns it into gdb's own error."""

    name = None
    category = gdb.COMMAND_STATUS
    prefix = False

    def __init__(self):
        if self.prefix:
            super().__init__(self.name, self.category, gdb.COMPLETE_NONE, True)
        else:
            super().__init__(self.name, self.category)

    def invoke(self, argument, from_tty):
        guarded(self._run_stopped, argument)

    def _run_stopped(self, argument):
        if self.category != gdb.COMMAND_OBSCURE and target.all_running():
            raise Trouble("the program is running; interrupt it first")
        self.run(argument)


def guarded(run, *arguments):
    """run(*arguments), where whatever goes wrong reaches the user as a sentence and never as a Python traceback."""
    try:
        return run(*arguments)
    except gdb.GdbError:
        raise
    except Trouble as trouble:
        raise gdb.GdbError(str(trouble)) from None
    except gdb.MemoryError as error:
        raise gdb.GdbError("the process's memory is not what its runtime describes: %s" % error) from None
    except gdb.error as error:
        raise gdb.GdbError(str(error)) from None
    except Exception as error:  # a fault of this package: one line, so that gdb's session goes on undisturbed
        raise gdb.GdbError("gossamer: a fault of the gdb package itself, please report it: %s: %s"
                           % (type(error).__name__, error)) from None


def in_event(run, *arguments):
    """guarded, for gdb's event handlers, which nobody called and which have nobody to raise to."""
    try:
        return guarded(run, *arguments)
    except gdb.GdbError as error:
        say("[%s]" % error)
        return None


def runtime(started=True):
    """The runtime of what gdb looks at, or a sentence why there is none, or none that has started."""
    if not target.alive():
        raise Trouble("nothing to look at: no process runs under gdb, and no core is loaded")
    root = target.find_root()
    if root is None:
        raise Trouble("this program has no Gossamer runtime (neither the symbol gos_runtime nor a .note.gos), or %s"
                      % ("the core is not whole" if target.is_core() else "it is not loaded yet"))
    rt = model.Runtime(target.read, root, clock.now)
    if started and rt.state == 0:
        check_whole(rt)
        raise Trouble("the Gossamer runtime has not started: the program has not called gos_run yet")
    return rt


def check_whole(rt):
    """A Trouble for a core that shows a runtime which has not started: gdb takes what a core lacks from the program's file, and may find anything in what was cut off."""
    if rt.state == 0 and target.is_core():
        raise Trouble("the core is of a time before gos_run was called; or it is not whole, and gdb shows what the program's file begins with")


class View:
    """What a command sees of one moment: the runtime, its threads, and who stands on which."""

    def __init__(self, rt=None):
        self.rt = rt or runtime()
        self.registers = target.registers(self.rt.abi.machine)
        self.goroutines = []
        self.on_thread = {}
        self._threads = None

    @property
    def threads(self):
        if self._threads is None:
            self._threads = target.threads(self.rt.abi.machine)
        return self._threads

    def load(self):
        """Reads every goroutine, in the order of their ids."""
        with uncollected():
            self.goroutines = sorted(self.rt.goroutines(), key=operator.attrgetter("goid"))
            self.on_thread = self.rt.on_threads(self.goroutines, self.threads)
        if len(self.goroutines) <= model.MANY:
            self.rt.remember(self.goroutines)
        return self

    def place_one(self, g):
        """Finds out which thread, if any, one goroutine is on."""
        self.on_thread.update(self.rt.on_threads([g], self.threads))
        return self.on_thread.get(g.address)

    def find(self, goid):
        g = self.rt.find(goid)
        return g, self.place_one(g)

    def standing_on(self):
        """(G, Thread or None) that gdb stands on, or (None, None)."""
        chosen = unwind.current()
        if chosen is not None:
            g = self.rt.goroutine_at(chosen.g.address)
            return (g, None) if g.goid == chosen.goid else (None, None)
        thread = target.this_thread(self.rt.abi.machine)
        g = self.on_this_thread(thread) if thread is not None else None
        return (g, thread) if g is not None else (None, None)

    def on_this_thread(self, thread):
        """The G whose stack a thread is on: what its M says, if the stack's range agrees, else a search."""
        for g in self._guess(thread):
            if g.stack_lo <= thread.sp < g.stack_hi:
                return g
        for g in self.goroutines or self.rt.records():
            if g.stack_lo <= thread.sp < g.stack_hi and g.goid:
                return g
        return None

    def _guess(self, thread):
        for m in self.rt.ms():
            if m.tid == thread.tid and m.curg:
                try:
                    yield self.rt.goroutine_at(m.curg)
                except Trouble:
                    pass

    def user_frame(self, g, frame):
        """The innermost frame of the user's code of the goroutine that `frame` is the innermost of; or that of the public call to which its entry has jumped."""
        found = self._user_frame(g, frame)
        return found.newer() if self._stands_for_entry(found) and found.newer() is not None else found

    def _user_frame(self, g, frame):
        return places.user_frame(frame, g, (self.rt.resume_pc, self.rt.trap_pc), self.rt.entry_return_pc, g.status != self.rt.calling)

    def _stands_for_entry(self, frame):
        return frame.level() > 0 and frame.pc() == self.rt.entry_return_pc

    def where(self, g):
        """Place in the user's code where g stands."""
        thread = self.on_thread.get(g.address)
        if thread is not None:
            return self._where_running(g, thread)
        if self.rt.never_run(g):
            return places.of_function(g.entry)
        return places.after_call(self.rt, g.wait_pc, g.entry)

    def _where_running(self, g, thread):
        with unwind.suspended(), target.keep_selection():
            try:
                target.switch_to(thread.ptid)
                frame = self._user_frame(g, gdb.newest_frame())
                return places.of_entry(g.entry) if self._stands_for_entry(frame) else places.frame_place(frame)
            except gdb.error:
                return places.at(thread.pc)


@contextlib.contextmanager
def uncollected():
    """with uncollected(): a million tuples make no cycles, and looking for some among them takes as long as reading them."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def parse_goid(text):
    """A goroutine's id, as a number or as any expression of gdb's."""
    if text.isdigit():
        return int(text)
    try:
        value = gdb.parse_and_eval(text)
        if value.type.strip_typedefs().code not in _INTEGERS:
            raise TypeError
        return int(value)
    except (gdb.error, ValueError, TypeError):
        raise Trouble("'%s' is no goroutine's id" % text) from None


def completions(text, word, options):
    """Those of the options that the last word of text begins, as gdb wants them: from where it takes that word to begin, which is after a dash."""
    last = text.split(" ")[-1]
    before = len(last) - len(word or "")
    return [option[before:] for option in options if option.startswith(last)]


def say(text=""):
    gdb.write(text + "\n")


def report_missing(rt):
    """After a list: what of it could not be read."""
    sentences = list(dict.fromkeys(rt.missing))
    for sentence in sentences[:4]:
        say("Incomplete: %s." % sentence)
    if len(sentences) > 4:
        say("Incomplete: %s more of this kind." % words.number(len(sentences) - 4))


def register():
    from . import catch, goroutine, hold, hooks, info_channel, info_channels, info_flight, info_goroutine, info_goroutines, info_gossamer

    for module in (info_goroutines, info_goroutine, info_channels, info_channel, info_flight, info_gossamer, goroutine, hold, catch, hooks):
        module.register()
