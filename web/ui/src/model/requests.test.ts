import { describe, expect, it } from 'vitest';
import { PAGE, type Request, counted, found, sorted, together } from './requests';
import { signoutLine } from './signout';

const r = (id: string, kind: Request['kind'], second: number, title = id): Request => ({ id, kind, created: `2026-03-01T09:00:0${second}.000Z`, title });

describe('requests', () => {
  it('W12 stands by kind, then the oldest first', () => {
    const all = [r('c2', 'call', 5), r('chat', 'chat', 4), r('c1', 'call', 1), r('mail', 'email', 9), r('social', 'social', 0)];
    expect(sorted(all).map((x) => x.id)).toEqual(['mail', 'social', 'chat', 'c1', 'c2']);
    expect(all[0]?.id).toBe('c2'); // what was given is left alone
  });

  it('W10 counts a stack of more than five', () => {
    expect(PAGE).toBe(5);
    expect(counted(5)).toBe('');
    expect(counted(8)).toBe('1-5 of 8');
    expect(counted(8, 5)).toBe('6-8 of 8');
  });

  it('W11 takes written requests together, calls never', () => {
    expect(together([r('c', 'call', 1), r('m', 'email', 2), r('t', 'chat', 3)]).map((x) => x.id)).toEqual(['m', 't']);
  });

  it('X10 finds every request of a long list', () => {
    const all = Array.from({ length: 9 }, (_, i) => r(`x${i}`, 'chat', i, `Order ${i} late`));
    expect(found(all, '')).toHaveLength(9);
    expect(found(all, 'LATE 7').map((x) => x.id)).toEqual(['x7']);
  });
});

describe('sign-out', () => {
  const t = { offer: 'a call is on its way', call_setup: 'a call is being set up', call: 'your call', wrapup: 'wrap-up' };
  const at = Date.parse('2026-03-01T09:00:00.000Z');

  it('G36 G37 says what it waits for and counts down by the server', () => {
    expect(signoutLine({ waits_for: 'offer', by: '2026-03-01T09:00:08.000Z' }, at, t)).toBe('a call is on its way, 0:08');
    expect(signoutLine({ waits_for: 'offer', by: '2026-03-01T09:01:10.000Z' }, at, t)).toBe('a call is on its way, 1:10');
    expect(signoutLine({ waits_for: 'offer', by: '2026-03-01T08:59:00.000Z' }, at, t)).toBe('a call is on its way, 0:00');
  });

  it('names a call without a time, for nobody knows when it ends', () => {
    expect(signoutLine({ waits_for: 'call' }, at, t)).toBe('your call');
    expect(signoutLine(undefined, at, t)).toBe('');
    expect(signoutLine({ waits_for: 'something new' }, at, t)).toBe('something new');
  });
});
