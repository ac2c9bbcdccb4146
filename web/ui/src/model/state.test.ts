import { describe, expect, it } from 'vitest';
import { agent, call, event, leg, offer, recording, signedIn, wrapup } from './fixture';
import { apply, customer, nothing, ownLeg, screen, since, snapshot, type State } from './state';
import type { CampaignRecord, Event, Work } from '../wire/wire';

const run = (s: State, ...events: Event[]) => events.reduce(apply, s);

describe('a whole call', () => {
  const mine = leg({ id: 'leg_me', kind: 'webrtc', role: 'agent', agent: 'agt_me' });
  const steps: [string, Event, string][] = [
    ['rings', event(11, 'offer.created', offer()), 'ring'],
    ['is reserved', event(12, 'agent.state_changed', agent({ state: 'reserved', offer_id: 'off_1', version: 2 })), 'ring'],
    ['is accepted', event(13, 'offer.accepted', offer({ state: 'accepted' })), 'idle'],
    ['makes busy', event(14, 'agent.state_changed', agent({ state: 'busy', call_id: 'call_1', version: 3 })), 'idle'],
    ['shows the call', event(15, 'call.connected', call()), 'call'],
    ['has my leg', event(16, 'leg.answered', mine), 'call'],
    ['records', event(17, 'recording.started', recording()), 'call'],
    ['holds', event(18, 'leg.held', leg({ state: 'held', hold: { local: true, remote: false } })), 'call'],
    ['pauses', event(19, 'recording.paused', recording({ state: 'paused', paused_till: '2026-03-02T10:01:00Z' })), 'call'],
    ['ends', event(20, 'call.ended', call({ state: 'ended' })), 'idle'],
    ['wraps up', event(21, 'wrapup.started', wrapup()), 'wrapup'],
    ['is in wrap-up', event(22, 'agent.state_changed', agent({ state: 'wrapup', wrapup_id: 'wrp_1', version: 4 })), 'wrapup'],
    ['stores', event(23, 'recording.stored', recording({ state: 'stored' })), 'wrapup'],
    ['is done', event(24, 'wrapup.completed', wrapup({ completed: '2026-03-02T10:02:00Z' })), 'idle'],
    ['is ready', event(25, 'agent.state_changed', agent({ version: 5 })), 'idle'],
  ];
  let s = signedIn();
  for (const [name, e, want] of steps) {
    s = apply(s, e);
    const at = s;
    it(name, () => expect(screen(at)).toBe(want));
  }
  const held = run(signedIn(), ...steps.slice(0, 9).map((x) => x[1]));
  it('knows the held customer, my leg and the pause', () => {
    expect(customer(held.call)?.hold.local).toBe(true);
    expect(ownLeg(held.call, 'agt_me')?.id).toBe('leg_me');
    expect(held.recording?.paused_till).toBe('2026-03-02T10:01:00Z');
  });
  it('keeps the call for the wrap-up and counts the archive up', () => {
    expect(s.last?.id).toBe('call_1');
    expect(s.archive).toBe(1);
    expect([s.call, s.recording, s.wrapup, s.offer]).toEqual([null, null, null, null]);
  });
});

describe('a written request', () => {
  const work = (more: Partial<Work> = {}): Work => ({
    id: 'wrk_1', kind: 'email', state: 'open', queue: 'que_1', from: 'ana@example.com', text: 'Where is it?', agent: 'agt_me',
    queued: '2026-03-02T10:00:00.000Z', created: '2026-03-02T10:00:00.000Z', allowed: ['reply', 'close', 'cancel'], version: 3, ...more,
  });
  const ringing = offer({ call_id: '', from: 'ana@example.com', work: work({ state: 'offered', allowed: ['accept', 'decline', 'cancel'] }) });
  const open = run(
    signedIn(),
    event(11, 'offer.created', ringing),
    event(12, 'offer.accepted', { ...ringing, state: 'accepted' }),
    event(13, 'agent.state_changed', agent({ state: 'busy', work_id: 'wrk_1', version: 2 })),
    event(14, 'work.changed', work()),
  );
  it('rings, and is before me once accepted', () => {
    expect(screen(run(signedIn(), event(11, 'offer.created', ringing)))).toBe('ring');
    expect(open.work?.text).toBe('Where is it?');
    expect(open.offer).toBe(null);
    expect(signedIn({ work: work() }).work?.id).toBe('wrk_1'); // after a reload too
  });
  it('R4 asks for a reason once the reply is sent', () => {
    const s = run(open, event(15, 'work.replied', work({ state: 'closed', reply: 'Here.', result: 'replied' })), event(16, 'wrapup.started', wrapup({ call_id: 'wrk_1' })));
    expect(s.work).toBe(null);
    expect(screen(s)).toBe('wrapup');
  });
  it('goes when it is taken back, and is nobody else’s', () => {
    expect(run(open, event(15, 'work.closed', work({ state: 'closed', result: 'cancelled' }))).work).toBe(null);
    expect(run(open, event(15, 'agent.state_changed', agent({ state: 'not_ready', version: 3 }))).work).toBe(null); // it went back
    expect(run(signedIn(), event(11, 'work.changed', work({ agent: 'agt_other' }))).work).toBe(null);
  });
});

describe('apply', () => {
  it('ignores what the snapshot has already seen', () => {
    const s = signedIn();
    expect(apply(s, event(10, 'offer.created', offer()))).toBe(s);
    expect(apply(s, event(9, 'agent.state_changed', agent({ state: 'offline', version: 9 })))).toBe(s);
  });
  it('ignores an agent older than the one it knows', () => {
    const s = signedIn({ agent: agent({ state: 'busy', version: 7 }) });
    expect(apply(s, event(11, 'agent.state_changed', agent({ version: 6 }))).agent?.state).toBe('busy');
  });
  it('takes no part in others’ calls', () => {
    const s = run(
      signedIn(),
      event(11, 'offer.created', offer({ agent: 'agt_other' })),
      event(12, 'call.connected', call({ id: 'call_9', legs: [leg({ call_id: 'call_9' })] })),
      event(13, 'leg.answered', leg({ call_id: 'call_9' })),
      event(14, 'recording.started', recording({ call_id: 'call_9' })),
      event(15, 'wrapup.started', wrapup({ agent: 'agt_other' })),
      event(16, 'agent.state_changed', agent({ id: 'agt_other', state: 'busy' })),
      event(17, 'call.ended', call({ id: 'call_9', state: 'ended', legs: [] })),
    );
    expect({ ...s, seq: 10 }).toEqual(signedIn());
  });
  it.each(['declined', 'expired', 'withdrawn'] as const)('ends a ring that was %s', (how) => {
    const ringing = apply(signedIn(), event(11, 'offer.created', offer()));
    expect(apply(ringing, event(12, `offer.${how}`, offer({ state: how }))).offer).toBeNull();
  });
  it('keeps a newer ring when an older one ends', () => {
    const s = apply(signedIn(), event(11, 'offer.created', offer({ id: 'off_2' })));
    expect(apply(s, event(12, 'offer.expired', offer({ state: 'expired' }))).offer?.id).toBe('off_2');
  });
  it('ends a ring that no event ended when the agent is idle again', () => {
    const s = apply(signedIn(), event(11, 'offer.created', offer()));
    expect(apply(s, event(12, 'agent.state_changed', agent({ state: 'not_ready', reason: 'rona', version: 2 }))).offer).toBeNull();
  });
  it('follows queues', () => {
    const q = { id: 'que_1', name: 'Service', waiting: 0, ready: 1 };
    const s = run(signedIn(), event(11, 'queue.changed', q), event(12, 'queue.changed', { ...q, waiting: 2 }));
    expect(s.queues).toEqual([{ ...q, waiting: 2 }]);
  });
  it('survives an event it does not know', () => {
    const odd = { ...event(11, 'node.draining', { status: 'draining', calls: 0 }), type: 'tea.served' } as unknown as Event;
    expect({ ...apply(signedIn(), odd), seq: 10 }).toEqual(signedIn());
  });
  it('replaces a leg and adds an unknown one', () => {
    const s = signedIn({ agent: agent({ state: 'busy', call_id: 'call_1' }), call: call() });
    const next = run(s, event(11, 'leg.muted', leg({ muted: true })), event(12, 'leg.created', leg({ id: 'leg_x' })));
    expect(next.call?.legs.map((l) => [l.id, l.muted])).toEqual([['leg_c', true], ['leg_x', false]]);
  });
});

describe('since', () => {
  it('counts from my first leg over a reload, and from the call before it', () => {
    const old = leg({ id: 'leg_1', agent: 'agt_me', state: 'ended', answered: '2026-03-02T10:00:05Z' });
    const fresh = leg({ id: 'leg_2', agent: 'agt_me', answered: '2026-03-02T10:03:00Z' });
    expect(since(call({ legs: [fresh, old] }), 'agt_me')).toBe('2026-03-02T10:00:05Z');
    expect(since(call({ answered: '2026-03-02T09:59:00Z' }), 'agt_me')).toBe('2026-03-02T09:59:00Z');
  });
});

describe('snapshot', () => {
  it('brings a reloaded page back into its call', () => {
    const s = snapshot(nothing, { seq: 40, agent: agent({ state: 'busy', call_id: 'call_1' }), call: call(), recordings: [recording({ state: 'paused' })] });
    expect([screen(s), s.recording?.state, s.seq]).toEqual(['call', 'paused', 40]);
  });
  it('brings a reloaded page back into its ring and its wrap-up', () => {
    expect(screen(signedIn({ offer: offer() }))).toBe('ring');
    expect(screen(signedIn({ wrapup: wrapup() }))).toBe('wrapup');
  });
  it('forgets what the server no longer says', () => {
    const s = snapshot(signedIn({ call: call(), offer: offer(), wrapup: wrapup() }), { seq: 50, agent: agent() });
    expect([s.call, s.offer, s.wrapup, s.recording]).toEqual([null, null, null, null]);
  });
  it('takes neither an ended call nor a closed offer', () => {
    const s = signedIn({ call: call({ state: 'ended' }), offer: offer({ state: 'expired' }), wrapup: wrapup({ completed: 'x' }) });
    expect([s.call, s.offer, s.wrapup]).toEqual([null, null, null]);
  });
});

describe('a capture', () => {
  const open = { id: 'cap_1', call_id: 'call_1', leg_id: 'leg_c', state: 'open' as const, count: 0, voice: 'mute' as const, by: 'shop', started: '2026-03-02T10:00:00Z', deadline: '2026-03-02T10:01:00Z' };
  const talking = run(signedIn(), event(15, 'agent.state_changed', agent({ state: 'busy', call_id: 'call_1', version: 3 })), event(16, 'call.connected', call()));
  it('is shown with the number of its keys, and goes', () => {
    const s = run(talking, event(17, 'capture.started', open), event(18, 'capture.changed', { ...open, count: 3 }));
    expect(s.call?.capture?.count).toBe(3);
    expect(run(s, event(19, 'capture.ended', { ...open, count: 3, state: 'complete' })).call?.capture).toBeUndefined();
  });
  it("of another call is nobody's business here", () => {
    expect(run(talking, event(17, 'capture.started', { ...open, call_id: 'call_2' })).call?.capture).toBeUndefined();
  });
});

describe('records of campaigns', () => {
  const record = (more: Partial<CampaignRecord> = {}): CampaignRecord => ({
    id: 'rcd_1', campaign: 'cmp_1', state: 'preview', name: 'Jan Novak', numbers: [{ number: '+38641234567' }], at: 0, row: 1, attempts: 0, history: [], allowed: ['dial'], version: 2, agent: 'agt_me', ...more,
  });
  it('S9 stages whose calls I take are known from the snapshot', () => expect(signedIn({ stages: [{ id: 'new', name: 'New customers', inbound: true }] }).stages).toHaveLength(1));
  it('W11 several written requests ring at once', () => {
    const one = offer({ id: 'off_1' });
    const s = apply(apply(signedIn({ offers: [one], offer: one }), event(11, 'offer.created', offer({ id: 'off_2' }))), event(12, 'offer.accepted', offer({ id: 'off_1', state: 'accepted' })));
    expect(s.offers.map((o) => o.id)).toEqual(['off_2']);
  });
  it('W22 are there again after a reload', () => expect(signedIn({ records: [record()] }).records).toEqual([record()]));
  it('G25 come, change and go', () => {
    let s = apply(signedIn(), event(11, 'record.changed', record()));
    expect(s.records).toHaveLength(1);
    s = apply(s, event(12, 'record.changed', record({ state: 'review', version: 3 })));
    expect(s.records[0]?.state).toBe('review');
    s = apply(s, event(13, 'record.changed', record({ version: 2 }))); // older than what is known
    expect(s.records[0]?.state).toBe('review');
    s = apply(s, event(14, 'record.changed', record({ id: 'rcd_2' })));
    expect(s.records.map((r) => r.id)).toEqual(['rcd_1', 'rcd_2']);
    s = apply(s, event(15, 'record.changed', record({ state: 'closed', version: 4 })));
    expect(s.records.map((r) => r.id)).toEqual(['rcd_2']);
  });
  it('are none of others', () => expect(apply(signedIn(), event(11, 'record.changed', record({ agent: 'agt_2' }))).records).toEqual([]));
});
