# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
# For the tests of names: the lab, and a name server in it. After common.sh.

dns="$(dirname "$0")/dns.py"

# within NAME COMMAND...: in a namespace of the lab.
within() {
	nsenter --net="/run/netns/$1" "${@:2}"
}

# serve_names: lab-db answers questions; its process is $server.
serve_names() {
	nsenter --net=/run/netns/lab-db python3 "$dns" serve "$scratch/serving" &
	server=$!
	at_end "kill $server 2>/dev/null"
	eventually 5 test -e "$scratch/serving" || fail "the name server does not start"
}
