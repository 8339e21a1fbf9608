# SPDX-License-Identifier: MIT
"""Timers, tickers and contexts, which programs know as pointers only: when they come, what they do, and what they hang on."""

import errno

from .. import places, record, words
from ..abi import Trouble
from .sync import Printer

_LEVELS_SHOWN = 8  # contexts above the one that is printed
_CHILDREN_COUNTED = 1000


class TimerPrinter(Printer):
    """timer 0x7ffff6401000 (3.2s left; calls expire; set at serve (srv.c:41) by goroutine 7)"""

    noun = "timer"

    @classmethod
    def describe(cls, rt, address):
        t = rt.timer(address)
        return "%s 0x%x (%s)" % (cls.noun, address, "; ".join(cls.about(rt, t)) if t.live else "freed, or none")

    @classmethod
    def about(cls, rt, t):
        yield words.left(rt, t.when) if t.active else cls.over
        if t.chan:
            yield "sends on chan 0x%x" % t.chan
        elif t.fn:
            yield "calls " + places.of_function(t.fn).text
        yield "set at %s by goroutine %d" % (places.called_by(rt, t.create_pc, t.creator).text, t.creator)

    over = "stopped, or has fired"


class TickerPrinter(TimerPrinter):
    """ticker 0x7ffff6401000 (every 1.0s; 450ms left; sends on chan 0x7ffff7e01000; set at serve (srv.c:41) by goroutine 7)"""

    noun = "ticker"
    over = "stopped"

    @classmethod
    def about(cls, rt, t):
        yield "every " + words.duration(t.period)
        yield from super().about(rt, t)


class ContextPrinter(Printer):
    """context 0x7ffff6401000 (3.2s left; made at srv.c:41; 2 below it) of context 0x… (made at srv.c:12; 1 below it) of the background"""

    @classmethod
    def describe(cls, rt, address):
        levels = []
        try:
            for c in rt.contexts_from(address, "parent", _LEVELS_SHOWN + 1):
                if len(levels) == _LEVELS_SHOWN:
                    levels.append("more")
                elif not c.parent:
                    levels.append("the background" if c.live else "0x%x, which is no context" % c.address)
                else:
                    levels.append("context 0x%x (%s)" % (c.address, "; ".join(cls.about(rt, c))))
        except Trouble as trouble:
            if not levels:
                raise
            levels.append("(%s)" % trouble)
        return " of ".join(levels)

    @classmethod
    def about(cls, rt, c):
        if c.err:
            how = {-errno.ECANCELED: "cancelled", -errno.ETIMEDOUT: "timed out"}.get(c.err, "ended: %d" % c.err)
            if c.ended.goid:
                how = record.done(rt, how, c.ended)
            elif c.ended.at:
                how += " %s ago" % words.duration(max(0, rt.now - c.ended.at))
            yield how
        elif c.deadline is not None:
            yield words.left(rt, c.deadline)
        if not c.live:
            yield "freed"
        if c.key:
            yield "key %s, value 0x%x" % (places.symbol(c.key), c.value)
        if c.done:
            yield "done chan 0x%x" % c.done
        if c.made_at:
            yield "made at " + c.made_at
        if c.children:
            yield cls.below(rt, c)

    @staticmethod
    def below(rt, c):
        try:
            count = sum(1 for _ in rt.contexts_from(c.children, "next", _CHILDREN_COUNTED))
        except Trouble as trouble:
            return "below it: %s" % trouble
        return "%s%s below it" % (words.number(count), " or more" if count == _CHILDREN_COUNTED else "")


PRINTERS = {"gos_timer": TimerPrinter, "gos_ticker": TickerPrinter, "gos_context": ContextPrinter}
