// Signing in and out, and the agent's own state.

import { batch, effect } from '@preact/signals';
import { Problem } from '../link/problem';
import * as tokens from '../link/token';
import { allows, queues } from '../model/grants';
import { nothing } from '../model/state';
import { admin, notice, rules, signedIn, signingIn, state, wanted } from '../model/store';
import * as notify from '../phone/notify';
import { text } from '../text/en';
import type { AgentState, SessionAnswer, StateRequest } from '../wire/wire';
import { command, forget, http, iceServers, owner, readState, socket, take, token } from './link';
import { rejoin } from './call';
import * as sound from './sound';

let session = '';

/** begin signs in with the token of the address or of this tab, if there is one. */
export function begin(): void {
  owner(refused, rejoin);
  const t = tokens.fromFragment() ?? tokens.load();
  if (t !== null) void signIn(t);
}

/** preflight tells the server that the sound check was passed, before it offers a call. */
export async function preflight(notifications: boolean): Promise<void> {
  const checks = { microphone: 'passed', speaker: 'passed', sound: 'passed', notifications: notifications ? 'passed' : 'failed' };
  try {
    await http.json('POST', '/v1/agents/me/preflight', { checks });
  } catch (err) {
    const p = Problem.of(err);
    notice.value = { kind: 'error', text: text.problems[p.code] ?? text.problem(p.detail) };
  }
}

/** What a token that is no agent's may come for: the configuration, recordings of others, the audit log. */
const office = ['config:read', 'config:write', 'recording:read', 'audit:read'];

/** administers starts the office with a token that is no agent's. */
export function administers(t: string): boolean {
  const c = tokens.claims(t);
  const may = c !== null && c.agent === undefined && office.some((p) => allows(c.grants ?? [], p) || queues(c.grants ?? [], p).length > 0);
  if (may) {
    token.value = t;
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
    const answer = (await http.json('POST', '/v1/sessions', {})) as SessionAnswer;
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

/** signOut ends the session on the server and forgets everything here. */
export async function signOut(): Promise<void> {
  try {
    await http.json('DELETE', `/v1/sessions/${session}`);
  } catch (err) {
    const p = Problem.of(err);
    if (p.status === 409) {
      notice.value = { kind: 'error', text: text.problem(p.detail) }; // in a call, for instance
      return;
    }
  }
  leave();
}

function leave(): void {
  batch(() => {
    sound.disconnect();
    notify.calm();
    forget();
    state.value = nothing;
    signedIn.value = false;
    notice.value = null;
  });
}

function refused(): void {
  leave();
  notice.value = { kind: 'error', text: text.signin.refused };
}

/** setState asks for ready or not ready. During a call and its wrap-up the server keeps it for afterwards. */
export async function setState(to: 'ready' | 'not_ready', reason?: string): Promise<void> {
  const a = state.value.agent;
  if (a === null) return;
  const body: StateRequest = { state: to };
  if (reason !== undefined) body.reason = reason;
  try {
    await command('POST', `/v1/agents/${a.id}/state`, body);
  } catch {
    return; // shown by command
  }
  if (!isFree(state.value.agent?.state)) wanted.value = to;
}

function isFree(s: AgentState | undefined): boolean {
  return s === undefined || s === 'ready' || s === 'not_ready' || s === 'offline';
}

/** start forgets the wish once it has come true; called once. */
export function start(): void {
  effect(() => {
    if (isFree(state.value.agent?.state)) wanted.value = null;
  });
}
