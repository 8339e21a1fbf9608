# SPDX-License-Identifier: MIT
"""How 'print' shows the runtime's own objects; 'info pretty-printer global gossamer' lists them."""

import gdb
import gdb.printing

from .. import clock, model, target
from ..abi import Trouble


def runtime():
    """A Runtime, or None: a printer never raises."""
    try:
        root = target.find_root()
        return model.Runtime(target.read, root, clock.now) if root is not None else None
    except (Trouble, gdb.error):
        return None


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
        return self._by_name[kind.tag].make(value, address & target.MASK, pointer)


def register():
    gdb.printing.register_pretty_printer(None, _Printers(), replace=True)
