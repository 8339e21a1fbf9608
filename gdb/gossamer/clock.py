# SPDX-License-Identifier: MIT
"""What time it is for what gdb looks at: the moment since which the program has stood still.

The runtime's own clock, runtime.now, is moved by the program alone, and in an idle one by nobody for up to a second: waits that are not over would be told too
short by that. A process on this machine has the kernel's clock, which gdb reads as well. So the clock is taken when the program stops, or, where gdb came to one
that stood still already, at the first look; it holds until the program goes on. Where threads run meanwhile, it is the time of each look.

Nothing is guessed: a core, a process behind a gdbserver, one in another time namespace, or one that is being replayed has the runtime's clock alone. Nor is the
process asked to do anything.
"""

import os
import time

import gdb

from . import target

_taken = {}  # number of an inferior: (its pid, CLOCK_MONOTONIC)


def now():
    """CLOCK_MONOTONIC at the moment as of which the selected inferior is looked at, ns; None where it has another clock than gdb, or none."""
    inferior = gdb.selected_inferior()
    if not _shares_our_clock(inferior):
        return None
    if target.any_running():
        return _read()
    pid, at = _taken.get(inferior.num, (0, 0))
    if pid != inferior.pid:
        at = _read()
        _taken[inferior.num] = inferior.pid, at
    return at


def _read():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def _shares_our_clock(inferior):
    connection = getattr(inferior, "connection", None)
    if inferior.pid == 0 or connection is None or connection.type != "native":
        return False
    try:
        if gdb.current_recording() is not None:  # what is shown may be long past
            return False
    except (gdb.error, NotImplementedError):
        pass
    return _time_namespace("self") == _time_namespace(inferior.pid)


def _time_namespace(pid):
    """"time:[4026531834]"; None before Linux 5.6, which has none; each time another object where it is not to be known."""
    try:
        return os.readlink("/proc/%s/ns/time" % pid)
    except FileNotFoundError:
        return None if os.path.isdir("/proc/%s/ns" % pid) else object()
    except OSError:
        return object()


# ---- events ----------------------------------------------------------------------------------------------------------


def _stopped(_):
    inferior = gdb.selected_inferior()
    _taken.pop(inferior.num, None)
    now()


def _resuming(event):
    thread = event.inferior_thread
    _taken.pop((thread.inferior if thread is not None else gdb.selected_inferior()).num, None)


def _called(_):
    """A function was called in the program by hand, or is about to be."""
    _taken.clear()


def register():
    gdb.events.stop.connect(_stopped)
    gdb.events.cont.connect(_resuming)
    gdb.events.inferior_call.connect(_called)
    if gdb.selected_inferior().pid != 0:
        now()
