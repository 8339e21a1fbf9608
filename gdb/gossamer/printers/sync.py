# SPDX-License-Identifier: MIT
"""A mutex: who holds it and how many wait."""

from ..abi import Trouble


class MutexPrinter:
    """held by goroutine 5, 2 goroutines wait"""

    def __init__(self, mutex):
        self.mutex = mutex

    @staticmethod
    def make(value, address, pointer):
        from . import runtime

        rt = runtime() if address else None
        if rt is None:
            return None
        try:
            return MutexPrinter(rt.mutex(address))
        except Trouble:
            return None

    def to_string(self):
        return "held by goroutine %d" % self.mutex.owner if self.mutex.owner else "not held"
