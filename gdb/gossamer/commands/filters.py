# SPDX-License-Identifier: MIT
"""The filters of 'info goroutines' and 'goroutine apply': parsed once, asked for every goroutine."""

import fnmatch

import gdb

from .. import words
from ..abi import Trouble
from ..model import name_of
from . import parse_goid

WITH_VALUE = ("-state", "-reason", "-name", "-at", "-created", "-waiting-longer", "-on", "-label")


class Filter:
    """Which goroutines are wanted. An empty one takes all."""

    def __init__(self, rt):
        self.rt = rt
        self.goids = []  # (first, last)
        self.states = None
        self.reasons = None
        self.name = None
        self.at = None
        self.created = None
        self.longer = None
        self.object = None
        self.labels = []  # (key, pattern of its value or None), of which each must be there
        self.labelled = {}  # address of a set of labels: whether they are. Many goroutines share one
        self.empty = True

    def take(self, argv):
        """Takes one filter off the front of argv, a list; False where none stands there."""
        taken = self._take(argv)
        self.empty = self.empty and not taken
        return taken

    def _take(self, argv):
        word = argv[0]
        if word in WITH_VALUE:
            if len(argv) < 2:
                raise Trouble("%s needs a value" % word)
            getattr(self, "_take" + word.replace("-", "_"))(argv)
            return True
        first, dash, last = word.partition("-")
        if first.isdigit() and (last.isdigit() if dash else not last):
            self.goids.append((int(first), int(last or first)))
            argv.pop(0)
            return True
        if word.startswith("$") and len(word) > 1:
            goid = parse_goid(word)
            self.goids.append((goid, goid))
            argv.pop(0)
            return True
        return False

    def _take_state(self, argv):
        wanted = argv[1].lower()
        self.states = {w.number for w in self.rt.abi.states.values() if w.text.lower() == wanted}
        if not self.states:
            raise Trouble("no state '%s' (%s)" % (argv[1], ", ".join(w.text for w in self.rt.abi.states.values())))
        del argv[:2]

    def _take_reason(self, argv):
        self.reasons, used = match_reason(self.rt, argv[1:])
        del argv[:1 + used]

    def _take_name(self, argv):
        self.name = argv[1]
        del argv[:2]

    def _take_at(self, argv):
        self.at = argv[1]
        del argv[:2]

    def _take_created(self, argv):
        self.created = argv[1]
        del argv[:2]

    def _take_waiting_longer(self, argv):
        self.longer = words.parse_duration(argv[1])
        del argv[:2]

    def _take_on(self, argv):
        try:
            self.object = int(gdb.parse_and_eval(argv[1])) & (1 << 64) - 1
        except gdb.error as error:
            raise Trouble("-on %s: %s" % (argv[1], error)) from None
        del argv[:2]

    def _take_label(self, argv):
        key, equals, value = argv[1].partition("=")
        self.labels.append((key, value if equals else None))
        del argv[:2]

    def wants_ended(self):
        return self.states is not None and any(state in self.rt.gone for state in self.states)

    def accepts(self, view, g, place_of_creation):
        """Whether g is wanted. The tests that need only its record come first: there may be a million."""
        if self.goids and not any(first <= g.goid <= last for first, last in self.goids):
            return False
        if self.states is not None and g.status not in self.states:
            return False
        if self.reasons is not None and (g.status != self.rt.waiting or g.reason not in self.reasons):
            return False
        if self.longer is not None and (g.status not in self.rt.timed or self.rt.waited(g) < self.longer):
            return False
        if self.name is not None and not fnmatch.fnmatchcase(name_of(g), self.name):
            return False
        if self.object is not None and not self._waits_on(g):
            return False
        if self.labels and not self._is_labelled(g):
            return False
        if self.at is not None and not view.where(g).matches(self.at):
            return False
        return self.created is None or place_of_creation(g).matches(self.created)

    def _is_labelled(self, g):
        if g.labels not in self.labelled:
            try:
                labels = dict(self.rt.labels(g))
            except Trouble as trouble:
                self.rt.missing.append(str(trouble))
                labels = {}
            self.labelled[g.labels] = all(key in labels and (value is None or fnmatch.fnmatchcase(labels[key], value)) for key, value in self.labels)
        return self.labelled[g.labels]

    def _waits_on(self, g):
        kind = self.rt.object_kind(g)
        if kind and g.wait_obj == self.object:
            return True
        if kind != "SELECT":
            return False
        try:
            return any(case.obj == self.object for case in self.rt.cases(g))
        except Trouble:
            return False


def match_reason(rt, argv):
    """(numbers of the reasons that argv's first words name, how many words that took). Words may be quoted or not:
    "chan receive" or chan receive; part of a reason's word names all that contain it."""
    if not argv[0]:
        raise Trouble("-reason needs a value")
    known = [w for w in rt.abi.reasons.values() if w.text]
    text, used = argv[0].lower(), 1
    while used < len(argv) and any(w.text.lower().startswith("%s %s" % (text, argv[used].lower())) for w in known):
        text, used = "%s %s" % (text, argv[used].lower()), used + 1
    exact = {w.number for w in known if w.text.lower() == text}
    found = exact or {w.number for w in known if text in w.text.lower()}
    if not found:
        raise Trouble("no wait reason '%s' (%s)" % (argv[0], ", ".join(w.text for w in known)))
    return found, used
