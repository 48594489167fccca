#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Names of peers outside: real questions and answers between containers of the lab, over UDP and TCP,
# and answers that nobody asked for.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

[ -e /run/netns/bulkhead-lab ] && fail "a lab is up already: bulkhead lab down"
host="bulkhead-lab"
write_config "runtimes: {docker: off}"
# The name in a ClientHello is to stand behind what is kept of other packets.
sed -i "s/report_interval: 1s/&, snaplen: 128/" "$scratch/bulkhead.yaml"
"$bulkhead" lab up >/dev/null || fail "lab up"
at_end '"$bulkhead" lab down'
start_daemon

cat >"$scratch/dns.py" <<'PYTHON'
"""dns.py serve | ask NAME TYPE udp|tcp | push NAME: a name server for anything in lab-db, whoever
asks it, and one that answers unasked. Every name is an alias of an alias of lab-internet."""
import socket
import struct
import sys
import threading
import time

ADDRESSES = {
    1: socket.inet_aton("203.0.113.10"),
    28: socket.inet_pton(socket.AF_INET6, "2001:db8:77::10"),
}


def name(text):
    return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".")) + b"\0"


def query(text, kind, ident=7):
    return struct.pack("!6H", ident, 0x0100, 1, 0, 0, 0) + name(text) + struct.pack("!HH", kind, 1)


def record(owner, kind, data):
    return owner + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


# The answers stand in no order, and padding makes the message longer than what is kept of others.
def reply(message):
    kind = struct.unpack("!H", message[-4:-2])[0]
    answers = [record(name(f"pad{i}.example"), 1, bytes(4)) for i in range(20)]
    answers.append(record(name("edge.cdn.example"), kind, ADDRESSES[kind]))
    answers.append(record(name("cdn.example"), 5, name("edge.cdn.example")))
    answers.append(record(b"\xc0\x0c", 5, name("cdn.example")))
    head = message[:2] + struct.pack("!5H", 0x8180, 1, len(answers), 0, 0)
    return head + message[12:] + b"".join(answers)


# Each piece is a segment of its own.
def send_in_pieces(connection, data, size):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(0, len(data), size):
        connection.sendall(data[at : at + size])
        time.sleep(0.01)


def serve_tcp():
    listener = socket.create_server(("0.0.0.0", 53))
    while True:
        client, _ = listener.accept()
        client.settimeout(3)
        with client, client.makefile("rb") as asked:
            length = struct.unpack("!H", asked.read(2))[0]
            answer = reply(asked.read(length))
            send_in_pieces(client, struct.pack("!H", len(answer)) + answer, 150)


if sys.argv[1] == "serve":
    threading.Thread(target=serve_tcp, daemon=True).start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("0.0.0.0", 53))
        open(sys.argv[2], "w").close()
        while True:
            message, client = s.recvfrom(1000)
            s.sendto(reply(message), client)
elif sys.argv[1] == "ask":
    message = query(sys.argv[2], int(sys.argv[3]))
    with socket.socket(type=socket.SOCK_DGRAM if sys.argv[4] == "udp" else socket.SOCK_STREAM) as s:
        s.settimeout(3)
        s.connect(("10.77.0.41", 53))
        if sys.argv[4] == "udp":
            s.send(message)
            answer = s.recv(4000)
        else:
            send_in_pieces(s, struct.pack("!H", len(message)) + message, 2)
            answer = s.makefile("rb").read()
        if len(answer) < 300:
            sys.exit(1)
elif sys.argv[1] == "push":
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("0.0.0.0", 53))
        s.sendto(reply(query(sys.argv[2], 1)), ("10.77.0.51", 4000))
PYTHON

# within NAME COMMAND...: in a namespace of the lab.
within() {
	nsenter --net="/run/netns/$1" "${@:2}"
}
nsenter --net=/run/netns/lab-db python3 "$scratch/dns.py" serve "$scratch/serving" &
server=$!
at_end "kill $server 2>/dev/null"
eventually 5 test -e "$scratch/serving" || fail "the name server does not start"

# visit NAME ADDRESS: a connection from there to port 443; prints the port that it came from.
visit() {
	within "$1" python3 -c 'if True:
		import socket, sys
		with socket.create_connection((sys.argv[1], 443), 3) as s:
			print(s.getsockname()[1])' "$2" || fail "$1 does not reach $2"
}
# called PORT NAME: the flow that came from that port shows this as its name (jq).
called() {
	bh flows --format json | jq -e -s --argjson p "$1" "any(.[]; .src.port == \$p and
		.dst.port == 443 and .dst.workload == null and .dns == $2)"
}

step "who asked knows its peer by name, over UDP and TCP"
unasked=$(visit lab-job 203.0.113.10)
within lab-job python3 "$scratch/dns.py" ask Pay.Example 1 udp || fail "no answer over UDP"
within lab-job python3 "$scratch/dns.py" ask six.example 28 tcp || fail "no answer over TCP"
asked=$(visit lab-job 203.0.113.10)
asked6=$(visit lab-job 2001:db8:77::10)
eventually 10 called "$asked" '"pay.example"' || fail "no name after an answer over UDP"
eventually 10 called "$asked6" '"six.example"' || fail "no name after an answer over TCP, in pieces"
status_is '.capture.dns_streams_given_up == 0' || fail "streams were given up"
bh flows >"$scratch/flows"
grep -q 'pay.example (203.0.113.10)' "$scratch/flows" || fail "the table does not show the name"

step "a connection older than the answer, and another container's, have none"
eventually 10 called "$unasked" null || fail "the connection before the answer has a name"
other=$(visit lab-web-1 203.0.113.10)
eventually 10 called "$other" null || fail "an answer named somebody else's peer"

step "whom a TLS client says it speaks to is shown as a claim"
# greet NAME ADDRESS: a ClientHello from there that names Claimed.Example; prints the port it came from.
greet() {
	within "$1" python3 -c 'if True:
		import socket, ssl, sys
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
		sent, end = ssl.MemoryBIO(), ssl.MemoryBIO()
		tls = context.wrap_bio(end, sent, server_hostname="Claimed.Example")
		try:
			tls.do_handshake()
		except ssl.SSLWantReadError:
			pass
		with socket.create_connection((sys.argv[1], 443), 3) as s:
			s.sendall(sent.read())
			print(s.getsockname()[1])' "$2" || fail "$1 does not reach $2"
}
# claims PORT DNS: the flow that came from that port shows the claim, and this as its name (jq).
claims() {
	bh flows --format json | jq -e -s --argjson p "$1" "any(.[]; .src.port == \$p and
		.sni == \"claimed.example\" and .dns == $2 and .dst.workload == null)"
}
named=$(greet lab-job 203.0.113.10)
eventually 10 claims "$named" '"pay.example"' || fail "no claim beside a name"
nameless=$(greet lab-web-2 203.0.113.10)
eventually 10 claims "$nameless" null || fail "no claim without a name"
six=$(greet lab-job 2001:db8:77::10)
eventually 10 claims "$six" '"six.example"' || fail "no claim over IPv6"
bh flows >"$scratch/flows"
grep -q '203.0.113.10 "claimed.example" (claimed)' "$scratch/flows" || fail "the table shows no claim"

step "what nobody asked for names nothing"
kill "$server" && wait "$server" 2>/dev/null # the port is to be the real one
within lab-db python3 "$scratch/dns.py" push evil.example || fail "nothing was sent"
after=$(visit lab-job 203.0.113.10)
eventually 10 called "$after" '"pay.example"' || fail "an answer that nobody asked for counts"

step "names outlive the capture process"
kill -9 "$(child capture)"
eventually 15 status_is '.capture.state == "running" and .capture.restarts == 1' ||
	fail "capture is not back"
sleep 1
after=$(visit lab-job 203.0.113.10)
eventually 10 called "$after" '"pay.example"' || fail "the name went with capture"
