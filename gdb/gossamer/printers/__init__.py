# SPDX-License-Identifier: MIT
"""How 'print' shows the runtime's own objects; 'info pretty-printer global gossamer' lists them."""

import gdb
import gdb.printing

from .. import clock, model, target
from ..abi import Trouble
from ..commands import check_whole


def runtime():
    """A Runtime, or None where there is none; a Trouble where there should be one that cannot be read."""
    try:
        root = target.find_root()
        if root is None:
            return None
        rt = model.Runtime(target.read, root, clock.now)
        check_whole(rt)
        return rt
    except gdb.error as error:
        raise Trouble(str(error)) from None


class Untold:
    """What cannot be told of an object, and why; then the object as the program declares it, as far as it does."""

    def __init__(self, value, trouble):
        self._value, self._trouble = value, trouble

    def to_string(self):
        at = "0x%x " % (int(self._value) & target.MASK) if self._value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR else ""
        return "%s<%s>" % (at, self._trouble)

    def children(self):
        kind = self._value.type.strip_typedefs()
        if kind.code == gdb.TYPE_CODE_STRUCT:
            for field in kind.fields():
                yield field.name, self._value[field]


_BY_POINTER = ("gos_chan", "gos_timer", "gos_ticker", "gos_context")  # which programs have as pointers only


class _Printers(gdb.printing.PrettyPrinter):
    """Chooses by the name of the structure, also behind a pointer, whether or not the program knows its members."""

    def __init__(self):
        from . import chan, sync, time

        self._by_name = dict(sync.PRINTERS, **time.PRINTERS, gos_chan=chan.ChanPrinter)
        super().__init__("gossamer", [gdb.printing.SubPrettyPrinter(name) for name in self._by_name])

    def __call__(self, value):
        kind = value.type.strip_typedefs()
        pointer = kind.code == gdb.TYPE_CODE_PTR
        if pointer:
            kind = kind.target().strip_typedefs()
        if kind.code != gdb.TYPE_CODE_STRUCT or kind.tag not in self._by_name:
            return None
        if any(not printer.enabled for printer in self.subprinters if printer.name == kind.tag):
            return None
        if pointer and kind.tag not in _BY_POINTER:
            return None
        address = int(value) if pointer else int(value.address) if value.address is not None else 0
        if address == 0:
            return None
        try:
            rt = runtime()
            return self._by_name[kind.tag].make(rt, address & target.MASK) if rt is not None else None
        except Trouble as trouble:
            return Untold(value, trouble)


def register():
    gdb.printing.register_pretty_printer(None, _Printers(), replace=True)
