#!/bin/sh
# SPDX-License-Identifier: MIT
#
# levels.sh ROOT LIBRARY [SANITIZER] - goal: defer, panic and recover mean the same whatever the compiler makes of them. Method: the tests of defer.c and
# panic.c, built with each C compiler that is here at each level of optimization, every warning an error; all must pass. What must not compile does not. 77
# where there is no compiler.
set -eu

root=$1 library=$2 sanitizer=${3:-}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$scratch/include"
ln -s "$root/rt/gossamer.h" "$scratch/include/gossamer.h"
check=$(pkg-config --cflags --libs check)

refuse() { # COMPILER NAME BODY: the compiler must say NAME
	printf '#include "gossamer.h"\nvoid fn(int);\n%s\n' "$3" >"$scratch/refused.c"
	if $1 -Wall -I"$scratch/include" -c "$scratch/refused.c" -o "$scratch/refused.o" 2>"$scratch/said"; then
		echo "FAIL: $1 accepts: $3"
		exit 1
	fi
	grep -q "$2" "$scratch/said" || { echo "FAIL: $1 says nothing of $2: $(cat "$scratch/said")"; exit 1; }
}

tried=0
for compiler in gcc clang; do
	command -v "$compiler" >/dev/null || continue
	tried=$((tried + 1))
	refuse "$compiler" gos_defer_frame_of_this_function 'void f(void) { gos_defer(fn, 1); }'
	refuse "$compiler" few 'void f(void) { gos_defer_frame(); gos_defer(fn); }'
	refuse "$compiler" "must be an integer" 'struct s { char c[20]; }; void g(struct s); void f(struct s s) { gos_defer_frame(); gos_defer(g, s); }'
	own=
	[ "$compiler" != clang ] || own=-gdwarf-aranges # without which elfutils takes its code for that of another compiler's units
	for level in -O0 -O1 -O2 -O3 -Os; do
		for name in defer panic; do
			# shellcheck disable=SC2086 # words
			$compiler -std=gnu11 $level -g $own -Wall -Wextra -Werror -Wno-missing-field-initializers ${sanitizer:+-fsanitize=$sanitizer} -D_GNU_SOURCE \
				-I"$scratch/include" -I"$root/tests/support" "$root/tests/rt/test_$name.c" "$root/tests/support/gos_test.c" -iquote "$root" \
				-iquote "$root/rt" "$library" $check -pthread -ldl -o "$scratch/$name"
			"$scratch/$name" >"$scratch/said" 2>&1 || { echo "FAIL: $compiler $level: $name"; cat "$scratch/said"; exit 1; }
		done
		echo "ok: $compiler $level"
	done
done
[ "$tried" != 0 ] || { echo "skipped: neither gcc nor clang is here"; exit 77; }
