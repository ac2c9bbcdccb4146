// The agent's own calls, with a way to call the customer back.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { calls, look, looking, next, trouble } from '../../intent/history';
import { canSchedule } from '../../intent/outbound';
import { aboutCall } from '../../model/callback';
import { clock as write, mask } from '../../model/format';
import { now, queueName } from '../../model/store';
import { reason, text } from '../../text/en';
import type { Call } from '../../wire/wire';
import { CallbackForm } from '../outbound/form';
import { Icon } from '../parts/icon';
import { card, cls, quiet } from '../parts/parts';
import { When } from '../parts/when';
import css from '../campaigns/campaigns.module.css';

export function HistoryPage() {
  const t = text.history;
  const again = useSignal<Call | null>(null);
  useEffect(() => void look(), []);
  return (
    <section class={cls(card, css['part'])} aria-labelledby="history" data-testid="history">
      <div class={css['head']}>
        <h1 id="history">{t.title}</h1>
        <button class={quiet} onClick={() => void look()} disabled={looking.value}><Icon name="refresh" size={18} />{t.refresh}</button>
      </div>
      <p role="alert" class={css['trouble']}>{trouble.value}</p>
      {calls.value.length === 0 ? <p role="status" class={css['soft']}>{looking.value ? '' : t.none}</p> : (
        <div class={css['scroll']} style={{ maxHeight: 'none' }} role="region" aria-labelledby="history" tabIndex={0}>
          <table class={css['table']}>
            <thead><tr>{[t.when, t.way, t.who, t.queue, t.talked, t.ended, ''].map((x) => <th key={x} scope="col">{x}</th>)}</tr></thead>
            <tbody>
              {calls.value.map((c) => (
                <tr key={c.id} data-testid="history-row" data-call={c.id}>
                  <td><When at={c.created} /></td>
                  <td>{t.ways[c.direction]}</td>
                  <td>{c.from_name ?? ''} {mask(aboutCall(c).number)}</td>
                  <td>{queueName(c.queue)}</td>
                  <td>{c.answered === undefined ? '–' : write((c.ended === undefined ? now.value : Date.parse(c.ended)) - Date.parse(c.answered))}</td>
                  <td>{c.state === 'ended' ? (t.causes[c.cause ?? ''] ?? reason(c.cause ?? '')) : t.running}</td>
                  <td>{canSchedule.value && <button class={quiet} onClick={() => (again.value = c)} aria-label={`${t.callBack}: ${c.from_name ?? mask(aboutCall(c).number)}`} data-testid="history-callback">{t.callBack}</button>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {next.value !== '' && <button onClick={() => void look(true)} disabled={looking.value}>{t.more}</button>}
      {again.value !== null && <CallbackForm callback={null} about={aboutCall(again.value)} close={() => (again.value = null)} />}
    </section>
  );
}
