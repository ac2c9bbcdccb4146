// Signing in and out, and the agent's own state.

import { batch, effect, signal } from '@preact/signals';
import { Problem } from '../link/problem';
import * as tokens from '../link/token';
import { faults, none, type Faults } from '../model/faults';
import { allows, queues } from '../model/grants';
import { nothing } from '../model/state';
import { admin, leavingOpen, notice, rules, signedIn, signingIn, state, wanted } from '../model/store';
import * as notify from '../phone/notify';
import { text } from '../text/en';
import type { Agent, AgentState, SignInProvider, StateRequest } from '../wire/wire';
import { drafts } from './drafts';
import { api, commands, fail, forget, iceServers, owner, readState, say, socket, take, token, watch } from './link';
import { rejoin } from './call';
import './messages'; // reads a sign-out's event before this page forgets whose it was
import * as sound from './sound';

let session = '';

/** The providers people can sign in with, as the server names them. */
export const providers = signal<SignInProvider[]>([]);

/** begin signs in with what a provider has just vouched for, or the token of the address or of this tab, if there is one. */
export function begin(): void {
  owner(refused, () => void rejoin());
  void api.getSignin().then((o) => (providers.value = o.providers), () => undefined);
  const answer = tokens.signInAnswer();
  if (answer !== null) {
    void arrive(answer);
    return;
  }
  const t = tokens.fromFragment() ?? tokens.load();
  if (t !== null) void signIn(t);
}

/** arrive goes on where a provider has sent the browser back. */
async function arrive(answer: string): Promise<void> {
  if (answer !== 'done') {
    notice.value = { kind: 'error', text: text.providers.failed[answer] ?? text.providers.failedOtherwise };
    return;
  }
  signingIn.value = true;
  try {
    const got = await api.postSigninToken();
    signingIn.value = false;
    await signIn(got.token);
  } catch (err) {
    signingIn.value = false;
    const p = Problem.of(err);
    notice.value = { kind: 'error', text: text.providers.failed[p.code] ?? say(p) };
  }
}

/** preflight tells the server that the sound check was passed, before it offers a call. */
export async function preflight(notifications: boolean): Promise<void> {
  const checks = { microphone: 'passed', speaker: 'passed', sound: 'passed', notifications: notifications ? 'passed' : 'failed' };
  try {
    await api.postAgentPreflight('me', { checks });
  } catch (err) {
    const p = Problem.of(err);
    notice.value = { kind: 'error', text: text.problems[p.code] ?? text.problem(p.detail) };
  }
}

/** What a token that is no agent's may come for. */
const office = ['config:read', 'config:write', 'recording:read', 'audit:read', 'supervise:wall', 'campaign:write', 'report:read', 'call-record:read', 'webhook:read', 'callback:read', 'token:read'];

/** administers starts the office with a token that is no agent's. */
export function administers(t: string): boolean {
  const c = tokens.claims(t);
  const over = c?.exp !== undefined && c.exp * 1000 < Date.now(); // the server will say so
  const may = c !== null && !over && c.agent === undefined && office.some((p) => allows(c.grants ?? [], p) || queues(c.grants ?? [], p).length > 0);
  if (may) {
    take(t);
    notice.value = null;
    admin.value = true;
  }
  return may;
}

/** signIn starts the desktop with a token. Failures are shown. */
export async function signIn(t: string): Promise<void> {
  if (signingIn.value || administers(t)) return;
  if (tokens.claims(t) === null) {
    notice.value = { kind: 'error', text: t === '' ? text.signin.noToken : text.signin.notAToken };
    return;
  }
  signingIn.value = true;
  notice.value = null;
  try {
    token.value = t;
    const answer = await api.postSessions({});
    take(answer.token.token);
    session = answer.session.id;
    iceServers.value = answer.ice_servers;
    rules.value = {
      pauseSeconds: answer.config.pause_seconds,
      notReady: answer.config.not_ready_reasons,
      wrapup: answer.config.wrapup_reasons,
    };
    state.value = { ...nothing, me: answer.agent.id, agent: answer.agent };
    await readState();
    socket.start(state.value.seq);
    signedIn.value = true;
  } catch (err) {
    const p = Problem.of(err);
    if (p.status === 401) {
      forget();
      notice.value = { kind: 'error', text: text.signin.refused };
    } else {
      notice.value = { kind: 'error', text: text.problems[p.code] ?? text.problem(p.detail) };
    }
  } finally {
    signingIn.value = false;
  }
}

/**
 * signOut asks the server to sign the agent out. While a call or its wrap-up is open the sign-out is pending: the
 * page stays until the server grants it, and setting a state takes it back.
 */
export async function signOut(): Promise<void> {
  let answer: Agent;
  try {
    answer = await api.deleteSession(session);
  } catch (err) {
    const p = Problem.of(err);
    if (p.status !== 401 && p.status !== 404) {
      fail(err);
      return;
    }
    leave();
    return;
  }
  if (answer.state === 'offline') {
    leave();
    return;
  }
  leavingOpen.value = true;
}

/** staySignedIn takes a pending sign-out back. In wrap-up, which turning ready would end at once, the agent is not ready afterwards. */
export const staySignedIn = (): Promise<void> => setState(state.value.wrapup === null ? 'ready' : 'not_ready');

watch((e) => {
  if (e.type !== 'agent.signed_out' || e.data.id !== state.value.me) return;
  const by = e.actor ?? '';
  const own = by === '' || by === 'server' || by === 'desk' || by === state.value.me;
  leave();
  notice.value = { kind: 'info', text: own ? text.leaving.granted : text.leaving.forced(by) };
});

function leave(): void {
  batch(() => {
    sound.disconnect();
    notify.calm();
    forget();
    drafts.clear();
    leavingOpen.value = false;
    state.value = nothing;
    signedIn.value = false;
    notice.value = null;
  });
}

function refused(why: string): void {
  leave();
  admin.value = false;
  const words: Partial<Record<string, string>> = { token_revoked: text.providers.revoked, account_disabled: text.providers.revoked, signin_over: text.providers.over };
  notice.value = { kind: 'error', text: words[why] ?? text.signin.refused };
}

/** signOutOffice gives the token of somebody who takes no calls up, here and at the server. */
export async function signOutOffice(): Promise<void> {
  try {
    await api.postTokenRevoke();
  } catch (err) {
    const p = Problem.of(err);
    if (p.status !== 401 && p.status !== 503) {
      fail(err);
      return;
    }
  }
  leave();
  admin.value = false;
}

/** setState asks for ready or not ready. During a call and its wrap-up the server keeps it for afterwards. */
export async function setState(to: 'ready' | 'not_ready', reason?: string): Promise<void> {
  const a = state.value.agent;
  if (a === null) return;
  const body: StateRequest = { state: to };
  if (reason !== undefined) body.reason = reason;
  try {
    await commands.postAgentState(a.id, body);
  } catch {
    return; // shown by commands
  }
  if (!isFree(state.value.agent?.state)) wanted.value = to;
}

function isFree(s: AgentState | undefined): boolean {
  return s === undefined || s === 'ready' || s === 'not_ready' || s === 'offline';
}

/** station chooses where calls ring: a desk phone's number or address, or with none this browser; handover moves the call there too. */
export async function station(to: string, handover: boolean): Promise<Faults> {
  try {
    const a = await api.postAgentStation('me', { station: to, ...(handover ? { handover } : {}) });
    state.value = { ...state.value, agent: a };
  } catch (err) {
    return faults(Problem.of(err));
  }
  return none;
}

/** start forgets the wish once it has come true; called once. */
export function start(): void {
  effect(() => {
    if (isFree(state.value.agent?.state)) wanted.value = null;
  });
}
