// The form of a page that looks for things: one line of fields and choices, Search and what else can be done with it.

import type { ComponentChildren } from 'preact';
import type { Signal } from '@preact/signals';
import { Icon } from './icon';
import { primary } from './parts';
import css from './search.module.css';

/** Key is the name of a part of a search whose values are V. */
type Key<S, V> = { [K in keyof S]: S[K] extends V ? K : never }[keyof S] & string;

interface FieldOf<S> {
  name: Key<S, string>;
  kind?: 'date' | 'tel';
  /** What is offered while typing. */
  options?: readonly { id: string; name: string }[];
}

interface ChoiceOf<S> {
  name: Key<S, string>;
  values: readonly string[];
  word: (value: never) => string; // asked for the values alone
}

interface Props<S> {
  /** Of the page: what its test ids begin with. */
  name: string;
  title: string;
  /** The labels of fields and choices by their names, and of the button and of no choice. */
  words: object & { search: string; any: string };
  search: Signal<S>;
  look: (s: S) => unknown;
  fields: FieldOf<S>[];
  choices?: ChoiceOf<S>[];
  checks?: { name: Key<S, boolean>; label: string }[];
  children?: ComponentChildren;
}

export function SearchForm<S extends object>({ name, title, words, search, look, fields, choices = [], checks = [], children }: Props<S>) {
  const set = (key: string, value: string | boolean) => (search.value = { ...search.value, [key]: value });
  const label = (key: string): string => {
    const word: unknown = (words as unknown as Record<string, unknown>)[key];
    return typeof word === 'string' ? word : key;
  };
  const of = (key: keyof S) => String(search.value[key]);
  return (
    <form
      class={css['search']} role="search" aria-label={title}
      onSubmit={(e) => {
        e.preventDefault();
        look(search.value);
      }}
    >
      {fields.map((f) => (
        <label key={f.name}>{label(f.name)}
          <input
            type={f.kind === 'date' ? 'date' : 'text'} autocomplete="off" {...(f.kind === 'tel' ? { inputMode: 'tel' } : {})} {...(f.options === undefined ? {} : { list: `${name}-${f.name}-list` })}
            value={of(f.name)} onInput={(e) => set(f.name, e.currentTarget.value)} data-testid={`${name}-${f.name}`}
          />
          {f.options !== undefined && <datalist id={`${name}-${f.name}-list`}>{f.options.map((o) => <option key={o.id} value={o.id}>{o.name}</option>)}</datalist>}
        </label>
      ))}
      {choices.map((c) => (
        <label key={c.name}>{label(c.name)}
          <select value={of(c.name)} onChange={(e) => set(c.name, e.currentTarget.value)} data-testid={`${name}-${c.name}`}>
            <option value="">{words.any}</option>
            {c.values.map((v) => <option key={v} value={v}>{c.word(v as never)}</option>)}
          </select>
        </label>
      ))}
      {checks.map((c) => (
        <label key={c.name} class={css['check']}>
          <input type="checkbox" checked={search.value[c.name] === true} onChange={(e) => set(c.name, e.currentTarget.checked)} data-testid={`${name}-${c.name}`} />{c.label}
        </label>
      ))}
      <div class={css['buttons']}>
        <button type="submit" class={primary} data-testid={`${name}-search`}><Icon name="search" size={18} />{words.search}</button>
        {children}
      </div>
    </form>
  );
}
