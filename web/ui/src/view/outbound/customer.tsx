// The record of the customer of a campaign stage's call: empty for a new one, who becomes a contact with Save; what is known
// of one who has called back.

import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { draft } from '../../intent/drafts';
import { customer, findCustomer, formOf, keepCustomer } from '../../intent/forms';
import { none } from '../../model/faults';
import { mask } from '../../model/format';
import { online, state } from '../../model/store';
import { text } from '../../text/en';
import type { RecordForm } from '../../wire/wire';
import { Input } from '../parts/field';
import { card, cls, primary } from '../parts/parts';
import css from './outbound.module.css';

/** CustomerRecord is the form of the call, or of the one the wrap-up is about. */
export function CustomerRecord() {
  const call = state.value.call?.id ?? state.value.wrapup?.call_id ?? '';
  const form = formOf(call);
  return form === null ? null : <Customer key={call} f={form} />;
}

interface Typed {
  name: string;
  note: string;
  stored: boolean;
}

function Customer({ f }: { f: RecordForm }) {
  const t = text.customer;
  const kept = useMemo(() => draft<Typed>(`customer.${f.call_id}`), [f.call_id]);
  const faults = useSignal(none);
  useEffect(() => void findCustomer(f), [f.call_id]);
  const v = kept.value.value ?? { name: '', note: '', stored: false };
  const type = (change: Partial<Typed>) => kept.type({ ...v, ...change });
  const save = async (e: Event) => {
    e.preventDefault();
    faults.value = await keepCustomer(f, v.name.trim(), v.note.trim());
    if (faults.value === none) type({ stored: true });
  };
  const bad = faults.value.fields;
  const found = customer.value;
  return (
    <section class={cls(card, css['record'])} aria-labelledby="customer" data-testid="customer" data-new={String(f.new)} data-stored={String(v.stored)}>
      <div class={css['head']}>
        <h2 id="customer">{f.new ? t.fresh : t.known}</h2>
        <span class={css['state']}>{f.stage}</span>
        <span class={css['soft']}>{mask(f.number)}</span>
      </div>
      {!f.new && (found === null ? <p class={css['soft']}>{t.nothing}</p> : (
        <dl>
          <div><dt>{text.outbound.name}</dt><dd data-testid="customer-found">{found.name}</dd></div>
          {Object.entries(found.fields ?? {}).map(([k, x]) => <div key={k}><dt>{k}</dt><dd>{x}</dd></div>)}
        </dl>
      ))}
      {f.new && (
        <form class={css['form']} onSubmit={(e) => void save(e)} noValidate>
          <Input label={text.outbound.name} name="name" type="text" required maxLength={250} value={v.name} set={(name) => type({ name, stored: false })} fault={bad['name']} testid="customer-name" />
          <Input label={t.note} name="note" type="text" maxLength={250} value={v.note} set={(note) => type({ note, stored: false })} fault={bad['note']} testid="customer-note" />
          <p role="alert" class={css['trouble']} data-testid="customer-trouble">{faults.value.detail}</p>
          <div class={css['buttons']}>
            <button class={primary} type="submit" disabled={!online.value || v.stored || v.name.trim() === ''} data-testid="customer-save">{text.outbound.save}</button>
            <span role="status" class={css['soft']}>{v.stored ? t.stored : ''}</span>
          </div>
        </form>
      )}
    </section>
  );
}
