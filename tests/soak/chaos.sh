#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Legitimate and forbidden traffic, without a pause, while everything happens that happens to a host in
# production: policies applied, confirmed, left unconfirmed and rolled back, processes killed, the ruleset
# flushed, the engine and firewalld restarted or reloaded, and starts from nothing. No legitimate connection is
# refused, and no forbidden packet arrives. What firewalld's and Docker's chains drop while these are reloaded is theirs, and
# counted apart; where frames stay on a stateless bridge they meet no such chain, and nothing is forgiven.
#
# chaos.sh stateful|stateless: how what stays on one bridge is judged. With BULKHEAD_FULL 200 rounds, and with
# BULKHEAD_REPORTS, a folder, it leaves its figures there.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/runtime/engine.sh
. "$(dirname "$0")/../runtime/engine.sh"
traffic="$(dirname "$0")/traffic.py"
needs firewalld firewall-cmd dbus-daemon
bridge=${1:?stateful or stateless}
rounds=13 # each kind once
[ -n "${BULKHEAD_FULL:-}" ] && rounds=200

# --- the host -----------------------------------------------------------------------------------

make_host "chaos-$$"
write_config "$(
	cat <<-YAML
		runtimes: {docker: $scratch/docker.sock}
		enforcement: {posture: closed, bridge: $bridge}
	YAML
)"
# Engine and firewalld talk over a bus; both write to /etc/firewalld.
mkdir -p /run/dbus "$scratch/firewalld"
cp -a /etc/firewalld/. "$scratch/firewalld/"
mount --bind "$scratch/firewalld" /etc/firewalld || fail "no /etc/firewalld of its own"
dbus-daemon --system --nofork --nopidfile >"$scratch/dbus.log" 2>&1 &
at_end "kill $! 2>/dev/null"
eventually 10 test -S /run/dbus/system_bus_socket || fail "no bus: $(cat "$scratch/dbus.log")"
start_firewalld() {
	nsenter --net="/run/netns/$host" firewalld --nofork --nopid >>"$scratch/firewalld.log" 2>&1 &
	firewalld_pid=$!
	eventually 20 firewall-cmd --state || fail "firewalld does not run: $(cat "$scratch/firewalld.log")"
}
stop_firewalld() {
	kill "$firewalld_pid" 2>/dev/null
	wait "$firewalld_pid" 2>/dev/null
}
at_end stop_firewalld
start_firewalld

engine_options=(--live-restore)
open_engine
import_image
d network create --ipv6 --subnet 10.95.0.0/24 --subnet fd95::/64 shop >/dev/null || fail "docker network"
shop=br-$(d network inspect -f '{{.Id}}' shop | cut -c1-12)
names=(web db intruder)
for name in "${names[@]}"; do
	d create --init --name "$name" --network shop --label "bulkhead.workload=$name" shop:1 sleep 100000 >/dev/null ||
		fail "container $name"
done
nsenter --net="/run/netns/$host" python3 "$traffic" serve 7000 2>>"$scratch/errors" &
at_end "kill $! 2>/dev/null"

# Of two policies that allow what is legitimate, and deny what is not.
policy() {
	cat <<-YAML
		bulkhead-policy: 1
		posture: closed
		workloads:
		  web: {bulkhead.workload: label:web}
		  db: {bulkhead.workload: label:db}
		  intruder: {bulkhead.workload: label:intruder}
		rules:
		  - {from: [web, host], to: db, ports: [9999/tcp, 9999/udp]}
		  - {from: web, to: host, ports: [7000/tcp, 7000/udp]}
		$1
	YAML
}
policy "" >"$scratch/narrow.yaml"
policy "  - {from: db, to: web, ports: [1234/tcp]}" >"$scratch/wide.yaml"

# --- traffic ------------------------------------------------------------------------------------

in_container() {
	local name=$1
	shift
	nsenter --net="$(space_of "$name")" "$@"
}
address() {
	d inspect -f "{{(index .NetworkSettings.Networks \"shop\").$2}}" "$1"
}

# What nobody may send to db is counted where it would arrive.
count_forbidden() {
	in_container db nft -f - <<-NFT || fail "no counter at the db"
		table inet seen {
			counter forbidden {}
			chain in {
				type filter hook input priority -300;
				ip saddr $(address intruder IPAddress) counter name forbidden
				ip6 saddr $(address intruder GlobalIPv6Address) meta l4proto { tcp, udp } counter name forbidden
				meta l4proto { tcp, udp } th dport 8888 counter name forbidden
			}
		}
	NFT
}
forbidden() {
	in_container db nft -j list counter inet seen forbidden | jq '.nftables[] | .counter? // empty | .packets'
}

talkers=() server=
space_of() {
	local pid
	if [ "$1" = host ]; then
		echo "/run/netns/$host"
	else
		pid=$(d inspect -f '{{.State.Pid}}' "$1") && echo "/proc/$pid/ns/net"
	fi
}
# talk NAME LOG COMMAND...: in the container, or on the host. nsenter becomes the program: $! is the program itself.
talk() {
	local space
	space=$(space_of "$1") || fail "where $1 is cannot be asked"
	nsenter --net="$space" python3 "$traffic" "${@:3}" >>"$scratch/$2" 2>>"$scratch/errors" &
	talkers+=($!)
}
# The forbidden traffic flows before there are any rules, as after a boot.
start_forbidden() {
	local db4 db6
	db4=$(address db IPAddress) db6=$(address db GlobalIPv6Address)
	talk intruder intruder.log try "$db4:9999" "[$db6]:9999" "$db4:22" "[$db6]:22"
	talk web forbidden.log try "$db4:8888" "[$db6]:8888"
}
start_legitimate() {
	local db4 db6
	db4=$(address db IPAddress) db6=$(address db GlobalIPv6Address)
	talk db db.log serve 9999 8888
	server=${talkers[-1]}
	unset "talkers[-1]"
	eventually 30 in_container db bash -c ': </dev/tcp/127.0.0.1/9999' || fail "the db does not serve: $(cat "$scratch/errors")"
	eventually 20 in_container web bash -c ": </dev/tcp/$db4/9999" || fail "web does not reach db at all"
	eventually 20 in_container web bash -c ": </dev/tcp/$db6/9999" || fail "web does not reach db over IPv6 at all"
	talk web web.log use "$db4:9999" "[$db6]:9999" 10.95.0.1:7000 "[fd95::1]:7000"
	talk host host.log use "$db4:9999" "[$db6]:9999"
}
# Whoever asks goes before who answers.
stop_traffic() {
	local pid
	for pid in "${talkers[@]}" $server; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	talkers=() server=
}
at_end stop_traffic

# total KEY LOG...: of the counts that ended in the logs.
total() {
	(cd "$scratch" && grep -h '^{' "${@:2}") | jq -s "map(.$1) | add // 0"
}
# failures theirs|refused: WAY, tab, LINE of what was not answered at once. Theirs is what met chains of firewalld's or Docker's
# while they were reloaded (from when to when is in the file theirs): they drop what is new, or say that it is prohibited; to a
# sender on the host, in firewalld's output chain, as EPERM. On a stateless bridge nothing between two of its ports meets them,
# as long as nobody hands frames over (handed_over).
failures() {
	(cd "$scratch" && awk -v wanted="$1" -v bridge="$bridge" '
		BEGIN { while ((getline < "theirs") > 0) { from[n] = $1; to[n++] = $2 } }
		/^{/ { next }
		{
			source = FILENAME == "web.log" ? "web" : "host"
			destination = $4 == "10.95.0.1" || $4 == "fd95::1" ? "host" : "db"
			on_the_bridge = source == "web" && destination == "db"
			theirs = 0
			dropped = /: again$|: timed out$|Errno 113]|Errno 13]/ || (source == "host" && /Errno 1]/)
			if (dropped && !(on_the_bridge && bridge == "stateless"))
				for (i = 0; i < n; i++)
					theirs = theirs || ($1 >= from[i] && $1 <= to[i])
			if (theirs == (wanted == "theirs"))
				print source " → " destination ", " ($4 ~ /:/ ? "IPv6" : "IPv4") "\t" $0
		}' web.log host.log)
}
refused() {
	failures refused || echo "the logs cannot be read"
	# It tells whom it refuses.
	bh events --format json --limit 2000 | jq -r 'select(.kind == "denied" and (.text |
		test("label:web → (label:db 9999|host)|^host"))) | .text' || echo "the events cannot be read"
}
drops_itself() {
	case $1 in firewalld_reloaded | flush | cold_start | engine_restarted) ;; *) return 1 ;; esac
}
handed_over() {
	on_host sysctl -n net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables | tr '\n' ' '
}

# --- what happens -------------------------------------------------------------------------------

applied=wide
other() {
	[ $applied = wide ] && applied=narrow || applied=wide
}
apply() {
	other
	bh policy apply "$scratch/$applied.yaml" "$@" >/dev/null || fail "apply $applied $*"
}
trial() {
	status_is ".enforcement.trial $1 null"
}

happens_apply() { apply; }
happens_confirm() {
	apply --confirm-within 60s --max-denials 100000
	bh policy confirm >/dev/null || fail "confirm"
}
happens_unconfirmed() {
	apply --confirm-within 2s --max-denials 100000
	other
	eventually 20 trial == || fail "the revision before does not return"
}
happens_killed_on_trial() {
	apply --confirm-within 4s --max-denials 100000
	other
	kill_daemon
	start_daemon
	eventually 20 trial == || fail "the revision before does not return"
}
happens_rollback() {
	other
	bh policy rollback >/dev/null || fail "rollback"
}
happens_core_killed() { kill -KILL "$(child core)"; }
happens_capture_killed() { kill -KILL "$(child capture)"; }
happens_kernel_killed() {
	kill -KILL "$daemon_pid"
	wait "$daemon_pid" 2>/dev/null
	eventually 10 no_children || fail "children outlive their parent"
	start_daemon
}
no_children() {
	! pgrep -f -- "--child .*$scratch" >/dev/null
}
happens_all_killed() {
	kill_daemon
	start_daemon
}
# firewalld does not reload what is not there any more.
happens_flush() {
	on_host nft flush ruleset
	stop_firewalld
	start_firewalld
}
happens_engine_restarted() {
	kill "$engine_pid"
	wait "$engine_pid" 2>/dev/null
	start_engine || fail "the engine does not start again"
}
happens_firewalld_reloaded() { firewall-cmd --reload >/dev/null || fail "firewall-cmd --reload"; }
# As after a boot: nothing runs, nothing is in the kernel, and the containers come with their first packets.
happens_cold_start() {
	local before
	before=$(forbidden)
	[ "$before" = 0 ] || fail "$before forbidden packets arrived"
	stop_traffic
	d kill "${names[@]}" >/dev/null 2>&1
	kill "$engine_pid"
	wait "$engine_pid" 2>/dev/null
	kill_daemon
	stop_firewalld
	on_host nft flush ruleset
	start_firewalld
	start_daemon
	start_engine || fail "the engine does not start"
	start_containers
}
start_containers() {
	d start "${names[@]}" >/dev/null || fail "the containers do not start"
	count_forbidden
	start_forbidden
	start_legitimate
}

# Docker puts its bridges into its zone again when firewalld says that it has reloaded; until then nobody reaches
# the host from them.
admitted() {
	firewall-cmd --zone=docker --query-interface="$shop" >/dev/null
}

settled() {
	status_is '.enforcement.state == "active" and .identity.unidentified == 0'
}

# --- the rounds ---------------------------------------------------------------------------------

start_daemon
d start "${names[@]}" >/dev/null || fail "the containers do not start"
knows 3
apply
apply # a revision to go back to
count_forbidden
start_forbidden
some_arrived() {
	[ "$(forbidden)" -gt 0 ]
}
eventually 30 some_arrived || fail "the test is wrong: without rules nothing arrives that is to be forbidden"
bh mode all enforce --anyway >/dev/null || fail "enforce"
eventually 20 settled || fail "no rules in the kernel"
sleep 1
in_container db nft reset counters >/dev/null
start_legitimate
: >"$scratch/theirs"
mapfile -t kinds < <(compgen -A function happens_ | sed 's/^happens_//')
declare -A happened
for round in $(seq "$rounds"); do
	# Each kind once, in any order; and again.
	[ $(((round - 1) % ${#kinds[@]})) != 0 ] || mapfile -t order < <(shuf -e "${kinds[@]}")
	kind=${order[(round - 1) % ${#kinds[@]}]}
	step "round $round of $rounds: $kind"
	began=$(date +%s.%N)
	"happens_$kind"
	happened[$kind]=$((${happened[$kind]:-0} + 1))
	eventually 30 settled || fail "after $kind it does not enforce"
	[ "$bridge" = stateful ] || [ "$(handed_over)" = "0 0 " ] ||
		fail "after $kind frames are handed to netfilter (bridge-nf-call-*: $(handed_over)): this tells nothing of a stateless bridge"
	eventually 30 admitted || fail "after $kind Docker's bridge is in no zone of firewalld's"
	[ "$(forbidden)" = 0 ] || fail "after $kind $(forbidden) forbidden packets had arrived"
	sleep "0.$((RANDOM % 10))"
	! drops_itself "$kind" || echo "$began $(date +%s.%N)" >>"$scratch/theirs"
	[ -z "$(refused)" ] || fail "after $kind: $(refused | head -5)"
done
arrived=$(forbidden)
stop_traffic

opened=$(total tcp web.log host.log)
attempts=$(total attempts intruder.log forbidden.log)
[ -s "$scratch/errors" ] && fail "the traffic failed: $(head -5 "$scratch/errors")"
[ -z "$(refused)" ] || fail "$(refused | head -5)"
[ "$opened" -gt $((rounds * 10)) ] || fail "there were only $opened connections"
[ "$attempts" -gt $((rounds * 100)) ] || fail "there were only $attempts attempts"
no_leak
result="$rounds rounds: $opened connections opened, $(total udp web.log host.log) datagrams answered and $(total kept web.log host.log) exchanges over
connections that stayed open, none of them refused by bulkhead, and $(failures theirs | wc -l) dropped or refused by firewalld or Docker while they
reloaded; $attempts forbidden attempts over TCP and UDP, of which $arrived packets arrived."
disturbed() {
	local way
	printf '| dropped or refused by firewalld or Docker | times |\n|---|---|\n'
	for way in "web → db, IPv"{4,6} "web → host, IPv"{4,6} "host → db, IPv"{4,6}; do
		echo "| $way | $(failures theirs | grep -c "^$way	") |"
	done
}
echo "$result"
disturbed
echo "Frames handed to netfilter by net.bridge.bridge-nf-call-iptables, …-ip6tables: $(handed_over)"
if [ -n "${BULKHEAD_REPORTS:-}" ]; then
	{
		printf '%s\n\n' "$result"
		disturbed
		printf '\n| what happened | times |\n|---|---|\n'
		for kind in "${kinds[@]}"; do
			echo "| ${kind//_/ } | ${happened[$kind]:-0} |"
		done
	} >"$BULKHEAD_REPORTS/chaos-$bridge.md"
fi
