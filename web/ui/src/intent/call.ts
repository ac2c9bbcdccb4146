// What the agent does in a call: answer the ring, speak, hold, mute, dial digits, pause the recording,
// hang up, wrap up; and how the page finds back into its call after a reload.

import { computed, effect, signal, untracked } from '@preact/signals';
import { Problem } from '../link/problem';
import { answering, controls, customerLeg, held, muted, myLeg, queueName, rules, state } from '../model/store';
import { kindOf, who as whoIs } from '../model/offer';
import { ownLeg } from '../model/state';
import * as notify from '../phone/notify';
import { Ringer } from '../phone/ringer';
import { text } from '../text/en';
import type { LegAnswer, LegRequest, Wrapup } from '../wire/wire';
import { api, commands, fail, iceServers, readState, token } from './link';
import * as sound from './sound';
import { answer, taken } from './tabs';

const LEG = 'cordboard.leg';

export const ringer = new Ringer();
/** The digits sent in this call, to see what was typed. */
export const digits = signal('');

let joining = false;
let ringMic = false; // the ring has taken the microphone, so that answering is quick

/** accept answers the ring: first the server's yes, then our audio. */
export async function accept(): Promise<void> {
  const offer = state.value.offer;
  if (offer === null || answering.value !== null) return;
  answering.value = offer.id;
  ringer.stop();
  notify.calm();
  try {
    await commands.postOfferAccept(offer.id);
    if (offer.work === undefined) await join(offer.call_id, null); // nothing written is spoken to
    await readState();
  } catch (err) {
    fail(err);
  } finally {
    answering.value = null;
  }
}

export async function decline(): Promise<void> {
  const offer = state.value.offer;
  if (offer === null || answering.value !== null) return;
  answering.value = offer.id;
  await commands.postOfferDecline(offer.id).catch(() => undefined);
  answering.value = null;
}

/** join brings our audio into a call, in place of an older leg of ours if there is one. */
export async function join(callID: string, replaces: string | null): Promise<void> {
  if (joining) return;
  joining = true;
  try {
    await sound.connect(iceServers.value, {
      offer: (sdp) => offerLeg(callID, sdp, replaces),
      trickle: async (leg, frag) => {
        await api.patchLegTrickleIceSdpfrag(leg, frag);
      },
      restart: async (leg, sdp) => {
        return (await api.patchLeg(leg, { sdp }))?.sdp ?? '';
      },
    });
    if (muted.value) await setMuted(true);
  } finally {
    joining = false;
  }
}

async function offerLeg(callID: string, sdp: string, replaces: string | null): Promise<{ legID: string; sdp: string }> {
  const request: LegRequest = { call_id: callID, sdp };
  if (replaces !== null) request.replaces = replaces;
  let answer: LegAnswer;
  try {
    answer = await api.postLegs(request);
  } catch (err) {
    // The old leg may be gone already: then there is nothing to replace.
    const status = Problem.of(err).status;
    if (replaces === null || (status !== 404 && status !== 409)) throw err;
    answer = await api.postLegs({ call_id: callID, sdp });
  }
  sessionStorage.setItem(LEG, answer.leg.id);
  return { legID: answer.leg.id, sdp: answer.sdp ?? '' };
}

/** elsewhere says whether the audio of my call runs in another window or on another device. */
export const elsewhere = computed(() => {
  const own = ownLeg(state.value.call, state.value.me);
  return sound.phone.value !== 'connecting' && own !== null && own.id !== sound.legID() && answering.value === null;
});

/**
 * rejoin connects our audio again when the server says we are in a call and no audio runs here. A living leg that
 * another window has is left alone, and so is one this window never had: those come over only when the agent says so.
 */
export async function rejoin(): Promise<void> {
  const { call, agent, me } = state.value;
  const talking = agent?.state === 'busy' || (agent?.state === 'signout_pending' && agent.wrapup_id === undefined && agent.offer_id === undefined);
  if (call === null || !talking || joining || answering.value !== null) return;
  if (sound.phone.value !== 'idle' && sound.phone.value !== 'failed') return;
  const old = ownLeg(call, me);
  const last = sessionStorage.getItem(LEG);
  if (old !== null && (old.id !== last || (await taken(old.id)))) return;
  bring();
}

/** bring connects the call's audio here, in place of whichever leg of ours has it. */
export function bring(): void {
  const { call, me } = state.value;
  if (call === null || joining) return;
  const old = ownLeg(call, me);
  muted.value = old?.muted ?? muted.value;
  const last = sessionStorage.getItem(LEG);
  const ours = call.legs.some((l) => l.id === last) ? last : null;
  join(call.id, old?.id ?? ours).catch(fail);
}

/** setMuted is the one optimistic intent: the microphone closes here at once, the server follows. */
export async function setMuted(on: boolean): Promise<void> {
  muted.value = on;
  const leg = sound.legID() ?? myLeg.value?.id;
  if (leg === undefined) return;
  // A refusal changes nothing here: the agent's own microphone is as the agent wants it.
  await api.patchLeg(leg, { muted: on }).catch(fail);
}

export async function toggleHold(): Promise<void> {
  if (!controls.value.hold.enabled) return;
  const leg = customerLeg.value;
  if (leg === null) return;
  await (held.value ? commands.postLegResume(leg.id) : commands.postLegHold(leg.id)).catch(() => undefined);
}

export async function hangUp(): Promise<void> {
  if (!controls.value.end.enabled) return;
  const call = state.value.call;
  if (call === null) return;
  await commands.postCallEnd(call.id, { reason: 'hangup' }).catch(() => undefined);
}

/** sendDigit sends one keypad key to the far side. */
export async function sendDigit(key: string): Promise<void> {
  if (!controls.value.keypad.enabled) return;
  const leg = customerLeg.value;
  if (leg === null) return;
  digits.value = (digits.value + key).slice(-24);
  await commands.postLegDtmf(leg.id, { digits: key }).catch(() => undefined);
}

/** toggleRecording pauses for the house's time, or resumes before it is over. */
export async function toggleRecording(): Promise<void> {
  const r = state.value.recording;
  if (r === null) return;
  if (r.state === 'paused') await commands.postRecordingResume(r.id).catch(() => undefined);
  else {
    const s = rules.value.pauseSeconds;
    await commands.postRecordingPause(r.id, s > 0 ? { max_seconds: s } : {}).catch(() => undefined);
  }
}

export async function submitWrapup(reason: string): Promise<void> {
  const w = state.value.wrapup;
  if (w !== null) await commands.postWrapupSubmit(w.id, { reason }).catch(() => undefined);
}

export async function extendWrapup(): Promise<void> {
  const w = state.value.wrapup;
  if (w !== null && may(w, 'extend')) await commands.postWrapupExtend(w.id).catch(() => undefined);
}

/** may says whether a wrap-up's list of what is allowed has an act. */
export function may(w: Wrapup, act: string): boolean {
  return w.allowed === undefined ? act === 'submit' || (act === 'extend' && w.extensions_left > 0) : w.allowed.includes(act);
}

/** cancelCountdown lets the agent finish the wrap-up by hand. */
export async function cancelCountdown(): Promise<void> {
  const w = state.value.wrapup;
  if (w !== null && may(w, 'cancel')) await commands.postWrapupCancel(w.id).catch(() => undefined);
}

/** leaving tells the server, while the page is torn down, that our leg goes and that we come back. */
function leaving(): void {
  const leg = sound.legID();
  if (leg === null || token.value === '') return;
  api.deleteLeg(leg, { reason: 'reload' }, { keepalive: true }).catch(() => undefined);
}

function ringing(): void {
  const offer = state.value.offer;
  const open = offer !== null && answering.value === null;
  untracked(() => {
    if (open) {
      const who = whoIs(offer);
      void ringer.start();
      notify.attract(text.offer.titles[kindOf(offer)], text.notify.title(who), text.notify.body(queueName(offer.queue)));
      if (!ringMic) {
        ringMic = true;
        sound.takeMic().catch((err: unknown) => {
          ringMic = false;
          fail(err);
        });
      }
    } else {
      ringer.stop();
      notify.calm();
    }
    if (offer === null && ringMic && answering.value === null) {
      ringMic = false;
      sound.dropMic();
    }
  });
}

/** Why a leg of ours ended although the call goes on: then we come back into it. */
const LOST = new Set(['media_lost', 'session_lost', 'reload']);
const AGAIN_MS = 1_000;

/** start ties ring, audio and page together; called once. */
export function start(): void {
  answer(sound.legID);
  let rang = '';
  effect(() => {
    const key = `${state.value.offer?.id ?? ''} ${answering.value ?? ''}`;
    if (key === rang) return;
    rang = key;
    ringing();
  });

  // When the call is over for the server, our audio ends as well.
  let inCall: string | null = null;
  effect(() => {
    const call = state.value.call;
    if (call === null && inCall !== null) untracked(over);
    inCall = call?.id ?? null;
  });

  // When the server lost our leg, or the audio cannot be healed, we come back with a new one.
  effect(() => {
    const leg = state.value.call?.legs.find((l) => l.id === sound.legID());
    if (elsewhere.value) {
      untracked(sound.disconnect); // another window has taken it over
      return;
    }
    if (leg?.state === 'ended' && LOST.has(leg.cause ?? '')) untracked(sound.disconnect);
    else if (sound.phone.value !== 'failed' || sound.legID() === null) return;
    setTimeout(() => void rejoin(), AGAIN_MS);
  });
  addEventListener('pagehide', leaving);
}

function over(): void {
  sound.disconnect();
  sessionStorage.removeItem(LEG);
  muted.value = false;
  digits.value = '';
}
