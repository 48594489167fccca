// SPDX-License-Identifier: GPL-2.0-or-later
// Lists that a stream adds to for as long as a page is open.

/** The last `most` of a list whose newest are last, and how many went. */
export function newest<T>(list: readonly T[], most: number): { kept: T[]; gone: number } {
  const gone = Math.max(0, list.length - most);
  return { kept: list.slice(gone), gone };
}
