// Callbacks and campaigns beside the call: what waits for me, and what runs.

import { useSignal } from '@preact/signals';
import { manages } from '../../intent/campaigns';
import {
  announced, callbacks, campaigns, cancelCallback, canSchedule, completeCallback, dialCallback, moveCampaign, nextRecord, playMessage, refreshOutbound, takeCallback,
} from '../../intent/outbound';
import { mask } from '../../model/format';
import { agent, queueName, state } from '../../model/store';
import { text } from '../../text/en';
import type { Callback, Campaign } from '../../wire/wire';
import { FinishSure } from '../campaigns/finish';
import { Icon } from '../parts/icon';
import { card, cls, primary, quiet } from '../parts/parts';
import { moment, When } from '../parts/when';
import { CallbackForm } from './form';
import css from './outbound.module.css';

export function Callbacks() {
  const t = text.outbound;
  const form = useSignal<'new' | Callback | null>(null);
  return (
    <section class={cls(card, css['list'])} aria-labelledby="callbacks" data-testid="callbacks">
      <div class={css['head']}>
        <h2 id="callbacks">{t.callbacks}</h2>
        {canSchedule.value && <button class={quiet} onClick={() => (form.value = 'new')} data-testid="callback-new">{t.schedule}</button>}
        <button class={quiet} onClick={() => void refreshOutbound()} aria-label={t.refresh}><Icon name="refresh" size={18} /></button>
      </div>
      {!canSchedule.value && <p class={css['soft']}>{t.noEntryPoint}</p>}
      {callbacks.value.length === 0 && <p class={css['soft']}>{t.noCallbacks}</p>}
      <ul>{callbacks.value.map((c) => <CallbackRow key={c.id} c={c} edit={() => (form.value = c)} />)}</ul>
      {form.value !== null && <CallbackForm callback={form.value === 'new' ? null : form.value} close={() => (form.value = null)} />}
    </section>
  );
}

/** CallbackRow is a callback with what can be done about it. give is there for those who may give it to anybody. */
export function CallbackRow({ c, edit, give, done }: { c: Callback; edit: () => void; give?: () => void; done?: () => void }) {
  const t = text.outbound;
  const act = (doing: Promise<unknown>) => void doing.then(done);
  const may = (what: string) => c.allowed.includes(what);
  const due = c.next ?? c.start ?? c.queued;
  return (
    <li data-testid="callback" data-state={c.state} data-callback={c.id}>
      <strong>{c.name}</strong> <span>{mask(c.number)}</span> <span class={css['state']}>{t.kinds[c.kind]}</span>
      <div class={css['soft']}>
        {t.states[c.state]} · {queueName(c.queue)}{due !== undefined && <> · <When at={due} /></>}
        {c.assignee === undefined ? '' : ` · ${c.assignee === state.value.me ? t.mine : c.assignee}`}
        {c.attempts > 0 ? ` · ${t.attempts(c.attempts, c.limit)}` : ''}
      </div>
      <div class={css['buttons']}>
        {c.recording !== undefined && <button onClick={() => void playMessage(c.id)} data-testid="callback-message"><Icon name="play" size={18} />{t.hear}</button>}
        {may('dial') && c.agent === state.value.me && <button class={primary} onClick={() => act(dialCallback(c.id))} data-testid="callback-dial">{t.dial}</button>}
        {may('complete') && <button onClick={() => act(completeCallback(c.id))} data-testid="callback-complete">{t.complete}</button>}
        {(may('change') || may('reschedule')) && <button onClick={edit} data-testid="callback-edit">{t.change}</button>}
        {may('assign') && give !== undefined && <button onClick={give} data-testid="callback-give">{t.give}</button>}
        {may('assign') && give === undefined && <button onClick={() => act(takeCallback(c.id, c.assignee === undefined))} data-testid="callback-take">{c.assignee === undefined ? t.take : t.giveBack}</button>}
        {may('cancel') && <button onClick={() => act(cancelCallback(c.id))} data-testid="callback-cancel">{t.cancel}</button>}
      </div>
    </li>
  );
}

export function Campaigns() {
  const t = text.outbound;
  return (
    <section class={cls(card, css['list'])} aria-labelledby="campaigns" data-testid="campaigns">
      <h2 id="campaigns">{t.campaigns}</h2>
      <p role="status" class={css['soft']}>{announced.value === null ? '' : t.started(announced.value)}</p>
      {campaigns.value.length === 0 && <p class={css['soft']}>{t.noCampaigns}</p>}
      <ul>{campaigns.value.map((c) => <CampaignRow key={c.id} c={c} />)}</ul>
    </section>
  );
}

function CampaignRow({ c }: { c: Campaign }) {
  const t = text.outbound;
  const stopped = c.stopped.includes(state.value.me);
  const sure = useSignal(false);
  const ask = c.state === 'running' && (stopped || c.setup.mode === 'preview');
  return (
    <li data-testid="campaign" data-state={c.state}>
      <strong>{c.setup.name}</strong> <span class={css['state']}>{t.campaignStates[c.state]}</span>
      <div class={css['soft']}>{t.modes[c.setup.mode]} · {t.progress(c.closed, c.total)} · {t.abandoned(c.today.abandoned_percent)}</div>
      <progress max={Math.max(1, c.total)} value={c.closed} aria-label={t.progress(c.closed, c.total)} />
      <div class={css['buttons']}>
        {ask && <button class={primary} disabled={agent.value?.state !== 'ready'} onClick={() => void nextRecord(c.id)} data-testid="campaign-next">{stopped ? t.goOn : t.next}</button>}
        {manages.value && (['start', 'pause', 'finish'] as const).filter((v) => c.allowed.includes(v)).map((v) => (
          <button key={v} onClick={() => (v === 'finish' ? (sure.value = true) : void moveCampaign(c.id, v))} data-testid={`campaign-${v}`}>{t.moves[v]}</button>
        ))}
      </div>
      {sure.value && <FinishSure name={c.setup.name} yes={() => void moveCampaign(c.id, 'finish')} close={() => (sure.value = false)} />}
    </li>
  );
}

/** CallbackButton schedules a callback from the call, and shows when one is set. */
export function CallbackButton({ call, class: name }: { call: string; class: string | undefined }) {
  const open = useSignal(false);
  const t = text.outbound;
  const set = callbacks.value.find((c) => c.origin === call && c.state === 'scheduled');
  const due = set?.next ?? set?.start;
  return (
    <>
      <button class={name} aria-haspopup="dialog" aria-pressed={set !== undefined} data-testid="call-callback" onClick={() => (open.value = true)}>
        <Icon name="clock" size={24} /><span>{due === undefined ? t.callBack : t.callBackAt(moment(due))}</span>
      </button>
      {open.value && <CallbackForm callback={set ?? null} close={() => (open.value = false)} />}
    </>
  );
}
