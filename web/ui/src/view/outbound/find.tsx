// The contact search: words of a name or digits of a number; a callback can be made for each number that is found.

import { useSignal } from '@preact/signals';
import { found, findContacts, trouble } from '../../intent/contacts';
import { canSchedule } from '../../intent/outbound';
import type { About } from '../../model/callback';
import { mask } from '../../model/format';
import { agent } from '../../model/store';
import { text } from '../../text/en';
import { Icon } from '../parts/icon';
import { card, cls, quiet } from '../parts/parts';
import { CallbackForm } from './form';
import css from './outbound.module.css';

export function ContactSearch() {
  const t = text.contacts;
  const typed = useSignal('');
  const about = useSignal<About | null>(null);
  const queue = agent.value?.queues[0] ?? '';
  return (
    <section class={cls(card, css['list'])} aria-labelledby="contacts" data-testid="contacts">
      <h2 id="contacts">{t.title}</h2>
      <form class={css['buttons']} role="search" onSubmit={(e) => { e.preventDefault(); void findContacts(typed.value); }}>
        <label>
          <span class="unseen">{t.search}</span>
          <input type="search" minLength={2} maxLength={100} placeholder={t.search} value={typed.value} onInput={(e) => (typed.value = e.currentTarget.value)} data-testid="contacts-search" />
        </label>
        <button class={quiet} type="submit" data-testid="contacts-find"><Icon name="search" size={18} />{t.find}</button>
      </form>
      <p role="alert" class={css['trouble']} data-testid="contacts-trouble">{trouble.value}</p>
      <p role="status" class={css['soft']}>{found.value !== null && found.value.length === 0 ? t.none : ''}</p>
      <ul>
        {(found.value ?? []).map((m) => (
          <li key={`${m.list}.${m.row}`} data-testid="contact">
            <strong>{m.name}</strong> <span class={css['soft']}>{m.list_name}</span>
            <div class={css['buttons']}>
              {m.numbers.map((n, i) => (
                <button
                  key={i} class={quiet} disabled={!canSchedule.value || queue === ''} data-testid="contact-callback"
                  onClick={() => (about.value = { number: n.number, name: m.name, queue, contact: { list: m.list, row: m.row, index: i } })}
                ><Icon name="clock" size={18} />{t.callBack} {mask(n.number)} {n.medium ?? ''}</button>
              ))}
            </div>
          </li>
        ))}
      </ul>
      {about.value !== null && <CallbackForm callback={null} about={about.value} close={() => (about.value = null)} />}
    </section>
  );
}
