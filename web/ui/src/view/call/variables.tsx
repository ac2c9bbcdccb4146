// What is known about the call. What is typed is kept until it is saved or reverted, also over a reload and a lost
// connection; a save that comes second shows both values and lets the agent choose.

import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { draft } from '../../intent/drafts';
import { reveal, save, type Outcome } from '../../intent/handling';
import { online, state } from '../../model/store';
import { text } from '../../text/en';
import type { Variable } from '../../wire/wire';
import { Icon } from '../parts/icon';
import { cls, primary } from '../parts/parts';
import css from './handling.module.css';

/** Typed is a value and the version it was typed over. */
interface Typed {
  value: string;
  version: number;
}

export function Variables() {
  const items = state.value.variables;
  const call = state.value.call?.id ?? '';
  if (items.length === 0) return null;
  return (
    <section class={css['handling']} aria-label={text.variables.title} data-testid="variables">
      <h2>{text.variables.title}</h2>
      {items.map((v) => <Field key={`${call}.${v.name}`} v={v} call={call} />)}
    </section>
  );
}

function Field({ v, call }: { v: Variable; call: string }) {
  const mine = useMemo(() => draft<Typed>(`variable.${call}.${v.name}`), [call, v.name]);
  const clear = useSignal<string | null>(null); // a secure value that was fetched
  const outcome = useSignal<Outcome | null>(null);
  const t = text.variables;
  const d = text.drafts;
  const typed = mine.value.value;
  const shown = typed?.value ?? clear.value ?? v.value;
  // Somebody saved between: by the refusal, or by the version that has moved on while the agent was typing.
  const theirs = outcome.value?.conflict ?? (typed !== null && v.version > typed.version && v.value !== typed.value ? v.value : null);
  const type = (value: string) => mine.type({ value, version: typed?.version ?? v.version });
  const drop = () => {
    mine.forget();
    outcome.value = null;
  };
  const store = async (version: number) => {
    if (typed === null) return;
    const o = await save(v, typed.value, version);
    outcome.value = o;
    if (o.stored) mine.forget();
    if (o.stored && v.secure) clear.value = typed.value;
  };
  const id = `var-${v.name}`;
  const input = { id, 'data-testid': id, value: shown, 'aria-describedby': `${id}-note` };
  return (
    <form class={cls(css['choose'], css['variable'])} data-dirty={typed !== null} onSubmit={(e) => { e.preventDefault(); void store(typed?.version ?? v.version); }}>
      <label for={id}>{v.secure && <Icon name="lock" size={16} />} {v.label}{v.secure ? ` (${t.secure})` : ''}</label>
      {v.type === 'yes_no'
        ? <select {...input} disabled={!v.editable} onChange={(e) => type(e.currentTarget.value)}>{['', 'yes', 'no'].map((x) => <option key={x} value={x}>{t.words[x] ?? x}</option>)}</select>
        : v.type === 'date'
          ? <input {...input} type="date" readOnly={!v.editable} onInput={(e) => type(e.currentTarget.value)} />
          : <input {...input} type="text" inputMode={v.type === 'number' ? 'decimal' : 'text'} maxLength={256} readOnly={!v.editable} autocomplete="off"
              placeholder={v.masked === true ? '••••••' : ''} onInput={(e) => type(e.currentTarget.value)} />}
      {v.masked === true && clear.value === null && typed === null && <button type="button" data-testid={`${id}-reveal`} onClick={() => void reveal(v).then((x) => (clear.value = x))}>{t.retry}</button>}
      {typed !== null && theirs === null && <button type="submit" class={primary} disabled={!online.value} data-testid={`${id}-save`}>{t.save}</button>}
      {typed !== null && theirs === null && <button type="button" onClick={drop} data-testid={`${id}-revert`}>{t.revert}</button>}
      {typed !== null && theirs !== null && (
        <div role="alert" class={css['conflict']} data-testid={`${id}-conflict`}>
          <p>{t.conflict}</p>
          <dl>
            <div><dt>{d.yours}</dt><dd>{typed.value === '' ? '–' : typed.value}</dd></div>
            <div><dt>{d.theirs}{v.by === undefined || v.by === '' ? '' : ` ${d.by(v.by)}`}</dt><dd>{v.secure ? '••••••' : theirs === '' ? '–' : theirs}</dd></div>
          </dl>
          <button type="button" class={primary} disabled={!online.value} onClick={() => void store(Math.max(v.version, outcome.value?.version ?? 0))} data-testid={`${id}-mine`}>{d.keep}</button>
          <button type="button" onClick={drop} data-testid={`${id}-theirs`}>{d.takeTheirs}</button>
        </div>
      )}
      <p id={`${id}-note`} class={css['soft']} role="status">
        {outcome.value?.refused ?? (typed !== null && !online.value ? d.kept : outcome.value?.stored === true && typed === null ? d.saved : '')}
      </p>
    </form>
  );
}
