// SPDX-License-Identifier: GPL-2.0-or-later
// A field for the flows' filter language: suggestions while one types, and the daemon's error at its position.
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ApiError } from '../api/client';
import { errorPosition, suggest, type Suggestion } from '../logic/filter';

interface Properties {
  value: string;
  workloads: readonly string[];
  error: ApiError | null;
  onApply(filter: string): void;
}

function ErrorAt({ text, error, id }: { text: string; error: ApiError; id: string }) {
  const at = errorPosition(error.problem.what);
  return (
    <div class="filter-error" id={id} role="alert">
      {at !== null && <pre aria-hidden="true">{text.slice(0, at)}<mark>{text.slice(at).match(/^\S+/)?.[0] ?? ' '}</mark>{text.slice(at + (text.slice(at).match(/^\S+/)?.[0].length ?? 1))}</pre>}
      <strong>{error.problem.what}</strong> <span class="quiet">{error.problem.do}</span>
    </div>
  );
}

export function FilterField({ value, workloads, error, onApply }: Properties) {
  const [text, setText] = useState(value);
  const [cursor, setCursor] = useState(value.length);
  const [shown, setShown] = useState(false);
  const [picked, setPicked] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const cursorToBe = useRef<number | null>(null);
  const listId = useId();
  const errorId = useId();
  useEffect(() => setText(value), [value]);
  // Right after the text is in the field, before the next key: who goes on typing types behind the suggestion.
  useLayoutEffect(() => {
    if (cursorToBe.current === null) return;
    input.current?.focus();
    input.current?.setSelectionRange(cursorToBe.current, cursorToBe.current);
    cursorToBe.current = null;
  });
  const list: Suggestion[] = shown ? suggest(text, cursor, workloads) : [];
  const filterError = error?.problem.where === 'filter' ? error : null;

  const take = (suggestion: Suggestion) => {
    setText(suggestion.result);
    setCursor(suggestion.cursor);
    setPicked(-1);
    cursorToBe.current = suggestion.cursor;
  };
  const apply = () => {
    setShown(false);
    onApply(text.trim());
  };
  const onKey = (event: KeyboardEvent) => {
    const suggestion = list[picked];
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      setShown(true);
      const step = event.key === 'ArrowDown' ? 1 : -1;
      setPicked(Math.max(-1, Math.min(list.length - 1, picked + step)));
    } else if (event.key === 'Escape') setShown(false);
    else if (event.key === 'Enter') {
      event.preventDefault();
      if (suggestion) take(suggestion);
      else apply();
    } else if (event.key === 'Tab' && suggestion) {
      event.preventDefault();
      take(suggestion);
    }
  };
  const onInput = (event: { currentTarget: HTMLInputElement }) => {
    setText(event.currentTarget.value);
    setCursor(event.currentTarget.selectionStart ?? event.currentTarget.value.length);
    setPicked(-1);
    setShown(true);
  };

  return (
    <form class="filter" role="search" onSubmit={(event) => {
      event.preventDefault();
      apply();
    }}>
      <div class="filter-line">
        <input ref={input} type="text" data-search class="mono" value={text} spellcheck={false} autocomplete="off" placeholder="src compose:shop/web and port 5432/tcp and not verdict delivered"
          role="combobox" aria-label="Filter" aria-expanded={list.length > 0} aria-controls={listId} aria-autocomplete="list" aria-activedescendant={picked >= 0 ? `${listId}-${picked}` : undefined}
          aria-invalid={filterError !== null} aria-describedby={filterError ? errorId : undefined}
          onInput={onInput} onKeyDown={onKey} onFocus={() => setShown(true)} onBlur={() => setTimeout(() => setShown(false), 150)} />
        <button type="submit">Filter</button>
        {value && <button type="button" class="ghost" onClick={() => onApply('')}>Clear</button>}
      </div>
      <ul id={listId} role="listbox" aria-label="Suggestions" class="suggestions" hidden={list.length === 0}>
        {list.map((suggestion, at) => (
          <li key={suggestion.text} id={`${listId}-${at}`} role="option" aria-selected={at === picked} onMouseDown={(event) => {
            event.preventDefault();
            take(suggestion);
          }}>{suggestion.text}</li>
        ))}
      </ul>
      {filterError && <ErrorAt text={value} error={filterError} id={errorId} />}
    </form>
  );
}
