import { describe, expect, it } from 'vitest';
import { agent, event } from './fixture';
import { added, KEPT, message, type Message } from './messages';

const me = 'agt_me';

describe('messages', () => {
  it('G39 tell of a pending sign-out and that it was granted', () => {
    expect(message(event(1, 'agent.signout_pending', agent({ state: 'signout_pending' })), me, false)?.kind).toBe('signout_pending');
    expect(message(event(2, 'agent.signed_out', agent({ state: 'offline' })), me, true)?.kind).toBe('signed_out');
  });
  it('tell that a sign-out was taken back, once and only then', () => {
    expect(message(event(1, 'agent.state_changed', agent({ state: 'ready' })), me, true)?.kind).toBe('signout_taken_back');
    expect(message(event(2, 'agent.state_changed', agent({ state: 'ready' })), me, false)).toBeNull();
    expect(message(event(3, 'agent.state_changed', agent({ state: 'offline' })), me, true)).toBeNull();
    expect(message(event(4, 'agent.state_changed', agent({ state: 'signout_pending', signout: { waits_for: 'call' } })), me, true)).toBeNull();
  });
  it('tell of my campaigns, and nothing of others', () => {
    const notice = { agent: me, campaign: 'cmp_1', name: 'Spring', mode: 'preview' as const };
    expect(message(event(1, 'campaign.announced', notice), me, false)).toMatchObject({ kind: 'campaign', about: 'Spring' });
    expect(message(event(2, 'campaign.announced', { ...notice, agent: 'agt_other' }), me, false)).toBeNull();
    expect(message(event(3, 'agent.signed_out', agent({ id: 'agt_other' })), me, false)).toBeNull();
  });
  it('are kept newest first, once each, and not for ever', () => {
    let all: readonly Message[] = [];
    for (let i = 0; i < KEPT + 5; i++) all = added(all, { id: `evt_${i}`, time: '', kind: 'campaign', about: '' });
    expect([all.length, all[0]?.id, all.at(-1)?.id]).toEqual([KEPT, `evt_${KEPT + 4}`, 'evt_5']);
    expect(added(all, all[3] ?? null)).toBe(all);
    expect(added(all, null)).toBe(all);
  });
});
