#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The program without a daemon: help, man page, completion, exit statuses, files of every kind, and
# what it makes of answers that a stand-in gives in the daemon's place.
set -uo pipefail
bulkhead=${BULKHEAD:?path of the program} source=${SOURCE:?path of the sources}
here=$source/tests/cli
scratch=$(mktemp -d)
stand_in=
trap '[ -z "$stand_in" ] || kill "$stand_in" 2>/dev/null; rm -rf "$scratch"' EXIT
unset BULKHEAD_SOCKET COLUMNS NO_COLOR
failures=0

fail() {
	echo "FAILED: $*" >&2
	failures=$((failures + 1))
}

step() {
	echo "-- $*"
}

# runs STATUS ARGUMENT...: the exit status; what it printed is in $out and $err.
runs() {
	local wanted=$1 status
	shift
	"$bulkhead" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
	status=$?
	out=$(<"$scratch/out") err=$(<"$scratch/err")
	[ $status = "$wanted" ] || fail "bulkhead $*: status $status, not $wanted: $out $err"
}

# says TEXT: standard error holds it. prints TEXT: standard output does.
says() {
	[[ $err == *"$1"* ]] || fail "\"$1\" is not said: $err"
}
prints() {
	[[ $out == *"$1"* ]] || fail "\"$1\" is not printed: $out"
}
prints_json() {
	jq -e "$1" "$scratch/out" >/dev/null || fail "not so: $1: $out"
}
prints_nothing() {
	[ -z "$out" ] || fail "printed: $out"
}

mapfile -t commands < <("$bulkhead" help --format json | jq -r '.commands[].name')
[ ${#commands[@]} -ge 15 ] || fail "help lists ${#commands[@]} commands"

step "help for every command, asked in every way"
for command in "${commands[@]}"; do
	# shellcheck disable=SC2086 # a command of two words
	runs 0 help $command
	prints "usage: bulkhead $command"
	[ -z "$err" ] || fail "help $command complains: $err"
	help=$out
	# shellcheck disable=SC2086
	for way in "$command --help" "$command -h" "--help $command" "$command --wrong --help"; do
		runs 0 $way
		[ "$out" = "$help" ] || fail "bulkhead $way helps otherwise"
	done
	# shellcheck disable=SC2086
	runs 0 help $command --format json
	prints_json ".commands | length == 1 and .[0].name == \"$command\""
	grep -qF "  $command " <("$bulkhead" help) || fail "the overview lacks $command"
done
runs 0 help policy
prints "policy rollback"
runs 0 --version
runs 0 -V
runs 2
prints "usage: bulkhead COMMAND"
runs 2 help sttaus
says "did you mean status?"
runs 2 help policy x
runs 2 help status now
runs 2 help --man --format json

step "wrong calls have status 2, and print nothing"
for command in "${commands[@]}"; do
	# shellcheck disable=SC2086
	runs 2 $command --no-such-option
	prints_nothing
	[ "$command" = help ] || [[ $err == *no-such-option* ]] || fail "$command: $err"
done
runs 2 completion bash --format json
runs 2 panic --format json
runs 2 daemon --format json
runs 2 --format json daemon
runs 2 flows --read x --limit 5
runs 2 flows --follow --limit 5
for when in "--since 1h" "--until 1h"; do
	# shellcheck disable=SC2086 # an option and its value
	runs 2 flows --follow $when
	# shellcheck disable=SC2086
	runs 2 flows --read x $when
done
runs 2 policy check --policy x
runs 2 policy check --flows x
runs 2 policy check --policy x --flows y z
runs 2 learn
says "learn takes --flows JSONL"
runs 2 readiness --until 2026-01-01T00:00:00Z
says "goes with --flows"
runs 2 review accept
says "which edges?"
runs 2 review --why x
says "goes with accept or reject"
runs 2 learn --flows x --window 1s
says "at least 24s"
runs 2 policy apply x --max-denials 3
says "goes with --confirm-within"
runs 2 learn --flows x --filters-off never
says "that cannot be off"
runs 2 learn --flows x --until yesterday
says "RFC 3339"
for filters in F9 "" "F4," ",F4" F4,F100000000000000000; do
	runs 2 learn --flows x --filters-off "$filters"
	says "filters such as F7,F4 expected"
done
for filter in F1 denied; do
	runs 2 learn --flows x --filters-off "F7,$filter"
	says "--filters-off $filter: what was never answered"
done
for share in "" x 25x 1000 25%% -1; do
	runs 2 mode web enforce --share "$share"
	says "a share such as 25% expected"
done
runs 2 learn --flows x --out -
says "a file of its own"
runs 2 learn --flows x --policy -
says "a file of its own"
runs 2 learn --flows x --policy y --out z
says "give one of them"
runs 2 readiness --filters-off F4
says "--filters-off goes with --flows"

runs 2 doctor web db
says "go with --trace"
runs 2 doctor --for 10s
says "go with --trace"
runs 2 doctor --trace web
says "SRC and DST"

step "without a daemon the status is 3, and it is said how to start one"
nowhere=$scratch/nowhere.sock
for words in status coverage doctor "doctor --trace" workloads flows edges map "top --batch 1" "policy propose" "policy show" \
	"policy show --nft" "policy diff" "policy check" "policy history" "policy rollback" "policy export --kubernetes" \
	"mode all learn" "explain a b 80" "explain --rule 1" readiness review "review accept all" events "flows --follow" "events --follow"; do
	for format in table json; do
		# shellcheck disable=SC2086
		runs 3 --socket "$nowhere" --format $format $words
		says "sudo bulkhead daemon"
		prints_nothing
	done
done
runs 3 --socket "$nowhere" policy apply "$source/config/policies/shop.yaml"
runs 3 policy apply "$scratch/nothing"
runs 3 policy diff "$scratch"
: >"$scratch/empty"
runs 1 --socket "$nowhere" policy apply "$scratch/empty"

step "the man page"
"$bulkhead" help --man >"$scratch/bulkhead.8"
for render in "groff -ww -man -Tutf8 -z" "man --warnings -l"; do
	# shellcheck disable=SC2086
	if ! command -v "${render%% *}" >/dev/null; then
		fail "${render%% *} is not installed"
	else
		MANPAGER=cat MANWIDTH=80 LC_ALL=C.UTF-8 $render "$scratch/bulkhead.8" \
			>"$scratch/man.txt" 2>"$scratch/warnings" || fail "$render fails"
		[ ! -s "$scratch/warnings" ] || fail "$render: $(cat "$scratch/warnings")"
	fi
done
for command in "${commands[@]}"; do
	grep -q "^ *$command" "$scratch/man.txt" || fail "the man page lacks $command"
done

step "completion for bash"
"$bulkhead" completion bash >"$scratch/completion.bash"
mkdir "$scratch/folder" "$scratch/folder/lab"
: >"$scratch/folder/my policy.yaml"

# completes EXPECTED WORD...: the last word is the one being typed.
completes() {
	local expected=$1 got
	shift
	got=$(cd "$scratch/folder" && bash --norc -c '
		. "$1" || exit
		shift
		COMP_WORDS=(bulkhead "$@") COMP_CWORD=$#
		_bulkhead && (IFS=" "; echo "${COMPREPLY[*]}")' - "$scratch/completion.bash" "$@" 2>&1)
	[ "$got" = "$expected" ] || fail "bulkhead $*: completes \"$got\", not \"$expected\""
}
completes "policy" po
completes "propose show diff check import export apply confirm rollback history unused" policy ""
completes "apply" policy ap
completes "propose" help policy p
completes "learn audit stage1 enforce" mode web ""
completes "all" mode a
completes "up down attack report" lab ""
completes "lab" la
completes "bash" completion b
completes "json" status --format j
completes "json" status --format = j
completes "table json" status --format =
completes "table json dot mermaid graphml csv svg" map --format ""
completes "" panic --format ""
completes "delivered denied" flows --verdict de
completes "--limit" flows --l
completes "--follow --format" --socket /x events --fo
completes "--nft --no-color" policy show --n
completes "" completion --form
completes "my policy.yaml" policy apply m
completes "my policy.yaml" policy check --policy my
completes "my policy.yaml" flows --read my
completes "direction" flows dir
completes "established" flows src web and state es
completes "unknown undelivered" flows --follow not verdict un
completes "not" flows src web and no
completes "" policy rollback ""
bash --norc -c '. "$1"; complete -p bulkhead' - "$scratch/completion.bash" >"$scratch/out" ||
	fail "bash knows no completion"
! grep -q filenames "$scratch/out" || fail "words are completed like file names"

step "completion for zsh"
mkdir "$scratch/zsh"
"$bulkhead" completion zsh >"$scratch/zsh/_bulkhead"
# _arguments and _describe print what they are given, which is what they would offer. All in one
# zsh: each of them takes a second to start. Lines are "WORDS: WHAT IS OFFERED".
{
	printf '%s\n' po "policy _" "policy apply _" "map --format _" "mode web _" "panic --f"
	printf '%s --\n' "${commands[@]}"
} >"$scratch/lines"
zsh_lines() {
	zsh -f -c '
		fpath=($1 $fpath)
		autoload -Uz compinit && compinit -u -D || exit
		[[ $_comps[bulkhead] = _bulkhead ]] || { print "not registered"; exit 1 }
		_arguments() { print -rl -- "$line: "$^@ }
		_describe() { print -rl -- "$line: "${(@P)^2} }
		autoload -Uz +X _bulkhead
		while read -r line; do
			words=(bulkhead ${=line}) CURRENT=${#words}
			_bulkhead || print -r -- "$line: fails"
		done <$2' - "$scratch/zsh" "$scratch/lines"
}
zsh_offers() {
	grep -qF -- "$1: $2" "$scratch/out" || fail "zsh does not offer $2 behind $1"
}
if ! command -v zsh >/dev/null; then
	fail "zsh is not installed"
else
	zsh_lines >"$scratch/out" 2>"$scratch/err" || fail "zsh: $(cat "$scratch/out")"
	[ ! -s "$scratch/err" ] || fail "zsh complains: $(cat "$scratch/err")"
	! grep ': fails$' "$scratch/out" || fail "zsh's function fails"
	zsh_offers po "policy:"
	zsh_offers po "status:what state"
	zsh_offers "policy _" "rollback:"
	zsh_offers "policy apply _" "1:FILE:_files"
	zsh_offers "map --format _" "--format[how to print; json is stable]:table|json|dot|mermaid|graphml|csv|svg:(table json dot mermaid graphml csv svg)"
	zsh_offers "mode web _" "2:learn|audit|stage1|enforce:(learn audit stage1 enforce)"
	! grep -q -- "^panic --f: --format" "$scratch/out" || fail "zsh offers --format for panic"
	for command in "${commands[@]}"; do
		zsh_offers "$command --" "--help"
	done
fi

step "flows --read: whole, cut, hostile, empty, nothing, a folder"
corpus=$source/tests/fuzz/packet/corpus
runs 0 flows --read "$corpus/pcap/connection.pcap" --format json
prints_json 'has("src") and has("tx")'
runs 0 flows --read "$corpus/pcap/connection.pcap"
prints "SOURCE"
runs 0 flows --read "$corpus/pcap/names.pcap" --format json
prints_json 'select(.dst.port == 443) | .dns == "db.example"'
runs 0 flows --read "$corpus/pcap/names.pcap"
prints "db.example (10.0.0.2)"
runs 0 flows --read "$corpus/pcap/hello.pcap"
prints '10.0.0.2 "shop.example" (claimed)'
size=$(stat -c %s "$corpus/pcap/connection.pcap")
for ((length = 0; length < size; length += 37)); do
	head -c "$length" "$corpus/pcap/connection.pcap" >"$scratch/cut.pcap"
	wanted=0
	[ $length -ge 24 ] || wanted=3
	runs $wanted flows --read "$scratch/cut.pcap" --format json
	[ -z "$out" ] || jq -s . "$scratch/out" >/dev/null || fail "cut at $length: no JSON: $out"
	[ -n "$err" ] || fail "cut at $length: nothing is said about it"
done
for file in "$corpus"/*/*; do
	"$bulkhead" flows --read "$file" >/dev/null 2>"$scratch/err"
	status=$?
	[ $status = 0 ] || [ $status = 3 ] || fail "$file: status $status"
	[ -s "$scratch/err" ] || fail "$file: nothing is said"
done
runs 3 flows --read "$scratch/nothing"
says "$scratch/nothing: No such file or directory"
prints_nothing
runs 3 flows --read "$scratch/folder"
says "$scratch/folder"
prints_nothing
runs 3 flows --read "$scratch/empty"
prints_nothing
cp "$corpus/pcap/connection.pcap" "$scratch/"$'\033[2J.pcap'
runs 0 flows --read "$scratch/"$'\033[2J.pcap'
[[ $err != *$'\033'* ]] || fail "a file's name reaches the terminal as it is"

step "of a record without one whole window nothing is foretold"
: >"$scratch/nothing-seen"
for asked in 0.98 2100-01-01; do
	runs 0 readiness --flows "$scratch/nothing-seen" --for $asked
	[[ $out == "No whole window has been seen yet: "* && $out != *quiet* ]] || fail "it foretells: $out"
	runs 0 readiness --flows "$scratch/nothing-seen" --for $asked --format json
	jq -e '.windows == 0 and .expected == null and
		(.for | if has("probability") then .windows == null else has("quiet") and .quiet == null end)' \
		"$scratch/out" >/dev/null || fail "it foretells: $out"
done

step "progress: on a terminal that waits, gone when it is done, and nowhere else"
cat >"$scratch/slowly" <<'SH'
#!/bin/sh
for i in 1 2 3 4 5 6 7 8 9; do
	echo '{"first":1,"last":2,"proto":"tcp","src":{"ip":"10.0.0.1","port":1,"workload":"a"},"dst":{"ip":"10.0.0.2","port":80,"workload":"b"},"tx":{"packets":1,"bytes":1},"rx":{"packets":1,"bytes":1},"state":"closed","direction":"syn","dns":null,"tunnel":null,"verdict":"delivered"}'
	sleep 0.15
done
SH
chmod +x "$scratch/slowly"
for words in "learn --flows -" "policy check --policy $source/config/policies/shop.json --flows -"; do
	script -qec "'$scratch/slowly' | '$bulkhead' $words >'$scratch/told'" /dev/null >"$scratch/shown" </dev/null
	grep -q 'standard input' "$scratch/shown" || fail "$words: no progress: $(cat -v "$scratch/shown")"
	[[ $(<"$scratch/shown") == *$'\r'+( )$'\r' ]] || fail "$words: it stays: $(cat -v "$scratch/shown")"
	grep -q 'standard input' "$scratch/told" && fail "$words: it is in the output"
	# shellcheck disable=SC2086 # words
	"$scratch/slowly" | "$bulkhead" $words >"$scratch/quiet" 2>"$scratch/err"
	[ ! -s "$scratch/err" ] || fail "$words: told where nobody looks: $(cat "$scratch/err")"
	cmp -s "$scratch/told" "$scratch/quiet" || fail "$words: the answer differs"
done

step "top: what it cannot do"
runs 2 top
says "top draws on a terminal, and there is none; --batch N"
runs 2 top --format json
says "goes with --batch N"
runs 2 top --batch 0
says "from 1 on"
runs 2 top --batch 1 --interval 0
says "--interval takes a time from 1s to 1h"
runs 2 top --batch 1 --view denial
says "did you mean denials?"
runs 2 top --batch 1 --view workloads --sort mod
says "workloads have no column mod; did you mean mode"
runs 2 top --batch 1 srk web
says "did you mean src?"
runs 2 top --format csv --batch 1

step "filters: of a capture file, and what is none"
runs 0 flows --read "$corpus/pcap/connection.pcap" --format json
all=$(wc -l <"$scratch/out")
runs 0 flows --read "$corpus/pcap/connection.pcap" --format json tcp and packets '>' 0
[ "$(wc -l <"$scratch/out")" = "$all" ] || fail "a filter that all pass lets $out pass"
runs 0 flows --read "$corpus/pcap/connection.pcap" --format json udp
prints_nothing
runs 0 flows --read "$corpus/pcap/names.pcap" --format csv dns db.example
prints "first,last,proto,src.ip,"
[ "$(grep -c ',db.example,' "$scratch/out")" = 1 ] || fail "not one row: $out"
runs 0 flows --read "$corpus/pcap/connection.pcap" udp
prints "No flow is like that."
runs 2 flows --read "$corpus/pcap/connection.pcap" src web
says "cannot ask for workload"
runs 2 flows src web and stat established
says "character 13: there is no word stat; did you mean state?
  src web and stat established
              ^"
runs 2 flows --follow $'dns \033[2J'
! grep -q $'\033' "$scratch/err" || fail "a terminal obeys what was no filter"
runs 3 flows 'src compose:shop/web and (port 80 or 443)'

step "policy check on recorded flows"
flow() {
	echo "{\"proto\":\"tcp\",\"direction\":\"syn\",\"src\":{\"ip\":\"10.0.0.2\",\"port\":4000,\"workload\":\"$1\"},\"dst\":{\"ip\":\"10.0.0.3\",\"port\":$3,\"workload\":\"$2\"}}"
}
check=(policy check --policy "$source/config/policies/shop.json" --flows)
flow netns:web netns:db 5432 >"$scratch/allowed"
{
	cat "$scratch/allowed"
	echo
	flow netns:db netns:web 22
} >"$scratch/refused"
flow netns:web $'evil\033[2J' 5432 | sed 's/\x1b/\\u001b/' >"$scratch/hostile"
# What learn takes, check takes: a deploy is no flow, and nothing to refuse.
{
	echo '{"deploy":"netns:web","time":1767657600}'
	cat "$scratch/allowed"
} >"$scratch/deployed"
runs 0 "${check[@]}" "$scratch/deployed"
prints "1 flows: 1 allowed, 0 would be refused, 0 uncertain"
runs 0 "${check[@]}" "$scratch/allowed"
prints "1 flows: 1 allowed, 0 would be refused, 0 uncertain"
runs 1 "${check[@]}" "$scratch/refused"
[[ $out =~ deny\ +netns:db\ +netns:web\ +22/tcp\ +1\  ]] || fail "what would be refused is not in the table: $out"
prints "2 flows: 1 allowed, 1 would be refused"
runs 1 "${check[@]}" "$scratch/refused" --format json
prints_json '.verdict == "deny" and .port == 22 and .connections == 1 and .last == null and .workload == "netns:db"'
# Those alike are one, with how many they are and when they were last; and for programs that run checks.
{
	cat "$scratch/refused"
	flow netns:db netns:web 22 | sed 's/^{/{"first":100,"last":100.5,"count":7,/'
	flow netns:db 'a<&\"'"'"'>\u0001' 23 | sed 's/^{/{"first":90,"last":90,/'
	flow netns:db netns:web 24 | sed 's/"workload":"netns:web"/"workload":null/'
} >"$scratch/several"
runs 1 "${check[@]}" "$scratch/several" --format json
jq -es 'map(select(.port == 22)) | length == 1 and .[0].connections == 8 and .[0].last == 100.5' "$scratch/out" >/dev/null ||
	fail "those alike are not one: $out"
[ "$(wc -l <<<"$out")" = 3 ] || fail "those alike are not one: $out"
runs 1 "${check[@]}" "$scratch/several" --format junit
python3 - "$scratch/out" <<-'PYTHON' || fail "JUnit: $out"
	import sys
	from xml.etree import ElementTree
	suites = ElementTree.parse(sys.argv[1]).getroot()
	suite, = suites
	assert suites.tag == "testsuites" and suite.get("name").endswith("several"), suite.attrib
	assert [suite.get(n) for n in ("tests", "failures", "skipped")] == ["4", "2", "1"], suite.attrib
	cases = {(c.get("classname"), c.get("name")): [x.tag for x in c] for c in suite}
	assert cases == {("netns:web", "netns:db 5432/tcp"): [], ("netns:db", "netns:web 22/tcp"): ["failure"],
		("netns:db", "a<&\"'>\ufffd 23/tcp"): ["failure"], ("netns:db", "10.0.0.3 24/tcp"): ["skipped"]}, cases
	assert "(8 connections)" in suite[0][0].get("message"), suite[0][0].attrib
PYTHON
runs 1 "${check[@]}" "$scratch/several" --format sarif
prints_json '.version == "2.1.0" and (.runs[0] | .tool.driver.name == "bulkhead" and
	([.tool.driver.rules[].id] | sort) == ["uncertain", "would-be-refused"] and
	[.results[] | [.ruleId, .level, .occurrenceCount]] == [["would-be-refused", "error", 8],
		["would-be-refused", "error", 1], ["uncertain", "warning", 1]] and
	all(.results[]; .locations[0].physicalLocation.artifactLocation.uri | test("^file:///.*/shop.json$")))'
cp "$source/config/policies/shop.json" "$scratch/a b%é.json"
flow netns:db $'\xff' 23 | sed 's/^{/{"count":0,/' >"$scratch/odd"
(cd "$scratch" && runs 1 policy check --policy "a b%é.json" --flows odd --format sarif) || exit 1
python3 -c 'import json, sys
result, = json.load(open(sys.argv[1], encoding="utf-8"))["runs"][0]["results"]
assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a%20b%25%C3%A9.json", result
assert "occurrenceCount" not in result and "\ufffd" in result["message"]["text"], result' "$scratch/out" || fail "SARIF: $out"
runs 0 "${check[@]}" "$scratch/allowed" --format sarif
prints_json '.runs[0].results == []'
runs 0 "${check[@]}" "$scratch/allowed" --format junit
runs 2 policy check --format junit
says "goes with --policy and --flows"
runs 1 "${check[@]}" "$scratch/hostile"
[[ $out != *$'\033'* ]] || fail "a workload's name reaches the terminal as it is"
runs 0 "${check[@]}" "$scratch/empty"
{
	cat "$scratch/allowed"
	echo "no JSON"
} >"$scratch/broken"
runs 3 "${check[@]}" "$scratch/broken"
says "broken:2: a JSON object expected"
runs 3 "${check[@]}" "$scratch/nothing"
runs 3 "${check[@]}" "$scratch/folder"
runs 3 policy check --policy "$scratch/nothing" --flows "$scratch/allowed"
runs 1 policy check --policy "$source/tests/unit/policy/broken/unknown-key.yaml" --flows "$scratch/allowed"
says "unknown-key.yaml:"
# The same learned from: two windows of it, and a third that is not over.
seen() { # TIME STATE
	flow netns:web netns:db 5432 | sed "s/^{/{\"first\":$1,\"last\":$1,\"state\":\"$2\",/"
}
{ seen 100 closed; seen 90000 closed; seen 180000 closed; seen 300000 refused; } >"$scratch/lessons"
runs 0 learn --flows "$scratch/lessons"
prints "accepted  netns:web  netns:db"
prints "In 2 whole windows: 1 accepted, 0 for a person to decide, 0 rejected."
runs 0 learn --flows "$scratch/lessons" --until 50000 --format json
prints '"state":"review","reasons":["F3: seen in one window only"]'
# What comes of other filters, and the policy, which lets through what taught it.
runs 0 learn --flows "$scratch/lessons" --until 50000 --filters-off f7,F3
prints "1 accepted, 0 for a person to decide, 0 rejected."
runs 0 readiness --flows "$scratch/lessons" --until 50000 --format json
prints '"waiting":1,'
runs 0 readiness --flows "$scratch/lessons" --until 50000 --filters-off F3 --format json
prints '"waiting":0,'
runs 0 learn --flows "$scratch/lessons" --out "$scratch/learned.yaml"
prints "1 accepted, 0 for a person to decide, 0 rejected."
runs 0 learn --flows "$scratch/lessons" --policy "$scratch/again.yaml" --format json
cmp "$scratch/learned.yaml" "$scratch/again.yaml" || fail "the same edges gave another policy"
grep -q "bulkhead.workload: netns:web" "$scratch/learned.yaml" || fail "web is not selected by its name"
runs 0 policy check --policy "$scratch/learned.yaml" --flows "$scratch/lessons"
prints "4 flows: 4 allowed"
runs 0 learn --flows "$scratch/lessons" --until 1970-01-02 --out "$scratch/undecided.yaml"
runs 1 policy check --policy "$scratch/undecided.yaml" --flows "$scratch/lessons"
runs 1 learn --flows "$scratch/lessons" --until 0 --out "$scratch/empty.yaml"
says "teaches nothing: $scratch/empty.yaml is not written"
[ ! -e "$scratch/empty.yaml" ] || fail "a policy of nothing was written"
runs 3 learn --flows "$scratch/lessons" --out "$scratch/nowhere/learned.yaml"
says "nowhere/learned.yaml: No such file"
if [ -c /dev/full ]; then
	runs 3 learn --flows "$scratch/lessons" --out /dev/full
	says "/dev/full: No space left"
fi
runs 0 readiness --flows "$scratch/lessons" --for 0.9
prints "0 of 1 edges were seen in one window of 2 only."
prints "with a probability of 0.9: after at most 5 windows in all"
runs 0 readiness --flows "$scratch/lessons" --for 2099-12-24
prints "quiet with at least 0."
runs 2 readiness --flows "$scratch/lessons" --for 1969-12-24
says "a day or time after what was recorded"
runs 0 readiness --flows "$scratch/lessons" --until 200
prints "No whole window has been seen yet"
runs 2 readiness --flows "$scratch/lessons" --for 2
says "a probability such as 0.98"
# After a deploy the answer rests on what the last windows brought, as the headline does.
{
	for day in {0..19}; do
		seen $((day * 86400 + 100)) closed
	done
	echo '{"deploy":"netns:web","time":1555300}'
	for day in 18 19; do
		for port in {8001..8014}; do
			flow netns:web netns:db $port | sed "s/^{/{\"first\":$((day * 86400 + 200)),\"last\":$((day * 86400 + 200)),\"state\":\"closed\",/"
		done
	done
} >"$scratch/deployed"
runs 0 readiness --flows "$scratch/deployed" --until 1728100 --for 0.9
prints "Expected new blocked flows: 2 in the next window"
prints "with a probability of 0.9: after at most 27 windows in all"
prints "That is if no other version, and no new workload, comes meanwhile."
runs 0 readiness --flows "$scratch/deployed" --until 1728100 --for 1970-01-24 --format json
[[ $(jq -c '.for.quiet == .quiet and .quiet < 0.2' <<<"$out") == true ]] || fail "the answer is another one than the headline: $out"
runs 0 readiness --flows "$scratch/deployed" --until 1728100 --for 1970-02-24 --format json
[[ $(jq -c '.for.quiet > 0.9' <<<"$out") == true ]] || fail "a deploy never ends: $out"
# What a record does not tell is said, and what of it taught nothing.
runs 0 readiness --flows "$scratch/deployed" netns:web
prints "The record names no replicas: F4 was not asked"
[[ $out != *"tells of no deploys"* ]] || fail "there is a deploy in it: $out"
runs 1 readiness --flows "$scratch/deployed" netns:wbe
says "netns:wbe: no workload of that name in the record"
{ cat "$scratch/lessons"; flow netns:web netns:db 9000 | sed 's/"workload":"netns:db"/"workload":null/; s/^{/{"first":100,"last":100,"state":"closed",/'; } >"$scratch/strangers"
runs 0 readiness --flows "$scratch/strangers"
prints "Not learned: 1 not answered, 1 with an end that nobody owns up to"
runs 0 learn --flows "$scratch/strangers" --format json
says "1 with an end that nobody owns up to"
# A client whom nobody knows is a person's to decide.
{
	for day in {0..15}; do
		seen $((day * 86400 + 100)) closed
		flow masked netns:db 5432 | sed "s/^{/{\"first\":$((day * 86400 + 200)),\"last\":$((day * 86400 + 200)),\"state\":\"closed\",\"lossy\":true,\"masked\":\"docker-proxy of host:5432\",/"
	done
} >"$scratch/masked"
runs 0 readiness --flows "$scratch/masked" netns:db
prints "Something was lost while these were learned: netns:db."
prints "it is reached by somebody who is not known"
runs 0 learn --flows "$scratch/masked"
prints "something was lost while it was learned"
runs 0 learn --flows "$scratch/masked" --out "$scratch/learned.yaml"
grep -q "^# To be decided: somebody opened 5432/tcp of netns:db, who is not known (docker-proxy of host:5432);" \
	"$scratch/learned.yaml" || fail "the proposal is silent: $(cat "$scratch/learned.yaml")"
# Schedules: the first of each month, and a weekday of which one was missed.
{
	for month in {01..08}; do
		seen "$(date -ud 2026-$month-01 +%s)" closed
	done
	for week in 0 1 2 4 5 6 7 8; do
		flow netns:web netns:db 5433 | sed "s/^{/{\"first\":$((1767225600 + week * 604800)),\"last\":$((1767225600 + week * 604800)),\"state\":\"closed\",/"
	done
} >"$scratch/schedules"
runs 0 readiness --flows "$scratch/schedules"
[[ $out =~ 5432/tcp\ +28\ to\ 31\ days\ +8\ +2026-09-01 ]] || fail "a monthly job is not known for one: $out"
[[ $out =~ 5433/tcp\ +7\ days\ +8 ]] || fail "one that was missed is none for ever: $out"
seen 100 open >>"$scratch/lessons"
runs 3 learn --flows "$scratch/lessons"
says "lessons:5: state: attempted, answered"
runs 3 learn --flows "$scratch/nothing"
# What the reader of captures prints, the replay reads.
"$bulkhead" flows --read "$corpus/pcap/connection.pcap" --format json >"$scratch/flows.jsonl" 2>/dev/null
"$bulkhead" "${check[@]}" "$scratch/flows.jsonl" >/dev/null 2>"$scratch/err"
[ $? -le 1 ] || fail "recorded flows are not read again: $(cat "$scratch/err")"

step "policy check on probes, and Kubernetes' policies"
cat >"$scratch/endpoints.json" <<-'JSON'
	[{"id": "x/a", "namespace": "x", "labels": {"pod": "a"}, "ips": ["10.0.0.1", "fd00::1"],
	  "ports": [{"name": "http", "port": 8080}]},
	 {"id": "x/b", "namespace": "x", "labels": {"pod": "b"}, "ips": ["10.0.0.2"]}, {"id": "x/c"}]
JSON
cat >"$scratch/netpol.yaml" <<-'YAML'
	kind: ConfigMap
	---
	apiVersion: networking.k8s.io/v1
	kind: NetworkPolicy
	metadata: {name: p, namespace: x}
	spec:
	  podSelector: {matchLabels: {pod: a}}
	  ingress: [{from: [{namespaceSelector: {matchLabels: {ns: y}}}, {podSelector: {matchLabels: {pod: b}}}],
	             ports: [{port: http}]}]
YAML
ask=(policy check --policy "$scratch/netpol.yaml" --endpoints "$scratch/endpoints.json" --probes "$scratch/probes.json")
echo '[{"from": "x/b", "to": "x/a", "port": 8080, "expect": "allow"}, {"from": "10.0.0.2", "to": "fd00::1", "port": 8080},
	{"from": "x/b", "to": "x/a", "port": 80, "expect": "deny"}, {"from": "host", "to": "x/a", "protocol": "icmp", "port": 8}]' \
	>"$scratch/probes.json"
runs 0 "${ask[@]}"
prints "x/b       x/a      8080/TCP"
prints "x/p ingress 1"
prints "a node reaches its pods"
runs 0 "${ask[@]}" --format json
[ "$(jq -c '[.verdict, .rule]' <<<"$out" | head -n 1)" = '["allow","x/p ingress 1"]' ] || fail "the answer is $out"
[ "$(jq -r .verdict <<<"$out" | tr '\n' ' ')" = "allow uncertain deny allow " ] || fail "the answers are $out"
echo '[{"from": "x/b", "to": "x/a", "port": 80, "expect": "allow"}]' >"$scratch/probes.json"
runs 1 "${ask[@]}"
prints "1 of 1 not as expected"
echo '[{"from": "x/b", "to": "nobody", "port": 80}]' >"$scratch/probes.json"
runs 1 "${ask[@]}"
says 'probe 1: to: found "nobody", expected an endpoint'
runs 2 "${ask[@]}" --flows x
runs 2 "${ask[@]}" --format sarif
runs 2 policy check --probes "$scratch/probes.json"
runs 3 policy check --policy "$scratch/none" --endpoints "$scratch/endpoints.json" --probes "$scratch/probes.json"
runs 0 policy import --kubernetes "$scratch/netpol.yaml"
says "1 object of other kinds left out"
says "it asks for labels of namespaces"
says "it names ports"
prints "comment: x/p ingress 1"
echo "$out" >"$scratch/imported.yaml"
runs 0 policy import --kubernetes "$scratch/netpol.yaml" --format json
jq -e '.defaults.workloads["k8s:x/pod=a"].ingress == "deny"' <<<"$out" >/dev/null || fail "as JSON: $out"
runs 1 policy import --kubernetes "$scratch/endpoints.json"
runs 2 policy import "$scratch/netpol.yaml"
runs 3 policy import --kubernetes "$scratch/none"
runs 0 policy export --kubernetes "$scratch/imported.yaml"
prints "kind: NetworkPolicy"
prints "    # rule 2: x/p ingress 1"
runs 0 policy export --kubernetes "$scratch/imported.yaml" --format json
jq -e '.kind == "List" and .items[0].spec.ingress[0].ports[0].port == "http"' <<<"$out" >/dev/null || fail "as JSON: $out"
sed 's|ports: \[http/tcp\]|ports: [http/tcp, icmp/8]|' "$scratch/imported.yaml" >"$scratch/pings.yaml"
runs 1 policy export --kubernetes "$scratch/pings.yaml"
says "pings.yaml:$(grep -n '^  - from' "$scratch/pings.yaml" | sed -n '2s/:.*//p'): rule 2: icmp/8: "
says "nothing is written: --partly writes the rest"
[ -z "$out" ] || fail "it writes $out"
runs 0 policy export --kubernetes "$scratch/pings.yaml" --partly
prints "# Not the whole policy: these objects allow less than it does, never more. They do not say:"
runs 1 policy export --kubernetes "$scratch/netpol.yaml"
runs 2 policy export "$scratch/imported.yaml"
runs 3 policy export --kubernetes "$scratch/none"

step "what a stand-in answers"
policy=$(cat "$source/config/policies/shop.yaml")
# An escape that JSON wrote as such, and an override that stands there as it is.
evil='\\u001b[2J\u202e'
jq -n --arg policy "$policy" --arg nft $'table inet bulkhead {\n\tcomment "x\\y"\n}\n' '{
	"/v1/policy/proposal": [200, ($policy | sub("rules:"; "# evidence \u202e\nrules:"))],
	"/v1/policy/active": [200, "no policy at all"],
	"/v1/policy/nft": [200, $nft],
	"/v1/status": [500, "{\"error\":{\"what\":\"a '"$evil"' problem\",\"do\":\"this\"}}"],
	"/v1/coverage": [200, "<html>"],
	"/v1/workloads": [400, "no JSON"],
	"/v1/who": [200, "{\"address\":\"10.0.0.9\",\"watched\":false,\"host\":false,\"rows\":[]}"],
	"/v1/doctor": [200, "{\"leaks\":[{\"src\":{\"workload\":\"'"$evil"'\"},\"reason\":\"'"$evil"'\"}],\"undelivered\":[{\"reason\":\"'"$evil"'\"},7],\"losses\":[\"12 packets\",8],\"foreign\":{\"checked\":99999999999,\"legacy_iptables\":true,\"chains\":[{\"table\":\"'"$evil"'\",\"policy\":\"drop\"},9]}}"],
	"/v1/trace": [200, "{\"seen\":2,\"dropped\":2,\"drops\":[{\"text\":\"table ip '"$evil"'\",\"comment\":\"'"$evil"'\",\"rule\":\"'"$evil"'\",\"packets\":2},7],\"packets\":[{\"dropped\":true,\"steps\":[{\"table\":\"'"$evil"'\"},3]},null]}"],
	"/v1/map": [200, "{\"nodes\":[{\"id\":\"'"$evil"'\\\"\",\"kind\":\"workload\"}],\"edges\":[]}"],
	"/v1/edges": [200, "{\"edges\":[5,{\"src\":\"'"$evil"'\"}],\"unlearned\":null}"],
	"/v1/events": [200, "{\"time\":1.5,\"kind\":\"denied\",\"text\":\"'"$evil"'\"}\nno JSON\n{\"gap\":3}\n"],
	"/v1/flows": [200, "{}\n[]\nnull\n"],
	"/v1/readiness": [200, "{\"windows\":32,\"window_seconds\":60,\"expected\":0.1,\"quiet\":0.9999,\"longest_schedule_twice\":16,\"workloads\":[{\"workload\":\"web\",\"stages\":[{\"mode\":\"audit\",\"reached\":true,\"missing\":[{\"text\":\"it rained\"}]},{\"mode\":\"stage1\",\"missing\":[{\"text\":\"it snows\"}]}]}]}"],
	"/v1/policy/apply": [200, "{\"number\":2,\"revision\":\"0123456789abcdef\",\"changes\":1}"],
	"/v1/mode": [403, "{\"error\":{\"what\":\"you may only read\"}}"],
	"/v1/explain": [200, "{\"verdict\":\"deny\",\"reason\":\"no rule\"}"]
}' >"$scratch/answers.json" || fail "jq"
mkfifo "$scratch/alive"
python3 "$here/stand_in.py" "$scratch/sock" "$scratch/answers.json" <"$scratch/alive" &
stand_in=$!
exec 9>"$scratch/alive"
for ((i = 0; i < 50; i++)); do
	[ -S "$scratch/sock" ] && break
	sleep 0.1
done
export BULKHEAD_SOCKET=$scratch/sock

runs 0 policy propose
prints "# evidence"
runs 0 policy propose --format json
prints_json '."bulkhead-policy" == 1 and (.rules | length > 0)'
cp "$scratch/out" "$scratch/printed.json"
runs 0 policy check --policy "$scratch/printed.json" --flows "$scratch/empty"
runs 0 policy apply "$source/config/policies/shop.yaml"
[ "$out" = "revision 2 (0123456789ab) is active; 1 change" ] || fail "$out"
# One of 29 was seen twice by then, if it came early.
runs 0 readiness
prints "none at all: 99 %" # never more than there is
prints "Blind to schedules longer than 32 windows; those longer than 16 may have been seen only once."
runs 0 readiness web
prints $'audit: reached\n\nstage1: not yet\n  - it snows'
runs 3 policy show --format json
says "what the daemon sent is no policy"
runs 3 policy export --kubernetes
runs 0 policy show --nft --format json
[ "$(jq -r .nft "$scratch/out")" = "$(printf 'table inet bulkhead {\n\tcomment "x\\y"\n}')" ] || fail "$out"
runs 3 status
says "a ?[2J? problem"
says "→ this"
runs 3 coverage
says "is not bulkhead's daemon"
runs 2 workloads
says "the daemon answers with status 400"
runs 1 who 10.0.0.9 --at 2026-11-24T12:30:00Z
prints "is not known: bulkhead did not watch"
for format in table dot mermaid graphml csv svg; do
	runs 0 map --format $format
	[[ $out != *$'\033'* ]] || fail "map --format $format: a name reaches the terminal"
done
runs 0 map --format json
prints_json '.nodes | length == 1'
runs 1 doctor
[[ $out != *$'\033'* ]] || fail "doctor: a name reaches the terminal"
prints "12 packets"
prints "Legacy iptables"
runs 1 doctor --trace web db 80
[[ $out != *$'\033'* ]] || fail "doctor --trace: a name reaches the terminal"
prints "2 packets seen, 2 dropped by nftables"
runs 1 doctor --trace --format json
prints_json '.dropped == 2'
runs 1 doctor --format json
prints_json '.losses[0] == "12 packets"'
runs 0 edges
[[ $out != *$'\033'* ]] || fail "edges: a name reaches the terminal"
runs 0 events
[[ $out != *$'\033'* ]] || fail "events: a text reaches the terminal"
prints "3 lines are missing here"
runs 0 flows
runs 1 mode all learn
says "you may only read"
runs 1 explain a b 80
prints "deny"
runs 1 explain a b 80 --format json
prints_json '.verdict == "deny"'
# On a terminal JSON is made harmless as well; a file gets it as it is.
script -qec "'$bulkhead' map --format json" /dev/null >"$scratch/out" </dev/null
! grep -q $'\xe2\x80\xae' "$scratch/out" || fail "JSON turns a terminal's text round"
COLUMNS=80 "$bulkhead" policy propose >"$scratch/out"
grep -q $'\xe2\x80\xae' "$scratch/out" || fail "COLUMNS changed a document"

step "what status says of frames that became no flow"
jq -n '{"/v1/status": [200, ({capture: {undecoded: {arp: 3, "unknown-ethertype": 2, malformed: 1},
	ethertypes: {"0x894f": 2}}} | tojson)]}' >"$scratch/answers.json" || fail "jq"
python3 "$here/stand_in.py" "$scratch/sock-status" "$scratch/answers.json" <"$scratch/alive" 9>&- &
for ((i = 0; i < 50; i++)); do
	[ -S "$scratch/sock-status" ] && break
	sleep 0.1
done
runs 0 --socket "$scratch/sock-status" status
prints "3 arp, 2 unknown-ethertype (0x894f: 2), 1 malformed"

# answers NAME: a stand-in of that name, with what is in answers.json.
answers() {
	python3 "$here/stand_in.py" "$scratch/sock-$1" "$scratch/answers.json" <"$scratch/alive" 9>&- &
	for ((i = 0; i < 50; i++)); do
		[ -S "$scratch/sock-$1" ] && break
		sleep 0.1
	done
}

step "flows of a time that has passed, a page after another"
jq -n --arg evil $'\033[2J' 'def flow($at; $number): {first: $at, last: $at, proto: "tcp", src: {ip: "10.0.0.2", workload: "w\($at)"},
		dst: {ip: "10.0.0.3", port: 80}, tx: {bytes: 1}, rx: {bytes: 1}, state: "closed", verdict: "delivered"} +
		if $number then {number: $number} else {} end;
	def page($flows; $next): {flows: $flows, next: $next, range: {known_since: 1, complete: false, why: "it is \($evil) incomplete"}};
	def asked($rest): "/v1/flows?history=1&since=1h&filter=port%2080&limit=\($rest)";
	{(asked("5000&live=1")): (page([flow(1.250001; 8), flow(2; 9)]; 8) + {live: [flow(3; null)]}),
	(asked("5000&before=8")): page([]; 4),
	(asked("5000&before=4")): page([flow(0.5; 2)]; null),
	(asked("2&live=1")): (page([flow(1; 8), flow(2; 9)]; 8) + {live: [flow(3; null)]}),
	"/v1/flows": {}} | map_values([200, tojson])' >"$scratch/answers.json" || fail "jq"
answers past
past=(--socket "$scratch/sock-past" flows --since 1h)
runs 0 "${past[@]}" --format json port 80
[ "$(jq -c '[.last, .number]' "$scratch/out" | tr '\n' ' ')" = "[0.5,2] [1.250001,8] [2,9] [3,null] " ] || fail "not all, the newest last: $out"
says "Not all of that time is known: it is ?[2J incomplete; known since 1970-01-01T00:00:01.000Z"
runs 0 "${past[@]}" --format csv port 80
[ "$(cut -d, -f6 "$scratch/out" | tr '\n' ' ')" = "src.workload w0.5 w1.250001 w2 w3 " ] || fail "not a row each: $out"
runs 0 "${past[@]}" --limit 2 port 80
[[ $out == *w2*w3* && $out != *w1* ]] || fail "not the newest two: $out"
prints "Not all of that time is known: it is ?[2J incomplete"
runs 3 "${past[@]}" port 81
says "is not bulkhead's daemon"

step "groups to be confirmed"
jq -n '{"/v1/workloads": [200, ({rows: [], proposed_groups: [
	{name: "web", image: "base", listens: "80/tcp", instances: [{name: "web-1", workload: "container:web-1"},
		{name: "'"$evil"'", workload: "container:web-2"}],
		configuration: ["workloads:", "  - match: {bulkhead.name: \"web-*\"}", 7, "    name: \"'"$evil"'\""]},
	{configuration: null}, 9]} | tojson)]}' >"$scratch/answers.json" || fail "jq"
answers groups
runs 0 --socket "$scratch/sock-groups" workloads
[[ $out != *$'\033'* ]] || fail "workloads: a name reaches the terminal"
prints "To be confirmed by a person"
prints "web-1 (container:web-1), "
prints ": image base, ports 80/tcp"
prints '      - match: {bulkhead.name: "web-*"}'
prints "nothing in common that a rule could match"

step "the map as XML, DOT and CSV, whatever things are called"
names='["compose:<shop>&/we\"b]", "=cmd|x", "k8s:a\u0001/b;c", "--> |x|", "\\\\", "+1,2", "ä\ufffe", "`\n#quot;"]'
jq -n "$names"' as $n | {nodes: [$n[] | {id: ., kind: "workload", mode: "learn"}],
	edges: [range(8) as $i | {src: $n[$i], dst: $n[($i + 3) % 8], proto: "tcp", port: (80 + $i), connections: 5, denied: ($i % 2), bytes: null, last: 5}]} as $map |
	{"/v1/map": [200, ($map | tojson)], "/v1/edges": [200, ({edges: [$map.edges[] | .first = 1.5]} | tojson)],
	"/v1/flows": [200, ($n | map({src: {workload: .}, dns: "@x"} | tojson + "\n") | add + "{\"gap\":3}\n")],
	"/v1/events": [200, ($n | map({number: 1, time: 2, kind: "denied", text: .} | tojson + "\n") | add)]}' \
	>"$scratch/answers.json" || fail "jq"
answers names
for format in graphml svg; do
	runs 0 --socket "$scratch/sock-names" map --format $format
	python3 -c 'import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
texts = [e.text for e in root.iter() if e.text]
assert sum("compose:<shop>&/we\"b]" in t for t in texts) >= 1, texts
assert len(list(root.iter("{http://graphml.graphdrawing.org/xmlns}edge"))) == (8 if "graphml" in root.tag else 0)
' "$scratch/out" || fail "map --format $format: $out"
done
runs 0 --socket "$scratch/sock-names" map --format dot
! command -v dot >/dev/null || dot -Tplain "$scratch/out" >/dev/null || fail "dot does not read it: $out"
# rows COLUMN VALUE COMMAND...: as CSV, eight rows of as many cells as there are titles; a formula is a text.
rows() {
	local column=$1 value=$2
	shift 2
	runs 0 --socket "$scratch/sock-names" "$@" --format csv
	python3 -c 'import csv, sys
with open(sys.argv[1], newline="", encoding="utf-8") as file:
	text = file.read()
	assert text.count("\n") == text.count("\r\n"), "line ends"
	file.seek(0)
	rows = list(csv.DictReader(file, strict=True))
assert len(rows) == 8 and all(None not in r and None not in r.values() for r in rows), rows
assert not [c for r in rows for c in r.values() if c[:1] in tuple("=+-@")], rows
assert any(r[sys.argv[2]] == sys.argv[3] for r in rows), rows
' "$scratch/out" "$column" "$value" || fail "$*: $out"
}
rows src "'=cmd|x" map
rows src_group 'compose:<shop>&' map
rows dst "'+1,2" edges
rows first 1970-01-01T00:00:01.500Z edges
rows src.workload "'--> |x|" flows
says "3 lines are missing here"
rows dns "'@x" flows
rows text "'=cmd|x" events

step "a share of a workload"
jq -n '{workload: "web", mode: "enforce", replicas: null, percent: 25, rest: "audit", on: 1, of: 4, instances: ["'"$evil"'web-2"]} as $share |
	($share + {replicas: 22, percent: null, on: 22, of: 30, instances: [range(22) | "web-\(.)"]}) as $wide |
	{"/v1/mode": [200, ({rows: [{workload: "web", mode: "enforce", share: $wide, was: "enforce", share_was: $share}]} | tojson)],
	"/v1/status": [200, ({shares: [$share, 7, {}], modes: {enforce: 3}} | tojson)],
	"/v1/policy/active": [200, "bulkhead-policy: 1\nworkloads:\n  a: {io.kubernetes.pod.namespace: x}\nrules: []\n"],
	"/v1/map": [200, ({nodes: [{id: "web", kind: "workload", mode: "enforce", share: $share}]} | tojson)],
	"/v1/explain": [200, ({src: "web", dst: "db", verdict: "deny", reason: "no rule", src_share: $share, dst_share: null} | tojson)],
	"/v1/workloads": [200, ({rows: [{workload: "web", mode: "enforce", share: $share,
		instances: [{name: "web-1", mode: "audit"}, {name: "web-2", mode: "enforce"}]}]} | tojson)]}' \
	>"$scratch/answers.json" || fail "jq"
answers share
runs 0 --socket "$scratch/sock-share" mode web enforce --replicas 22
prints "web: enforce on 25%, 1 of 4 → enforce on 22 of 30"
prints "  web: enforce on 22 of 30 (web-0, web-1, "
prints "web-19 and 2 more), audit the others"
runs 0 --socket "$scratch/sock-share" mode web enforce --share 25 --format json
prints_json '.rows[0].share.on == 22'
runs 0 --socket "$scratch/sock-share" status
[[ $out != *$'\033'* ]] || fail "status: a name reaches the terminal"
prints "web: enforce on 25%, 1 of 4 ("
prints "web-2), audit the others"
runs 0 --socket "$scratch/sock-share" map
prints "web  (enforce on 25%, 1 of 4)"
runs 1 --socket "$scratch/sock-share" explain web db 80
prints "web: enforce on 25%, 1 of 4 ("
runs 0 --socket "$scratch/sock-share" workloads
grep -q "audit  *web-1" <<<"$out" && grep -q "enforce  *web-2" <<<"$out" || fail "workloads: $out"
runs 0 --socket "$scratch/sock-share" policy export --kubernetes
says "modes are not exported: 1 workload is not enforced here"

step "what a refusal looks like"
# refusing REFUSAL: what explain says of it.
refusing() {
	jq -n --arg refusal "$1" '{"/v1/explain": [200, ({src: "web", dst: "db", verdict: "deny", reason: "no rule", workload: "db",
		blocked: true, refusal: $refusal} | tojson)]}' >"$scratch/answers.json" || fail "jq"
	answers "refusing-$1"
	runs 1 --socket "$scratch/sock-refusing-$1" explain web db 80
}
refusing drop
prints "db refuses it: it is dropped silently"
refusing reject
prints "db refuses it: who asks is told at once"
jq -n '{silence: "dropped, though it says reject", changes: 1, lines: [], rows: []} as $said |
	{enforcement: {bridge: "stateless", bridges: [{}], silence: "as above"}} as $status |
	{"/v1/mode": [200, ($said | tojson)], "/v1/policy/apply": [200, ($said | tojson)], "/v1/policy/diff": [200, ($said | tojson)],
	"/v1/policy/rollback": [200, ($said | .silence = null | tojson)], "/v1/status": [200, ($status | tojson)]}' \
	>"$scratch/answers.json" || fail "jq"
answers silence
echo "bulkhead-policy: 1" >"$scratch/silent.yaml"
for command in "mode web enforce" "policy apply $scratch/silent.yaml" "policy diff $scratch/silent.yaml"; do
	# shellcheck disable=SC2086 # words
	runs 0 --socket "$scratch/sock-silence" $command
	prints "dropped, though it says reject"
done
runs 0 --socket "$scratch/sock-silence" policy rollback
[[ $out != *dropped* ]] || fail "rollback: $out"
runs 0 --socket "$scratch/sock-silence" status
prints "what is refused on one bridge is dropped silently, though the policy says deny: reject"

step "the active policy as objects of Kubernetes'"
jq -n --arg policy $'bulkhead-policy: 1\nworkloads:\n  a: {io.kubernetes.pod.namespace: x}\nrules:\n  - {from: a, to: world, ports: [1/tcp]}\n' \
	'{"/v1/policy/active": [200, $policy], "/v1/status": [200, ({modes: {learn: 1, audit: 2, enforce: 9}} | tojson)]}' \
	>"$scratch/answers.json" || fail "jq"
answers export
runs 1 --socket "$scratch/sock-export" policy export --kubernetes
says "modes are not exported: 3 workloads are not enforced here, and objects refuse"
says "bulkhead: rule 1: world: "
prints_nothing
runs 0 --socket "$scratch/sock-export" policy export --kubernetes --partly
prints "  name: default-deny"

step "rules have numbers, and lead to their edges"
# shows NAME POLICY EXPECTED: what policy show makes of it.
shows() {
	jq -n --arg policy "$2" '{"/v1/policy/active": [200, $policy]}' >"$scratch/answers.json" || fail "jq"
	answers "$1"
	runs 0 --socket "$scratch/sock-$1" policy show
	[ "$out" = "$3" ] || fail "policy show: $out"
}
head=$'bulkhead-policy: 1\nworkloads:\n  web: {app: web}\nrules:\n'
shows numbers "$head"$'  # why\n  - from: web  # rule 17\n    to: host\n    ports: [1/tcp]\n  - {from: host, to: web, ports: [2/tcp]} # mine' \
	"$head"$'  # why\n  - from: web  # rule 1\n    to: host\n    ports: [1/tcp]\n  - {from: host, to: web, ports: [2/tcp]} # mine  # rule 2'
runs 0 --socket "$scratch/sock-numbers" policy show 3
prints "- from: web  # rule 17"
shows over "$head"$'  - {from: web, to: host, ports: [1/tcp], expires: 2001-01-01}  # over  # rule 9' \
	"$head"$'  - {from: web, to: host, ports: [1/tcp], expires: 2001-01-01}  # over  # rule 1'
# Where a number would change what it says, there is none.
shows goes-on "$head"$'  - from: "we\\\n      b"\n    to: host\n    ports: [1/tcp]' \
	"$head"$'  - from: "we\\\n      b"\n    to: host\n    ports: [1/tcp]'
json='{"bulkhead-policy": 1, "workloads": {"web": {"app": "web"}}, "rules": [{"from": "web", "to": "host", "ports": ["1/tcp"]}]}'
shows json "$json" "$json"
jq -n '{"/v1/explain": [200, ({number: 3, rule: 2, text: "web → db  5432/tcp", left_off: 4, missing: ["0123456789ab", 7],
	edges: [{edge: {id: "84b9e493c82f", src: "web", dst: "'"$evil"'", proto: "tcp", port: 5432, connections: 7, windows: 2},
			linked: true, rule: 2, recent: [5],
			first_flow: {first: 1.5, src: {ip: "10.0.0.1", port: 4000}, dst: {ip: "10.0.0.2", port: 5432},
				tx: {packets: 3}, rx: {packets: 4}, state: "closed", verdict: "delivered"}},
		{edge: null, linked: true, rule: 1}, {linked: true, rule: null}, {linked: false, rule: 2},
		{linked: true, rule: 5, verdict: "deny"}]} | tojson)]}' \
	>"$scratch/answers.json" || fail "jq"
answers rule
runs 0 --socket "$scratch/sock-rule" explain --rule 2
[[ $out != *$'\033'* ]] || fail "explain: a name reaches the terminal"
prints "rule 2 of revision 3: web → db  5432/tcp"
prints "  84b9e493c82f  web → "
prints "10.0.0.1:4000 → 10.0.0.2:5432  closed  delivered, 7 packets"
prints "rule 1 allows it already"
prints "no rule allows it any more"
prints "the rule allows it, and does not name it"
prints "rule 5 denies it"
prints "… and 4 edges more."
prints "not in the ledger: 0123456789ab ?"
runs 2 explain a b 80 --rule 2
says "or --rule NUMBER alone"
runs 2 explain a b
runs 2 explain

step "what has to go on, and would be cut off"
jq -n '{refused: true, overridden: false, session: {state: "unknown", text: "cannot see where you are connected from: x"},
	findings: [{kind: "dns", src: "web", dst: "'"$evil"'", proto: "udp", port: 53, connections: 7, last: 1.5,
			reason: "no rule lets web", add_rule: "- {from: web, to: names, ports: [53/udp]}",
			add_workloads: ["names: {app: names}", 7]},
		{kind: "health-check", add_rule: null}, 9]} as $guard | {
	"/v1/mode": [409, ({error: {what: "it would cut off", do: "add a rule", guard: $guard}} | tojson)],
	"/v1/policy/apply": [200, ({dry_run: true, changes: 1, guard: $guard} | tojson)],
	"/v1/policy/rollback": [200, ({number: 3, changes: 2, guard: ($guard | .refused = false | .overridden = true)} | tojson)]}' \
	>"$scratch/answers.json" || fail "jq"
answers guard
runs 1 --socket "$scratch/sock-guard" mode all enforce
prints_nothing
says "bulkhead: it would cut off
  → add a rule"
says "It would cut off what has to go on and works now:
  dns: web → "
says "    no rule lets web
    below workloads:  names: {app: names}
    below rules:      - {from: web, to: names, ports: [53/udp]}
  health-check: - → - -"
says "bulkhead cannot see where you are connected from: x."
[[ $err != *$'\033'* ]] || fail "mode: a name reaches the terminal"
runs 1 --socket "$scratch/sock-guard" policy apply "$source/config/policies/shop.yaml" --dry-run
prints "nothing is applied: it would be 1 change
"
prints "below rules:      - {from: web, to: names, ports: [53/udp]}"
runs 1 --socket "$scratch/sock-guard" policy apply "$source/config/policies/shop.yaml" --dry-run --format json
prints_json '.guard.refused'
runs 0 --socket "$scratch/sock-guard" policy rollback --anyway
prints "revision 3 "
prints "Cut off, anyway:"

exec 9>&-
wait
stand_in=
[ $failures = 0 ]
