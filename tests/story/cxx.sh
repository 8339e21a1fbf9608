#!/bin/sh
# SPDX-License-Identifier: MIT
#
# cxx.sh INCLUDE_DIR LIBRARY [SANITIZER] - goal: gossamer.h is a C++ header, too. Method: build cxx.cpp as C++17 and C++20 with each C++ compiler
# that is here, every warning an error; it must run and print nothing. 77 where there is no C++ compiler.
set -eu

include=$1 library=$2 sanitizer=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$scratch/include"
ln -s "$(cd "$include" && pwd)/gossamer.h" "$scratch/include/gossamer.h"

tried=0
for compiler in g++ clang++; do
	command -v "$compiler" >/dev/null || continue
	tried=$((tried + 1))
	for options in "-std=c++17 -O2" "-std=c++20 -O0"; do
		# shellcheck disable=SC2086 # words
		$compiler $options -g -Wall -Wextra -Werror ${sanitizer:+-fsanitize=$sanitizer} -I"$scratch/include" \
			"$here/cxx.cpp" "$library" -pthread -ldl -o "$scratch/cxx"
		said=$("$scratch/cxx" 2>&1) || { echo "FAIL: $compiler $options: exit code $?: $said"; exit 1; }
		[ -z "$said" ] || { echo "FAIL: $compiler $options: printed: $said"; exit 1; }
		echo "ok: $compiler $options"
	done
done
[ "$tried" != 0 ] || { echo "skipped: neither g++ nor clang++ is here"; exit 77; }
