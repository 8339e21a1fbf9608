# SPDX-License-Identifier: MIT
"""Convenience functions for expressions and breakpoint conditions: $goid() and $g(ID)."""

import gdb

from .. import target
from ..commands import View, guarded


class Goid(gdb.Function):
    """The id of the goroutine that gdb stands on; 0 when it stands on none.
Usage: $goid ()

break serve if $goid() == 7"""

    def __init__(self):
        super().__init__("goid")

    def invoke(self):
        return guarded(self._goid)

    @staticmethod
    def _goid():
        g, _ = View().standing_on()
        return g.goid if g is not None else 0


class G(gdb.Function):
    """The struct gos_g of a goroutine, as a pointer.
Usage: $g ([ID])

ID is its id; without one, the goroutine that gdb stands on. Where the program
has no debug information of the runtime, it is a pointer to void."""

    def __init__(self):
        super().__init__("g")

    def invoke(self, goid=None):
        return guarded(self._g, goid)

    @staticmethod
    def _g(goid):
        view = View()
        if goid is not None:
            g, _ = view.find(int(goid))
        else:
            g, _ = view.standing_on()
            if g is None:
                raise gdb.GdbError("gdb stands on no goroutine")
        try:
            kind = gdb.lookup_type("struct gos_g")
        except gdb.error:
            kind = gdb.lookup_type("void")
        return gdb.Value(g.address & target.MASK).cast(kind.pointer())


def register():
    Goid()
    G()
