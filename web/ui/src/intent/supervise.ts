// What a supervisor does: looks at the wall, listens to calls, speaks to agents, and puts things right by force.

import { computed, effect, signal } from '@preact/signals';
import { Problem } from '../link/problem';
import * as tokens from '../link/token';
import { allows } from '../model/grants';
import { admin, signedIn } from '../model/store';
import type { Alarm, LegRequest, Supervision, SupervisionMode, Wall } from '../wire/wire';
import { api, fail, iceServers, readState, token, watch } from './link';
import * as sound from './sound';

export const wall = signal<Wall | null>(null);
/** The supervision whose voice runs here. */
export const watching = signal<Supervision | null>(null);
/** A supervisor's act is under way, so that its buttons are pressed once. */
export const acting = signal(false);

/** What the supervisors' acts are called in grants. */
export type Act = SupervisionMode | 'takeover' | 'end' | 'state' | 'wrapup' | 'signout' | 'wall';

/** may says whether the token covers one act; controls it does not cover are not shown. */
export const may = (what: Act): boolean => allows(tokens.grants(token.value), `supervise:${what}`);

/** Taking over needs an agent to take over. */
export const takes = computed(() => signedIn.value && may('takeover'));

export interface Alert {
  key: number;
  time: string;
  alarm: Alarm;
}
const ALERTS = 20;
/** What an operator or supervisor should look at, newest first. */
export const alerts = signal<Alert[]>([]);

watch((e) => {
  if (e.type === 'desk.alarm') alerts.value = [{ key: e.seq, time: e.time, alarm: e.data }, ...alerts.value].slice(0, ALERTS);
});

const EVERY_MS = 2_000;

export async function look(): Promise<void> {
  try {
    const w = await api.getWall();
    wall.value = w;
    const mine = watching.value;
    if (mine !== null) {
      const now = w.calls.flatMap((c) => c.supervisors).find((s) => s.id === mine.id);
      if (now === undefined) over();
      else watching.value = now;
    }
  } catch (err) {
    if (Problem.of(err).status === 403) wall.value = null;
  }
}

function over(): void {
  watching.value = null;
  sound.disconnect();
}

async function act(f: () => Promise<unknown>): Promise<void> {
  if (acting.value) return;
  acting.value = true;
  try {
    await f();
  } catch (err) {
    fail(err);
  } finally {
    acting.value = false;
    await look();
  }
}

const begin: Record<SupervisionMode, (call: string) => Promise<Supervision>> = {
  monitor: (call) => api.postCallMonitor(call, {}),
  coach: (call) => api.postCallCoach(call, {}),
  barge: (call) => api.postCallBarge(call, {}),
};

/** supervise listens to a call, or changes how; audio starts with the first of them. */
export async function supervise(callID: string, mode: SupervisionMode): Promise<void> {
  await act(async () => {
    const other = watching.value;
    if (other !== null && other.call_id !== callID) await end(other);
    const s = await begin[mode](callID);
    const joined = watching.value?.id === s.id;
    watching.value = s;
    if (!joined) await join(s);
  });
}

async function join(s: Supervision): Promise<void> {
  await sound.connect(iceServers.value, {
    offer: async (sdp) => {
      const request: LegRequest = { call_id: s.call_id, sdp, role: 'supervisor', client_ref: s.id };
      const answer = await api.postLegs(request);
      return { legID: answer.leg.id, sdp: answer.sdp ?? '' };
    },
    trickle: async (leg, frag) => {
      await api.patchLegTrickleIceSdpfrag(leg, frag);
    },
    restart: async (leg, sdp) => {
      return (await api.patchLeg(leg, { sdp }))?.sdp ?? '';
    },
  });
}

async function end(s: Supervision): Promise<void> {
  over();
  await api.deleteSupervision(s.id);
}

export async function leave(): Promise<void> {
  const s = watching.value;
  if (s !== null) await act(() => end(s));
}

/** takeOver makes the call mine; its audio goes on where it runs already. */
export async function takeOver(callID: string): Promise<void> {
  await act(async () => {
    await api.postCallTakeover(callID, {});
    watching.value = null;
    await readState();
  });
}

/** What can be done with a call that waits. */
export const convertsWaiting = computed(() => allows(tokens.grants(token.value), 'callback:write'));
export const prefersWaiting = computed(() => allows(tokens.grants(token.value), 'call:write'));
/** callBack turns a waiting call into a callback that keeps its place; for voice the caller leaves a message first. */
export const callBack = (callID: string, kind: 'courtesy' | 'voice') => act(() => api.postCallCallback(callID, { kind }));
/** prefer lets a waiting call wait for one agent first. */
export const prefer = (callID: string, agent: string) => act(() => api.postCallPrefer(callID, { agent }));
export const endCall = (callID: string) => act(() => api.postCallForceEnd(callID));
export const forceState = (agent: string, state: 'ready' | 'not_ready') => act(() => api.postAgentForceState(agent, state === 'ready' ? { state } : { state, reason: 'supervisor' }));
export const forceWrapup = (agent: string) => act(() => api.postAgentForceWrapup(agent, {}));
export const forceSignOut = (agent: string) => act(() => api.postAgentForceSignout(agent));

/** start keeps the wall fresh while a supervisor is signed in; called once. */
export function start(): void {
  let timer: ReturnType<typeof setInterval> | undefined;
  effect(() => {
    clearInterval(timer);
    if (!(signedIn.value || admin.value) || !may('wall')) {
      wall.value = null;
      watching.value = null;
      return;
    }
    void look();
    timer = setInterval(() => void look(), EVERY_MS);
  });
}
