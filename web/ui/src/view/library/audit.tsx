// The audit log: who did what with recordings, newest first.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { acting, type AuditSearch, entries, lookAudit, moreAudit, older, trouble } from '../../intent/library';
import { text } from '../../text/en';
import { card, cls } from '../parts/parts';
import { SearchForm } from '../parts/search';
import css from './library.module.css';

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const everything: AuditSearch = { actor: '', action: '', object: '' };
const t = text.audit;

export function AuditPage() {
  const search = useSignal(everything);
  useEffect(() => { void lookAudit(everything); }, []);
  return (
    <section class={cls(card, css['library'])} aria-labelledby="audit" data-testid="audit">
      <h1 id="audit">{t.title}</h1>
      <SearchForm
        name="audit" title={t.title} words={{ ...t, any: '' }} search={search} look={lookAudit}
        fields={[{ name: 'actor' }, { name: 'action', options: Object.entries(t.actions).map(([id, name]) => ({ id, name })) }, { name: 'object' }]}
      />
      <p role="alert" class={css['trouble']}>{trouble.value}</p>
      {entries.value.length === 0 ? <p role="status" class={css['soft']}>{t.none}</p> : (
        <div class={css['scroll']} role="region" aria-labelledby="audit" tabIndex={0}>
          <table class={css['table']}>
            <thead><tr>{[t.time, t.actor, t.action, t.object, t.address, t.detail].map((x) => <th key={x} scope="col">{x}</th>)}</tr></thead>
            <tbody>
              {entries.value.map((e) => (
                <tr key={e.seq} data-testid="audit-row">
                  <td>{moment.format(new Date(e.time))}</td>
                  <td>{e.actor}</td>
                  <td title={e.action}>{t.actions[e.action] ?? e.action}</td>
                  <td><code>{e.object}</code></td>
                  <td>{e.from}</td>
                  <td>{Object.entries(e.detail ?? {}).filter(([, v]) => v !== '').map(([k, v]) => `${k}: ${v}`).join(', ')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {older.value !== '' && <button onClick={() => void moreAudit()} disabled={acting.value} data-testid="audit-more">{t.more}</button>}
    </section>
  );
}
