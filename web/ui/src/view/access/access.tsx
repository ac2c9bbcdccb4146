// Who may no longer come in: tokens that were taken back and accounts that are disabled.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { busy, changesAccess, enable, look, revocations, revoke, trouble } from '../../intent/access';
import { none } from '../../model/faults';
import { text } from '../../text/en';
import type { Revocation, RevocationRequest } from '../../wire/wire';
import { Dialog } from '../dialog';
import { Field, Input } from '../parts/field';
import { card, cls, danger, primary } from '../parts/parts';
import { When } from '../parts/when';
import css from '../webhooks/webhooks.module.css';

const t = text.revocations;

/** What can be taken away, by the name of its part of a request. */
const kinds = ['subject', 'token_id', 'token'] as const;
type Kind = (typeof kinds)[number];

export function AccessPage() {
  const form = useSignal(false);
  useEffect(() => void look(), []);
  return (
    <section class={cls(card, css['page'])} aria-labelledby="access-title" data-testid="access">
      <div class={css['head']}>
        <h1 id="access-title">{t.title}</h1>
        <div class={css['buttons']}>
          <button onClick={() => void look()} disabled={busy.value} data-testid="access-refresh">{t.refresh}</button>
          {changesAccess.value && <button class={primary} onClick={() => (form.value = true)} data-testid="access-new">{t.new}</button>}
        </div>
      </div>
      <p class={css['soft']}>{t.lead}</p>
      <p role="alert" class={css['trouble']} data-testid="access-trouble">{trouble.value}</p>
      {revocations.value.length === 0 && <p class={css['soft']} role="status">{busy.value ? '' : t.none}</p>}
      <ul class={css['list']}>{revocations.value.map((r) => <Row key={r.id} r={r} />)}</ul>
      {form.value && <Form close={() => (form.value = false)} />}
    </section>
  );
}

function Row({ r }: { r: Revocation }) {
  const account = r.kind === 'account';
  return (
    <li data-testid="access-row" data-kind={r.kind}>
      <div class={css['head']}>
        <span class={css['url']}>{account ? r.subject : `${r.token_id ?? ''} ${r.subject ?? ''}`}</span>
        <span class={css['state']}>{t.kinds[r.kind]}</span>
      </div>
      <p class={css['soft']}>{t.by(r.by)} · <When at={r.time} />{r.reason !== undefined && r.reason !== '' && ` · ${r.reason}`}{r.until !== undefined && <> · {t.until} <When at={r.until} /></>}</p>
      {account && changesAccess.value && <div class={css['buttons']}><button onClick={() => void enable(r.id)} disabled={busy.value} aria-label={`${t.enable}: ${r.subject ?? ''}`} data-testid="access-enable">{t.enable}</button></div>}
    </li>
  );
}

function Form({ close }: { close: () => void }) {
  const kind = useSignal<Kind>('subject');
  const value = useSignal('');
  const issuer = useSignal('');
  const why = useSignal('');
  const faults = useSignal(none);
  const save = async (e: Event) => {
    e.preventDefault();
    const r: RevocationRequest = { [kind.value]: value.value.trim() };
    if (kind.value === 'token_id' && issuer.value.trim() !== '') r.issuer = issuer.value.trim();
    if (why.value.trim() !== '') r.reason = why.value.trim();
    faults.value = await revoke(r);
    if (faults.value === none) close();
  };
  const bad = faults.value.fields;
  return (
    <Dialog title={t.new} lead={t.formLead} close={close} testid="access-form">
      <form class={css['form']} onSubmit={(e) => void save(e)} noValidate>
        <Field label={t.what} name="kind">
          <select value={kind.value} onChange={(e) => (kind.value = e.currentTarget.value as Kind)} data-testid="access-kind">
            {kinds.map((k) => <option key={k} value={k}>{t.of[k]}</option>)}
          </select>
        </Field>
        <Input label={t.values[kind.value]} name={kind.value} type="text" required maxLength={4000} value={value.value} set={(v) => (value.value = v)} fault={bad[kind.value]} testid="access-value" />
        {kind.value === 'token_id' && <Input label={t.issuer} name="issuer" type="text" maxLength={100} value={issuer.value} set={(v) => (issuer.value = v)} fault={bad['issuer']} testid="access-issuer" />}
        <Input label={t.reason} name="reason" type="text" maxLength={500} value={why.value} set={(v) => (why.value = v)} fault={bad['reason']} testid="access-reason" />
        <p role="alert" class={css['trouble']} data-testid="access-fault">{faults.value.detail}</p>
        <div class={css['buttons']}>
          <button class={danger} type="submit" disabled={value.value.trim() === ''} data-testid="access-save">{t.yes[kind.value]}</button>
          <button type="button" onClick={close}>{t.no}</button>
        </div>
      </form>
    </Dialog>
  );
}
