// Who waits, for each of my queues.

import { clock as write, elapsed } from '../../model/format';
import { now, state } from '../../model/store';
import { text } from '../../text/en';
import { Icon } from '../parts/icon';
import { card, cls } from '../parts/parts';
import css from './queues.module.css';

export function Queues() {
  const { queues, agent, stages } = state.value;
  const mine = queues.filter((q) => agent?.queues.includes(q.id) ?? true);
  const t = text.queues;
  return (
    <section class={cls(card, css['queues'])} aria-labelledby="queues" data-testid="queues">
      <h2 id="queues"><Icon name="people" />{t.title}</h2>
      {mine.length === 0 && <p class={css['soft']}>{t.none}</p>}
      <ul>
        {mine.map((q) => (
          <li key={q.id} data-testid="queue">
            <div class={css['row']}>
              <strong>{q.name}</strong>
              <span class={cls(css['count'], q.waiting > 0 && css['some'])}>{q.waiting} {t.waiting}</span>
            </div>
            <div class={css['soft']}>
              {q.oldest_since === undefined ? t.empty : t.oldest(write(elapsed(q.oldest_since, now.value)))} · {t.ready(q.ready)}
            </div>
          </li>
        ))}
        {stages.map((s) => (
          <li key={`stage.${s.id}`} data-testid="stage" data-inbound={String(s.inbound)}>
            <strong>{s.name}</strong> <span class={css['soft']}>{s.inbound ? t.inbound : t.returned}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
