# SPDX-License-Identifier: MIT
"""Loads the package `gossamer`, which stands beside this file, into gdb. Nothing else.

gdb loads it by itself with a program that uses an installed Gossamer; else: source /path/to/gossamer-gdb.py
"""

import os
import sys

import gdb

if int(gdb.VERSION.split(".")[0]) < 12:
    gdb.write("gossamer: this is gdb %s; goroutines need gdb 12 or newer.\n" % gdb.VERSION)
else:
    _here = os.path.dirname(os.path.realpath(__file__))
    if _here not in sys.path:
        sys.path.insert(0, _here)
    import gossamer

    gossamer.register()
