# SPDX-License-Identifier: MIT
"""What a process says about its own layout: the rows behind the root object, parsed and checked.

The only numbers written here are those of rt/abi/abi.h: the shape of the header and of one row. Offsets, sizes, states,
reasons, events and the words for them all come from the rows. This module sees bytes, never the inferior.
"""

import struct
from collections import namedtuple

MAGIC = b"GOSSAMER"
VERSION = 1  # GOS_ABI_VERSION: the walks that model.py knows
NOTE_OWNER = b"GOS\0"
NOTE_TYPE = 1

_HEADER = struct.Struct("<8sIIII16s")
_ROW = struct.Struct("<40s40sIIQ")
_STRUCT, _FIELD, _CONST, _STATE, _REASON, _OBJECT, _EVENT, _FLAG, _FLIGHT, _HOLD = range(1, 11)  # enum gos_row_kind

_ROWS_MAX = 4096  # far above any real table; a count beyond it is not a count
_SIZE_MAX = 1 << 20  # of one structure


class Trouble(Exception):
    """One sentence for the user: what is wrong, and where."""


Field = namedtuple("Field", "offset size form")
Word = namedtuple("Word", "number symbol text object")  # object: of a reason, the number of what wait_obj points to; of the recorder's, its payload

_CODES = {("u", 1): "B", ("u", 2): "H", ("u", 4): "I", ("u", 8): "Q", ("p", 8): "Q", ("cs", 8): "Q"}
_CODES.update({("i", size): code.lower() for (form, size), code in _CODES.items() if form == "u"})


def text_of(raw):
    """Zero-terminated bytes as text that can be printed: control characters and broken UTF-8 shown escaped."""
    text = raw.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Abi:
    """The rows of one process, by name."""

    def __init__(self, machine, rows):
        self.machine = machine
        self._structs, self._fields, self._consts = {}, {}, {}
        self.states, self.reasons, self.objects, self.events, self.flags, self.flights, self.holds = {}, {}, {}, {}, {}, {}, {}
        words = {_STATE: self.states, _REASON: self.reasons, _OBJECT: self.objects, _EVENT: self.events, _FLAG: self.flags, _FLIGHT: self.flights, _HOLD: self.holds}
        for name, text, kind, size, value in rows:
            if kind == _STRUCT:
                self._structs[name] = size
            elif kind == _FIELD:
                self._fields[name] = Field(value, size, text)
            elif kind == _CONST:
                self._consts[name] = value
            elif kind in words:
                words[kind][value] = Word(value, name.split(".", 1)[-1], text, size)
        self._check()

    def _check(self):
        for name, size in self._structs.items():
            if not 0 < size <= _SIZE_MAX:
                raise Trouble("the runtime's description is corrupt: '%s' is said to be %d bytes" % (name, size))
        for name, field in self._fields.items():
            owner = self._structs.get(name.split(".", 1)[0])
            if owner is not None and field.offset + field.size > owner:
                raise Trouble("the runtime's description is corrupt: '%s' lies outside of its structure" % name)

    def size(self, name):
        """sizeof(struct name)."""
        return self._look(self._structs, name)

    def field(self, name):
        """The Field of "struct.field"."""
        return self._look(self._fields, name)

    def const(self, name, low=1, high=1 << 32):
        """A number that a walk needs, refused where it cannot be right."""
        value = self._look(self._consts, "const." + name)
        if not low <= value <= high:
            raise Trouble("the runtime's description is corrupt: '%s' is %d" % (name, value))
        return value

    def state(self, symbol):
        """The number of state.SYMBOL."""
        return self._number(self.states, "state", symbol)

    def flag(self, symbol):
        """The bit of flag.SYMBOL, as a mask."""
        return self._number(self.flags, "flag", symbol)

    def hold(self, symbol):
        """The bit of hold.SYMBOL, as a mask."""
        return self._number(self.holds, "hold", symbol)

    def event(self, symbol):
        """The bit of event.SYMBOL."""
        return self._number(self.events, "event", symbol)

    def layout(self, owner, names):
        """(struct.Struct, names in the order of its values) that takes these fields out of a whole `owner`."""
        fields = sorted((self.field("%s.%s" % (owner, name)), name) for name in names)
        code, at = "<", 0
        for field, name in fields:
            if field.offset < at:
                raise Trouble("the runtime's description is corrupt: '%s.%s' lies inside of another field" % (owner, name))
            code += "%dx" % (field.offset - at) + self._code(owner, name, field)
            at = field.offset + field.size
        code += "%dx" % (self.size(owner) - at)
        return struct.Struct(code), [name for _, name in fields]

    @staticmethod
    def _code(owner, name, field):
        if field.form == "s":
            return "%ds" % field.size
        try:
            return _CODES[field.form, field.size]
        except KeyError:
            raise Trouble("the runtime describes '%s.%s' in a form ('%s', %d bytes) that this gdb package does not know"
                          % (owner, name, field.form, field.size)) from None

    @staticmethod
    def _look(rows, name):
        try:
            return rows[name]
        except KeyError:
            raise Trouble("the runtime's description has no row '%s': it is older than this gdb package, or corrupt" % name) from None

    @staticmethod
    def _number(words, kind, symbol):
        for word in words.values():
            if word.symbol == symbol:
                return word.number
        raise Trouble("the runtime's description has no row '%s.%s': it is older than this gdb package, or corrupt" % (kind, symbol))


def is_root(head):
    """Whether the bytes at an address begin a root object."""
    return bytes(head[:8]) == MAGIC


def parse(read, root):
    """Abi of the process whose root object is at `root`; read(address, size) gives bytes or raises Trouble."""
    head = read(root, _HEADER.size)
    magic, version, header_size, row_size, row_count, machine = _HEADER.unpack(head)
    if magic != MAGIC:
        raise Trouble("what should describe the runtime, at 0x%x, is something else: overwritten, or from another program file" % root)
    if version != VERSION:
        raise Trouble("this program's runtime describes itself in version %d, and this gdb package knows version %d: use the package that came with the runtime"
                      % (version, VERSION))
    if not _HEADER.size <= header_size <= 4096 or not _ROW.size <= row_size <= 4096 or not 0 < row_count <= _ROWS_MAX:
        raise Trouble("the runtime's description at 0x%x is corrupt: %d rows of %d bytes after a header of %d" % (root, row_count, row_size, header_size))
    raw = read(root + header_size, row_size * row_count)
    rows = []
    for at in range(0, row_size * row_count, row_size):
        name, text, kind, size, value = _ROW.unpack_from(raw, at)
        rows.append((text_of(name), text_of(text), kind, size, value))
    return Abi(text_of(machine), rows)
