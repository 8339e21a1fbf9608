#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check.sh PROGRAMS_DIR - goal: the examples do what their first comments say. Method: each is run and compared with what other
# means say, and with wrong arguments. server and drive are run by demo.sh.
set -eu
programs=${1:?usage: check.sh PROGRAMS_DIR}
here=$(cd "$(dirname "$0")" && pwd)
cd "$programs"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

same() { # same WHAT WANTED GOT
	[ "$2" = "$3" ] || { printf 'FAIL: %s: got\n%s\nnot\n%s\n' "$1" "$3" "$2" >&2; exit 1; }
	echo "ok: $1"
}
refuses() { # refuses EXIT_CODE WORDS COMMAND...
	code=$1 words=$2
	shift 2
	status=0
	"$@" >"$scratch/said" 2>&1 || status=$?
	same "exit code of: $*" "$code" $status
	grep -q "$words" "$scratch/said" || { cat "$scratch/said" >&2; echo "FAIL: $* does not say '$words'" >&2; exit 1; }
}

same hello "hello,
world" "$(./hello)"
same "hello reader" "hello,
reader" "$(./hello reader)"
same "sieve 200" "$(awk 'BEGIN { for (n = 2; found < 200; n++) { for (d = 2; d * d <= n && n % d; d++); if (d * d > n) { print n; found++ } } }')" "$(./sieve 200)"

# The same files by one thread and other code.
tr -cs "A-Za-z0-9'\200-\377" '\n' <"$here/../LICENSE" >"$scratch/words"
tr -cs "A-Za-z0-9'\200-\377" '\n' <"$here/server.c" >>"$scratch/words"
LC_ALL=C tr '[:upper:]' '[:lower:]' <"$scratch/words" | grep . | LC_ALL=C sort | uniq -c | LC_ALL=C sort -k1,1nr -k2 >"$scratch/counts"
same "pipeline" "$(awk '{ words += $1 } END { printf "%d words, %d different, in 2 files\n", words, NR }' "$scratch/counts")
$(head -10 "$scratch/counts" | awk '{ printf "%8d %s\n", $1, $2 }')" "$(./pipeline "$here/../LICENSE" "$here/server.c")"

# The wrong way gets stuck, and the report says who holds what each of them waits for; the right way ends.
refuses 2 '^fatal error: all goroutines are asleep - deadlock!$' ./philosophers 3
for seat in 0 1 2; do
	same "philosopher $seat waits for the next one" "$(((seat + 1) % 3))" "$(sed -n \
		's/^goroutine [0-9]* "philosopher '$seat'": sync.Mutex.Lock on mutex 0x[0-9a-f]* held by goroutine [0-9]* "philosopher \([0-9]\)"$/\1/p' "$scratch/said")"
done
same "philosophers in order" "3 philosophers had 20 meals each" "$(./philosophers -o 3)"
same "many philosophers in order" "500 philosophers had 3 meals each" "$(./philosophers -o 500 3)"

refuses 64 usage: ./sieve 0
refuses 64 usage: ./sieve 10x
refuses 64 usage: ./pipeline
refuses 1 "No such file" ./pipeline "$here/../LICENSE" "$scratch/nowhere"
refuses 64 usage: ./philosophers -o 1
refuses 64 usage: ./server
refuses 1 "cannot listen" ./server nonsense
refuses 64 usage: ./drive 127.0.0.1:1 1 2
refuses 1 "cannot connect" ./drive 127.0.0.1:1 1 0
