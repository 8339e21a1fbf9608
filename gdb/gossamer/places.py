# SPDX-License-Identifier: MIT
"""Where a pc is: function, file and line as gdb knows them, looked up once for each pc."""

import os
import re

import gdb

_MASK = (1 << 64) - 1


class Place:
    """text: "serve (server.c:41)", "serve+23" where lines are not known, else the address: as the runtime's own reports have it."""

    __slots__ = ("function", "file", "line", "text")

    def __init__(self, function, file, line, text):
        self.function, self.file, self.line, self.text = function, file, line, text

    def matches(self, wanted):
        """Whether `wanted` is part of the text, or, when it has a slash, of the file's path and line."""
        return wanted in self.text or "/" in wanted and wanted in "%s:%d" % (self.file, self.line)


NOWHERE = Place("", "", 0, "")
LAST_CALL = Place("", "", 0, "its function's last call")
_cache = {}


def forget(*_):
    """Symbols came, went or moved."""
    _cache.clear()


def after_call(rt, pc, entry=0):
    """Where a goroutine's call stands that returns to pc. entry: its entry, which is where that is when the entry made the call last, by a jump; 0: that is not known."""
    if pc and pc == rt.entry_return_pc:
        return of_entry(entry) if entry else LAST_CALL
    return at(pc - 1) if pc else NOWHERE


def called_by(rt, pc, goid):
    """The same of a goroutine that may have ended: mostly so where the pc does not say it all, and it is looked for then alone."""
    return after_call(rt, pc, rt.entry_of(goid) if pc and pc == rt.entry_return_pc else 0)


def of_creation(rt, g):
    """Where g was made."""
    return called_by(rt, g.create_pc, g.creator)


def at(pc):
    pc &= _MASK
    place = _cache.get(pc)
    if place is None:
        if len(_cache) > 100_000:
            _cache.clear()
        place = _cache[pc] = _look(pc)
    return place


def of_function(pc):
    """The function that begins at pc, by its name alone."""
    if not pc:
        return NOWHERE
    place = of_entry(pc)
    return Place(place.function, place.file, place.line, place.function or place.text)


def of_entry(pc):
    """The function that begins at pc, whatever may be inlined there, and the line of its declaration."""
    pc &= _MASK
    place = _cache.get(-pc)
    if place is None:
        place = _cache[-pc] = _look_at_function(pc) or at(pc)
    return place


def _look_at_function(pc):
    try:
        block, found = gdb.block_for_pc(pc), None
        while block is not None and not block.is_static and not block.is_global:
            # Not block.start: of a function in several pieces that is the lowest of them.
            if block.function is not None and int(block.function.value().address) & _MASK == pc:
                found = block.function
            block = block.superblock
        if found is None or not found.line or found.symtab is None:
            return None
        return Place(found.name, found.symtab.filename, found.line, "%s (%s:%d)" % (found.name, os.path.basename(found.symtab.filename), found.line))
    except (gdb.error, RuntimeError):
        return None


def symbol(address):
    """"conn_key" or "table+16" for an address of data; the address where no symbol is known there."""
    return _minimal(address) or "0x%x" % address


def _look(pc):
    function = _function(pc)
    file, line = "", 0
    try:
        found = gdb.find_pc_line(pc)
        if found.symtab is not None and found.line:
            file, line = found.symtab.filename, found.line
    except gdb.error:
        pass
    if file:
        where = "%s:%d" % (os.path.basename(file), line)
        return Place(function, file, line, "%s (%s)" % (function, where) if function else where)
    symbol = _minimal(pc)
    return Place(function or symbol.split("+")[0], "", 0, symbol or "0x%x" % pc)


def _function(pc):
    try:
        block = gdb.block_for_pc(pc)
        while block is not None and block.function is None and not block.is_static and not block.is_global:
            block = block.superblock
        return block.function.name if block is not None and block.function is not None else ""
    except (gdb.error, RuntimeError):
        return ""


def _minimal(pc):
    """"serve+23", from the ELF symbols; "" where there are none."""
    try:
        text = gdb.Value(pc).cast(gdb.lookup_type("void").pointer()).format_string(symbols=True)
    except gdb.error:
        return ""
    found = re.search(r"<([^>]*)>", text)
    return found.group(1) if found else ""


# ---- frames ----------------------------------------------------------------------------------------------------------

_FRAMES_MAX = 48  # looked at from the innermost on


def user_frame(frame, g, own_pcs, entry_return_pc, noted=True):
    """The innermost frame, from `frame` outwards, that belongs to the user's code.

    It is the one that the runtime noted (g.wait_pc); with not noted, only where it is found before any other: what blocks a
    thread may be the user's code further in. Where it noted none that is on this stack, it is the first that lies in
    the same object file as the goroutine's entry: with line information if there is such a one, and not with a source in
    a folder of the runtime's own, which are those of own_pcs. Where there is none, it is the frame that the entry returns
    to, at entry_return_pc: the entry has jumped to its last call. Where that was not reached, it is one in any object file.
    """
    own = {_folder(pc) for pc in own_pcs} - {None}
    home = gdb.solib_name(g.entry)
    near = nameless = far = outermost = None
    candidate = frame
    for _ in range(_FRAMES_MAX):
        if candidate is None or near is not None and not (noted and g.wait_pc):
            break
        try:
            pc = candidate.pc()
            if pc == g.wait_pc:
                return candidate
            outermost = candidate if pc == entry_return_pc else None
            folder, at_home = _folder(pc - (candidate.level() > 0)), gdb.solib_name(pc & _MASK) == home
            if folder is None and at_home:
                nameless = nameless or candidate
            elif folder is not None and folder not in own:
                near, far = near or (candidate if at_home else None), far or candidate
            candidate = candidate.older()
        except gdb.error:
            break
    return near or nameless or outermost or far or frame


def of_runtime(pc, own_pcs):
    """Whether a pc is in a source of the runtime's own, whose folders are those of own_pcs."""
    folder = _folder(pc)
    return folder is not None and folder in {_folder(own) for own in own_pcs}


def frame_place(frame):
    """Where a frame stands; for a caller's frame the line of its call."""
    pc = frame.pc()
    called = frame.newer() is not None and frame.newer().type() == gdb.NORMAL_FRAME
    return at(pc - 1 if called else pc)


def _folder(pc):
    try:
        found = gdb.find_pc_line(pc & _MASK)
    except gdb.error:
        return None
    if found.symtab is None or not found.line:
        return None
    return os.path.dirname(found.symtab.fullname())
