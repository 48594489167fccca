# SPDX-License-Identifier: GPL-2.0-or-later
"""Markdown as a manual page, as far as the pages of docs/ use it: headings, paragraphs, lists without others within, code
that is indented or fenced, tables, and in a line code, bold, italics and links. A row of a table becomes a tagged paragraph:
that can be read in a terminal of any width."""
import posixpath
import re
import typing

from .markdown import MADE, MANUALS

# Characters that groff takes for others of typography, and what means themselves.
THEMSELVES = {'\\': r'\e', '-': r'\-', '^': r'\(ha', '~': r'\(ti', '`': r'\(ga', '…': '...'}
# No word of a program's language is to be hyphenated, nor blanks in it stretched.
AS_IT_IS = ('.nh', '.ad l')
INLINE = re.compile(r'\\(?P<plain>[^\w\s])|`(?P<code>[^`]+)`|\*\*(?P<bold>.+?)\*\*|\*(?P<italic>[^*\s][^*]*)\*'
                    r'|\[(?P<text>(?:`[^`]*`|\\.|[^\]\\])*)\]\((?P<target>[^)]*)\)', re.DOTALL)


def plain(text):
    """Text in which nothing is roff's, in ASCII, but for what a line may not begin with."""
    return ''.join(THEMSELVES.get(c, c if ord(c) < 128 else f'\\[u{ord(c):04X}]') for c in text)


def literal(text):
    """The same of what somebody types, or a program prints: no quote is an apostrophe there."""
    return plain(text).replace("'", r'\(aq')


def guarded(line):
    return r'\&' + line if line.startswith(('.', "'")) else line


def roff(text):
    """A line in which nothing is roff's."""
    return guarded(plain(text))


def roff_code(line):
    return guarded(literal(line))


def pages_named(text):
    """Pages of docs/ that are manual pages, as such."""
    for page, manual_page in MANUALS.items():
        text = text.replace(page, manual_page)
    return text


class Place(typing.NamedTuple):
    folder: str  # from which a page's links go out
    manual: str  # what it becomes


# --- within a line ------------------------------------------------------------------------------

def linked(text, target, place):
    if target.startswith('#'):
        return inline(text, place)
    if '://' in target:
        return f'{inline(text, place)} <{plain(target)}>'
    path = posixpath.normpath(posixpath.join(place.folder, target.partition('#')[0]))
    name = MANUALS.get(path, path)
    own, named = name == place.manual, path.endswith(text.strip('`'))
    if named:
        return plain(path if own else name)
    return inline(text, place) + ('' if own else f' ({plain(name)})')


def marked(match, place):
    if match['plain']:
        return plain(match['plain'])
    if match['code']:
        return r'\fB' + literal(match['code'].replace(r'\|', '|')) + r'\fR'
    if match['bold']:
        return r'\fB' + inline(match['bold'], place) + r'\fR'
    if match['italic']:
        return r'\fI' + inline(match['italic'], place) + r'\fR'
    return linked(match['text'], match['target'], place)


def inline(text, place):
    out, end = '', 0
    for match in INLINE.finditer(text):
        out += plain(text[end:match.start()]) + marked(match, place)
        end = match.end()
    return out + plain(text[end:])


def text_lines(lines, place):
    yield from map(guarded, inline('\n'.join(line.strip() for line in lines), place).splitlines())


# --- blocks -------------------------------------------------------------------------------------

def kind_of(line):
    if line.startswith('```'):
        return 'fence'
    if line.startswith('    '):
        return 'code'
    if line.startswith('#'):
        return 'heading'
    if line.startswith('|'):
        return 'table'
    if line.startswith('- '):
        return 'item'
    return 'text' if line.strip() else 'blank'


def begins_anew(block, kind):
    """Whether a line of this kind is no more of that block; text goes on with an item, too."""
    if block is None or kind in ('heading', 'item', 'blank'):
        return True
    return block != kind and not (kind in ('text', 'code') and block in ('item', 'text'))


def blocks(lines):
    """Kinds of blocks, and their lines."""
    block, own, fenced = None, [], False
    for line in lines:
        kind = kind_of(line)
        if kind == 'fence':
            fenced = not fenced
            kind = 'blank'
        elif fenced:
            kind = 'code'
        elif kind == 'blank' and block == 'code':
            kind = 'code'
        if begins_anew(block, kind):
            if own:
                yield block, own
            block, own = kind, []
        if kind != 'blank' and not line.startswith('<!--'):
            own.append(line)
    if own:
        yield block, own


def cells(row):
    return [cell.strip() for cell in re.split(r'(?<!\\)\|', row)[1:-1]]


def row_lines(titles, row, place):
    names = [title.partition(':')[0] if len(row) > 2 else '' for title in titles]
    said = [f'{name}: {cell}' if name else cell for name, cell in zip(names[1:], row[1:]) if cell]
    text = '; '.join([*(part.rstrip('.') for part in said[:-1]), *said[-1:]])
    yield from ('.TP 8', *text_lines([row[0]], place), *(text_lines([text], place) if text else [r'\&']))


def heading_lines(line, place):
    level, _, text = line.replace('"', '').partition(' ')
    if level == '##':
        yield f'.SH "{inline(text.upper(), place)}"'
    elif level == '###':
        yield f'.SS "{inline(text, place)}"'


def code_lines(lines):
    yield from ('.PP', '.RS 4', '.nf')
    while lines and not lines[-1].strip():
        lines.pop()
    yield from (roff_code(line.removeprefix('    ')) for line in lines)
    yield from ('.fi', '.RE')


def block_lines(kind, lines, place):
    if kind == 'heading':
        yield from heading_lines(lines[0], place)
    elif kind == 'code':
        yield from code_lines(lines)
    elif kind == 'table':
        for row in lines[2:]:
            yield from row_lines(cells(lines[0]), cells(row), place)
    elif kind == 'item':
        yield from (r'.IP \(bu 2', *text_lines([lines[0][2:], *lines[1:]], place))
    else:
        yield from ('.PP', *text_lines(lines, place))


# --- a page -------------------------------------------------------------------------------------

def head_lines(name, section, volume):
    yield from ('.\\" SPDX-License-Identifier: GPL-2.0-or-later', f'.\\" {MADE}',
                f'.TH {name.upper()} {section} "" "bulkhead" "{volume}"', *AS_IT_IS)


def body_lines(parts, manual):
    for number, (folder, lines) in enumerate(parts):
        if number > 0:  # its title becomes a section
            lines = ['#' + lines[0], *lines[1:]]
        for kind, own in blocks(lines):
            yield from block_lines(kind, own, Place(folder, manual))


def manual(name, what, parts, see_also):
    """name(7), of parts: Markdown each, with the folder of the repository that it stands in."""
    yield from head_lines(name, 7, 'Miscellaneous')
    yield from ('.SH NAME', f'{plain(name)} \\- {plain(what)}')
    before = '.SH DESCRIPTION'
    yield before
    for line in body_lines(parts, f'{name}(7)'):
        if line != '.PP' or not before.startswith(('.SH', '.SS')):
            yield line
        before = line
    yield '.SH "SEE ALSO"'
    yield from (f'.BR {plain(page)} ({number})' + (',' if (page, number) != see_also[-1] else '') for page, number in see_also)
