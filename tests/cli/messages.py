#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every message that the documentation quotes is one that the program can print.

A quoted message is a line of its own, > `TEXT`, in which … stands for what differs. Each piece between has to be in a
string of the C sources, in the web interface's, or in scripts/run.
"""
import pathlib
import re
import sys

LITERAL = r'"(?:[^"\\\n]|\\.)*"'
NEIGHBOURS = re.compile(rf'{LITERAL}(?:\s*{LITERAL})*')
QUOTED = re.compile(r'^> `(.+)`$', re.M)
ESCAPES = {r'\"': '"', r'\\': '\\', r'\n': ' '}


def strings_of(text):
    """C's strings, those beside each other joined."""
    for run in NEIGHBOURS.findall(text):
        joined = ''.join(piece[1:-1] for piece in re.findall(LITERAL, run))
        yield re.sub(r'\\["\\n]', lambda match: ESCAPES[match.group()], joined)


def printed(source):
    for folder in ('src', 'capture', 'enforce', 'lib'):
        for path in sorted((source / folder).rglob('*.c')):
            yield from strings_of(path.read_text())
    for path in sorted((source / 'ui/src').rglob('*.tsx')):
        yield path.read_text()
    yield (source / 'scripts/run').read_text()


def main(source):
    everything = '\n'.join(printed(source))
    count = missing = 0
    for path in sorted((source / 'docs').rglob('*.md')):
        for message in QUOTED.findall(path.read_text()):
            count += 1
            for piece in filter(None, map(str.strip, message.split('…'))):
                if piece not in everything:
                    missing += 1
                    print(f'{path.relative_to(source)}: no message has "{piece}"', file=sys.stderr)
    if count < 50:
        print(f'{count} quoted messages were found: are they marked otherwise now?', file=sys.stderr)
    return 1 if missing or count < 50 else 0


if __name__ == '__main__':
    sys.exit(main(pathlib.Path(sys.argv[1])))
