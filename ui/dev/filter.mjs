// SPDX-License-Identifier: GPL-2.0-or-later
// As much of the flows' filter language as the interface is tested with: the daemon's own parser is the reference.

export class FilterError extends Error {}

function tokens(text) {
  const found = [];
  const pattern = /\s+|"[^"]*"|[()!]|&&|\|\||[<>]=?|[^\s()!"<>]+/y;
  let at = 0;
  while (at < text.length) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (!match) throw new FilterError(`character ${at + 1}: a quote that is not closed`);
    if (match[0].trim()) found.push({ text: match[0].replace(/^"|"$/g, ''), at: at + 1 });
    at = pattern.lastIndex;
  }
  return found;
}

const glob = (pattern) => new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.')}$`);

function endMatches(end, value) {
  return glob(value).test(end.workload ?? '') || end.ip === value || glob(value).test(end.dns ?? '');
}

const bytesOf = (flow) => (flow.tx.bytes ?? 0) + (flow.rx.bytes ?? 0);
const packetsOf = (flow) => (flow.tx.packets ?? 0) + (flow.rx.packets ?? 0);

function portMatches(flow, value) {
  const [range, proto] = value.split('/');
  const [low, high = low] = range.split('-').map(Number);
  return (!proto || proto === flow.proto) && flow.dst.port >= low && flow.dst.port <= high;
}

const ONE_VALUE = {
  workload: (value) => (flow) => endMatches(flow.src, value) || endMatches({ ...flow.dst, dns: flow.dns }, value),
  host: (value) => (flow) => flow.src.ip === value || flow.dst.ip === value,
  port: (value) => (flow) => portMatches(flow, value),
  proto: (value) => (flow) => flow.proto === value,
  state: (value) => (flow) => flow.state === value,
  verdict: (value) => (flow) => flow.verdict === value,
  direction: (value) => (flow) => flow.direction === value,
  dns: (value) => (flow) => glob(value).test(flow.dns ?? ''),
  sni: (value) => (flow) => glob(value).test(flow.sni ?? ''),
  tunnel: (value) => (flow) => flow.tunnel === value,
};
const COMPARED = { bytes: bytesOf, packets: packetsOf, duration: (flow) => flow.last - flow.first };
const ALONE = { lossy: (flow) => flow.lossy, denied: (flow) => flow.verdict === 'denied' };

function nearest(word) {
  const words = [...Object.keys(ONE_VALUE), ...Object.keys(COMPARED), ...Object.keys(ALONE), 'src', 'dst'];
  return words.find((known) => known.startsWith(word.slice(0, 2)));
}

function quantity(text) {
  const match = /^(\d+(?:\.\d+)?)([kMGsmh]?)$/.exec(text);
  return match ? Number(match[1]) * { '': 1, k: 1e3, M: 1e6, G: 1e9, s: 1, m: 60, h: 3600 }[match[2]] : NaN;
}

class Parser {
  constructor(text) {
    this.list = tokens(text);
    this.end = text.length + 1;
    this.position = 0;
  }

  peek() {
    return this.list[this.position]?.text;
  }

  take(wanted) {
    const token = this.list[this.position++];
    if (!token) throw new FilterError(`character ${this.end}: ${wanted} is missing`);
    return token;
  }

  either() {
    let left = this.all();
    while (['or', '||'].includes(this.peek())) {
      this.position++;
      const [a, b] = [left, this.all()];
      left = (flow) => a(flow) || b(flow);
    }
    return left;
  }

  all() {
    let left = this.unary();
    while (this.peek() !== undefined && !['or', '||', ')'].includes(this.peek())) {
      if (['and', '&&'].includes(this.peek())) this.position++;
      const [a, b] = [left, this.unary()];
      left = (flow) => a(flow) && b(flow);
    }
    return left;
  }

  unary() {
    if (['not', '!'].includes(this.peek())) {
      this.position++;
      const inner = this.unary();
      return (flow) => !inner(flow);
    }
    if (this.peek() === '(') {
      this.position++;
      const inner = this.either();
      if (this.take('")"').text !== ')') throw new FilterError(`character ${this.end}: ")" is missing`);
      return inner;
    }
    return this.term();
  }

  term() {
    const word = this.take('a word such as src, dst or port');
    if (ALONE[word.text]) return ALONE[word.text];
    if (word.text === 'src' || word.text === 'dst') return this.endTerm(word.text);
    if (COMPARED[word.text]) return this.comparison(COMPARED[word.text]);
    if (ONE_VALUE[word.text]) return ONE_VALUE[word.text](this.take(`what follows ${word.text}`).text);
    const near = nearest(word.text);
    throw new FilterError(`character ${word.at}: no filter has the word ${word.text}${near ? `; did you mean ${near}?` : ''}`);
  }

  endTerm(side) {
    let value = this.take(`who follows ${side}`).text;
    if (value === 'port') {
      value = this.take('the port').text;
      return (flow) => portMatches(flow, value);
    }
    if (value === 'workload' || value === 'host') value = this.take(`who follows ${side}`).text;
    return (flow) => endMatches(side === 'dst' ? { ...flow.dst, dns: flow.dns } : flow.src, value);
  }

  comparison(of) {
    const operator = this.take('<, <=, > or >=');
    const value = quantity(this.take('a number').text);
    if (Number.isNaN(value)) throw new FilterError(`character ${operator.at}: no number follows`);
    const compare = { '>': (a) => a > value, '>=': (a) => a >= value, '<': (a) => a < value, '<=': (a) => a <= value }[operator.text];
    if (!compare) throw new FilterError(`character ${operator.at}: <, <=, > or >= is wanted here`);
    return (flow) => compare(of(flow));
  }
}

/** A function that tells whether a flow matches. Throws FilterError with the position, counted from 1. */
export function parseFilter(text) {
  if (!text.trim()) return () => true;
  const parser = new Parser(text);
  const filter = parser.either();
  if (parser.peek() !== undefined) throw new FilterError(`character ${parser.list[parser.position].at}: "${parser.peek()}" has no beginning`);
  return filter;
}
