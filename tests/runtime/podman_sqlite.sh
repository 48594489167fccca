#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Podman's state in SQLite, as Podman 5 keeps it. The Podman here is an older one: its containers are real, and
# what its own database says of them is written into a db.sql, which is all that bulkhead is shown.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/runtime/podman_engine.sh
. "$(dirname "$0")/podman_engine.sh"

needs python3
make_host "bhtest-podman5-$$"
storage=$scratch/storage
database=$storage/db.sql
mkdir "$storage"
write_config "runtimes: {docker: off, podman: $scratch/podman.sock, podman_storage: $storage}"
configure_podman
start_daemon

mirror_pid=
# start_mirror MODE: keeps db.sql like Podman's own database.
start_mirror() {
	python3 "$(dirname "$0")/podman_mirror.py" "$scratch/podman/root/libpod/bolt_state.db" "$database" "$1" \
		>>"$scratch/mirror.log" 2>&1 &
	mirror_pid=$!
}
# As a Podman that is killed: nobody closes the database.
stop_mirror() {
	[ -z "$mirror_pid" ] || { kill -KILL "$mirror_pid" && wait "$mirror_pid"; } 2>/dev/null
	mirror_pid=
}
at_end stop_mirror

# run SERVICE NAME COMMAND
run() {
	p run -d --name "$2" --network shop --label com.docker.compose.project=shop \
		--label "com.docker.compose.service=$1" localhost/shop:1 /bin/sh -c "$3" >/dev/null 2>&1 ||
		fail "container $2"
}

told() {
	bh coverage --format json | jq -e --arg n "$1" '.rows[] | select(.name == $n)' >/dev/null
}

untold() {
	! told "$1"
}

on_disk() {
	runtime_is podman '.state == "connected" and (.why | contains("on disk")) and (.why | contains("bolt") | not)'
}

# sql STATEMENTS: as another process that writes to it.
sql() {
	python3 -c 'import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None).executescript(sys.argv[2])' \
		"$database" "$1"
}

eventually 10 runtime_is podman '.state == "absent"' || fail "Podman is taken to be there before it ever ran"
import_image
# What the images' labels are read from is the same in both.
ln -s "$scratch/podman/root/vfs-images" "$storage/vfs-images"
p network create --ipv6 --subnet 10.90.0.0/24 --subnet fd90::/64 shop >/dev/null || fail "podman network"

step "names, labels, networks and addresses are read"
start_mirror DELETE
run db shop_db_1 'exec nc -ll -p 5432 -e cat'
eventually 10 on_disk || fail "the state on disk is not read: $(bh status --format json | jq -c .identity) $(cat "$scratch/mirror.log")"
eventually 10 instance_is compose:shop/db shop_db_1 || fail "db is not known: $(bh workloads)"
db_address=$(p inspect -f '{{(index .NetworkSettings.Networks "shop").IPAddress}}' shop_db_1)
# The script writes a container's name a moment after it started, where Podman does so before.
run web shop_web_1 "sleep 1; while :; do echo ask | timeout 2 nc $db_address 5432; sleep 0.3; done"
eventually 10 has_edge compose:shop/web compose:shop/db 5432 || fail "no edge web -> db: $(bh edges)"
no_stranger 5432

step "a pod is one workload"
p pod create --name front --network shop --label team=pay >/dev/null 2>&1 || fail "podman pod create"
p run -d --pod front --name one localhost/shop:1 sleep 100000 >/dev/null 2>&1 || fail "container one"
eventually 10 instance_is pod:front front || fail "the pod is not known: $(bh workloads)"
eventually 10 told one || fail "the container in the pod is not told of: $(bh coverage)"

step "a change and a removal are followed, though nobody closes the database"
p rename shop_db_1 shop_db_9 || fail "podman rename"
eventually 10 instance_is compose:shop/db shop_db_9 || fail "the new name is not known: $(bh workloads)"
p rm -f -t 0 one >/dev/null 2>&1
eventually 10 untold one || fail "a removed container is still told of: $(bh coverage)"

step "amid a transaction what was known stays, and one that was left so is told"
stop_mirror
cp "$database" "$scratch/whole"
python3 - "$database" <<-'END'
	import os, sqlite3, sys
	db = sqlite3.connect(sys.argv[1], isolation_level=None)
	db.execute("PRAGMA cache_size = 1")  # pages are written before the end
	db.execute("PRAGMA cache_spill = 1")
	db.execute("BEGIN EXCLUSIVE")
	db.execute("DELETE FROM ContainerConfig")
	db.execute("UPDATE PodConfig SET JSON = zeroblob(200000)")
	os._exit(0)
END
[ -s "$database-journal" ] || fail "there is no journal to be undone"
cmp -s "$database" "$scratch/whole" && fail "nothing of the transaction is in the database"
eventually 15 runtime_is podman '.state == "unreachable" and (.why | contains("amid a change"))' ||
	fail "nobody tells of it: $(bh status --format json | jq -c .identity)"
instance_is compose:shop/db shop_db_9 || fail "what was known is lost: $(bh workloads)"
sql 'SELECT count(*) FROM PodConfig' || fail "SQLite does not undo it"
eventually 10 on_disk || fail "it is not read when that is undone"

step "a version that is not known is said, and what was known stays"
sql 'UPDATE DBConfig SET SchemaVersion = 2'
eventually 10 runtime_is podman '.state == "unreachable" and (.why | contains("version 2"))' ||
	fail "nobody tells of the version: $(bh status --format json | jq -c .identity)"
instance_is pod:front front || fail "what was known is lost: $(bh workloads)"
sql 'UPDATE DBConfig SET SchemaVersion = 1'
eventually 10 on_disk || fail "it is not read again"

step "what is in the log alone is read, by a daemon that starts anew too"
start_mirror WAL
eventually 10 test -s "$database-wal" || fail "there is no log: $(cat "$scratch/mirror.log")"
run db shop_db_2 'exec nc -ll -p 5432 -e cat'
eventually 10 instance_is compose:shop/db shop_db_2 || fail "a container in the log is not known: $(bh workloads)"
grep -q shop_db_2 "$database" && fail "the database has it without the log"
grep -q shop_db_2 "$database-wal" || fail "the log does not have it"
stop_mirror
stop_daemon
start_daemon
eventually 10 instance_is compose:shop/db shop_db_2 || fail "the log that was left behind is not read: $(bh workloads)"
instance_is compose:shop/db shop_db_9 || fail "the database under the log is not read: $(bh workloads)"

step "of two databases the one is read that Podman writes to, until the other is all there is"
mkdir "$storage/libpod"
cp "$scratch/podman/root/libpod/bolt_state.db" "$storage/libpod/"
eventually 10 runtime_is podman '.state == "connected" and (.why | contains("bolt_state.db, of two"))' ||
	fail "nobody says which is read: $(bh status --format json | jq -c .identity)"
sql "UPDATE DBConfig SET TmpDir = '/elsewhere'"
eventually 10 runtime_is podman '.state == "connected" and (.why | contains("db.sql, of two"))' ||
	fail "the one that changed is not read: $(bh status --format json | jq -c .identity)"
mv "$storage/libpod/bolt_state.db" "$storage/libpod/bolt_state.db-old"
eventually 10 on_disk || fail "it is read as if there were two"
instance_is compose:shop/db shop_db_2 || fail "a container is lost by the change: $(bh workloads)"

step "enforced: what was learned goes on"
enforce_all
answered() {
	[ -n "$(p exec shop_web_1 sh -c "echo probe | timeout 2 nc $db_address 5432" 2>/dev/null)" ]
}
eventually 10 answered || fail "enforcement broke web"
no_leak
