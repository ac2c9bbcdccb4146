import { describe, expect, it } from 'vitest';
import { Problem } from '../link/problem';
import type { Callback, CampaignRecord, Control, Controls, Handling, Offer } from '../wire/wire';
import { controlsOf, plain } from './controls';
import { readDispositions, writeDispositions } from './dispositions';
import { Drafts, type Store } from './drafts';
import { faults } from './faults';
import { agent, event, offer, signedIn } from './fixture';
import { kindOf, lines, who } from './offer';
import { apply } from './state';
import { tasks } from './tasks';

const variables = Array.from({ length: 12 }, (_, i) => ({ name: `v${i}`, label: `Label ${i}`, value: `${i}` }));
const callback: Callback = {
  id: 'cbk_1', kind: 'courtesy', state: 'offered', number: '+38641234567', name: 'Ana Kranjc', queue: 'que_1', attempts: 0, limit: 3,
  created: '2026-03-02T09:59:00.000Z', by: 'customer', version: 1, allowed: [],
};
const record: CampaignRecord = {
  id: 'crc_1', campaign: 'cmp_1', state: 'preview', name: 'Jan Novak', numbers: [{ number: '+38641999888' }], at: 0, row: 1, attempts: 0,
  fields: { City: 'Ljubljana', Plan: 'Basic' }, history: [], allowed: [], version: 1,
};

describe('a ring', () => {
  it.each<[string, Partial<Offer>, string]>([
    ['a call', {}, 'call'],
    ['S5 a returned call', { class: 1 }, 'returned'],
    ['S7 a new customer', { class: 2 }, 'new_customer'],
    ['a consult', { consult: 'con_1' }, 'consult'],
    ['W18 W105 a callback', { callback }, 'callback'],
    ['W19 a campaign contact', { record }, 'record'],
  ])('knows %s', (_, more, want) => expect(kindOf(offer(more))).toBe(want));

  it('W13 W20 shows at most six variables, in the order they come', () => {
    const got = lines(offer({ variables }));
    expect(got.map((l) => l.label)).toEqual(['Label 0', 'Label 1', 'Label 2', 'Label 3', 'Label 4', 'Label 5']);
  });
  it('W15 W16 shows at most nine in a consult', () => expect(lines(offer({ variables, consult: 'con_1' }))).toHaveLength(9));
  it('W19 shows what the list says of a contact', () => expect(lines(offer({ record }))).toEqual([{ label: 'City', value: 'Ljubljana' }, { label: 'Plan', value: 'Basic' }]));
  it('W17 shows four digits of a number without a name', () => {
    expect(who(offer())).toBe('••• 4567');
    expect(who(offer({ callback }))).toBe('Ana Kranjc');
    expect(who(offer({ record: { ...record, name: '' } }))).toBe('••• 4567');
  });
});

describe('a missed offer', () => {
  const rona = agent({ state: 'not_ready', reason: 'rona', version: 2 });
  const s = [event(11, 'offer.created', offer()), event(12, 'offer.expired', offer({ state: 'expired' })), event(13, 'agent.state_changed', rona)].reduce(apply, signedIn());
  it('W23 is remembered while the agent is not ready because of it', () => {
    expect(s.offer).toBeNull();
    expect(s.missed?.id).toBe('off_1');
  });
  it('is forgotten when the agent is ready, not ready by choice, or rung again', () => {
    expect(apply(s, event(14, 'agent.state_changed', agent({ version: 3 }))).missed).toBeNull();
    expect(apply(s, event(14, 'agent.state_changed', agent({ state: 'not_ready', reason: 'break', version: 3 }))).missed).toBeNull();
    expect(apply(s, event(14, 'offer.created', offer({ id: 'off_2' }))).missed).toBeNull();
  });
  it('a declined one is not', () => expect(apply(signedIn(), event(11, 'offer.declined', offer({ state: 'declined' }))).missed).toBeNull());
});

describe('requests', () => {
  const list = (callbacks: Callback[], o: Offer | null = null, r: CampaignRecord | null = null) =>
    tasks(o === null ? [] : [o], callbacks, r === null ? [] : [r], 'agt_me', (q) => q, (what, name, queue) => [what, name, queue].join(' '));
  it('are the ring, my callbacks and the record before me', () => {
    const got = list([{ ...callback, state: 'preview', agent: 'agt_me' }, { ...callback, id: 'cbk_2', state: 'waiting', assignee: 'agt_me' }], offer(), record);
    expect(got.map((x) => x.title)).toEqual(['call ••• 4567 que_1', 'before Ana Kranjc que_1', 'due Ana Kranjc que_1', 'record Jan Novak ']);
  });
  it('are none of others', () => {
    expect(list([{ ...callback, state: 'waiting' }, { ...callback, state: 'preview', agent: 'agt_other' }], null, { ...record, state: 'talking' })).toEqual([]);
  });
});

class Memory implements Store {
  private kept = new Map<string, string>();
  full = false;
  get length(): number { return this.kept.size; }
  key(i: number): string | null { return [...this.kept.keys()][i] ?? null; }
  getItem(key: string): string | null { return this.kept.get(key) ?? null; }
  removeItem(key: string): void { this.kept.delete(key); }
  setItem(key: string, value: string): void {
    if (this.full) throw new Error('quota');
    this.kept.set(key, value);
  }
}

describe('drafts', () => {
  it('X11 outlive the page that typed them, until they are saved', () => {
    const store = new Memory();
    new Drafts(store).set('variable.call_1.case', { value: '47', version: 1 });
    const again = new Drafts(store);
    expect(again.get('variable.call_1.case')).toEqual({ value: '47', version: 1 });
    again.forget('variable.call_1.case');
    expect(again.get('variable.call_1.case')).toBeNull();
  });
  it('go at sign-out, and nothing else with them', () => {
    const store = new Memory();
    store.setItem('cordboard.token', 't');
    const d = new Drafts(store);
    d.set('a', 1);
    d.set('b', 2);
    d.clear();
    expect([d.get('a'), d.get('b'), store.getItem('cordboard.token')]).toEqual([null, null, 't']);
  });
  it('bear a full or damaged storage', () => {
    const store = new Memory();
    const d = new Drafts(store);
    store.setItem('cordboard.draft.a', '{');
    expect(d.get('a')).toBeNull();
    store.full = true;
    expect(() => d.set('b', 1)).not.toThrow();
  });
});

describe('faults', () => {
  it('W117 W125 stand at their fields in the server’s words', () => {
    const p = new Problem(422, 'invalid_callback', 'the callback breaks rules', [
      { pointer: '/number', code: 'length', detail: '7 to 15 characters' }, { pointer: '/from', code: 'too_early', detail: 'at least 30 minutes ahead' },
      { pointer: '/from', code: 'closed' }, { pointer: '/add/number', code: 'required' },
    ]);
    expect(faults(p)).toEqual({
      fields: { number: '7 to 15 characters', from: 'at least 30 minutes ahead; closed', 'add.number': 'required' }, detail: 'the callback breaks rules',
    });
  });
});

describe('a single fault', () => {
  it('stands at its field alone', () => {
    const p = new Problem(422, 'invalid', 'a text is needed', [{ pointer: '/name', code: 'required', detail: 'a text is needed' }]);
    expect(faults(p)).toEqual({ fields: { name: 'a text is needed' }, detail: '' });
    expect(faults(new Problem(409, 'campaign_wrong_state', ''))).toEqual({ fields: {}, detail: 'campaign_wrong_state' });
  });
});

describe('controls', () => {
  const h = (controls: Record<string, Controls>): Handling => ({ call_id: 'call_1', state: 'held', participants: [], controls });
  it('W29 W96 are the server’s: a held call cannot be ended', () => {
    const held = { ...plain, end: { visible: true, enabled: false } };
    expect(controlsOf(h({ agt_me: held }), 'agt_me').end).toEqual({ visible: true, enabled: false });
  });
  it('W50 are none for who is not in the matrix', () => {
    expect((Object.values(controlsOf(h({}), 'agt_me')) as Control[]).some((c) => c.visible)).toBe(false);
  });
  it('are the plain ones where the desk does not handle the call', () => expect(controlsOf(null, 'agt_me')).toBe(plain));
});

describe('dispositions', () => {
  it('are lines of code and words, and come back as they were', () => {
    const lines = 'sold = Sold it\nlater\n';
    const read = readDispositions(` sold = Sold it \n\nlater\n = nothing`);
    expect(read).toEqual([{ code: 'sold', label: 'Sold it' }, { code: 'later', label: '' }]);
    expect(`${writeDispositions(read)}\n`).toBe(lines);
  });
});
