#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh BUILD_DIR - goal: what `cmake --install` leaves serves a stranger. Method: install to a scratch prefix and, with DESTDIR, to
# a pretended system; build stranger.c through pkg-config and find_package, shared and static; run it;
# ask gdb for its goroutines through the installed gossamer-gdb.
set -eu

build=${1:?usage: run.sh BUILD_DIR}
build=$(cd "$build" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
prefix=$scratch/prefix

fail() {
	echo "FAIL: $*" >&2
	exit 1
}
must_exist() {
	for path; do
		[ -e "$path" ] || fail "not installed: ${path#"$scratch"/}"
	done
}
expect() { # expect WHAT WANTED COMMAND...
	what=$1 wanted=$2
	shift 2
	got=$("$@" 2>&1) || fail "$what: exit code $?: $got"
	[ "$got" = "$wanted" ] || fail "$what: printed '$got', not '$wanted'"
	echo "ok: $what"
}

cmake --install "$build" --prefix "$prefix" >"$scratch/log" 2>&1 || { cat "$scratch/log"; fail "cmake --install"; }
libdir=$(dirname "$(find "$prefix" -name libgossamer.a)")
must_exist "$prefix/include/gossamer.h" "$libdir/libgossamer.so" "$libdir/libgossamer.so.0" "$libdir/libgossamer.so.0.1.0" \
	"$libdir/pkgconfig/gossamer.pc" "$libdir/cmake/Gossamer/GossamerConfig.cmake" "$prefix/bin/gossamer-gdb" \
	"$prefix/share/gossamer/gdb/gossamer-gdb.py"
[ "$(find "$prefix/include" -type f | wc -l)" = 1 ] || fail "more than one header installed"
echo "ok: installed to a prefix"

# An installation to /usr also serves gdb, and DESTDIR is honoured by every part of it.
DESTDIR=$scratch/system cmake --install "$build" --prefix /usr >"$scratch/log" 2>&1 || { cat "$scratch/log"; fail "cmake --install, DESTDIR"; }
autoload=$scratch/system/usr/share/gdb/auto-load
if grep -q '^GOS_GDB_AUTOLOAD_DIR:[A-Z]*=AUTO$' "$build/CMakeCache.txt"; then
	must_exist "$autoload/gossamer/gossamer-gdb.py" "$autoload"/usr/lib*/libgossamer.so.0.1.0-gdb.py
fi
must_exist "$scratch/system/usr/share/gossamer/gdb/gossamer-gdb.py"
if grep -rq "$scratch" "$scratch/system/usr/share" "$scratch/system/usr/bin"; then
	fail "DESTDIR got into an installed file"
fi
echo "ok: installed to DESTDIR"

# What a sanitized library needs its programs to be built with is not in the pkg-config file: it is for installations.
sanitize=$(sed -n 's/^GOS_SANITIZE:[A-Z]*=\(..*\)$/-fsanitize=\1/p' "$build/CMakeCache.txt")
cc=${CC:-cc}
PKG_CONFIG_PATH=$libdir/pkgconfig
export PKG_CONFIG_PATH

if command -v pkg-config >/dev/null; then
	# shellcheck disable=SC2046,SC2086 # flags are words
	$cc -g $sanitize "$here/stranger.c" $(pkg-config --cflags --libs gossamer) -Wl,-rpath,"$libdir" -o "$scratch/shared"
	expect "pkg-config, shared" 338350 "$scratch/shared"
	# shellcheck disable=SC2046,SC2086
	$cc -g $sanitize "$here/stranger.c" $(pkg-config --cflags gossamer) "$libdir/libgossamer.a" -pthread -o "$scratch/static"
	expect "pkg-config, static" 338350 "$scratch/static"
	# shellcheck disable=SC2046,SC2086
	$cc -g $sanitize $(pkg-config --variable=preempt_cflags gossamer) "$here/hog.c" $(pkg-config --cflags --libs gossamer) -Wl,-rpath,"$libdir" -o "$scratch/hog"
	expect "pkg-config, preemption points" preempted timeout 60 "$scratch/hog"
	expect "pkg-config, version" 0.1.0 pkg-config --modversion gossamer
else
	fail "pkg-config is missing"
fi

generator=$(sed -n 's/^CMAKE_GENERATOR:INTERNAL=//p' "$build/CMakeCache.txt") # what this machine has
cmake -S "$here" -B "$scratch/stranger" -G "$generator" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_FLAGS="$sanitize" >"$scratch/log" 2>&1 ||
	{ cat "$scratch/log"; fail "find_package"; }
cmake --build "$scratch/stranger" >"$scratch/log" 2>&1 || { cat "$scratch/log"; fail "building what find_package found"; }
expect "find_package, shared" 338350 "$scratch/stranger/stranger_shared"
expect "find_package, static" 338350 "$scratch/stranger/stranger_static"
expect "find_package, preemption points" preempted timeout 60 "$scratch/stranger/hog"

# A program that is optimized as a whole, with Gossamer as a part of its build.
echo 'int main(void) { return 0; }' >"$scratch/empty.c"
if $cc -flto -O2 $sanitize "$scratch/empty.c" -o "$scratch/empty" 2>/dev/null; then
	cmake -S "$here/../.." -B "$scratch/whole" -G "$generator" -DGOS_TESTS=OFF -DGOS_EXAMPLES=OFF -DCMAKE_C_FLAGS="-O2 -flto $sanitize" -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON \
		>"$scratch/log" 2>&1 && cmake --build "$scratch/whole" --target gossamer_static >"$scratch/log" 2>&1 || { cat "$scratch/log"; fail "building with -flto"; }
	# shellcheck disable=SC2086
	$cc -g -O2 -flto $sanitize -I"$scratch/whole/include" -I"$here/../../rt" "$here/stranger.c" "$scratch/whole/libgossamer.a" -pthread -o "$scratch/lto" 2>"$scratch/log" ||
		{ cat "$scratch/log"; fail "linking with -flto"; }
	expect "a program optimized as a whole" 338350 "$scratch/lto"
else
	echo "skipped: $cc cannot link with -flto"
fi

if command -v gdb >/dev/null; then
	for program in shared static; do
		said=$("$prefix/bin/gossamer-gdb" -nx -batch -iex 'set debuginfod enabled off' \
			-ex 'break square' -ex run -ex 'echo <<<\n' -ex 'info goroutines' -ex 'echo >>>\n' "$scratch/$program" 2>&1) || true
		case $said in
		*'<<<'*square*'>>>'*) echo "ok: gossamer-gdb, $program" ;;
		*) fail "gossamer-gdb, $program: 'info goroutines' does not show square: $said" ;;
		esac
		case $said in
		*"Missing auto-load script"*) fail "gossamer-gdb, $program: gdb misses its script: $said" ;;
		esac
	done
	said=$("$prefix/bin/gossamer-gdb" -nx -q -ex quit 2>&1 </dev/null) || true
	[ -z "$said" ] || fail "gossamer-gdb says something by itself: $said"
	# An installation to the system is loaded by gdb itself: here, when `run` maps the library. (In the middle of `run`, any gdb.execute
	# that fails makes gdb 13 give up waiting for the program, even if the script catches the error.)
	root=$prefix/share/gossamer/gdb-root
	said=$(gdb -nx -batch -iex 'set debuginfod enabled off' -iex "add-auto-load-safe-path $root" -iex "directory $root" \
		-ex 'break square' -ex run -ex 'echo <<<\n' -ex 'info goroutines' -ex 'echo >>>\n' "$scratch/shared" 2>&1) || true
	case $said in
	*'<<<'*square*'>>>'*) echo "ok: gdb loads the package by itself, during run" ;;
	*) fail "gdb by itself: 'info goroutines' does not show square: $said" ;;
	esac
else
	echo "skipped: gdb is missing"
fi
