// The sound check: microphone, level, headset, ring and notifications. It stands on the page until it was
// done once on this machine, and opens again from the bar at the top, also within a call.

import { useEffect } from 'preact/hooks';
import { signal, useSignal } from '@preact/signals';
import { Problem } from '../../link/problem';
import { ringer } from '../../intent/call';
import { preflight } from '../../intent/session';
import { dropMic, micMeter, reopen, takeMic } from '../../intent/sound';
import { notice } from '../../model/store';
import { canPickOutput, choice, choose, mics, outs, type Choice } from '../../phone/devices';
import * as notify from '../../phone/notify';
import { testTone } from '../../phone/ringer';
import { text } from '../../text/en';
import { Dialog } from '../dialog';
import { soundOpen } from '../keys';
import { Icon } from '../parts/icon';
import { card, cls, Meter, primary } from '../parts/parts';
import { Station } from './station';
import css from './sound.module.css';

const KEY = 'cordboard.checked';
const checked = signal(localStorage.getItem(KEY) === 'yes');

export function SoundDialog() {
  if (!soundOpen.value) return null;
  return (
    <Dialog title={text.sound.title} lead={text.sound.lead} close={() => (soundOpen.value = false)} testid="sound-dialog">
      <SoundCheck done={() => (soundOpen.value = false)} />
      <Station />
    </Dialog>
  );
}

/** Preflight is the same on the page, for a machine that never did it. */
export function Preflight() {
  if (checked.value || soundOpen.value) return null;
  return (
    <section class={cls(card, css['card'])} data-testid="preflight" aria-labelledby="preflight">
      <h2 id="preflight">{text.sound.title}</h2>
      <p class={css['soft']}>{text.sound.lead}</p>
      <SoundCheck done={() => undefined} />
    </section>
  );
}

function SoundCheck({ done }: { done: () => void }) {
  const t = text.sound;
  const heard = useSignal(false);
  const trouble = useSignal('');
  const testing = useSignal(false);
  const allowed = useSignal(notify.permission());
  const meter = micMeter.value;
  if (meter?.speaking.value === true && !heard.value) heard.value = true;

  // The microphone opens with the check where it was allowed before, and otherwise on the button: the
  // browser's question must never come unasked.
  const held = useSignal(false);
  const openMic = () => {
    trouble.value = '';
    if (held.value) return;
    held.value = true;
    takeMic().catch((err: unknown) => {
      held.value = false;
      const code = Problem.of(err).code;
      trouble.value = code === 'mic_denied' ? t.denied : code === 'mic_missing' ? t.noMic : t.failed;
    });
  };
  useEffect(() => {
    navigator.permissions.query({ name: 'microphone' }).then(
      (p) => {
        if (p.state === 'granted') openMic();
      },
      () => undefined, // the browser does not tell: the button asks
    );
    return () => {
      if (held.value) dropMic();
    };
  }, []);

  const pick = (change: Partial<Choice>) => {
    choose(change);
    reopen().catch(() => {
      trouble.value = t.failed;
    });
  };
  return (
    <div class={css['check']}>
      <Step ok={meter !== null} title={t.mic} bad={trouble.value !== ''}>
        <Pick label={t.mic} list={mics.value} value={choice.value.mic} set={(mic) => pick({ mic })} testid="pick-mic" />
        {meter === null && <button class={primary} onClick={openMic} data-testid="mic-allow"><Icon name="mic" />{t.permission}</button>}
        {meter !== null && (
          <>
            <Meter level={meter.level} label={t.levelLabel} />
            <p class={css['soft']} role="status">{meter.clipped.value ? t.tooLoud : heard.value ? t.heard : t.speak}</p>
          </>
        )}
        <p role="alert" class={css['bad']}>{trouble.value}</p>
        <fieldset class={css['switches']}>
          <legend>{t.processing}</legend>
          <Switch label={t.echo} on={choice.value.echo} set={(echo) => pick({ echo })} testid="mic-echo" />
          <Switch label={t.noise} on={choice.value.noise} set={(noise) => pick({ noise })} testid="mic-noise" />
          <Switch label={t.gain} on={choice.value.gain} set={(gain) => pick({ gain })} testid="mic-gain" />
        </fieldset>
      </Step>

      <Step ok={null} title={t.out}>
        {canPickOutput
          ? <Pick label={t.out} list={outs.value} value={choice.value.out} set={(out) => choose({ out })} testid="pick-out" />
          : <p class={css['soft']}>{t.noPick}</p>}
        <button
          disabled={testing.value} data-testid="test-tone" onClick={() => {
            testing.value = true;
            void testTone(choice.value.out).finally(() => (testing.value = false));
          }}
        ><Icon name="sound" />{testing.value ? t.testing : t.test}</button>
      </Step>

      <Step ok={null} title={t.ringOut}>
        {canPickOutput && <Pick label={t.ringOut} list={outs.value} value={choice.value.ring} set={(ring) => choose({ ring })} testid="pick-ring" />}
        <button onClick={() => void ringer.start(false)} data-testid="test-ring"><Icon name="bell" />{t.testRing}</button>
        <Switch label={t.silent} on={choice.value.silent} set={(silent) => choose({ silent })} testid="ring-silent" />
        {allowed.value === 'default' && (
          <>
            <p class={css['soft']}>{t.notifyAsk}</p>
            <button onClick={() => void notify.ask().then((p) => (allowed.value = p))} data-testid="notify-allow">{t.notify}</button>
          </>
        )}
        {allowed.value !== 'default' && <p class={css['soft']}>{allowed.value === 'granted' ? t.notifyOn : t.notifyOff}</p>}
      </Step>

      <button
        class={cls(primary, css['done'])} data-testid="sound-done" onClick={() => {
          localStorage.setItem(KEY, 'yes');
          checked.value = true;
          void preflight(notify.permission() === 'granted');
          notice.value = null;
          done();
        }}
      ><Icon name="check" />{t.done}</button>
    </div>
  );
}

function Step({ ok, bad, title, children }: { ok: boolean | null; bad?: boolean; title: string; children: preact.ComponentChildren }) {
  const word = bad === true ? text.sound.problem : ok === true ? text.sound.ok : ok === false ? text.sound.todo : '';
  return (
    <div class={css['step']}>
      <h3>{title}{word !== '' && <span class={cls(css['word'], bad === true ? css['wordBad'] : ok === true && css['wordOk'])}>{word}</span>}</h3>
      {children}
    </div>
  );
}

function Pick({ label, list, value, set, testid }: { label: string; list: MediaDeviceInfo[]; value: string; set: (id: string) => void; testid: string }) {
  const known = value === '' || list.some((d) => d.deviceId === value);
  return (
    <select aria-label={label} value={known ? value : ''} onChange={(e) => set(e.currentTarget.value)} data-testid={testid}>
      <option value="">{text.sound.standard}</option>
      {list.map((d, i) => <option key={d.deviceId} value={d.deviceId}>{d.label === '' ? text.sound.unnamed(i + 1) : d.label}</option>)}
    </select>
  );
}

function Switch({ label, on, set, testid }: { label: string; on: boolean; set: (on: boolean) => void; testid: string }) {
  return (
    <label class={css['switch']}>
      <input type="checkbox" checked={on} onChange={(e) => set(e.currentTarget.checked)} data-testid={testid} />{label}
    </label>
  );
}
