# SPDX-License-Identifier: MIT
"""gdb's view of Gossamer's goroutines.

Three layers: target (bytes and registers) -> abi, model (what they mean; no gdb) -> faces (commands, printers, functions,
and the unwinder). Only faces print. Only target touches the inferior. See README.md beside this package.
"""

_registered = False


def register():
    """Makes the commands known to gdb. A second call does nothing: both libgossamer.so and a program may ask for it."""
    global _registered
    if _registered:
        return
    _registered = True
    from . import clock, commands, functions, printers, unwind

    clock.register()  # before all that tells a time when the program stops
    unwind.register()
    commands.register()
    printers.register()
    functions.register()
