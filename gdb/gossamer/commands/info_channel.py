# SPDX-License-Identifier: MIT
"""'info channel EXPRESSION': everything known about one."""

import gdb

from .. import record, words
from ..abi import Trouble
from . import Command, report_missing, runtime, say

_WAITING_SHOWN = 20


class InfoChannel(Command):
    """Show all that is known about one channel.
Usage: info channel EXPRESSION

EXPRESSION is the channel, or its address as 'info channels' shows it.

Channel 0x7ffff01c0 (struct job, 0/4, closed, made at srv.c:33)
  last sent to by goroutine 3 2.0s ago
  last received from by goroutine 4 1.9s ago
  closed by goroutine 9 1.2s ago at stop (srv.c:99)
  waiting to receive: 7, 9, 12

'print *EXPRESSION' shows its elements."""

    name = "info channel"

    def run(self, argument):
        if not argument:
            raise Trouble("of which channel? Give its address, see 'info channels'")
        rt = runtime()
        try:
            value = gdb.parse_and_eval(argument)
            if value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT and value.address is not None:
                value = value.address
            address = int(value)
        except (gdb.error, ValueError, TypeError) as error:
            raise Trouble("'%s' is no channel: %s" % (argument, error)) from None
        c = rt.channel_among(address)
        say("C" + words.channel(rt, c)[1:].replace("han ", "hannel ", 1))
        for line in record.channel(rt, c):
            say("  " + line)
        for label, first in (("waiting to send", c.sendq), ("waiting to receive", c.recvq)):
            if first:
                say("  %s: %s" % (label, words.waiters(rt, first, _WAITING_SHOWN)))
        return report_missing(rt)


def register():
    InfoChannel()
