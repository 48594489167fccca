# shellcheck shell=bash disable=SC2154 # scratch, host: common.sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Connections that go on, by talk.py. Sourced behind common.sh by those whose connections do.
talk_py=$(dirname "${BASH_SOURCE[0]}")/talk.py

# serve_talk GUEST PORT...: echoes there; $server is the process.
serve_talk() {
	local guest=$1
	shift
	# nsenter becomes the program: $! is the server itself.
	nsenter --net="/run/netns/$host-$guest" python3 "$talk_py" serve "$@" &
	server=$!
	at_end "kill $server 2>/dev/null"
}

# talk GUEST NAME,tcp|udp,ADDRESS,PORT[,FROM]...: connections that go on.
talkers=()
talk() {
	local guest=$1
	shift
	nsenter --net="/run/netns/$host-$guest" python3 "$talk_py" "$scratch/talk" "$@" &
	talkers+=($!)
	at_end "kill $! 2>/dev/null"
}
# speak NAME...: waits for the first answers of each.
speak() {
	local name
	for name; do
		eventually 30 answered "$name" 2 || fail "$name is not answered: $(cat "$scratch/talk-$name")"
	done
}
answered() {
	[ "$(head -n 1 "$scratch/talk-$1" 2>/dev/null || echo 0)" -ge "$2" ]
}
ended() {
	grep -q ended "$scratch/talk-$1"
}
# goes_on NAME...: each of them is answered again, and has not ended.
goes_on() {
	local name
	local -A before
	for name; do
		before[$name]=$(head -n 1 "$scratch/talk-$name")
	done
	for name; do
		eventually 20 answered "$name" $((before[$name] + 3)) || fail "$name does not go on: $(cat "$scratch/talk-$name")"
		ended "$name" && fail "$name ended"
	done
	return 0
}
# all_end NAME...
all_end() {
	local name
	for name; do
		eventually 70 ended "$name" || fail "$name goes on, which is denied: $(cat "$scratch/talk-$name")"
	done
}
hang_up() {
	kill "${talkers[@]}" 2>/dev/null
	wait "${talkers[@]}" 2>/dev/null
	talkers=()
	rm -f "$scratch"/talk-*
}
