# SPDX-License-Identifier: MIT
"""gdb unwinds at every instruction of asm/. Run by test_unwind.c, which gives the routines in $ROUTINES: "name:size name:size".

Every routine is stepped through from its entry, and again from each return into it. The truth is taken where nothing can go
wrong: at a routine's first instruction, where the return address is on top of the stack and the caller's registers are still there; the
frames further out are then compiled code, and the debuggee's own (user_*, marked_*) are known by name and by value. From there on the
same frames must be seen at each instruction until the stack pointer jumps, and afterwards those which the entered stack had when it was
left. One that nobody has left is a new goroutine's: one frame, rt_gostart, and registers of zero.

Prints "RIGHT: ..." at the end, or says what is wrong and exits with 1.
"""
import os
import re
import struct
import traceback

import gdb

SAVED = ("rbx", "rbp", "r12", "r13", "r14", "r15")
MARKS = (0x6262626200000000, 0x7070707000000000, 0x1212121200000000, 0x1313131300000000, 0x1414141400000000, 0x1515151500000000)
MARKED = ("marked_spawner", "marked_yielder", "marked_sleeper", "marked_receiver", "marked_sender", "marked_deferrer")  # 1, 2, ...: marked.h
CHAINS = {
    "user_spawns_plain marked_spawner user_app",
    "user_spawns_named marked_spawner user_app",
    "user_yields marked_yielder user_app",
    "user_sleeps marked_sleeper user_app",
    "user_waits marked_receiver user_receiver",
    "user_sends marked_sender user_sender",
    "user_defers marked_deferrer user_app",
    "user_labels marked_deferrer user_app",
    "user_fails user_defers marked_deferrer user_app",
    "",  # the scheduler's own stack; a goroutine before its function was called, and after it returned
}
FIRST_FRAME = 6 * 8  # from a new goroutine's saved stack pointer to its first return address: asm/gobuf.h
SWITCH_DISTANCE = 2048
GONE = b"\xee" * 128
MASK = (1 << 64) - 1


class Wrong(Exception):
    pass


def register(frame, name):
    return int(frame.read_register(name)) & MASK


def word(address):
    return struct.unpack("<Q", gdb.selected_inferior().read_memory(address, 8))[0]


class Stack:
    """The physical frames that gdb sees: (pc, sp, callee-saved registers, name) for each, and whether it says that the last is the last."""

    def __init__(self):
        self.frames = []
        frame = gdb.newest_frame()
        while frame is not None:
            last = frame
            if frame.type() != gdb.INLINE_FRAME:
                self.frames.append((frame.pc(), register(frame, "rsp"), tuple(register(frame, r) for r in SAVED), frame.name() or "?"))
            frame = frame.older()
        self.ended = last.unwind_stop_reason() == gdb.FRAME_UNWIND_OUTERMOST
        self.reason = gdb.frame_stop_reason_string(last.unwind_stop_reason())

    def __str__(self):
        return " ".join("%s@%x(%x)" % (name, pc, sp) for pc, sp, _, name in self.frames) + ": " + self.reason

    def chain(self):
        return " ".join(f[3] for f in self.frames if f[3].startswith(("user_", "marked_")))


class Walk:
    def __init__(self):
        self.routines = {}  # name: (start, end)
        self.instructions = {}  # address: (routine, text)
        self.visited = set()
        self.chains = set()
        self.left = {}  # stack pointer of a stack that no thread is on: its caller frames
        self.pending = {}  # (return address, stack pointer) of a call out of asm/: the caller frames of the routine
        self.callers = set()  # addresses of call instructions into asm/ that have a breakpoint
        self.moments = 0

    def prepare(self):
        architecture = gdb.selected_frame().architecture()
        for item in os.environ["ROUTINES"].split():
            name, size = item.split(":")
            start = int(gdb.parse_and_eval("(unsigned long)&" + name))
            self.routines[name] = (start, start + int(size))
            after_call = False
            for instruction in architecture.disassemble(start, start + int(size) - 1):
                self.instructions[instruction["addr"]] = (name, instruction["asm"])
                if instruction["addr"] == start or after_call:
                    gdb.execute("break *%d" % instruction["addr"], to_string=True)
                after_call = instruction["asm"].startswith("call")
        self.start_pc = int(gdb.parse_and_eval("(unsigned long)&rt_gostart_begin"))
        self.resume_pc = int(gdb.parse_and_eval("(unsigned long)&rt_switch_resume"))

    def routine(self, pc):
        for name, (start, end) in self.routines.items():
            if start <= pc < end:
                return name
        return None

    def compare(self, truth, where):
        """The frames must be frame 0 and then the truth, and end. Everything is compared but the names of the runtime's own functions."""
        stack = Stack()
        self.moments += 1
        if not stack.ended:
            raise Wrong("%s: the stack does not end cleanly: %s" % (where, stack))
        if [f[:3] for f in stack.frames[1:]] != [f[:3] for f in truth]:
            raise Wrong("%s: gdb sees %s\n  but the truth is %s" % (where, stack, " ".join("%s@%x(%x)" % (f[3], f[0], f[1]) for f in truth)))
        for _, _, saved, name in stack.frames[1:]:
            if name in MARKED and saved != tuple(mark + MARKED.index(name) + 1 for mark in MARKS):
                raise Wrong("%s: %s has not the registers that it marked" % (where, name))
        if stack.chain() not in CHAINS:
            raise Wrong("%s: the user's frames '%s' are none that the program has" % (where, stack.chain()))
        self.chains.add(stack.chain())
        if not re.match(r"rt_gostart|__clone|clone|start_thread", stack.frames[-1][3]):
            raise Wrong("%s: the outermost frame is %s" % (where, stack.frames[-1][3]))
        text = gdb.execute("bt", to_string=True)
        if "Backtrace stopped" in text or "corrupt" in text or "??" in text:
            raise Wrong("%s: %s" % (where, text))
        return stack

    def at_entry(self, where):
        """At a routine's first instruction: the caller's frame is what the processor shows."""
        stack = Stack()
        frame = gdb.newest_frame()
        sp = register(frame, "rsp")
        caller = (word(sp), sp + 8, tuple(register(frame, r) for r in SAVED))
        if len(stack.frames) < 2 or stack.frames[1][:3] != caller:
            raise Wrong("%s: the caller's frame is not the one that the processor shows: %s" % (where, stack))
        self.break_at_call(caller[0])
        return stack.frames[1:]

    def break_at_call(self, return_address):
        """So that the instruction before the routine is looked at too, from the second time on."""
        call = return_address - 5
        if call not in self.callers and gdb.selected_inferior().read_memory(call, 1)[0] in (b"\xe8", b"\xe9"):  # call, jmp
            self.callers.add(call)
            gdb.execute("break *%d" % call, to_string=True)

    def walk(self):
        """From a stop in asm/ until it is left."""
        pc = gdb.newest_frame().pc()
        name = self.routine(pc)
        sp = register(gdb.newest_frame(), "rsp")
        if name == "rt_gostart":
            truth = []
        elif pc == self.routines[name][0]:
            truth = self.at_entry("%s+0" % name)
        else:
            truth = self.pending.pop((pc, sp))
        while name is not None:
            where = "%s+%d (%s)" % (name, pc - self.routines[name][0], self.instructions[pc][1])
            # What is below the stack pointer is gone, even if it is still there: CFI that relies on it is wrong.
            gdb.selected_inferior().write_memory(sp - len(GONE), GONE)
            gdb.invalidate_cached_frames()
            if self.compare(truth, where).frames[0][3] != name:
                raise Wrong("%s: the function's name is wrong" % where)
            self.visited.add(pc)
            is_call = self.instructions[pc][1].startswith("call")
            size = gdb.newest_frame().architecture().disassemble(pc)[0]["length"]
            gdb.execute("stepi", to_string=True)
            before, pc = pc, gdb.newest_frame().pc()
            sp, old_sp = register(gdb.newest_frame(), "rsp"), sp
            if name == "rt_defer_frame_resume":  # its caller is the frame that it continues, by now
                at = register(gdb.newest_frame(), "rdi")
                target = (word(at), word(at + 8), tuple(word(at + 16 + 8 * i) for i in range(len(SAVED))), "user_defers")
                truth = [target] + [f for f in truth if f[1] > target[1]]
            elif abs(sp - old_sp) > SWITCH_DISTANCE:
                if name == "rt_switch":
                    self.left[old_sp] = truth
                truth = self.left.pop(sp, None)
                if truth is None:
                    if word(sp + FIRST_FRAME) != self.start_pc:
                        raise Wrong("%s: enters a stack that nobody has left and that does not begin in rt_gostart" % where)
                    truth = [(self.start_pc, sp + FIRST_FRAME + 8, (0,) * 6, "rt_gostart")]
            if pc == self.start_pc:
                truth = []
            if is_call:
                self.pending[(before + size, old_sp)] = truth
                return
            name = self.routine(pc)
        # The first instruction after: it is the first of the truth's frames that runs now.
        if truth and pc != truth[0][0]:
            raise Wrong("after %s: went to %x and not to %x" % (where, pc, truth[0][0]))
        self.compare(truth[1:], "after " + where)

    def run(self):
        gdb.execute("break main", to_string=True)
        gdb.execute("run", to_string=True)
        self.prepare()
        while True:
            gdb.execute("set scheduler-locking off")
            gdb.execute("continue", to_string=True)
            if not gdb.selected_inferior().threads():
                break
            gdb.execute("set scheduler-locking on")
            pc = gdb.newest_frame().pc()
            if pc in self.callers:
                self.compare(Stack().frames[1:], "before a call")
            elif self.routine(pc) is not None:
                self.walk()
            else:
                raise Wrong("stopped at %x: %s" % (pc, gdb.execute("bt", to_string=True)))
        code = gdb.parse_and_eval("$_exitcode")
        if code.type.code == gdb.TYPE_CODE_VOID or int(code) != 0:
            raise Wrong("the debuggee ended with %s" % code)
        unvisited = [
            "%s+%d" % (name, address - self.routines[name][0])
            for address, (name, text) in sorted(self.instructions.items())
            if address not in self.visited and not text.startswith("ud2") and address != self.start_pc - 1
        ]
        if unvisited:
            raise Wrong("never came to: " + " ".join(unvisited))
        if self.chains != CHAINS:
            raise Wrong("never seen: " + ", ".join(sorted(CHAINS - self.chains)))
        print("RIGHT: %d moments at %d instructions of %d routines" % (self.moments, len(self.visited), len(self.routines)))


for setting in ("pagination off", "confirm off", "startup-with-shell off", "environment GOSMAXPROCS 1", "print thread-events off", "width 0"):
    gdb.execute("set " + setting)
try:
    Walk().run()
except Wrong as error:
    print("WRONG: %s" % error)
    gdb.execute("quit 1")  # which ends the debuggee too
except Exception:
    print("WRONG: " + traceback.format_exc())
    gdb.execute("quit 1")
