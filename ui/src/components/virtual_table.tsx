// SPDX-License-Identifier: GPL-2.0-or-later
// A table of any length of which only what is in sight is in the document.
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

export interface Column<T> {
  id: string;
  label: string;
  /** A track of the CSS grid. */
  width: string;
  align?: 'right';
  cell(row: T): ComponentChildren;
}

interface Sorting {
  by: string;
  descending: boolean;
  onSort(by: string): void;
  sortable: readonly string[];
}

interface Properties<T> {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf(row: T): string;
  /** What a row says besides its cells: the state, as a class of its tone. */
  classOf?(row: T): string;
  chosen?: string | null;
  onChoose?(row: T): void;
  sorting?: Sorting;
  /** Keeps the end in sight, as long as a person has not scrolled away from it. */
  followEnd?: boolean;
  empty: string;
}

const ROW = 28;
const BEYOND = 12;

/** What the columns need at least, in rem: narrower than that the table scrolls sideways. */
function leastWidth(columns: readonly { width: string }[]): string {
  return `${columns.reduce((sum, { width }) => sum + Number(/[\d.]+/.exec(width)?.[0] ?? 0), 0)}rem`;
}

function useSight(scroller: { current: HTMLDivElement | null }) {
  const [sight, setSight] = useState({ top: 0, height: 600 });
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return undefined;
    const update = () => setSight({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(update);
    observer.observe(element);
    element.addEventListener('scroll', update, { passive: true });
    update();
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', update);
    };
  }, []);
  return sight;
}

function useFollowEnd(scroller: { current: HTMLDivElement | null }, wanted: boolean, length: number) {
  const atEnd = useRef(true);
  useEffect(() => {
    const element = scroller.current;
    if (!element || !wanted) return undefined;
    const note = () => {
      atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < ROW * 2;
    };
    element.addEventListener('scroll', note, { passive: true });
    return () => element.removeEventListener('scroll', note);
  }, [wanted]);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (wanted && atEnd.current && element) element.scrollTop = element.scrollHeight;
  }, [wanted, length]);
}

export function VirtualTable<T>({ label, columns, rows, keyOf, classOf, chosen, onChoose, sorting, followEnd = false, empty }: Properties<T>) {
  const scroller = useRef<HTMLDivElement>(null);
  const { top, height } = useSight(scroller);
  useFollowEnd(scroller, followEnd, rows.length);
  const from = Math.max(0, Math.floor(top / ROW) - BEYOND);
  const until = Math.min(rows.length, Math.ceil((top + height) / ROW) + BEYOND);
  // One row is a stop of the Tab key; the arrows lead to the others.
  const chosenAt = chosen ? rows.findIndex((row) => keyOf(row) === chosen) : -1;
  const stop = chosenAt >= from && chosenAt < until ? chosenAt : Math.min(until - 1, Math.ceil(top / ROW));
  const template = { gridTemplateColumns: columns.map((column) => column.width).join(' ') };

  const onKey = (event: KeyboardEvent, index: number) => {
    const row = rows[index];
    if ((event.key === 'Enter' || event.key === ' ') && event.target === event.currentTarget && row && onChoose) {
      event.preventDefault();
      onChoose(row);
    }
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (!step) return;
    event.preventDefault();
    const next = scroller.current?.querySelector<HTMLElement>(`[data-index="${index + step}"]`);
    next?.focus();
  };
  const ariaSort = (column: Column<T>) => (sorting?.by === column.id ? (sorting.descending ? 'descending' : 'ascending') : undefined);

  return (
    <div class="table-scroller" ref={scroller} tabIndex={0} role="region" aria-label={label}>
      <div role="table" aria-label={label} aria-rowcount={rows.length + 1} style={{ minWidth: leastWidth(columns) }}>
        <div role="rowgroup" class="table-head">
          <div role="row" aria-rowindex={1} class="table-row" style={template}>
            {columns.map((column) => (
              <div key={column.id} role="columnheader" aria-sort={ariaSort(column)} class={column.align}>
                {sorting?.sortable.includes(column.id)
                  ? <button type="button" class="sort" onClick={() => sorting.onSort(column.id)}>{column.label}<span aria-hidden="true">{sorting.by === column.id ? (sorting.descending ? ' ▾' : ' ▴') : ''}</span></button>
                  : column.label}
              </div>
            ))}
          </div>
        </div>
        <div role="rowgroup" style={{ paddingTop: `${from * ROW}px`, paddingBottom: `${(rows.length - until) * ROW}px` }}>
          {rows.slice(from, until).map((row, offset) => {
            const index = from + offset;
            const key = keyOf(row);
            return (
              <div key={key} role="row" aria-rowindex={index + 2} data-index={index} style={template} tabIndex={onChoose ? (index === stop ? 0 : -1) : undefined}
                class={`table-row ${classOf?.(row) ?? ''} ${onChoose ? 'choosable' : ''} ${chosen === key ? 'chosen' : ''}`}
                onClick={onChoose && (() => onChoose(row))} onKeyDown={onChoose && ((event) => onKey(event, index))}>
                {columns.map((column) => <div key={column.id} role="cell" class={column.align}>{column.cell(row)}</div>)}
              </div>
            );
          })}
        </div>
      </div>
      {rows.length === 0 && <p class="quiet">{empty}</p>}
    </div>
  );
}
