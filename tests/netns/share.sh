#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Rollout in steps: of a workload's four replicas one is enforced, then half, then all, and the others are audited.
# Who is chosen stays so across restarts, and as others come and go; what gets through, and which open connections
# end, is what is said.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/netns/talk.sh
. "$(dirname "$0")/talk.sh"

make_host "share-$$"
configure() {
	write_config "runtimes: {docker: off}
enforcement: {table_protection: watch, bridge: $1}"
}
configure stateful
add_bridge br0 10.94.0.254/24 fd94::fe/64
add_replica() {
	add_guest "web-$1" br0 "10.94.0.1$1/24" "fd94::1$1/64"
}
for number in 1 2 3 4; do
	add_replica $number
done
add_guest db br0 10.94.0.2/24 fd94::2/64
web=netns:$host-web db=netns:$host-db
serve_talk db 80 5432

# tries NUMBER: what becomes of connections of that replica of web to db: port 80, then 5432, in each family.
tries() {
	in_guest "web-$1" python3 -c 'if True:
		import socket
		def reach(address, port):
			try:
				socket.create_connection((address, port), 1).close()
				return "+"
			except OSError:
				return "-"
		print("".join(reach(a, p) for p in (80, 5432) for a in ("10.94.0.2", "fd94::2")))'
}
# chosen: the numbers of the replicas that are said to be enforced, in a line.
chosen() {
	bh workloads --format json | jq -r --arg w "$web" '.rows[] | select(.workload == $w) | .instances[] |
		select(.mode == "enforce") | .name | sub(".*web-"; "")' | sort | paste -sd ' '
}
# refused NUMBER...: those of them that are refused what no rule allows, in both families alike, in a line.
refused() {
	local number
	for number; do
		case $(tries "$number") in
		++++) ;;
		++--) echo "$number" ;;
		*) echo "$number: not alike" ;;
		esac
	done | paste -sd ' '
}
# without LIST NUMBER...: the list but for these, in a line.
without() {
	local number list=" $1 "
	shift
	for number; do
		list=${list/ $number / }
	done
	xargs <<<"$list"
}
# explained ARGUMENT...: what is said, whatever the status.
explained() {
	bh explain "$@" || [ $? = 1 ]
}
share_is() {
	status_is ".shares[0] | .on == $1 and .of == $2"
}
stands() {
	eventually 10 status_is '.enforcement.state == "active"' || fail "no rules in the kernel"
	sleep 1
}
# goes NUMBER: with its interface; whoever talks there may talk on, and reaches nobody.
goes() {
	ip -n "$host" link del "vweb-$1" && ip netns del "$host-web-$1" || fail "web-$1 does not go"
}
# told JSON-FILE JQ: the expression holds on it, with $web and the name before a replica's number.
told() {
	jq -e --arg web "$web" --arg name "$host-web-" "$2" "$1" >/dev/null || fail "$2 does not hold: $(cat "$1")"
}
start_daemon
knows 5
cat >"$scratch/policy.yaml" <<-YAML
	bulkhead-policy: 1
	workloads:
	  web: {bulkhead.workload: "$web"}
	  db: {bulkhead.workload: "$db"}
	rules:
	  - {from: web, to: db, ports: [80/tcp]}
YAML
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
bh mode "$web" audit >/dev/null || fail "audit"

step "what is no share"
for option in "--replicas 0" "--share 0%" "--share 101%" "--share half" "--replicas 1 --share 50%"; do
	# shellcheck disable=SC2086 # two words
	bh mode "$web" enforce $option >/dev/null 2>&1 && fail "$option is taken"
done
bh mode "$web" audit --replicas 1 >/dev/null 2>&1 && fail "a part is audited"
status_is '.shares == [] and .modes.audit == 1' || fail "something changed: $(bh status)"

step "one of four"
bh mode "$web" enforce --replicas 1 --dry-run >"$scratch/dry" || fail "dry run"
status_is '.shares == [] and .modes.audit == 1' || fail "a dry run changed something: $(bh status)"
bh mode "$web" enforce --replicas 1 >"$scratch/said" || fail "mode"
cmp "$scratch/dry" "$scratch/said" || fail "the dry run said otherwise: $(cat "$scratch/dry")"
grep -q "^$web: audit → enforce on 1 of 4$" "$scratch/said" || fail "$(cat "$scratch/said")"
grep -qE "^  $web: enforce on 1 of 4 \($host-web-[1-4]\), audit the others$" "$scratch/said" || fail "$(cat "$scratch/said")"
bh status | grep -qE "^ +$web: enforce on 1 of 4 \($host-web-[1-4]\), audit the others$" || fail "$(bh status)"
has_event '.kind == "mode" and (.text | endswith("audit → enforce on 1 of 4 by root"))' || fail "no event tells it"
stands
one=$(chosen)
[[ $one =~ ^[1-4]$ ]] || fail "chosen is $one"
[ "$(refused 1 2 3 4)" = "$one" ] || fail "of 1 to 4 is refused: $(refused 1 2 3 4), chosen is $one"
eventually 5 has_event ".kind == \"denied\" and .replica == \"$host-web-$one\" and (.reason | contains(\"$host-web-$one is in enforce\"))" ||
	fail "denials do not say of which replica"
has_event ".kind == \"would-deny\" and .replica != \"$host-web-$one\" and (.reason | contains(\"is in audit ($web: enforce on 1 of 4)\"))" ||
	fail "what the others do is not told"
other=$((one % 4 + 1))
explained "10.94.0.1$one" "$db" 5432 | grep -q 'refuses it' || fail "$(explained "10.94.0.1$one" "$db" 5432)"
explained "fd94::1$other" "$db" 5432 | grep -q 'reports it, and it passes' || fail "$(explained "fd94::1$other" "$db" 5432)"
explained "$web" "$db" 5432 | grep -q "enforce on 1 of 4 ($host-web-$one), audit the others" || fail "$(explained "$web" "$db" 5432)"

step "the same across a restart, and a kill"
stop_daemon
[ "$(refused 1 2 3 4)" = "$one" ] || fail "the rules do not stand"
for end in stop_daemon kill_daemon; do
	start_daemon
	knows 5
	stands
	[ "$(chosen)" = "$one" ] || fail "after a start chosen is $(chosen), not $one"
	share_is 1 4 || fail "the share is forgotten"
	$end
done
[ "$(refused 1 2 3 4)" = "$one" ] || fail "killed, and refused is $(refused 1 2 3 4)"
start_daemon
knows 5
stands

step "as others come and go"
goes "$other"
eventually 10 share_is 1 3 || fail "$(bh status)"
stands
[ "$(chosen)" = "$one" ] || fail "another went, and chosen is $(chosen)"
left=$(without "1 2 3 4" "$other")
# shellcheck disable=SC2086 # numbers
[ "$(refused $left)" = "$one" ] || fail "another went, and refused is $(refused $left)"
has_event '.kind == "mode" and (.text | contains("in it now"))' && fail "a move is told, and nobody moved"
goes "$one"
eventually 10 share_is 1 2 || fail "$(bh status)"
stands
next=$(chosen)
[[ $next =~ ^[1-4]$ ]] || fail "nobody follows: $next"
has_event ".kind == \"mode\" and (.text | endswith(\"enforce on 1 of 2: in it now: $host-web-$next; no longer: $host-web-$one\"))" ||
	fail "that another follows is not told"
left=$(without "$left" "$one")
# shellcheck disable=SC2086
[ "$(refused $left)" = "$next" ] || fail "$next follows, and refused is $(refused $left)"
add_replica "$one"
add_replica "$other"
eventually 10 share_is 1 4 || fail "$(bh status)"
stands
[ "$(chosen)" = "$one" ] || fail "they are back, and chosen is $(chosen)"
[ "$(refused 1 2 3 4)" = "$one" ] || fail "they are back, and refused is $(refused 1 2 3 4)"

step "half of them, and the one before among these"
bh mode "$web" enforce --share 50% >"$scratch/said" || fail "mode"
grep -q "^$web: enforce on 1 of 4 → enforce on 50%, 2 of 4$" "$scratch/said" || fail "$(cat "$scratch/said")"
stands
two=$(chosen)
[ "$(wc -w <<<"$two")" = 2 ] || fail "half of four are $two"
grep -qw "$one" <<<"$two" || fail "a wider share leaves $one out"
[ "$(refused 1 2 3 4)" = "$two" ] || fail "refused is $(refused 1 2 3 4), chosen is $two"

step "all of them, and back"
bh mode "$web" enforce --share 100% | grep -q "^$web: enforce on 50%, 2 of 4 → enforce$" || fail "all"
status_is '.shares == []' || fail "all are a share"
stands
[ "$(refused 1 2 3 4)" = "1 2 3 4" ] || fail "refused is $(refused 1 2 3 4)"
bh mode "$web" stage1 --share 25% >/dev/null || fail "stage1"
stands
[ "$(refused 1 2 3 4)" = "$(bh status --format json | jq -r '.shares[0].instances[0] | sub(".*web-"; "")')" ] ||
	fail "5432 is sensitive, and stage 1 of one refuses: $(refused 1 2 3 4)"
bh mode "$web" learn >/dev/null || fail "learn"
status_is '.shares == []' || fail "who learns has a share"

step "who learns is audited beside those that are enforced"
bh mode "$web" enforce --replicas 3 --anyway >/dev/null || fail "mode"
stands
three=$(chosen)
[ "$(refused 1 2 3 4)" = "$three" ] || fail "refused is $(refused 1 2 3 4), chosen is $three"
status_is '.shares[0].rest == "audit"' || fail "$(bh status)"

# --- open connections ---

# denied NUMBER..., allowed NUMBER...: names of what each of them has open.
denied() {
	printf 'tcp4-%s\n' "$@"
	printf 'udp6-%s\n' "$@"
}
allowed() {
	printf 'tcp6-80-%s\n' "$@"
}
# ends_of NUMBER...: of all that the answer in $scratch/said says to end these have the sources, over TCP and UDP.
ends_of() {
	[ "$(jq -r '.existing.connections[] | "\(.proto) \(.src.ip)"' "$scratch/said" | sort -u | paste -sd ' ')" = \
		"$({ printf 'tcp 10.94.0.1%s\n' "$@"; printf 'udp fd94::1%s\n' "$@"; } | sort | paste -sd ' ')" ] ||
		fail "what ends is not of $*: $(cat "$scratch/said")"
}
# cut_at NUMBERS OTHERS: what the first have open and no rule allows ends, and nothing else does.
cut_at() {
	# shellcheck disable=SC2046,SC2086 # lists
	{
		all_end $(denied $1)
		[ -z "$2" ] || goes_on $(denied $2)
		goes_on $(allowed $1 $2)
	}
}

step "open connections: the preview is of the chosen one, which alone loses what no rule allows"
bh mode "$web" audit >/dev/null || fail "audit"
stands
for number in 1 2 3 4; do
	talk web-$number tcp4-$number,tcp,10.94.0.2,5432 udp6-$number,udp,fd94::2,5432 tcp6-80-$number,tcp,fd94::2,80
done
# shellcheck disable=SC2046 # lists
speak $(denied 1 2 3 4) $(allowed 1 2 3 4)
sleep 2
bh mode "$web" enforce --replicas 1 --dry-run --format json >"$scratch/said" || fail "dry run"
told "$scratch/said" ".rows[0].share.instances == [\$name + \"$one\"] and .existing.existing == \"cut\""
ends_of "$one"
# shellcheck disable=SC2046
goes_on $(denied 1 2 3 4)
bh mode "$web" enforce --replicas 1 >/dev/null || fail "mode"
cut_at "$one" "$(without "1 2 3 4" "$one")"
has_event ".kind == \"cut\" and .port == 5432 and .how == \"cut\" and .src == \"$web\"" || fail "no event tells it"

step "a wider share ends those of who enters alone, and a kill changes nothing of that"
kill_daemon
start_daemon
knows 5
bh mode "$web" enforce --replicas 2 --dry-run --format json >"$scratch/said" || fail "dry run"
second=$(jq -r '.rows[0].share.instances[] | sub(".*web-"; "")' "$scratch/said" | grep -vx "$one")
ends_of "$second"
bh mode "$web" enforce --replicas 2 >/dev/null || fail "mode"
cut_at "$second" "$(without "1 2 3 4" "$one" "$second")"

step "one that follows by itself meets the same"
goes "$one"
eventually 10 has_event '.kind == "mode" and (.text | contains("enforce on 2 of 3: in it now: "))' || fail "nobody follows"
third=$(without "$(chosen)" "$second")
last=$(without "1 2 3 4" "$one" "$second" "$third")
cut_at "$third" "$last"

step "all of them, and what is open is kept"
bh mode "$web" enforce --existing keep >"$scratch/said" || fail "mode"
stands
[ "$(refused "$last")" = "$last" ] || fail "$last is not refused"
# shellcheck disable=SC2046
goes_on $(denied "$last") $(allowed "$last" "$third")
hang_up
no_leak

step "the same where what stays on the bridge is judged there, without connection tracking"
add_replica "$one"
bh mode "$web" enforce --replicas 2 >/dev/null || fail "mode"
stop_daemon
configure stateless
start_daemon
knows 5
eventually 10 status_is '.enforcement.bridge == "stateless" and .enforcement.state == "active"' || fail "$(bh status)"
stands
[ "$(refused 1 2 3 4)" = "$(chosen)" ] || fail "refused is $(refused 1 2 3 4), chosen is $(chosen)"
grep -qw "$one" <<<"$(chosen)" || fail "another bridge, and chosen is $(chosen), not $one"
goes "$one"
eventually 10 share_is 2 3 || fail "$(bh status)"
stands
left=$(without "1 2 3 4" "$one")
# shellcheck disable=SC2086
[ "$(refused $left)" = "$(chosen)" ] || fail "refused is $(refused $left), chosen is $(chosen)"
bh mode "$web" enforce >/dev/null || fail "mode"
stands
# shellcheck disable=SC2086
[ "$(refused $left)" = "$left" ] || fail "of all is refused: $(refused $left)"
no_leak
