# SPDX-License-Identifier: MIT
"""Locks and counters: who holds them and how many wait. What they count is in themselves, so no goroutine is looked for."""

from .. import words
from ..abi import Trouble


class Printer:
    """describe(rt, address) gives the text."""

    def __init__(self, text):
        self.text = text

    @classmethod
    def make(cls, value, address, pointer):
        from . import runtime

        rt = runtime() if address else None
        if rt is None:
            return None
        try:
            return cls(cls.describe(rt, address))
        except Trouble:
            return None

    def to_string(self):
        return self.text


def _with_waiters(text, *waiting):
    """The text, and after it each of (n, noun) that is not 0: "held by goroutine 5, 2 goroutines wait"."""
    return ", ".join([text] + [words.wait(n, noun) for n, noun in waiting if n])


class MutexPrinter(Printer):
    """held by goroutine 5, 2 goroutines wait"""

    @staticmethod
    def describe(rt, address):
        m = rt.mutex(address)
        return _with_waiters("held by goroutine %d" % m.owner if m.owner else "not held", (m.waiters, "goroutine"))


class RWMutexPrinter(Printer):
    """held by 2 readers that goroutine 7 waits for, 1 reader waits, 3 writers wait"""

    @staticmethod
    def describe(rt, address):
        rw = rt.rwmutex(address)
        held = words.rwmutex_holders(rw)
        return _with_waiters(held if held != "free" else "not held", (rw.readers, "reader"), (rw.writers, "writer"))


class CondPrinter(Printer):
    """2 goroutines wait: 7, 9"""

    @staticmethod
    def describe(rt, address):
        c = rt.cond(address)
        if not c.waiters:
            return "no goroutine waits"
        parked = words.waiters(rt, c.first)
        return words.wait(c.waiters) + (": " + parked if parked else "")


class OncePrinter(Printer):
    """run by goroutine 5, 2 goroutines wait"""

    @staticmethod
    def describe(rt, address):
        o = rt.once(address)
        return _with_waiters(words.once_state(o), (o.waiters, "goroutine"))


class WaitGroupPrinter(Printer):
    """3 to come, 1 goroutine waits"""

    @staticmethod
    def describe(rt, address):
        wg = rt.waitgroup(address)
        return _with_waiters(words.to_come(wg), (wg.waiters, "goroutine"))


class SemaPrinter(Printer):
    """2 units"""

    @staticmethod
    def describe(rt, address):
        return words.count(rt.sema(address).units, "unit")


PRINTERS = {"gos_mutex": MutexPrinter, "gos_rwmutex": RWMutexPrinter, "gos_cond": CondPrinter, "gos_once": OncePrinter,
            "gos_waitgroup": WaitGroupPrinter, "gos_sema": SemaPrinter}
