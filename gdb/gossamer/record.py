# SPDX-License-Identifier: MIT
"""Who did what to a lock, a counter or a channel last, where and when, and who holds it: in the words of the accounts. Returns text, prints nothing."""

from . import places, words


def holds(rt, mark, has="held", did="locked", who=None):
    """"held by goroutine 7 for 5.1s, locked at load (config.c:70)". who: what goroutine 7 is to be called."""
    text = "%s by %s" % (has, who or words.holder(rt, mark.goid))
    if mark.at > 0:
        text += "%s for %s" % ("," if rt.has_ended(mark.goid) else "", words.duration(max(0, rt.now - mark.at)))
    return "%s, %s%s" % (text, did, at(rt, mark)) if mark.pc else text


def done(rt, what, mark):
    """"last released by goroutine 9 3.2s ago at main (x.c:3)"; "" when it was never done."""
    if mark.at <= 0:
        return ""
    who = "goroutine %d" % mark.goid if mark.goid else "the runtime"
    return "%s by %s %s ago%s" % (what, who, words.duration(max(0, rt.now - mark.at)), at(rt, mark))


def at(rt, mark):
    """" at load (config.c:70)", where the call stands; "" where that is not known."""
    place = places.called_by(rt, mark.pc, mark.goid).text
    return " at " + place if place else ""


# ---- of each kind of object: what is known of it, as sentences --------------------------------------------------------


def mutex(rt, m):
    return [holds(rt, m.lock) if m.owner else "not held"]


def rwmutex(rt, rw):
    if rw.owner:
        return [holds(rt, rw.lock)]
    held = words.rwmutex_readers(rw)
    return ["not held" if held == "free" else held] + _said(done(rt, "last locked for reading", rw.read))


def once(rt, o):
    return [holds(rt, o.call, "run", "called") if o.owner and not o.done else words.once_state(o)]


def cond(rt, c):
    called = done(rt, "last signalled", c.called)
    return _said(called or ("never signalled" if c.waiters else ""))


def waitgroup(rt, wg):
    return [words.to_come(wg)] + _said(done(rt, "last changed", wg.changed))


def sema(rt, s):
    return [words.count(s.units, "unit")] + _said(done(rt, "last acquired", s.acquired), done(rt, "last released", s.released))


def channel(rt, c):
    return _said(done(rt, "last sent to", c.sent), done(rt, "last received from", c.received), done(rt, "closed", c.shut))


def _said(*sentences):
    return [sentence for sentence in sentences if sentence]
