# SPDX-License-Identifier: MIT
"""'info channels': every channel, who waits on it."""

import gdb

from .. import words
from ..abi import Trouble
from . import Command, View, report_missing, say

_SHOWN = 20


class InfoChannels(Command):
    """List the channels of the program: what they hold and who waits on them.
Usage: info channels [-waited] [-all]

-waited leaves out those on which nobody waits. -all lists them all; else the
first 20 that have waiters, then others, are shown.

  Channel      Type        Elements  Made          Waiting to send  Waiting to receive
  0x7ffff01c0  struct job  0/4       srv.c:33                       7, 9, 12

Elements: how many are in the buffer, of how many that fit. The waiting are
goroutines' ids. Made: also what sends on it or closes it, where that is a timer,
a ticker or a context. 'info channel ADDRESS' shows all that is known about one,
'print *(gos_chan *) ADDRESS' the elements."""

    name = "info channels"

    def run(self, argument):
        argv = gdb.string_to_argv(argument)
        for word in argv:
            if word not in ("-waited", "-all"):
                raise Trouble("'%s' is no option; options are -waited, -all" % word)
        rt = View().rt
        channels = [c for c in rt.channels() if c.sendq or c.recvq or "-waited" not in argv]
        if not channels:
            say("No channel%s." % (" is waited on" if "-waited" in argv else "s"))
            return report_missing(rt)
        channels.sort(key=lambda c: not (c.sendq or c.recvq))
        shown = channels if "-all" in argv else channels[:_SHOWN]
        rows = [["  0x%x" % c.address, c.elem_type, "%d/%d%s" % (c.count, c.capacity, " closed" if c.closed else ""), " ".join(filter(None, (c.made_at, rt.chan_of(c)))),
                 words.waiters(rt, c.sendq, 6), words.waiters(rt, c.recvq, 6)] for c in shown]
        for line in words.table(["  Channel", "Type", "Elements", "Made", "Waiting to send", "Waiting to receive"], rows):
            say(line)
        if len(shown) < len(channels):
            say("%s not shown: info channels %s-all." % (words.count(len(channels) - len(shown), "more channel"), "-waited " if "-waited" in argv else ""))
        return report_missing(rt)


def register():
    InfoChannels()
