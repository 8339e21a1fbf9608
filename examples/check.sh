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
same "first" "Nowhere failed: there is no way to Nowhere
London answered first" "$(./first)"
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
		's/^goroutine [0-9]* "philosopher '$seat'": sync.Mutex.Lock on mutex 0x[0-9a-f]* held by goroutine [0-9]* "philosopher \([0-9]\)".*$/\1/p' "$scratch/said")"
done
same "philosophers in order" "3 philosophers had 20 meals each" "$(./philosophers -o 3)"
same "many philosophers in order" "500 philosophers had 3 meals each" "$(./philosophers -o 500 3)"

# As wc sees the same tree, in the order of the names; then only files with a text, a limit, an error, and no time at all.
mkdir -p "$scratch/tree/b/c" "$scratch/tree/d"
for name in a.txt b/b.txt b/c/c.txt e.txt; do
	awk -v name=$name 'BEGIN { for (i = 0; i < 3000 * length(name); i++) print "line", i, i % 997 == 5 ? "needle" : name }' >"$scratch/tree/$name"
done
: >"$scratch/tree/d/empty"
ln -s .. "$scratch/tree/b/up"
printf '%32760s x needle' x >"$scratch/tree/z z" # across what is read at once
tree() {
	LC_ALL=C wc -lwc "$scratch/tree/a.txt" "$scratch/tree/b/b.txt" "$scratch/tree/b/c/c.txt" "$scratch/tree/d/empty" "$scratch/tree/e.txt" "$scratch/tree/z z" |
		awk '{ name = $0; sub(/^ *[0-9]+ +[0-9]+ +[0-9]+ /, "", name); printf "%8d %8d %8d %s\n", $1, $2, $3, name == "total" ? "in 6 files" : name }'
}
for workers in 1 8; do
	same "crawl by $workers" "$(tree)" "$(./crawl -w $workers "$scratch/tree")"
done
same "crawl -f" "$(tree | sed '$d' | grep -v empty | sed 's/.* \([^ ]*tree\)/\1/')" "$(./crawl -f needle "$scratch/tree" | sed '$d' | sed 's/.* \([^ ]*tree\)/\1/')"
same "crawl -f, not there" "       0        0        0 in 0 files" "$(./crawl -f nEedle "$scratch/tree")"
same "crawl -l" "$(tree | sed -n 1,2p)" "$(./crawl -l 2 "$scratch/tree" | sed '$d')"
refuses 1 'not done within 1 ms' ./crawl -w 1 -t 1 "$here/../rt"
refuses 1 'No such file' ./crawl "$scratch/nowhere"

# Ten at once and then fifty a second: the last of 30 jobs begins after 20 fiftieths of a second, however fast the machine is.
longest="the longest chain has 111 steps, from 27"
./ratelimit -r 50 -b 10 -w 3 30 >"$scratch/said" 2>"$scratch/progress"
same "ratelimit" "30 of 30 jobs; $longest" "$(head -1 "$scratch/said")"
same "ratelimit keeps to its rate" yes "$(awk 'NR == 2 && $1 >= 0.400 { print "yes" }' "$scratch/said")"
same "ratelimit, nothing to do" "0 of 0 jobs; the longest chain has 0 steps, from 0" "$(./ratelimit 0 | head -1)"
refuses 1 '^[1-9] of 1000000 jobs; ' ./ratelimit -r 1 -b 3 -t 500 1000000
same "ratelimit says why" 1 "$(grep -c 'by 4 workers, then time was up$' "$scratch/said")"

refuses 64 usage: ./sieve 0
refuses 64 usage: ./sieve 10x
refuses 64 usage: ./pipeline
refuses 1 "No such file" ./pipeline "$here/../LICENSE" "$scratch/nowhere"
refuses 64 usage: ./philosophers -o 1
refuses 64 usage: ./crawl
refuses 64 usage: ./crawl -w 0 .
refuses 64 usage: ./ratelimit -r 0 1
refuses 64 usage: ./ratelimit x
refuses 64 usage: ./server
refuses 1 "cannot listen" ./server nonsense
refuses 64 usage: ./drive 127.0.0.1:1 1 2
refuses 1 "cannot connect" ./drive 127.0.0.1:1 1 0
