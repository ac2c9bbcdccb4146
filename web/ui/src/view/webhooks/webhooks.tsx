// Webhooks for administrators: where events go and how that does, what could not be delivered, and sending it again.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import {
  attempts, busy, dead, enable, forget, look, make, more, next, open, opened, refresh, replay, rotate, said, secret, test, trouble, webhooks, writesWebhooks,
} from '../../intent/webhooks';
import { none, type Faults } from '../../model/faults';
import { text } from '../../text/en';
import type { Webhook, WebhookRequest } from '../../wire/wire';
import { Dialog } from '../dialog';
import { Field, Input } from '../parts/field';
import { card, cls, danger, primary, quiet } from '../parts/parts';
import css from './webhooks.module.css';

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'medium' });
const at = (time: string): string => moment.format(new Date(time));
const EVERY_MS = 3_000;
const t = text.webhooks;

export function WebhooksPage() {
  const form = useSignal(false);
  useEffect(() => {
    void look();
    const timer = setInterval(() => void refresh(), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <section class={cls(card, css['page'])} aria-labelledby="webhooks-title" data-testid="webhooks">
      <div class={css['head']}>
        <h1 id="webhooks-title">{t.title}</h1>
        <div class={css['buttons']}>
          <button onClick={() => void look()} disabled={busy.value} data-testid="webhooks-refresh">{t.refresh}</button>
          {writesWebhooks.value && <button class={primary} onClick={() => (form.value = true)} data-testid="webhook-new">{t.new}</button>}
        </div>
      </div>
      <p class={css['soft']}>{t.lead}</p>
      <p role="alert" class={css['trouble']} data-testid="webhooks-trouble">{trouble.value}</p>
      <p role="status" class={css['done']} data-testid="webhooks-said">{said.value}</p>
      {webhooks.value.length === 0 && <p class={css['soft']} role="status">{t.none}</p>}
      <ul class={css['list']}>{webhooks.value.map((w) => <Row key={w.id} w={w} />)}</ul>
      {form.value && <Form close={() => (form.value = false)} />}
      {secret.value !== null && <Secret />}
    </section>
  );
}

function Row({ w }: { w: Webhook }) {
  const sure = useSignal(false);
  const is = (what: 'attempts' | 'dead') => opened.value?.id === w.id && opened.value.what === what;
  const facts = [
    w.description ?? '',
    w.events.length === 0 ? t.allEvents : w.events.join(', '),
    w.configured === true ? t.configured : '',
    w.delivered === undefined ? t.never : t.delivered(at(w.delivered)),
    t.behind(w.behind),
  ].filter((x) => x !== '');
  const write = writesWebhooks.value;
  return (
    <li data-testid="webhook-row" data-state={w.state} data-dead={w.dead}>
      <div class={css['head']}>
        <span class={css['url']}>{w.url}</span>
        <span class={css['state']} data-state={w.state} data-testid="webhook-state">{t.states[w.state]}</span>
      </div>
      <p class={css['soft']}>{facts.join(' · ')}</p>
      {w.reason !== undefined && w.reason !== '' && <p class={css['trouble']}>{w.reason}</p>}
      {w.state === 'failing' && <p class={css['trouble']}>{t.failing(w.attempt ?? 1, w.next === undefined ? '' : at(w.next))}{w.error === undefined ? '' : `: ${w.error}`}</p>}
      <div class={css['buttons']}>
        {write && <button onClick={() => void test(w.id)} disabled={busy.value} data-testid="webhook-test">{t.test}</button>}
        <button aria-expanded={is('attempts')} onClick={() => void open(w.id, 'attempts')} data-testid="webhook-attempts">{is('attempts') ? t.hideAttempts : t.attempts}</button>
        <button aria-expanded={is('dead')} onClick={() => void open(w.id, 'dead')} data-testid="webhook-dead">{is('dead') ? t.hideDead : t.dead(w.dead)}</button>
        {write && w.state === 'disabled' && <button class={primary} onClick={() => void enable(w.id, true)} disabled={busy.value} data-testid="webhook-enable">{t.enable}</button>}
        {write && w.state !== 'disabled' && <button onClick={() => void enable(w.id, false)} disabled={busy.value} data-testid="webhook-disable">{t.disable}</button>}
        {write && w.configured !== true && <button onClick={() => void rotate(w.id)} disabled={busy.value} data-testid="webhook-rotate">{t.rotate}</button>}
        {write && w.configured !== true && <button onClick={() => (sure.value = true)} data-testid="webhook-remove">{t.remove}</button>}
      </div>
      {is('attempts') && <Attempts />}
      {is('dead') && <Dead id={w.id} />}
      {sure.value && (
        <Dialog title={t.removeSure(w.url)} lead={t.removeLead} close={() => (sure.value = false)} testid="webhook-sure">
          <div class={css['buttons']}>
            <button class={danger} onClick={() => { sure.value = false; void forget(w.id); }} data-testid="webhook-sure-yes">{t.removeYes}</button>
            <button onClick={() => (sure.value = false)}>{t.no}</button>
          </div>
        </Dialog>
      )}
    </li>
  );
}

function Attempts() {
  if (attempts.value.length === 0) return <p class={css['soft']} role="status">{busy.value ? '' : t.noAttempts}</p>;
  return (
    <div class={css['scroll']} role="region" aria-label={t.attempts} tabIndex={0}>
      <table class={css['table']}>
        <thead><tr>{[t.time, t.event, t.tries, t.outcome, t.answer].map((x) => <th key={x} scope="col">{x}</th>)}</tr></thead>
        <tbody>
          {attempts.value.map((a) => (
            <tr key={`${a.event_id} ${a.time}`} data-testid="webhook-attempt" data-outcome={a.outcome}>
              <td>{at(a.time)}</td>
              <td>{a.type}</td>
              <td>{a.attempt}</td>
              <td>{t.outcomes[a.outcome]}</td>
              <td>{[a.status === undefined || a.status === 0 ? '' : String(a.status), a.error ?? '', `${a.ms} ms`].filter((x) => x !== '').join(', ')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Dead({ id }: { id: string }) {
  if (dead.value.length === 0) return <p class={css['soft']} role="status">{busy.value ? '' : t.noDead}</p>;
  const write = writesWebhooks.value;
  return (
    <>
      {write && <div class={css['buttons']}><button onClick={() => void replay(id, 'all')} disabled={busy.value} data-testid="webhook-replay-all">{t.replayAll}</button></div>}
      <div class={css['scroll']} role="region" aria-label={t.dead(dead.value.length)} tabIndex={0}>
        <table class={css['table']}>
          <thead><tr>{[t.time, t.event, t.tries, t.answer, t.act].map((x) => <th key={x} scope="col">{x}</th>)}</tr></thead>
          <tbody>
            {dead.value.map((d) => (
              <tr key={d.seq} data-testid="webhook-letter">
                <td>{at(d.time)}</td>
                <td>{d.type}</td>
                <td>{d.attempts}</td>
                <td>{[d.status === undefined || d.status === 0 ? '' : String(d.status), d.error ?? ''].filter((x) => x !== '').join(', ')}</td>
                <td>{d.replay === true ? t.again : write && <button class={quiet} onClick={() => void replay(id, [d.seq])} disabled={busy.value} data-testid="webhook-replay">{t.replay}</button>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {next.value !== '' && <button class={quiet} onClick={() => void more()} disabled={busy.value}>{t.more}</button>}
    </>
  );
}

function Form({ close }: { close: () => void }) {
  const url = useSignal('');
  const description = useSignal('');
  const events = useSignal('');
  const wrong = useSignal<Faults>(none);
  const send = async (e: Event) => {
    e.preventDefault();
    const r: WebhookRequest = { url: url.value.trim() };
    if (description.value.trim() !== '') r.description = description.value.trim();
    const list = events.value.split(/[\s,]+/).filter((x) => x !== '');
    if (list.length > 0) r.events = list;
    wrong.value = await make(r);
    if (secret.value !== null) close();
  };
  return (
    <Dialog title={t.formTitle} lead={t.formLead} close={close} testid="webhook-form">
      <form class={css['form']} onSubmit={(e) => void send(e)}>
        <Input label={t.url} name="url" type="text" required maxLength={2048} value={url.value} set={(v) => (url.value = v)} fault={wrong.value.fields['url']} testid="webhook-url" />
        <Input label={t.description} name="description" type="text" maxLength={200} value={description.value} set={(v) => (description.value = v)} fault={wrong.value.fields['description']} testid="webhook-description" />
        <Field label={t.events} name="events" fault={wrong.value.fields['events']}>
          <textarea rows={3} spellcheck={false} value={events.value} onInput={(e) => (events.value = e.currentTarget.value)} data-testid="webhook-events" />
        </Field>
        <p role="alert" class={css['trouble']} data-testid="webhook-form-trouble">{trouble.value}</p>
        <div class={css['buttons']}>
          <button type="submit" class={primary} disabled={busy.value} data-testid="webhook-make">{t.make}</button>
          <button type="button" onClick={close}>{t.cancel}</button>
        </div>
      </form>
    </Dialog>
  );
}

function Secret() {
  const done = () => (secret.value = null);
  return (
    <Dialog title={t.secretTitle} lead={t.secretLead} close={done} testid="webhook-secret">
      <p class={css['secret']} aria-label={t.secret} data-testid="webhook-secret-text">{secret.value?.secret}</p>
      <div class={css['buttons']}><button class={primary} onClick={done} data-testid="webhook-secret-done">{t.copied}</button></div>
    </Dialog>
  );
}
