// The written request before the agent, and the reply. What is typed stays until it is sent.

import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { draft } from '../../intent/drafts';
import { canSchedule } from '../../intent/outbound';
import { closeWork, sendReply } from '../../intent/written';
import { aboutWork } from '../../model/callback';
import { online, queueName, state } from '../../model/store';
import { text } from '../../text/en';
import { CallbackForm } from '../outbound/form';
import { Icon } from '../parts/icon';
import { card, cls, primary, quiet } from '../parts/parts';
import css from './written.module.css';

export function Written() {
  const w = state.value.work;
  const id = w?.id ?? '';
  const kept = useMemo(() => draft<string>(`work.${id}`), [id]);
  const calling = useSignal(false);
  if (w === null) return null;
  const t = text.written;
  const typed = kept.value.value ?? '';
  const send = (e: Event) => {
    e.preventDefault();
    void sendReply(typed).then((ok) => ok && kept.forget());
  };
  return (
    <section class={cls(card, css['written'])} aria-labelledby="written" data-testid="written" data-kind={w.kind}>
      <h1 id="written"><Icon name="bell" />{t.kinds[w.kind]}{w.subject === undefined || w.subject === '' ? '' : `: ${w.subject}`}</h1>
      <p class={css['soft']}>{w.from_name ?? ''} {w.from} · {queueName(w.queue)}</p>
      <p class={css['text']} data-testid="written-text">{w.text}</p>
      <form onSubmit={send}>
        <label>{t.reply}
          <textarea rows={8} required maxLength={20000} value={typed} onInput={(e) => kept.type(e.currentTarget.value)} data-testid="written-reply" />
        </label>
        <div class={css['buttons']}>
          <button type="submit" class={primary} disabled={!online.value || typed.trim() === ''} data-testid="written-send"><Icon name="check" />{t.send}</button>
          {canSchedule.value && <button type="button" class={quiet} aria-haspopup="dialog" onClick={() => (calling.value = true)} data-testid="written-callback"><Icon name="clock" />{text.outbound.callBack}</button>}
          <button type="button" class={quiet} disabled={!online.value} onClick={() => void closeWork().then((ok) => ok && kept.forget())} data-testid="written-close">{t.close}</button>
        </div>
      </form>
      {calling.value && <CallbackForm callback={null} about={aboutWork(w)} close={() => (calling.value = false)} />}
    </section>
  );
}
