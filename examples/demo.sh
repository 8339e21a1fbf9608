#!/bin/sh
# SPDX-License-Identifier: MIT
#
# demo.sh BUILD_DIR - the demo that `./dev demo` shows: a server leaks goroutines under real connections; gdb finds them in the
# live process, lets it go, and finds them again in a core file. Fails when any of it does not show what it should.
set -eu

build=${1:?usage: demo.sh BUILD_DIR}
connections=20 leaks=6
scratch=$(mktemp -d)
server='' drive=''

finish() {
	status=$?
	trap - EXIT
	for pid in $drive $server; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	rm -rf "$scratch"
	exit $status
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

heading() { printf '\n== %s\n\n' "$*"; }
fail() {
	printf 'demo: FAILED: %s\n' "$*" >&2
	exit 1
}

# wait_for FILE TEXT: until a process started here has said TEXT.
wait_for() {
	tries=0
	until grep -q "$2" "$1" 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || { cat "$1" >&2; fail "nobody said '$2' in ten seconds"; }
		sleep 0.1
	done
}

# look GDB_ARGUMENT... < COMMANDS: runs gdb in batch and shows each command with what it answered, as one would see it at the prompt.
# What gdb says of the process before the first command is left out. The output stays in $scratch/look.
look() {
	while IFS= read -r line; do
		set -- "$@" -ex "echo \n(gdb) $line\n" -ex "$line"
	done
	$sudo timeout 120 "$build/gossamer-gdb" -nx -q -batch -iex 'set debuginfod enabled off' -iex 'set filename-display basename' "$@" \
		>"$scratch/gdb" 2>"$scratch/errors" </dev/null || { cat "$scratch/gdb" "$scratch/errors" >&2; fail "gdb ended with exit code $?"; }
	sed -n '/^(gdb) /,$p' "$scratch/gdb" | sed '/^(gdb) detach$/,$d' |
		awk '/^$/ { blank++; next } { for (; blank; blank--) print ""; print }' >"$scratch/look" # no blank lines at the end
	cat "$scratch/look"
}
shows() {
	grep -q "$1" "$scratch/look" || { cat "$scratch/errors" >&2; fail "gdb does not show '$1'"; }
}

# Some systems let only root attach to a process that is not one's child.
sudo=
if [ "$(id -u)" != 0 ] && [ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)" != 0 ]; then
	command -v sudo >/dev/null || fail "this system lets only root attach gdb to a process: run as root"
	sudo=sudo
fi

heading "A server with one goroutine a connection"
echo '$ server 127.0.0.1:0 &'
"$build/examples/server" 127.0.0.1:0 >"$scratch/server" 2>&1 &
server=$!
wait_for "$scratch/server" '^listening on '
cat "$scratch/server"
address=$(sed -n 's/^listening on //p' "$scratch/server")

heading "$connections real connections; $leaks of them ask for something that leaks a goroutine"
echo "\$ drive $address $connections $leaks &"
"$build/examples/drive" "$address" "$connections" "$leaks" 600 >"$scratch/drive" 2>&1 &
drive=$!
wait_for "$scratch/drive" '^the server says'
cat "$scratch/drive"
leaked=$(sed -n 's/^the last look-up .* goroutine \([0-9]*\) .*/\1/p' "$scratch/drive")
[ -n "$leaked" ] || fail "nothing leaked"
sleep 0.8 # the look-ups take half a second until they stand where they stay

heading "gdb on the live process: everybody, the leaked ones, and one of them from inside"
commands="info goroutines
info goroutines -reason chan send
goroutine $leaked
bt
info locals
print reply"

# What must be seen, whether the process lives or not.
check() {
	shows "^ *$connections .*IO wait.* read_line (server.c"
	shows "^ *$leaks .*chan send.* lookup (server.c.* leak (server.c"
	shows "^ *$leaked .*\"lookup key-"
	shows "^#[0-9]* .* in lookup (key=.*\"key-"
	shows "^found = "
}

echo "\$ gdb -p $server"
echo "$commands
detach" | look -p "$server"
check

heading "gdb has let go: the server still answers"
echo "\$ drive $address 5 0"
"$build/examples/drive" "$address" 5 0 || fail "the server does not answer any more"

heading "The same from a core file"
echo "\$ gcore -o core $server"
$sudo gcore -o "$scratch/core" "$server" >"$scratch/gcore" 2>&1 || { cat "$scratch/gcore" >&2; fail "gcore"; }
grep '^Saved corefile' "$scratch/gcore" | sed "s,$scratch/,,"
echo "\$ gdb server core.$server"
echo "$commands" | look "$build/examples/server" "$scratch/core.$server"
check

printf '\ndemo: goroutine %s and the %d others that leaked were found, in the live process and in its core\n' "$leaked" "$((leaks - 1))"
