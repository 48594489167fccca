# SPDX-License-Identifier: GPL-2.0-or-later
"""What bulkhead tells other tools: metrics and kinds of events, from the program's own tables."""
from .markdown import code, prose, table, title


def labels_of(metric):
    for label in metric['labels']:
        values = metric.get('values') if label == metric['labels'][0] else None
        yield code(label) + (': ' + ', '.join(values) if values else '')


def metrics_page(metrics):
    yield from title('All metrics')
    yield from ('Of `GET /metrics`; where it is, who may ask, and what the numbers go by stands in [exports](../exports.md#metrics).', '')
    yield from table(('name', 'type', 'labels', ''), (
        (code(m['name']), m['type'], '; '.join(labels_of(m)), prose(m['help'])) for m in metrics))


def members_of(kind, schemas):
    """The schemas of events whose kind may be this one; any may be in words alone."""
    for name, schema in schemas.items():
        if name.endswith('Event') and kind in schema.get('properties', {}).get('kind', {}).get('enum', ()):
            yield f'[{name}](api.md#{name.lower()})'


def events_page(kinds, schemas):
    yield from title('Kinds of events')
    yield from ('Of `bulkhead events`, `GET /v1/events`, and logs ([exports](../exports.md#logs)), whose `kinds` are these. Each has a number, its time, its',
                'kind, and a text for people ([PlainEvent](api.md#plainevent)); some have further members, unless they sum up. What they mean stands in',
                '[the API](../api.md). Flows in logs have the severity 6 informational, those that were denied 5 notice.', '')
    yield from table(('kind', 'severity', '', 'with members'), (
        (code(k['kind']), f"{k['severity']} {k['severity_name']}", prose(k['help']), ', '.join(members_of(k['kind'], schemas)))
        for k in kinds))
