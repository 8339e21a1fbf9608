# SPDX-License-Identifier: MIT
"""A channel: its elements by the type it was made for, and who waits on it."""

import re

import gdb

from .. import record, words
from ..abi import Trouble
from ..target import read

_TYPE = re.compile(r"[A-Za-z_][\w \t]*[\s*]*$")  # a name and stars: nothing that gdb could evaluate into an effect
_CAPACITY_MAX = 1 << 40


class ChanPrinter:
    """chan 0x7ffff01c0 (int, 2/4, made at pipeline.c:33); last sent to by goroutine 3 2.0s ago; waiting to send: 9 = {1, 2}"""

    def __init__(self, rt, channel):
        self.rt, self.channel = rt, channel

    @staticmethod
    def make(rt, address):
        return ChanPrinter(rt, rt.channel(address))

    def to_string(self):
        queues = (("waiting to send", self.channel.sendq), ("waiting to receive", self.channel.recvq))
        waiting = ["%s: %s" % (label, words.waiters(self.rt, first)) for label, first in queues if first]
        return "; ".join([words.channel(self.rt, self.channel)] + record.channel(self.rt, self.channel) + waiting)

    def children(self):
        c = self.channel
        if not 0 < c.count <= c.capacity <= _CAPACITY_MAX or not c.elem_size or not c.buffer or c.recvx >= c.capacity:
            return
        kind = element_type(c)
        for index in range(c.count):
            address = c.buffer + (c.recvx + index) % c.capacity * c.elem_size
            yield "[%d]" % index, _element(kind, address, c.elem_size)

    def display_hint(self):
        return "array"


def element_type(c):
    """The type that the channel was made for; None where the program has no such type, or another one of that name."""
    if not _TYPE.match(c.elem_type):
        return None
    try:
        kind = _as_its_maker_has_it(c) or gdb.parse_and_eval("(%s *) 0" % c.elem_type).type.target()
    except gdb.error:
        return None
    return kind if kind.sizeof == c.elem_size else None


def _as_its_maker_has_it(c):
    """The type as it is in the source that made the channel, since others, the runtime's for one, may have types of that name; None where that is not to be found.
    An expression would take that of the selected frame's source, or of any."""
    parts = re.match(r"(?:const |volatile )*(struct |union |enum )?(\w+)([\s*]*)$", c.elem_type)
    try:
        sal = next(iter(gdb.decode_line('"%s":%d' % (c.file, c.line))[1] or ()), None) if parts and '"' not in c.file else None
        block = gdb.block_for_pc(sal.pc).static_block if sal is not None and sal.pc else None
        if block is None:
            return None
        if parts.group(1):  # lookup_type of gdb 13 looks for these anywhere
            kind = gdb.lookup_symbol(parts.group(2), block, gdb.SYMBOL_STRUCT_DOMAIN)[0].type
        else:
            kind = gdb.lookup_type(parts.group(2), block)
    except (gdb.error, RuntimeError, AttributeError):
        return None
    for _ in range(parts.group(3).count("*")):
        kind = kind.pointer()
    return kind


def _element(kind, address, size):
    if kind is not None:
        return gdb.Value(address).cast(kind.pointer()).dereference()
    try:
        return "0x" + bytes(read(address, min(size, 64)))[::-1].hex() if size <= 8 else bytes(read(address, min(size, 64))).hex(" ", 4)
    except Trouble as trouble:
        return "<%s>" % trouble
