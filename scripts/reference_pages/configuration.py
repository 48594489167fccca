# SPDX-License-Identifier: GPL-2.0-or-later
"""Every key of config/bulkhead.yaml, with what the comments there say of it: for the web, and as bulkhead.yaml(5)."""
import re

from .man import head_lines, literal, pages_named, plain, roff, roff_code
from .markdown import MADE, anchor, escaped


class Entry:
    """A key, or a section of keys: its path, its default (None for a section), and what is said of it."""

    def __init__(self, path, default, comment):
        self.path, self.default, self.comment = path, default, comment


def said_before(entries, default):
    """Of a key without a comment: the one above it speaks of both."""
    above = entries[-1] if entries else None
    if above and None not in (above.default, default) and above.comment:
        yield above.comment[0] if above.comment[0].startswith('See ') else f'See {above.path}.'


def read(lines):
    """The comment at the top, and an Entry for each key."""
    head, entries, comment, above = None, [], [], []
    for line in lines:
        stripped = line.strip()
        key = re.match(r'( *)([a-z0-9_]+):(?: (.*))?$', line)
        if stripped.startswith('#'):
            if 'SPDX' not in stripped:
                comment.append(stripped[1:].removeprefix(' '))
        elif key:
            above = above[:len(key[1]) // 2] + [key[2]]
            entries.append(Entry('.'.join(above), key[3], comment or [*said_before(entries, key[3])]))
            comment = []
        elif stripped:  # a list that goes on
            entries[-1].default += ' ' + stripped
        elif head is None:
            head, comment = comment, []
    return head, entries


def paragraphs(comment):
    """Runs of lines, each with whether they are to be kept as they are, as what is indented is."""
    run, kept = [], False
    for line in comment + ['']:
        as_is = line.startswith('  ')
        if run and (line == '' or as_is != kept):
            yield kept, run
            run = []
        kept = as_is
        if line:
            run.append(line)


def markdown_lines(comment):
    for kept, lines in paragraphs(comment):
        yield from (*(f'    {line[2:]}' if kept else escaped(line) for line in lines), '')


def page(head, entries):
    yield from ('# Configuration', '', f'<!-- {MADE} -->', '',
                '`/etc/bulkhead/bulkhead.yaml`; [config/bulkhead.yaml](../../config/bulkhead.yaml) is all of it, with every default.', '')
    yield from markdown_lines(head)
    yield from ('| key | default |', '|---|---|')
    for entry in entries:
        if entry.default is not None:
            default = entry.default.replace('|', r'\|')
            yield f'| [{escaped(entry.path)}](#{anchor(entry.path)}) | `{default}` |'
    yield ''
    for entry in entries:
        level = '##' if '.' not in entry.path else '###'
        yield from (f'{level} {escaped(entry.path)}', '')
        if entry.default is not None:
            yield from (f'Default: `{entry.default}`', '')
        yield from markdown_lines(entry.comment)


# --- bulkhead.yaml(5) ---------------------------------------------------------------------------

def roff_comment(comment, new_paragraph):
    first = True
    for kept, lines in paragraphs(comment):
        if kept:
            yield from (new_paragraph, '.RS', '.nf', *(roff_code(line[2:]) for line in lines), '.fi', '.RE')
        else:
            yield from ([] if first else [new_paragraph])
            yield from (roff(pages_named(line)) for line in lines)
        first = False


def manual(head, entries):
    yield from (*head_lines('bulkhead.yaml', 5, 'File formats'),
                '.SH NAME', r'bulkhead.yaml \- configuration of bulkhead', '.SH SYNOPSIS', '/etc/bulkhead/bulkhead.yaml',
                '.SH DESCRIPTION')
    yield from roff_comment(head, '.PP')
    yield '.SH KEYS'
    for entry in entries:
        if entry.default is None:
            yield from (f'.SS {roff(entry.path)}', *roff_comment(entry.comment, '.PP'))
        else:
            yield from ('.TP', f'.B {plain(entry.path)}\\fR: {literal(entry.default)}', *roff_comment(entry.comment, '.IP'))
    yield from ('.SH "SEE ALSO"', '.BR bulkhead (8)')
