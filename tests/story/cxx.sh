#!/bin/sh
# SPDX-License-Identifier: MIT
#
# cxx.sh INCLUDE_DIR LIBRARY [SANITIZER] - goal: gossamer.h is a C++ header, too. Method: build cxx*.cpp as C++17 and C++20 with each C++ compiler
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
		for name in cxx cxx_panic cxx_exceptions cxx_labels cxx_origin; do
			# shellcheck disable=SC2086 # words
			$compiler $options -g -Wall -Wextra -Werror ${sanitizer:+-fsanitize=$sanitizer} -I"$scratch/include" \
				"$here/$name.cpp" "$library" -pthread -ldl -o "$scratch/$name"
			# With a sanitizer signals are its own: the program then leaves them alone.
			said=$("$scratch/$name" ${sanitizer:+without-signals} 2>&1) || { echo "FAIL: $compiler $options: $name: exit code $?: $said"; exit 1; }
			[ -z "$said" ] || { echo "FAIL: $compiler $options: $name: printed: $said"; exit 1; }
		done
		# An exception that nobody catches ends the program by std::terminate, with a report.
		if said=$(ulimit -c 0; "$scratch/cxx_panic" uncaught 2>&1); then
			echo "FAIL: $compiler $options: an exception that nobody catches: $said"
			exit 1
		fi
		case $said in
		*"terminate called"*std::runtime_error*SIGABRT*"goroutine 1 [running]:"*) ;;
		*) [ -n "$sanitizer" ] || { echo "FAIL: $compiler $options: an exception that nobody catches said: $said"; exit 1; } ;;
		esac
		echo "ok: $compiler $options"
	done
done
[ "$tried" != 0 ] || { echo "skipped: neither g++ nor clang++ is here"; exit 77; }
