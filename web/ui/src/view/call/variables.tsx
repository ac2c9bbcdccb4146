// What is known about the call. A save that comes second loses nothing: both values are shown.

import { useSignal } from '@preact/signals';
import { reveal, save } from '../../intent/handling';
import { online, state } from '../../model/store';
import { text } from '../../text/en';
import type { Variable } from '../../wire/wire';
import css from './handling.module.css';

export function Variables() {
  const items = state.value.variables;
  if (items.length === 0) return null;
  return (
    <section class={css['handling']} aria-label={text.variables.title} data-testid="variables">
      {items.map((v) => <Field key={v.name} v={v} />)}
    </section>
  );
}

function Field({ v }: { v: Variable }) {
  const typed = useSignal<string | null>(null);
  const clear = useSignal<string | null>(null); // a secure value that was fetched
  const theirs = useSignal<string | null>(null);
  const t = text.variables;
  const shown = typed.value ?? clear.value ?? v.value;
  const submit = async (e: Event) => {
    e.preventDefault();
    if (typed.value === null) return;
    theirs.value = await save(v, typed.value);
    if (theirs.value === null) typed.value = null;
  };
  return (
    <form class={css['choose']} onSubmit={(e) => void submit(e)}>
      <label>{v.label}{v.secure ? ` (${t.secure})` : ''}
        {v.type === 'yes_no'
          ? <select data-testid={`var-${v.name}`} disabled={!v.editable} value={shown} onChange={(e) => (typed.value = e.currentTarget.value)}>
              {['', 'yes', 'no'].map((x) => <option key={x} value={x}>{x}</option>)}
            </select>
          : v.type === 'date'
            ? <input data-testid={`var-${v.name}`} type="date" readOnly={!v.editable} value={shown} onInput={(e) => (typed.value = e.currentTarget.value)} />
            : <input data-testid={`var-${v.name}`} type="text" inputMode={v.type === 'number' ? 'decimal' : 'text'} maxLength={256} readOnly={!v.editable}
                placeholder={v.masked === true ? '••••••' : ''} value={shown} onInput={(e) => (typed.value = e.currentTarget.value)} />}
      </label>
      {v.masked === true && clear.value === null && <button type="button" onClick={() => void reveal(v).then((x) => (clear.value = x))}>{t.retry}</button>}
      {typed.value !== null && <button type="submit" disabled={!online.value}>{t.save}</button>}
      {typed.value !== null && <button type="button" onClick={() => { typed.value = null; theirs.value = null; }}>{t.revert}</button>}
      {theirs.value !== null && <p role="alert">{t.conflict(theirs.value)}</p>}
    </form>
  );
}
