# SPDX-License-Identifier: MIT
"""Standing on a goroutine that is on no thread, without writing a byte of the process.

A selected goroutine is shown in the place of one thread, its host. An unwinder says that the caller of the host's innermost
frame is the frame saved at the goroutine's stack pointer, at the runtime's one resume pc; the call frame information there
tells gdb the rest. A frame filter leaves the host's own frame out of backtraces. Both apply only while the host's registers
are what they were when the goroutine was selected, so the selection lapses by itself when the thread moves.

Techniques that were left: writing the registers (impossible on a core, and a killed debugger leaves a wrong thread behind),
`frame view` (shows one frame only), and one-shot flags in the unwinder (gdb may drop and rebuild its frames at any time).
"""

import contextlib

import gdb
import gdb.unwinder
from gdb.FrameDecorator import FrameDecorator

from . import target
from .abi import Trouble


class Selection:
    """The goroutine that gdb stands on, where, and what its host looked like then."""

    def __init__(self, g, resume_pc, registers):
        self.goid = g.goid
        self.g = g
        self.registers = registers
        self.inferior = gdb.selected_inferior().num
        self.ptid = gdb.selected_thread().ptid
        self.goroutine_sp = gdb.Value(g.sched_sp)
        self.goroutine_pc = gdb.Value(resume_pc)
        frame = gdb.newest_frame()
        while frame.type() == gdb.INLINE_FRAME:
            frame = frame.older()
        self.level = frame.level()  # of the last frame that belongs to the host
        self.sp = _register(frame, registers.sp)
        self.pc = _register(frame, registers.pc)

    def on_host(self):
        thread = gdb.selected_thread()
        return thread is not None and thread.ptid == self.ptid and gdb.selected_inferior().num == self.inferior

    def holds(self):
        """Whether the host still is where it was."""
        if not self.on_host() or gdb.selected_thread().is_running():
            return False
        try:
            frame = gdb.newest_frame()
            return _register(frame, self.registers.sp) == self.sp and _register(frame, self.registers.pc) == self.pc
        except gdb.error:
            return False


_current = None


def current():
    """The Selection, or None. Call only while the inferior stands still."""
    if _current is not None and not _current.holds():
        return None
    return _current


def select(g, rt, registers):
    """Makes gdb stand on the innermost frame of a goroutine that is on no thread."""
    global _current
    rt.check_stack(g)
    leave()
    _current = Selection(g, rt.resume_pc, registers)
    gdb.frame_filters[_filter.name].enabled = True
    gdb.invalidate_cached_frames()
    frame = innermost()
    if frame is None:
        leave()
        raise Trouble("goroutine %d's stack cannot be unwound from 0x%x: gdb finds no call frame information there" % (g.goid, rt.resume_pc))
    frame.select()


def innermost():
    """The selected goroutine's innermost frame."""
    frame = gdb.newest_frame()
    while frame is not None and frame.level() <= _current.level:
        try:
            frame = frame.older()
        except gdb.error:
            return None
    return frame


def hidden(frame):
    """Whether a frame of the selected thread is the host's own."""
    return current() is not None and frame.level() <= _current.level


_resumes = 0


def resumes():
    """How often the program has been resumed: who finds it changed knows that all that was looked up before is stale."""
    return _resumes


def _resumed(_):
    global _resumes
    _resumes += 1
    drop()


def drop():
    """Forgets the selection. Safe in any event handler: asks gdb for nothing."""
    global _current
    _current = None
    gdb.frame_filters[_filter.name].enabled = False


def leave():
    """Forgets the selection and stands on the host's own innermost frame again. True when there was one."""
    if _current is None:
        return False
    stood_there = _current.on_host()
    drop()
    gdb.invalidate_cached_frames()
    if stood_there:
        gdb.newest_frame().select()
    return True


@contextlib.contextmanager
def suspended():
    """with suspended(): all threads, the host too, show their own frames. The same goroutine and frame are selected afterwards."""
    global _current
    chosen = current()
    if chosen is None:
        yield
        return
    level = gdb.selected_frame().level()
    leave()
    try:
        yield
    finally:
        _current = chosen
        gdb.frame_filters[_filter.name].enabled = True
        gdb.invalidate_cached_frames()
        frame = gdb.newest_frame()
        while frame is not None and frame.level() < level:
            frame = frame.older()
        (frame or innermost()).select()


def _register(frame, name):
    return int(frame.read_register(name)) & target.MASK


class _FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class _Unwinder(gdb.unwinder.Unwinder):
    """Does nothing unless a goroutine is selected, and then for one frame of one thread."""

    def __init__(self):
        super().__init__("goroutine")

    def __call__(self, pending):
        chosen = _current
        if chosen is None or not chosen.on_host():
            return None
        names = chosen.registers
        if (int(pending.read_register(names.sp)) & target.MASK != chosen.sp
                or int(pending.read_register(names.pc)) & target.MASK != chosen.pc):
            return None
        # The frame's id is made of the goroutine's sp: gdb takes callers for corrupt whose stack lies below.
        info = pending.create_unwind_info(_FrameId(chosen.goroutine_sp, chosen.goroutine_pc))
        info.add_saved_register(names.sp, chosen.goroutine_sp)
        info.add_saved_register(names.pc, chosen.goroutine_pc)
        return info


class _Named(FrameDecorator):
    """A frame without a function is "??", as in a backtrace without filters."""

    def function(self):
        return super().function() or "??"


class _HostFilter:
    """Leaves the host's own frames out of backtraces. Enabled only while a goroutine is selected."""

    name = "goroutine"
    priority = 10_000  # before filters that join frames
    enabled = False

    def filter(self, frames):
        chosen = _current
        if chosen is None or not chosen.holds():
            return frames
        return (_Named(frame) for frame in frames if frame.inferior_frame().level() > chosen.level)


_filter = _HostFilter()


def register():
    gdb.unwinder.register_unwinder(None, _Unwinder(), replace=True)
    gdb.frame_filters[_filter.name] = _filter
    gdb.events.cont.connect(_resumed)
    gdb.events.exited.connect(lambda _: drop())
