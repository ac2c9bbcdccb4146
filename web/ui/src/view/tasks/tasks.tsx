// What waits for the agent's answer: a list that can be folded, searched and walked with the arrow keys. While it is
// folded, a ring stands at the bottom right.

import { signal, useSignal } from '@preact/signals';
import { callbacks, canSchedule } from '../../intent/outbound';
import { acceptAll } from '../../intent/written';
import { seconds } from '../../model/format';
import { kindOf, lines, who } from '../../model/offer';
import { counted, found, PAGE, together } from '../../model/requests';
import { agent, now, online, queueName, state } from '../../model/store';
import { tasks, type Task } from '../../model/tasks';
import { text } from '../../text/en';
import { CallbackForm } from '../outbound/form';
import { Icon } from '../parts/icon';
import { card, cls, quiet } from '../parts/parts';
import { Countdown, RingButtons } from '../ring/ring';
import ring from '../ring/ring.module.css';
import css from './tasks.module.css';

const KEY = 'cordboard.tasks';
const folded = signal(localStorage.getItem(KEY) === 'folded');

function fold(on: boolean): void {
  folded.value = on;
  localStorage.setItem(KEY, on ? 'folded' : 'open');
}

function all(): Task[] {
  const t = text.tasks;
  return tasks(state.value.offers.filter((o) => o.auto !== true), callbacks.value, state.value.records, state.value.me, queueName, (what, name, queue) => t.title1(t.what[what], name, queue));
}

export function Tasks() {
  const typed = useSignal('');
  const planning = useSignal(false);
  const t = text.tasks;
  const waiting = all();
  const shown = found(waiting, typed.value) as Task[];
  const step = (e: KeyboardEvent) => {
    if (e.key !== 'ArrowDown' && e.key !== 'ArrowUp') return;
    const buttons = [...(e.currentTarget as HTMLElement).querySelectorAll('button')];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    buttons[(at + (e.key === 'ArrowDown' ? 1 : buttons.length - 1)) % buttons.length]?.focus();
    e.preventDefault();
  };
  return (
    <section class={cls(card, css['tasks'])} aria-labelledby="tasks" data-testid="tasks" data-count={waiting.length}>
      <div class={css['head']}>
        <h2 id="tasks"><Icon name="bell" />{t.title}</h2>
        {canSchedule.value && (agent.value?.queues.length ?? 0) > 0 && (
          <button class={cls(quiet, css['plus'])} aria-haspopup="dialog" aria-label={text.outbound.schedule} title={text.outbound.schedule} data-testid="tasks-callback" onClick={() => (planning.value = true)}>+</button>
        )}
        <button class={quiet} aria-expanded={!folded.value} aria-label={folded.value ? t.unfold : t.fold} data-testid="tasks-fold" onClick={() => fold(!folded.value)}>
          {folded.value ? '▸' : '▾'}
        </button>
      </div>
      {planning.value && <CallbackForm callback={null} close={() => (planning.value = false)} />}
      {folded.value ? <p class={css['soft']}>{t.count(waiting.length)}</p> : (
        <>
          {waiting.length > PAGE && (
            <label>
              <span class="unseen">{t.search}</span>
              <input type="search" placeholder={t.search} value={typed.value} onInput={(e) => (typed.value = e.currentTarget.value)} data-testid="tasks-search" />
            </label>
          )}
          {together(waiting).length > 1 && <button disabled={!online.value} onClick={() => void acceptAll()} data-testid="tasks-accept-all">{t.acceptAll(together(waiting).length)}</button>}
          {shown.length > PAGE && <p class={css['soft']} data-testid="tasks-count">{counted(shown.length)}</p>}
          {shown.length === 0 && <p class={css['soft']} role="status">{waiting.length === 0 ? t.none : t.noMatch}</p>}
          <ul class={css['list']} onKeyDown={step}>
            {shown.map((x) => (
              <li key={x.id}>
                <button class={css['task']} data-testid="task" data-about={x.about} onClick={() => open(x)}>
                  <span>{x.title}</span>
                  {x.about === 'offer' && state.value.offer !== null && <span class={css['left']}>{text.ring.left(seconds(state.value.offer.deadline, now.value))}</span>}
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

/** open brings the place where the request is answered before the agent. */
function open(x: Task): void {
  const id = { offer: 'ring', callback: 'callback', record: 'record' }[x.about];
  const place = x.about === 'callback' ? document.querySelector(`[data-callback="${x.id}"]`) : document.querySelector(`[data-testid="${id}"]`);
  place?.scrollIntoView({ block: 'center' });
  place?.querySelector<HTMLElement>('button:not(:disabled)')?.focus();
}

/** TaskPopover is the ring while the list is folded. */
export function TaskPopover() {
  const o = state.value.offer;
  if (!folded.value || o === null || o.auto === true) return null;
  return (
    <aside class={ring['popover']} aria-label={text.tasks.popover} data-testid="popover">
      <h2>{text.offer.titles[kindOf(o)]}</h2>
      <p><strong>{who(o)}</strong>{o.queue === '' ? '' : `, ${queueName(o.queue)}`}</p>
      <dl class={css['lines']}>{lines(o).map((l) => <div key={l.label}><dt>{l.label}</dt><dd>{l.value === '' ? '–' : l.value}</dd></div>)}</dl>
      <Countdown o={o} />
      <RingButtons o={o} popover />
    </aside>
  );
}
