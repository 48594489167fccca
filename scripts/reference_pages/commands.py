# SPDX-License-Identifier: GPL-2.0-or-later
"""Every command, from the program's own table."""
from .markdown import MADE, anchor, escaped

COMMON = ('socket', 'format', 'no-color', 'help', 'version')


def option_rows(options):
    yield '| option | |'
    yield '|---|---|'
    for option in options:
        argument = f" {option['argument']}" if option['argument'] else ''
        word = f"--{option['name']}{argument}".replace('|', r'\|')
        yield f"| `{word}` | {escaped(option['help'])} |"


def command_lines(command):
    own = [option for option in command['options'] if option['name'] not in COMMON]
    usage = ' '.join(filter(None, ('bulkhead', command['name'], '[OPTION …]' if own else '', command['arguments'])))
    yield from (f"## {command['name']}", '', f"    {usage}", '', escaped(command['help']), '')
    if command['details']:
        yield from (escaped(command['details']), '')
    if own:
        yield from (*option_rows(own), '')
    if command['formats']:
        yield from (f"`--format` takes `{command['formats']}`.", '')
    yield from ('For example:', '', f"    {command['example']}", '')


def common_options(commands):
    """Each once, as the command that has most formats describes it."""
    found = {option['name']: option for command in commands for option in command['options']}
    return [found[name] for name in COMMON]


def page(commands):
    yield from ('# Commands', '', f'<!-- {MADE} -->', '', '| command | |', '|---|---|')
    for command in commands:
        yield f"| [{command['name']}](#{anchor(command['name'])}) | {escaped(command['help'])} |"
    yield from ('', 'Exit status: 0 done, 1 the answer is no, 2 usage, 3 the daemon or a file cannot be reached.', '',
                'These go with every command that they mean something to:', '')
    yield from (*option_rows(common_options(commands)), '')
    for command in commands:
        yield from command_lines(command)
