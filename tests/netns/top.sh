#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# bulkhead top on a real terminal (tmux's), in the lab: shows, sorts, filters, freezes, goes into and back,
# fits, has colours where it should, outlasts the daemon, and leaves the terminal as it was; and its batches.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

needs tmux
[ -e /run/netns/bulkhead-lab ] && fail "a lab is up already: bulkhead lab down"
host="bulkhead-lab"
write_config "runtimes: {docker: off}"
"$bulkhead" lab up >/dev/null || fail "lab up"
at_end '"$bulkhead" lab down'
start_daemon
knows 7
eventually 20 has_edge netns:lab-web netns:lab-api 8080 || fail "nothing is learned"

mux() {
	tmux -S "$scratch/tmux" -f /dev/null "$@"
}
at_end 'mux kill-server 2>/dev/null'

# on_terminal NAME ENVIRONMENT...: top there; what it leaves behind is in $scratch/NAME.
on_terminal() {
	local name=$1
	shift
	cat >"$scratch/$name.sh" <<-SH
		echo it was before
		stty -g >"$scratch/$name.before"
		env $* "$bulkhead" --socket "$scratch/run/api.sock" top --interval 1s
		echo \$? >"$scratch/$name.status"
		stty -g >"$scratch/$name.after"
		sleep 1000
	SH
	mux new-session -d -s "$name" -x 110 -y 30 "bash $scratch/$name.sh" || fail "no terminal"
	terminal=$name
}
screen() {
	mux capture-pane -p -t "$terminal" "$@"
}
shows() {
	eventually 15 sh -c "tmux -S '$scratch/tmux' capture-pane -p -t $terminal | grep -qE -- '$1'" ||
		fail "\"$1\" is not on the screen: $(screen)"
}
shows_no() {
	eventually 15 sh -c "! tmux -S '$scratch/tmux' capture-pane -p -t $terminal | grep -qE -- '$1'" ||
		fail "\"$1\" is on the screen: $(screen)"
}
types() {
	mux send-keys -t "$terminal" "$@"
}
# rows: those of the table, by their first column.
rows() {
	screen | grep -E '^(netns:|world|host|dns:)' | awk '{print $1}'
}
is_left() {
	eventually 15 test -s "$scratch/$terminal.status" || fail "it does not end: $(screen)"
	[ "$(cat "$scratch/$terminal.status")" = 0 ] || fail "status $(cat "$scratch/$terminal.status"): $(screen)"
	eventually 15 test -s "$scratch/$terminal.after"
	cmp -s "$scratch/$terminal.before" "$scratch/$terminal.after" || fail "the terminal is not as it was"
	shows '^it was before'
	shows_no 'bulkhead top'
}

step "edges, with their rates"
on_terminal color LC_ALL=C.UTF-8
shows '^netns:lab-web +netns:lab-api +8080/tcp +[1-9][0-9.]* '
shows 'CONN/S↓'
shows ' conn/s .* bytes/s'

step "sorted by keys"
types n
shows 'SOURCE↑'
eventually 10 sh -c "$(declare -f mux screen rows); scratch=$scratch terminal=$terminal; rows | sort -c 2>/dev/null &&
	[ \$(rows | wc -l) -ge 4 ]" || fail "not by their source: $(screen)"
types r
shows 'SOURCE↓'
types '>'
shows 'DESTINATION↑'
types '<' '<'
shows 'LAST↓'
types b
shows 'BYTES/S↓'

step "a filter, typed wrong and right"
types / 'srk netns:lab-web' Enter
shows 'did you mean src\?'
types C-u 'src netns:lab-web' Enter
shows 'filter: src netns:lab-web'
shows '^netns:lab-web +netns:lab-api +8080/tcp'
types / C-u Enter
shows_no 'filter:'

step "frozen, and on"
shows '^netns:lab-api +netns:lab-db +5432/tcp'
types ' '
shows FROZEN
screen | head -n 20 >"$scratch/frozen"
sleep 3
screen | head -n 20 | cmp -s - "$scratch/frozen" || fail "it moves: $(screen)"
types ' '
shows_no FROZEN
eventually 10 sh -c "! tmux -S '$scratch/tmux' capture-pane -p -t $terminal | head -n 20 | cmp -s - '$scratch/frozen'" ||
	fail "it does not go on"

step "a workload, its edges, an edge's flows, and back"
types Tab
shows '\[workloads\]'
shows '^netns:lab-db +learn +1 '
types n Enter
shows 'edges of netns:lab-api'
[ "$(rows | wc -l)" -ge 2 ] || fail "$(screen)"
screen | grep -E '^(netns:|world)' | grep -v netns:lab-api && fail "an edge of somebody else's"
types Enter
shows 'flows of .* → '
shows '^10\.77\.0\.[0-9]+:[0-9]+ +10\.77\.0\.[0-9]+:[0-9]+ .* delivered'
types Escape
shows 'edges of netns:lab-api'
types Escape
shows '\[workloads\]'
shows_no 'edges of'
types '?'
shows 'Any key goes back'
types x
shows_no 'Any key goes back'

step "as wide and high as the terminal is"
types BTab
mux resize-window -t "$terminal" -x 64 -y 12
shows '^netns:lab-web +netns:lab-api'
sleep 1.5
screen | LC_ALL=C.UTF-8 grep -E '^.{65,}' && fail "wider than the terminal"
shows_no 'LAST'
mux resize-window -t "$terminal" -x 110 -y 30
shows 'LAST'

step "a daemon that answers nothing keeps nobody from typing"
# shellcheck disable=SC2046 # a list
kill -STOP "$daemon_pid" $(pgrep -P "$daemon_pid")
types '?'
shows 'Any key goes back'
types x
shows 'the daemon is away \(it does not answer'
# shellcheck disable=SC2046
kill -CONT "$daemon_pid" $(pgrep -P "$daemon_pid")
shows_no 'the daemon is away'

step "the daemon goes and comes"
stop_daemon
shows 'the daemon is away'
start_daemon
shows_no 'the daemon is away'
types / C-u 'src netns:lab-api' Enter
shows '^netns:lab-api +netns:lab-db +5432/tcp +[1-9]'
types / C-u Enter

step "what is denied is red, on top, and in a view of its own"
enforce_all
"$bulkhead" lab attack >/dev/null
types D
shows 'denied first'
first_is_red() {
	screen -e | grep -E 'netns:|world' | head -n 1 | grep -qE $'\033\\[([0-9;]*;)?31'
}
eventually 15 first_is_red || fail "not red, or not on top: $(screen -e)"
types Tab Tab
shows '\[denials\]'
shows '^netns:lab-web +.* [1-9][0-9]* '
types q
is_left

step "no colour, plain ASCII, and a signal"
on_terminal plain NO_COLOR=1 LC_ALL=C
shows 'CONN/Sv'
types D
shows 'denied first'
screen -e | grep -qE $'\033\\[[0-9;]*3[0-7]m' && fail "there are colours: $(screen -e)"
screen | grep -qP '[^\x00-\x7f]' && fail "more than ASCII: $(screen)"
kill "$(pgrep -f -- "$scratch/run/api.sock top --interval 1s" | head -n 1)" || fail "it does not run"
is_left

step "no such terminal"
env TERM=nonsense script -qec "'$bulkhead' --socket '$scratch/run/api.sock' top; echo status \$?" /dev/null </dev/null \
	>"$scratch/nonsense"
grep -q 'TERM is nonsense' "$scratch/nonsense" && grep -q 'status 2' "$scratch/nonsense" || fail "$(cat "$scratch/nonsense")"

step "frames for scripts"
bh top --batch 2 --interval 1s --sort connections 'port 5432' >"$scratch/frames" || fail "batch"
[ "$(grep -c '^bulkhead top' "$scratch/frames")" = 2 ] || fail "$(cat "$scratch/frames")"
grep -qE '^netns:lab-api +netns:lab-db +5432/tcp' "$scratch/frames" || fail "$(cat "$scratch/frames")"
grep -q '8080/tcp' "$scratch/frames" && fail "not filtered"
bh top --batch 2 --interval 1s --format json --view workloads >"$scratch/frames" || fail "batch"
jq -es 'length == 2 and all(.[]; .away == null and (.workloads | length == 5)) and
	(.[1].workloads[] | select(.workload == "netns:lab-web") | .connections_out_per_second > 0 and .bytes_per_second > 0)' \
	"$scratch/frames" >/dev/null || fail "$(cat "$scratch/frames")"
stop_daemon
bh top --batch 1 2>"$scratch/err"
[ $? = 3 ] || fail "no daemon, and no status 3: $(cat "$scratch/err")"
