// What the agent does with a call beyond speaking: ask somebody, swap, open a conference, leave it, give the
// call away, edit its variables. The server says what is possible; what it refuses is shown in words.

import { signal } from '@preact/signals';
import { Problem } from '../link/problem';
import { state } from '../model/store';
import type { Target, TargetKind, TargetList, Variable } from '../wire/wire';
import { command, fail, http } from './link';

/** What the search for somebody has found. */
export const targets = signal<Target[]>([]);

function path(action: string): string | null {
  const call = state.value.call;
  return call === null ? null : `/v1/calls/${call.id}/${action}`;
}

async function post(action: string, body?: object): Promise<void> {
  const p = path(action);
  if (p !== null) await command('POST', p, body ?? {}).catch(() => undefined);
}

export const hold = (on: boolean): Promise<void> => post(on ? 'hold' : 'resume');
export const swap = (): Promise<void> => post('consult/swap');
export const endConsult = (): Promise<void> => post('consult/end');
export const merge = (): Promise<void> => post('conference');
export const exit = (): Promise<void> => post('exit');
export const complete = (): Promise<void> => post('transfer');
export const drop = (leg: string): Promise<void> => post('drop', { leg_id: leg });

/** What can be done with somebody who was chosen. */
export type Reach = 'consult' | 'conference' | 'transfer';

export async function reach(how: Reach, kind: TargetKind, target: string, wait: boolean): Promise<void> {
  await post(how, how === 'consult' ? { kind, target, hold_participants: wait } : { kind, target });
}

export async function search(text: string): Promise<void> {
  const found = (await http.json('GET', `/v1/targets?limit=50&text=${encodeURIComponent(text)}`).catch(fail)) as TargetList | undefined;
  targets.value = found?.items.filter((t) => t.id !== state.value.me) ?? [];
}

/** save stores a variable; when somebody else was faster it gives back what they stored. */
export async function save(v: Variable, value: string): Promise<string | null> {
  const p = path(`variables/${encodeURIComponent(v.name)}`);
  if (p === null) return null;
  try {
    await http.json('PUT', p, { value, version: v.version });
    return null;
  } catch (err) {
    const problem = Problem.of(err);
    if (problem.code !== 'variable_conflict') {
      fail(err);
      return null;
    }
    return problem.errors.find((e) => e.code === 'stored')?.detail ?? '';
  }
}

/** reveal fetches a secure value, to be shown for as long as the page wants. */
export async function reveal(v: Variable): Promise<string> {
  const p = path(`variables/${encodeURIComponent(v.name)}`);
  if (p === null) return '';
  const got = (await http.json('GET', p).catch(fail)) as Variable | undefined;
  return got?.value ?? '';
}
