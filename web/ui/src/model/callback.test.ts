import { describe, expect, it } from 'vitest';
import { call } from './fixture';
import { aboutCall, dialOf, first } from './callback';
import { hidden } from './format';
import type { Callback, CampaignRecord } from '../wire/wire';

const callback: Callback = {
  id: 'cbk_1', kind: 'scheduled', state: 'scheduled', number: '+38640555012', name: 'Ana Kranjc', queue: 'que_2', zone: 'Europe/Ljubljana', start: '2026-03-02T09:00:00Z',
  end: '2026-03-02T10:30:00Z', assignee: 'agt_me', fallback_seconds: 300, preferred: 'agt_2', entry_point: '0800', origin: 'call_a', attempts: 1, limit: 4, retry_seconds: 600,
  created: '2026-03-01T09:00:00Z', by: 'agt_me', version: 3, allowed: ['change'],
};
const masked = '••••••••5012';

describe('the form of a callback', () => {
  it('G17 begins with all of the callback, so that saving another time changes the time alone', () => {
    expect(first(callback, undefined, ['que_1', 'que_2'], 'UTC')).toEqual({
      number: '+38640555012', name: 'Ana Kranjc', queue: 'que_2', date: '2026-03-02', from: '10:00', till: '11:30', zone: 'Europe/Ljubljana', reason: '', assignee: 'agt_me',
      fallback_seconds: 300, preferred: 'agt_2', entry_point: '0800', attempts: 4, retry_seconds: 600,
    });
  });
  it('G16 names no call when it changes a callback while another call runs', () => {
    expect(first(callback, aboutCall(call({ id: 'call_b' })), ['que_2'], 'UTC')).not.toHaveProperty('call_id');
  });
  it('W112 is of the call it is agreed in', () => {
    expect(first(null, aboutCall(call({ queue: 'que_2' })), ['que_1', 'que_2'], 'UTC')).toMatchObject({ number: '+38641234567', queue: 'que_2', call_id: 'call_1', zone: 'UTC' });
  });
  it('G17 is for the contact that was found', () => {
    expect(first(null, { number: masked, name: 'Ana', queue: 'que_2', contact: { list: 'lst_1', row: 2, index: 1 } }, ['que_2'], 'UTC').contact).toEqual({ list: 'lst_1', row: 2, index: 1 });
  });
  it('is for the first queue where that of the call is not mine', () => {
    expect(first(null, aboutCall(call({ queue: 'que_9' })), ['que_1'], 'UTC').queue).toBe('que_1');
  });
  it.each([
    ['of a callback', first({ ...callback, number: masked }, undefined, ['que_2'], 'UTC')],
    ['of a contact', first(null, { number: masked, name: 'Ana', queue: 'que_2', contact: { list: 'lst_1', row: 2, index: 0 } }, ['que_2'], 'UTC')],
    ['of a call', first(null, aboutCall(call({ from: masked })), ['que_2'], 'UTC')],
  ])('G17 never sends a masked number %s back', (_, r) => expect(r.number).toBe(''));
});

describe('a number of a record', () => {
  const record = { numbers: [{ number: '+38640111' }, { number: '+38640222' }], at: 0 } as CampaignRecord;
  it('is named unless it is its turn', () => expect([dialOf(record, 0), dialOf(record, 1)]).toEqual([{}, { index: 1 }]));
  it('is never a masked one', () => expect(dialOf({ ...record, numbers: [{ number: masked }, { number: masked }] }, 1)).toEqual({ index: 1 }));
  it('hidden', () => expect([hidden(masked), hidden('+38640111')]).toEqual([true, false]));
});
