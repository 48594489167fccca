# SPDX-License-Identifier: GPL-2.0-or-later
"""Every request of the API and what its answers are made of, from docs/openapi.yaml."""
from .markdown import anchor, code, link_pages, prose, table, title

FOR_WHOM = {'viewer': 'For whoever may read.', 'operator': 'For operators.', 'root': 'For root.'}


def name_of(reference):
    return reference.rsplit('/', 1)[1]


# --- what something is --------------------------------------------------------------------------

def word(value):
    return 'null' if value is None else code(str(value))


def simple_kind(kind, schema):
    if kind == 'array':
        return 'list of ' + kind_of(schema['items'])
    if kind == 'object' and 'additionalProperties' in schema:
        return 'object of ' + kind_of(schema['additionalProperties'])
    return kind


def kind_of(schema):
    if '$ref' in schema:
        return f"[{name_of(schema['$ref'])}](#{anchor(name_of(schema['$ref']))})"
    if 'enum' in schema:
        return ', '.join(map(word, schema['enum']))
    for alternatives in ('oneOf', 'anyOf'):
        if alternatives in schema:
            return ' or '.join(map(kind_of, schema[alternatives]))
    kinds = schema['type'] if isinstance(schema['type'], list) else [schema['type']]
    return ' or '.join(simple_kind(kind, schema) for kind in kinds)


def bounds_of(schema):
    if 'minimum' in schema and 'maximum' in schema:
        yield f"from {schema['minimum']} to {schema['maximum']}"
    elif 'minimum' in schema:
        yield f"{schema['minimum']} at least"
    if 'maxLength' in schema:
        yield f"{schema['maxLength']} bytes at most"
    if 'pattern' in schema:
        yield f"such as {code(schema['pattern'])}"
    if 'examples' in schema:
        yield 'for example ' + ', '.join(map(word, schema['examples']))
    if 'default' in schema:
        yield f"default {word(schema['default'])}"


def kind_in_full(schema):
    return ', '.join((kind_of(schema), *bounds_of(schema)))


# --- requests -----------------------------------------------------------------------------------

def operations(document):
    for path, methods in document['paths'].items():
        for method, operation in methods.items():
            yield f'{method.upper()} {path}', operation


def for_whom(operation):
    alone = operation.get('security') == [{}]
    return FOR_WHOM[operation['x-role']].replace('.', ', at `api.socket` alone.' if alone else '.')


def parameter_row(parameter):
    where = ' (a header)' if parameter['in'] == 'header' else ''
    needed = 'needed; ' if parameter.get('required') else ''
    return code(parameter['name']) + where, needed + kind_in_full(parameter['schema']), prose(parameter['description'])


def content_lines(content, before):
    for media, what in content.items():
        items = what.get('x-itemSchema')
        kind = f"lines, each {kind_of(items)}" if items else kind_of(what['schema'])
        yield f'- {before}`{media}`: {kind}'


def answer_lines(operation):
    errors = [status for status in operation['responses'] if status != '200']
    good = operation['responses']['200']
    if good['description'] != 'The answer.':
        yield f"- 200: {prose(good['description'])}"
    yield from content_lines(good['content'], '200, ')
    yield from (f"- {', '.join(errors)}: [Error](#error)", '')


def operation_lines(request, operation):
    yield from (f'### {request}', '', prose(operation['summary']))
    if 'description' in operation:
        yield prose(operation['description'])
    yield from (for_whom(operation), '')
    if 'parameters' in operation:
        yield from table(('parameter', '', ''), map(parameter_row, operation['parameters']))
    if 'requestBody' in operation:
        body = operation['requestBody']
        yield from (f"The body, {'needed' if body['required'] else 'which may be missing'}: {prose(body['description'])}.", '')
        yield from (*content_lines(body['content'], ''), '')
    yield from ('Answers:', '', *answer_lines(operation))


def request_lines(document):
    for tag in document['tags']:
        yield from (f"## {tag['name'].capitalize()}", '', prose(tag['description']), '')
        for request, operation in operations(document):
            if tag['name'] in operation['tags']:
                yield from operation_lines(request, operation)


def statuses(document):
    """What each status means, as the requests that answer with it have it."""
    responses = document['components']['responses']
    found = {status: responses[name_of(answer['$ref'])]['description']
             for _, operation in operations(document)
             for status, answer in operation['responses'].items() if '$ref' in answer}
    return sorted(found.items())


# --- schemas ------------------------------------------------------------------------------------

def member_row(name, schema, required):
    return (code(name) if name in required else f'*{name}*'), kind_in_full(schema), prose(schema.get('description', ''))


def schema_lines(name, schema):
    yield from (f'### {name}', '')
    if 'description' in schema:
        yield from (prose(schema['description'].strip()), '')
    if 'properties' not in schema:
        yield from (kind_in_full(schema) + '.', '')
    elif schema['properties']:
        required = schema.get('required', ())
        yield from table(('member', '', ''), (
            member_row(member, inner, required) for member, inner in schema['properties'].items()))


def page(document):
    yield from title('API')
    yield from ('What [openapi.yaml](../openapi.yaml) says, for reading.', '')
    yield from (*(link_pages(line) for line in document['info']['description'].splitlines()), '')
    yield from table(('request', ''), (
        (f'[{request}](#{anchor(request)})', prose(operation['summary'])) for request, operation in operations(document)))
    yield from table(('status', ''), (('200', 'It is done, or the answer.'), *((s, prose(what)) for s, what in statuses(document))))
    yield from request_lines(document)
    yield from ('## Schemas', '', 'What answers are made of. A member in *italics* is not always there.', '')
    for name, schema in sorted(document['components']['schemas'].items()):
        yield from schema_lines(name, schema)
