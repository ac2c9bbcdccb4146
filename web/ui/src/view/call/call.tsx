// The call card: who, how long, and everything an agent does while speaking.

import { clock as write, elapsed, mask } from '../../model/format';
import { since } from '../../model/state';
import { agent, controls, customerLeg, held, muted, now, online, queueName, state } from '../../model/store';
import { bring, elsewhere, hangUp, setMuted, toggleHold } from '../../intent/call';
import { blocked, callerMeter, micMeter, mutedSpeaking, phone, unblock } from '../../intent/sound';
import { text } from '../../text/en';
import { keypadOpen } from '../keys';
import { Icon } from '../parts/icon';
import { card, cls, danger, Key, Meter, primary } from '../parts/parts';
import { callbacks, cancelCallback, canSchedule } from '../../intent/outbound';
import { CallbackButton } from '../outbound/outbound';
import { Handling } from './handling';
import { Keypad } from './keypad';
import { Network } from './network';
import { Noise } from './noise';
import { RecordingBar } from './recording';
import { Variables } from './variables';
import css from './call.module.css';

export function CallCard() {
  const call = state.value.call;
  if (call === null) return null;
  const t = text.call;
  const from = call.direction === 'inbound' ? call.from : call.to;
  const off = !online.value;
  const c = controls.value;
  return (
    <section class={cls(card, css['call'])} data-testid="call-card" aria-label={t.title}>
      <div class={css['head']}>
        <div>
          <p class={css['status']}><Status /></p>
          <h1 class={css['who']}>{call.from_name ?? mask(from)}</h1>
          {call.from_name !== undefined && <p class={css['number']}>{mask(from)}</p>}
        </div>
        <div class={css['timer']}>
          <span class="unseen">{t.timer}</span>
          <span data-testid="call-timer" role="timer">{write(elapsed(since(call, state.value.me), now.value))}</span>
        </div>
      </div>

      <RecordingBar />

      <div class={css['buttons']}>
        {c.mute.visible && (
          <button data-testid="mute" aria-pressed={muted.value} class={cls(css['act'], muted.value && css['on'])} onClick={() => void setMuted(!muted.value)} disabled={!c.mute.enabled} aria-keyshortcuts="m">
            <Icon name={muted.value ? 'micOff' : 'mic'} size={24} /><span>{muted.value ? t.unmute : t.mute} <Key>M</Key></span>
          </button>
        )}
        {c.hold.visible && (
          <button data-testid="hold" aria-pressed={held.value} class={cls(css['act'], held.value && css['on'])} onClick={() => void toggleHold()} disabled={off || !c.hold.enabled || customerLeg.value === null} aria-keyshortcuts="h">
            <Icon name={held.value ? 'play' : 'hold'} size={24} /><span>{held.value ? t.resume : t.hold} <Key>H</Key></span>
          </button>
        )}
        {c.keypad.visible && (
          <button data-testid="keypad" aria-expanded={keypadOpen.value} class={cls(css['act'], keypadOpen.value && css['on'])} onClick={() => (keypadOpen.value = !keypadOpen.value)} disabled={!c.keypad.enabled} aria-keyshortcuts="k">
            <Icon name="keypad" size={24} /><span>{t.keypad} <Key>K</Key></span>
          </button>
        )}
        {(agent.value?.queues.length ?? 0) > 0 && canSchedule.value && <CallbackButton call={call.id} class={css['act']} />}
        {c.end.visible && (
          <button data-testid="hangup" class={cls(danger, css['act'])} onClick={() => void hangUp()} disabled={off || !c.end.enabled} aria-keyshortcuts="Shift+E">
            <Icon name="phoneOff" size={24} /><span>{t.hangUp} <Key>⇧E</Key></span>
          </button>
        )}
      </div>

      {keypadOpen.value && c.keypad.enabled && <Keypad />}
      <Handling />
      <Variables key={call.id} />
      <AudioTrouble />

      <div class={css['levels']}>
        <div class={css['level']}>
          <span><Icon name={muted.value ? 'micOff' : 'mic'} size={18} />{t.you}</span>
          <Meter level={micMeter.value?.level} label={t.level(t.you)} />
        </div>
        <div class={css['level']}>
          <span><Icon name="sound" size={18} />{t.caller}</span>
          <Meter level={callerMeter.value?.level} label={t.level(t.caller)} />
        </div>
      </div>
      <p class={css['warn']} role="status" data-testid="muted-speaking">
        {mutedSpeaking.value && <span><Icon name="micOff" size={18} />{t.mutedSpeaking}</span>}
      </p>

      <Noise />

      <dl class={css['facts']}>
        {call.queue !== undefined && <div><dt>{t.queue}</dt><dd>{queueName(call.queue)}</dd></div>}
        <div><dt>{t.dialled}</dt><dd>{mask(call.direction === 'inbound' ? call.to : call.from)}</dd></div>
        <div><dt>{text.net.label}</dt><dd><Network /></dd></div>
        {state.value.variables.length === 0 && Object.entries(call.variables ?? {}).slice(0, 6).map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{v}</dd></div>)}
      </dl>
    </section>
  );

  function AudioTrouble() {
    if (blocked.value) {
      return (
        <p class={css['trouble']}>
          <span>{t.blocked}</span>
          <button class={primary} onClick={unblock} data-testid="unblock"><Icon name="sound" />{t.unblock}</button>
        </p>
      );
    }
    if (elsewhere.value) {
      return (
        <p class={css['elsewhere']} data-testid="elsewhere">
          <span>{text.elsewhere.text}</span>
          <button onClick={bring} data-testid="bring"><Icon name="phone" />{text.elsewhere.take}</button>
        </p>
      );
    }
    if (phone.value !== 'failed' && phone.value !== 'idle') return null;
    return (
      <p class={css['trouble']}>
        <span>{t.audioLost}</span>
        <button class={primary} onClick={bring} data-testid="rejoin"><Icon name="refresh" />{t.rejoin}</button>
      </p>
    );
  }
}

function Status() {
  const t = text.call;
  if (phone.value === 'connecting') return <><Icon name="refresh" size={18} />{t.connecting}</>;
  if (phone.value === 'reconnecting') return <><Icon name="refresh" size={18} />{t.reconnecting}</>;
  const called = callbacks.value.find((c) => c.call_id === state.value.call?.id && c.state === 'dialing');
  if (called !== undefined) {
    return called.allowed.includes('cancel')
      ? <button class={danger} data-testid="call-callback-cancel" disabled={!online.value} onClick={() => void cancelCallback(called.id)}><Icon name="phoneOff" size={18} />{text.outbound.cancel}</button>
      : <><Icon name="phone" size={18} />{t.ringing}</>;
  }
  if (held.value) return <span class={css['held']} data-testid="held"><Icon name="hold" size={18} />{t.held}</span>;
  if (customerLeg.value?.hold.remote === true) return <><Icon name="hold" size={18} />{t.farHeld}</>;
  return <><Icon name="phone" size={18} />{t.connected}</>;
}
