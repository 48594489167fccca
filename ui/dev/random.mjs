// SPDX-License-Identifier: GPL-2.0-or-later
// Numbers that look random and are the same in every run: what a browser test saw once it sees again.

/** A source of numbers in [0, 1), and what is drawn from it. */
export function random(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return {
    next,
    chance: (probability) => next() < probability,
    integer: (least, most) => least + Math.floor(next() * (most - least + 1)),
    pick: (list) => list[Math.floor(next() * list.length)],
    /** Most are small, few are large, as counts of traffic are. */
    skewed: (most) => Math.max(1, Math.floor(Math.exp(next() * Math.log(most)))),
  };
}

/** 12 hexadecimal digits for a text, as an edge's id has them. */
export function idOf(text) {
  let high = 0x811c9dc5;
  let low = 0x1b873593;
  for (const character of text) {
    high = Math.imul(high ^ character.codePointAt(0), 16777619) >>> 0;
    low = (Math.imul(low, 31) + character.codePointAt(0)) >>> 0;
  }
  return (high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')).slice(0, 12);
}
