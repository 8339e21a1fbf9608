# SPDX-License-Identifier: MIT
"""Bytes, registers and threads of what gdb looks at, be it a process or a core. Nothing else touches the inferior.

Reading raises abi.Trouble where gdb would raise; write() is for the words that the runtime lets debuggers write alone (commands/catch.py, commands/hold.py), and for
the clock of a core that gdb makes (commands/hooks.py).
"""

import os
import struct
from collections import namedtuple

import gdb

from . import abi
from .abi import Trouble

MASK = (1 << 64) - 1

# What the machine's calling convention, not the runtime, says: registers of the stack pointer, the pc and four arguments.
Registers = namedtuple("Registers", "sp pc arguments")
_MACHINES = {
    "x86_64": Registers("rsp", "rip", ("rdi", "rsi", "rdx", "rcx")),
    "aarch64": Registers("sp", "pc", ("x0", "x1", "x2", "x3")),
}

Thread = namedtuple("Thread", "number ptid tid sp pc name")


def registers(machine):
    try:
        return _MACHINES[machine]
    except KeyError:
        raise Trouble("this gdb package does not know the machine '%s'" % machine) from None


def alive():
    """Whether there is a process or a core to look into."""
    inferior = gdb.selected_inferior()
    return inferior.pid != 0 and len(inferior.threads()) > 0


def all_running():
    """Whether there is nothing that stands still, and so nothing to look at but memory in motion."""
    threads = gdb.selected_inferior().threads()
    return bool(threads) and all(thread.is_running() for thread in threads)


def any_running():
    """Whether some thread does not stand still."""
    return any(thread.is_running() for thread in gdb.selected_inferior().threads())


def is_core():
    connection = getattr(gdb.selected_inferior(), "connection", None)
    return connection is not None and connection.type == "core"


def pid():
    return gdb.selected_inferior().pid


def read(address, size):
    """size bytes at address, as one bulk read."""
    if not 0 <= address <= MASK - size:
        raise Trouble("cannot read %d bytes at 0x%x: not an address" % (size, address & MASK))
    try:
        return gdb.selected_inferior().read_memory(address, size)
    except gdb.error:
        raise Trouble("cannot read %d bytes at 0x%x" % (size, address)) from None


def read_word(address):
    return struct.unpack("<Q", read(address, 8))[0]


def write(inferior, address, raw):
    """Only for arming and disarming catchpoints, for holding goroutines back, and for telling the time before a core is made."""
    inferior.write_memory(address, raw)


# ---- threads ---------------------------------------------------------------------------------------------------------


class keep_selection:
    """with keep_selection(): the selected thread and frame are the same afterwards."""

    def __enter__(self):
        self.thread = gdb.selected_thread()
        try:
            self.frame = gdb.selected_frame()
        except gdb.error:
            self.frame = None

    def __exit__(self, *_):
        if self.thread is None or not self.thread.is_valid():
            return
        current = gdb.selected_thread()
        if current is None or current.ptid != self.thread.ptid:
            self.thread.switch()
        try:
            if self.frame is not None and self.frame.is_valid():
                self.frame.select()
        except gdb.error:
            pass


def threads(machine):
    """Every thread that stands still, with where its stack pointer is."""
    names = registers(machine)
    core = is_core()
    found = []
    with keep_selection():
        for thread in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num):
            if not thread.is_valid() or thread.is_running():
                continue
            current = gdb.selected_thread()
            if current is None or current.ptid != thread.ptid:
                thread.switch()
            try:
                if core:  # swallows what gdb 13 warns of each thread on processors with AMX, once: nothing that matters here
                    gdb.execute("info registers " + names.sp, to_string=True)
                found.append(_thread(thread, names))
            except gdb.error:
                continue  # a core may lack a thread's registers
    return found


def this_thread(machine):
    """The selected thread, or None. Switches to no other, so that breakpoint conditions may ask."""
    thread = gdb.selected_thread()
    try:
        return _thread(thread, registers(machine)) if thread is not None else None
    except gdb.error:
        return None


def _thread(thread, names):
    frame = gdb.newest_frame()
    sp, pc = (int(frame.read_register(name)) & MASK for name in (names.sp, names.pc))
    return Thread(thread.num, thread.ptid, thread.ptid[1] or thread.ptid[2], sp, pc, thread.name)


def switch_to(ptid):
    for thread in gdb.selected_inferior().threads():
        if thread.ptid == ptid:
            if gdb.selected_thread() is None or gdb.selected_thread().ptid != ptid:
                thread.switch()
            return
    raise Trouble("the thread is gone")


# ---- the root object -------------------------------------------------------------------------------------------------

_EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
_PHDR = struct.Struct("<IIQQQQQQ")
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP, _PT_NOTE, _PT_PHDR = 1, 2, 3, 4, 6
_DT_DEBUG = 21
_OBJECTS_MAX = 4096  # shared objects of one process


def find_root():
    """Address of the runtime's root object, by its symbol or else by the ELF notes; None where there is no runtime.

    A stripped program has no symbols, and a core may come without the program file, so the notes are looked for in memory
    first: the program headers where the kernel says they are, then each shared object in the dynamic linker's list.
    """
    trouble = None
    for candidate in _candidates():
        try:
            if abi.is_root(read(candidate, 8)):
                return candidate
            trouble = trouble or Trouble("what should describe the runtime, at 0x%x, is something else: overwritten, or of another program file" % candidate)
        except Trouble as unreadable:
            trouble = trouble or Trouble("the runtime's description is not in this core or process: %s" % unreadable)
    if trouble is not None:
        raise trouble
    return None


def _candidates():
    address = symbol("gos_runtime")
    if address is not None:
        yield address
    yield from _noted_in_memory()
    yield from _noted_in_file()


def symbol(name):
    try:
        return int(gdb.parse_and_eval("(unsigned long)&'%s'" % name)) & MASK
    except gdb.error:
        return None


def auxv():
    """The auxiliary vector: {"AT_PHDR": …}; empty where there is none."""
    try:
        lines = gdb.execute("info auxv", to_string=True).splitlines()
    except gdb.error:
        return {}
    found = {}
    for line in lines:
        words = line.split()
        if len(words) >= 3 and words[1].startswith("AT_"):
            try:
                found[words[1]] = int(words[-1], 0)
            except ValueError:
                pass  # AT_EXECFN and the like end in a text
    return found


def _noted_in_memory():
    vector = auxv()
    try:
        at, size, count = (vector[name] for name in ("AT_PHDR", "AT_PHENT", "AT_PHNUM"))
        headers = _headers(read, at, size, count)
    except (KeyError, Trouble):
        return
    bias = next((at - h[3] for h in headers if h[0] == _PT_PHDR), None)
    if bias is None:  # static programs have none
        bias = vector.get("AT_ENTRY", 0) - _entry(at)
    yield from _noted(headers, bias)
    for base in _shared_objects(headers, bias):
        try:
            head = _EHDR.unpack(read(base, _EHDR.size))
            if head[0][:4] != b"\x7fELF":
                continue
            yield from _noted(_headers(read, base + head[5], head[9], head[10]), base)
        except Trouble:
            continue


def _headers(reader, at, size, count):
    if size != _PHDR.size or not 0 < count < 0xFFFF:
        return []
    return list(_PHDR.iter_unpack(reader(at, size * count)))


def _noted(headers, bias):
    """Addresses of roots that PT_NOTE segments point at, read from memory."""
    for kind, _, _, address, _, _, size, _ in headers:
        if kind == _PT_NOTE and size <= 1 << 16:
            try:
                yield from _roots_in(bytes(read(bias + address, size)), bias + address)
            except Trouble:
                pass


def _roots_in(notes, address):
    """An 8-byte descriptor holds the distance from itself to the root, so no relocation is needed."""
    at = 0
    while at + 12 <= len(notes):
        name_size, size, kind = struct.unpack_from("<III", notes, at)
        name = at + 12
        body = name + (name_size + 3) // 4 * 4
        if body + size > len(notes):
            return
        if notes[name:name + name_size] == abi.NOTE_OWNER and kind == abi.NOTE_TYPE and size == 8:
            yield (address + body + struct.unpack_from("<q", notes, body)[0]) & MASK
        at = body + (size + 3) // 4 * 4


def _shared_objects(headers, bias):
    """Load addresses of the shared objects, from the dynamic linker's own list."""
    dynamic = next((h for h in headers if h[0] == _PT_DYNAMIC), None)
    if dynamic is None:
        return
    try:
        raw = bytes(read(bias + dynamic[3], dynamic[6] // 16 * 16))
        debug = next((value for tag, value in struct.iter_unpack("<qQ", raw) if tag == _DT_DEBUG), 0)
        link = read_word(debug + 8) if debug else 0  # r_debug.r_map
        for _ in range(_OBJECTS_MAX):
            if link == 0:
                return
            base, _, _, link = struct.unpack("<QQQQ", read(link, 32))  # l_addr, l_name, l_ld, l_next
            if base != 0:
                yield base
    except Trouble:
        return


def _noted_in_file():
    """The program file's notes, for a core that lacks the pages of its headers."""
    vector = auxv()
    if "AT_ENTRY" in vector:
        yield from _roots_of_file(vector["AT_ENTRY"])


def _roots_of_file(entry):
    """Addresses of the roots that the program file's notes point at, where its entry is at that address; entry None: where it says itself."""
    try:
        with open(program_file() or os.devnull, "rb") as file:
            head, headers = _headers_of_file(file)
            bias = entry - head[4] if entry is not None else 0
            for kind, _, offset, address, _, size, _, _ in headers:
                if kind == _PT_NOTE and size <= 1 << 16:
                    file.seek(offset)
                    yield from _roots_in(file.read(size), bias + address)
    except (OSError, struct.error):
        return


def _headers_of_file(file):
    head = _EHDR.unpack(file.read(_EHDR.size))
    file.seek(head[5])
    return head, list(_PHDR.iter_unpack(file.read(_PHDR.size * head[10])))


def program_has_runtime():
    """Whether the runtime is a part of the program's file, which it says by its note if by nothing else."""
    return any(True for _ in _roots_of_file(None))


def loads_libraries():
    """Whether the program's file asks for a dynamic linker. What cannot be read may do so."""
    try:
        with open(program_file() or os.devnull, "rb") as file:
            return any(header[0] == _PT_INTERP for header in _headers_of_file(file)[1])
    except (OSError, struct.error):
        return True


def program_file():
    return gdb.current_progspace().filename


def _entry(headers_at):
    """e_entry, from the ELF header that stands before the program headers, or else from the file."""
    try:
        head = _EHDR.unpack(read(headers_at - _EHDR.size, _EHDR.size))
        if head[0][:4] == b"\x7fELF":
            return head[4]
    except Trouble:
        pass
    try:
        with open(program_file() or os.devnull, "rb") as file:
            return _EHDR.unpack(file.read(_EHDR.size))[4]
    except (OSError, struct.error):
        return 0
