// SPDX-License-Identifier: GPL-2.0-or-later
// A protocol and its port in words. ICMP has a type and a code instead, type · 256 + code in the API's numbers.

export function portName(proto: string, port: number): string {
  if (proto.startsWith('icmp')) return `${proto}/${port >> 8}:${port & 255}`;
  return port === 0 && !['tcp', 'udp', 'sctp'].includes(proto) ? proto : `${port}/${proto}`;
}
