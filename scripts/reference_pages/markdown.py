# SPDX-License-Identifier: GPL-2.0-or-later
"""What all pages of docs/reference/ have in common."""
import re

MADE = 'Made by scripts/reference: do not edit.'
# Pages that are manual pages as well.
MANUALS = {'docs/filters.md': 'bulkhead-filter(7)', 'docs/exports.md': 'bulkhead-exports(7)',
           'docs/reference/metrics.md': 'bulkhead-exports(7)', 'docs/reference/events.md': 'bulkhead-exports(7)',
           'docs/api.md': 'bulkhead-api(7)', 'docs/reference/api.md': 'bulkhead-api(7)', 'docs/reference/cli.md': 'bulkhead(8)',
           'docs/reference/configuration.md': 'bulkhead.yaml(5)', 'config/bulkhead.yaml': 'bulkhead.yaml(5)'}
LINKED = {'bulkhead-filter(7)': '../filters.md', 'bulkhead-exports(7)': '../exports.md', 'bulkhead-api(7)': 'api.md'}


def link_pages(text):
    """Pages of docs/, and manual pages that are made of one, as links from docs/reference/."""
    for manual, page in LINKED.items():
        text = text.replace(manual, f'[{manual}]({page})')
    text = re.sub(r'\bdocs/reference/([a-z]+\.md)', r'[\1](\1)', text)
    return re.sub(r'\bdocs/([a-z]+\.md)', r'[\1](../\1)', text)


def escaped(text):
    """Text in which nothing is Markdown's, but that pages of docs/ are links."""
    return link_pages(re.sub(r'([\\`*<>|\[\]]|(?<!\w)_|_(?!\w))', r'\\\1', text))


def prose(text):
    """The same, of text that has `code` in it."""
    parts = re.split(r'(`[^`]*`)', text)
    return ''.join(part.replace('|', r'\|') if part.startswith('`') else escaped(part) for part in parts)


def code(text):
    return '`' + text.replace('|', r'\|') + '`'


def anchor(heading):
    return re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')


def table(titles, rows):
    yield '| ' + ' | '.join(titles) + ' |'
    yield '|---' * len(titles) + '|'
    for row in rows:
        yield '| ' + ' | '.join(row) + ' |'
    yield ''


def title(heading):
    return (f'# {heading}', '', f'<!-- {MADE} -->', '')
