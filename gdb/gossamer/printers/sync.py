# SPDX-License-Identifier: MIT
"""Locks and counters: who holds them, or used them last, and how many wait. That is in themselves: goroutines are looked at only for who holds one and may have ended."""

from .. import record, words


class Printer:
    """describe(rt, address) gives the text."""

    def __init__(self, text):
        self.text = text

    @classmethod
    def make(cls, rt, address):
        return cls(cls.describe(rt, address))

    def to_string(self):
        return self.text


def _with_waiters(sentences, *waiting):
    """The sentences, and after the first each of (n, noun) that is not 0: "3 to come, 2 goroutines wait, last changed by goroutine 5 1.2s ago"."""
    return ", ".join(sentences[:1] + [words.wait(n, noun) for n, noun in waiting if n] + sentences[1:])


class MutexPrinter(Printer):
    """held by goroutine 5 for 3.2s, locked at load (config.c:70), 2 goroutines wait"""

    @staticmethod
    def describe(rt, address):
        m = rt.mutex(address)
        return _with_waiters(record.mutex(rt, m), (m.waiters, "goroutine"))


class RWMutexPrinter(Printer):
    """held by 2 readers that goroutine 7 waits for, 1 reader waits, 3 writers wait, last locked for reading by goroutine 5 3.2s ago at look (x.c:7)"""

    @staticmethod
    def describe(rt, address):
        rw = rt.rwmutex(address)
        return _with_waiters(record.rwmutex(rt, rw), (rw.readers, "reader"), (rw.writers, "writer"))


class CondPrinter(Printer):
    """2 goroutines wait: 7, 9; last signalled by goroutine 5 3.2s ago at serve (srv.c:41)"""

    @staticmethod
    def describe(rt, address):
        c = rt.cond(address)
        parked = words.waiters(rt, c.first) if c.waiters else ""
        text = words.wait(c.waiters) if c.waiters else "no goroutine waits"
        return "; ".join([text + (": " + parked if parked else "")] + record.cond(rt, c))


class OncePrinter(Printer):
    """run by goroutine 5 for 3.2s, called at start (srv.c:12), 2 goroutines wait"""

    @staticmethod
    def describe(rt, address):
        o = rt.once(address)
        return _with_waiters(record.once(rt, o), (o.waiters, "goroutine"))


class WaitGroupPrinter(Printer):
    """3 to come, 1 goroutine waits, last changed by goroutine 5 3.2s ago at serve (srv.c:41)"""

    @staticmethod
    def describe(rt, address):
        wg = rt.waitgroup(address)
        return _with_waiters(record.waitgroup(rt, wg), (wg.waiters, "goroutine"))


class SemaPrinter(Printer):
    """2 units, last acquired by goroutine 5 3.2s ago at serve (srv.c:41), last released by goroutine 7 1.1s ago at main (srv.c:9)"""

    @staticmethod
    def describe(rt, address):
        return _with_waiters(record.sema(rt, rt.sema(address)))


PRINTERS = {"gos_mutex": MutexPrinter, "gos_rwmutex": RWMutexPrinter, "gos_cond": CondPrinter, "gos_once": OncePrinter,
            "gos_waitgroup": WaitGroupPrinter, "gos_sema": SemaPrinter}
