#!/bin/sh
# SPDX-License-Identifier: MIT
#
# quotes.sh - fails when README.md quotes examples/ otherwise than they are, or it or a man page names a function that does not exist. A quotation is the block of code after a line
# `<!-- quoted from FILE -->`; in FILE it stands between `/* [README` and `/* README] */`.
set -eu
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
sed -n 's/^<!-- quoted from \(.*\) -->$/\1/p' README.md >"$scratch/files"
[ -s "$scratch/files" ] || { echo "README.md quotes nothing" >&2; exit 1; }
while read -r file; do
	awk -v mark="<!-- quoted from $file -->" '$0 == mark { on = 1; next } /^```/ { if (on == 2) exit; if (on == 1) { on = 2; next } } on == 2' README.md >"$scratch/quoted"
	awk '/\/\* README\] \*\// { on = 0 } on; /\/\* \[README/ { on = 1 }' "$file" >"$scratch/real"
	diff -u --label "README.md" --label "$file" "$scratch/quoted" "$scratch/real"
	echo "ok: $file, $(wc -l <"$scratch/real") lines"
done <"$scratch/files"

{ grep -oEw '(gos|GOS)_[A-Za-z0-9_]+' rt/gossamer.h; sed -n 's/.*\(GOS_[A-Z]*\)=0|1.*/\1/p; s/.*set(\(GOS_[A-Z]*\) .*/\1/p' CMakeLists.txt; } | sort -u >"$scratch/words"
for page in README.md docs/*.[1-9]; do
	grep -v '^\.Dt' "$page" | grep -oEw '(gos|GOS)_[A-Za-z0-9_]+' | sort -u | comm -23 - "$scratch/words" >"$scratch/unknown"
	[ ! -s "$scratch/unknown" ] || { echo "$page names what is not in rt/gossamer.h:" $(cat "$scratch/unknown") >&2; exit 1; }
done
echo "ok: names in $(ls README.md docs/*.[1-9] | wc -l) pages"
