# SPDX-License-Identifier: MIT
"""The words that all faces share: durations, goroutines in a phrase, what they wait on, tables. Returns text, prints nothing."""

from .abi import Trouble
from .model import name_of

_UNITS = (("ns", 1), ("us", 1_000), ("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000))


def duration(ns):
    """3.2s, 450ms, 2m05s, 3h12m: two or three digits that matter."""
    if ns < 1_000_000_000:
        for unit, size in (("ms", 1_000_000), ("us", 1_000)):
            if ns >= size:
                return "%d%s" % (ns // size, unit)
        return "%dns" % ns
    seconds = ns / 1e9
    if seconds < 60:
        return "%.1fs" % (ns // 100_000_000 / 10)
    minutes = int(seconds) // 60
    if minutes < 60:
        return "%dm%02ds" % (minutes, int(seconds) % 60)
    if minutes < 60 * 48:
        return "%dh%02dm" % divmod(minutes, 60)
    return "%dd%02dh" % divmod(minutes // 60, 24)


def parse_duration(text):
    """ns of "5s", "1.5m", "200ms"; a bare number means seconds."""
    for unit, size in sorted(_UNITS, key=lambda u: -len(u[0])):
        if text.endswith(unit):
            number = text[:-len(unit)]
            break
    else:
        number, size = text, 1_000_000_000
    try:
        value = float(number)
    except ValueError:
        raise Trouble("'%s' is no duration; write 200ms, 5s, 1.5m or 2h" % text) from None
    return int(value * size)


def state(rt, g, thread=None, on=None):
    """"waiting, chan receive", "running on thread 2", "runnable, not started", "syscall on thread 3, locked to thread".

    thread: the one that g is on, or None; on: what to say of it, where that is of several."""
    word = rt.state_word(g)
    if g.status == rt.waiting:
        reason = rt.reason_word(g.reason)
        word = "%s, %s" % (word, reason) if reason else word
        if thread:
            word = "%s (still on %s)" % (word, on or "thread %d" % thread.number)
    elif rt.never_run(g):
        word = "%s, not started" % word
    elif thread:
        word = "%s on %s" % (word, on or "thread %d" % thread.number)
    return ", ".join([word] + rt.flag_words(g))


def goroutine(rt, g, thread=None):
    """"goroutine 7 "name" (chan receive, 3.2s)": what a sentence needs to know of it."""
    if g.status == rt.waiting:
        about = [rt.reason_word(g.reason) or rt.state_word(g)] + rt.flag_words(g)
    else:
        about = [state(rt, g, thread)]
    if rt.waited(g):
        about.insert(1, duration(rt.waited(g)))
    return "%s (%s)" % (named(g), ", ".join(about))


def doing(rt, g, thread=None):
    """"waits in chan receive for 3.2s", "is running on thread 2": of a goroutine that has been named."""
    text = "waits in %s" % (rt.reason_word(g.reason) or "?") if g.status == rt.waiting else "is " + state(rt, g, thread)
    if rt.waited(g):
        text += "%s for %s" % ("," if g.status != rt.waiting else "", duration(rt.waited(g)))
    return ", ".join([text] + (rt.flag_words(g) if g.status == rt.waiting else []))


def named(g):
    name = name_of(g)
    return 'goroutine %d "%s"' % (g.goid, name) if name else "goroutine %d" % g.goid


def times(rt, t):
    """"ran 1.2s in 3,104 runs, runnable 40ms, waited 5m02s: chan receive 4m02s, sleep 1m00s"."""
    parts = ["ran %s in %s" % (duration(t.spent[rt.abi.state("RUNNING")]), count(t.runs, "run"))]
    for state in (rt.runnable, rt.calling):
        if t.spent[state]:
            parts.append("%s %s" % (rt.abi.states[state].text, duration(t.spent[state])))
    if t.waited:
        parts.append("waited %s: %s" % (duration(t.spent[rt.waiting]), ", ".join("%s %s" % (rt.reason_word(reason), duration(ns)) for reason, ns in t.waited.most_common())))
    return ", ".join(parts)


def labels(pairs):
    """"request=r-881, tenant=acme"."""
    return ", ".join("%s=%s" % pair for pair in pairs)


def ids(goids, limit=8):
    """"7, 9, 12 and 3 more"."""
    goids = list(goids)
    text = ", ".join(str(goid) for goid in goids[:limit])
    return "%s and %s more" % (text, number(len(goids) - limit)) if len(goids) > limit else text


def waiters(rt, first, limit=8, but=None):
    """"7, 9, 12 and more": the ids of who stands in a channel's queue, followed only as far as they are shown."""
    goids = []
    try:
        for sudog in rt.waiters(first):
            if sudog.goid == but:
                continue
            if len(goids) == limit:
                return ", ".join(goids) + " and more"
            goids.append(str(sudog.goid))
    except Trouble as trouble:
        return "%s (%s)" % (", ".join(goids), trouble) if goids else "(%s)" % trouble
    return ", ".join(goids)


def number(n):
    """12,345."""
    return "{:,}".format(n)


def count(n, noun):
    return "%s %s%s" % (number(n), noun, "" if n == 1 else "s")


def channel(rt, c, where=True):
    """"chan 0x7ffff7e01000 (struct job, 0/4, made at pipeline.c:33)"."""
    about = ["%s, %d/%d" % (c.elem_type or "%d bytes" % c.elem_size, c.count, c.capacity)]
    if rt.chan_of(c):
        about.append(rt.chan_of(c))
    if c.closed:
        about.append("closed")
    if not c.live:
        about.append("freed")
    if where and c.made_at:
        about.append("made at " + c.made_at)
    return "chan 0x%x (%s)" % (c.address, ", ".join(about))


def waits_on(rt, g, memo=None):
    """What g waits on, in a few words; "" when it waits on nothing. memo: a dict, for channels that many wait on."""
    kind = rt.object_kind(g)
    try:
        if kind == "SELECT":
            cases = list(rt.cases(g))
            first = ", ".join("0x%x" % case.obj for case in cases[:3])
            return "%s: %s%s" % (count(len(cases), "channel"), first, ", …" if len(cases) > 3 else "")
        if kind == "CHAN":
            return _memo(memo, g.wait_obj, lambda: channel(rt, rt.channel(g.wait_obj)))
        if kind == "MUTEX":
            return _memo(memo, g.wait_obj, lambda: mutex(rt, rt.mutex(g.wait_obj)))
        if kind == "RWMUTEX":
            return rwmutex(rt, rt.rwmutex(g.wait_obj), g.goid)
        if kind == "ONCE":
            return _memo(memo, g.wait_obj, lambda: once(rt, rt.once(g.wait_obj)))
        if kind == "GROUP":
            return _memo(memo, g.wait_obj, lambda: "waitgroup 0x%x (%s)" % (g.wait_obj, to_come(rt.waitgroup(g.wait_obj))))
        if kind == "FD":
            return poll(rt, g)
        if kind == "TIMER":
            return timer(rt, g)
    except Trouble as trouble:
        return "%s 0x%x (%s)" % (_object_word(rt, g), g.wait_obj, trouble)
    return "%s 0x%x" % (_object_word(rt, g), g.wait_obj) if kind else ""


def holder(rt, goid):
    """"goroutine 7", or "goroutine 7, which has ended": a lock that nobody will give back."""
    return "goroutine %d%s" % (goid, ", which has ended" if rt.has_ended(goid) else "")


def mutex(rt, m):
    return "mutex 0x%x (%s)" % (m.address, "held by " + holder(rt, m.owner) if m.owner else "free")


def rwmutex(rt, rw, but=None):
    return "rwmutex 0x%x (%s)" % (rw.address, "held by " + holder(rt, rw.owner) if rw.owner else rwmutex_readers(rw, but))


def rwmutex_readers(rw, but=None):
    """Of one that no writer holds: "held by 2 readers that goroutine 7 waits for". but: the goroutine of which this is said."""
    if not rw.holders:
        return "free"
    text = "held by " + count(rw.holders, "reader")
    return text + " that goroutine %d waits for" % rw.next if rw.next and rw.next != but else text


def once(rt, o):
    return "once 0x%x (%s)" % (o.address, "run by " + holder(rt, o.owner) if o.owner and not o.done else once_state(o))


def once_state(o):
    """Of one that nobody runs."""
    return "done" if o.done else "not run"


def to_come(wg):
    return "%s to come" % number(wg.count)


def wait(n, noun="goroutine"):
    """"2 goroutines wait"."""
    return "%s wait%s" % (count(n, noun), "s" if n == 1 else "")


def poll(rt, g):
    fd = rt.pollfd(g.wait_obj)
    way = " to read" if fd.rg == g.address else " to write" if fd.wg == g.address else ""
    return "fd %d%s" % (fd.fd, way)


def timer(rt, g):
    return "timer, " + left(rt, rt.timer_when(g.wait_obj))


def left(rt, when):
    """"3.2s left", or "due"."""
    return "%s left" % duration(when - rt.now) if when > rt.now else "due"


def _object_word(rt, g):
    reason = rt.abi.reasons.get(g.reason)
    kind = rt.abi.objects.get(reason.object) if reason else None
    return kind.text if kind else "object"


def _memo(memo, key, make):
    if memo is None:
        return make()
    if key not in memo:
        memo[key] = make()
    return memo[key]


def table(header, rows, right=()):
    """Lines of columns, each as wide as its widest cell; columns that are empty everywhere are left out."""
    used = [i for i in range(len(header)) if any(row[i] for row in rows)]
    widths = [max(len(header[i]), max(len(row[i]) for row in rows)) for i in used]
    lines = []
    for row in [header] + rows:
        cells = [(row[i].rjust if i in right else row[i].ljust)(width) for i, width in zip(used, widths)]
        lines.append("  ".join(cells).rstrip())
    return lines
