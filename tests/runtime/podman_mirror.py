#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""podman_mirror.py BOLT DATABASE MODE: writes what a Podman before 5 has in its bolt database into an
SQLite one of Podman 5's form, whenever it changes, until it is killed. MODE is the journal's. It keeps
the database open, as a Podman does for as long as it runs."""
import json
import os
import sqlite3
import struct
import sys
import time

TABLES = """
CREATE TABLE IF NOT EXISTS DBConfig (ID INTEGER PRIMARY KEY NOT NULL, SchemaVersion INTEGER NOT NULL,
    OS TEXT NOT NULL, StaticDir TEXT NOT NULL, TmpDir TEXT NOT NULL, GraphRoot TEXT NOT NULL,
    RunRoot TEXT NOT NULL, GraphDriver TEXT NOT NULL, VolumeDir TEXT NOT NULL, CHECK (ID IN (1)));
CREATE TABLE IF NOT EXISTS ContainerConfig (ID TEXT PRIMARY KEY NOT NULL, Name TEXT UNIQUE NOT NULL,
    PodID TEXT, JSON TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS ContainerState (ID TEXT PRIMARY KEY NOT NULL, State INTEGER NOT NULL,
    ExitCode INTEGER, JSON TEXT NOT NULL, CHECK (ExitCode BETWEEN -1 AND 255));
CREATE TABLE IF NOT EXISTS PodConfig (ID TEXT PRIMARY KEY NOT NULL, Name TEXT UNIQUE NOT NULL,
    JSON TEXT NOT NULL);
INSERT OR IGNORE INTO DBConfig VALUES (1, 1, 'linux', '', '', '', '', '', '');
"""


class Bolt:
    """go.etcd.io/bbolt's format, of a database that nobody writes to at the moment."""

    def __init__(self, data):
        self.data = data
        metas = [data[at + 16:at + 80] for at in (0, struct.unpack_from("<I", data, 24)[0])]
        meta = max(metas, key=lambda m: struct.unpack_from("<Q", m, 48)[0])
        self.size = struct.unpack_from("<I", meta, 8)[0]
        self.root = struct.unpack_from("<Q", meta, 16)[0]

    def leaves(self, page):
        """(key, value, whether it is a bucket) of all that is below a page."""
        flags, count = struct.unpack_from("<HH", page, 8)
        for i in range(count):
            at = 16 + i * 16
            if flags & 1:
                yield from self.leaves(self.page(struct.unpack_from("<Q", page, at + 8)[0]))
            else:
                kind, position, key, value = struct.unpack_from("<IIII", page, at)
                start = at + position
                yield page[start:start + key], page[start + key:start + key + value], kind & 1

    def page(self, number):
        return self.data[number * self.size:]

    def bucket(self, value):
        """A bucket as a dict, whose buckets are dicts again."""
        root = struct.unpack_from("<Q", value)[0]
        return self.tree(value[16:] if root == 0 else self.page(root))

    def tree(self, page):
        return {key.decode("latin-1"): self.bucket(value) if is_bucket else value
                for key, value, is_bucket in self.leaves(page)}


def rows(path):
    with open(path, "rb") as file:
        bolt = Bolt(file.read())
    tree = bolt.tree(bolt.page(bolt.root))
    containers = [(c["config"], c["state"]) for c in tree["ctr"].values()]
    pods = [p["config"] for p in tree.get("pod", {}).values()]
    return containers, pods


def write(db, containers, pods):
    """Everything anew, in one transaction."""
    db.execute("BEGIN EXCLUSIVE")
    for table in ("ContainerConfig", "ContainerState", "PodConfig"):
        db.execute(f"DELETE FROM {table}")
    for pod in pods:
        config = json.loads(pod)
        db.execute("INSERT INTO PodConfig VALUES (?, ?, ?)", (config["id"], config["name"], pod))
    for config_text, state_text in containers:
        config, state = json.loads(config_text), json.loads(state_text)
        db.execute("INSERT INTO ContainerConfig VALUES (?, ?, ?, ?)",
                   (config["id"], config["name"], config.get("pod"), config_text))
        db.execute("INSERT INTO ContainerState VALUES (?, ?, ?, ?)",
                   (config["id"], state.get("state", 0), state.get("exitCode", 0), state_text))
    db.execute("COMMIT")


def main():
    source, target, mode = sys.argv[1:]
    db = sqlite3.connect(target, isolation_level=None)
    db.execute(f"PRAGMA journal_mode = {mode}")
    db.executescript(TABLES)
    before, written = None, None
    while True:
        # Settled for one look, so that it is read between two of Podman's transactions.
        info = os.stat(source) if os.path.exists(source) else None
        now = info and (info.st_mtime_ns, info.st_size)
        if now is not None and now == before and now != written:
            try:
                found = rows(source)
            except (KeyError, ValueError, struct.error):
                continue  # it has just begun to write again
            write(db, *found)
            written = now
        before = now
        time.sleep(0.1)


main()
