import { describe, expect, it } from 'vitest';
import type { Gap, Marker, Recording } from '../wire/wire';
import { allows, mayDo, queues, some } from './grants';
import { everything, line, midnight, query, SHOWN, told } from './library';

describe('grants', () => {
  it.each([
    [['admin:*'], 'recording:delete', true],
    [['recording:*'], 'recording:delete', true],
    [['recording:*'], 'audit:read', false],
    [['recording:*'], 'recording:', false],
    [['recording:read'], 'recording:read:own', true],
    [['recording:read:own'], 'recording:read', false],
    [['recording:read'], 'recording:reader', false],
    [[], 'recording:read', false],
  ])('%j covers %s: %j', (grants, permission, want) => {
    expect(allows(grants, permission)).toBe(want);
  });
  it('narrows to queues', () => {
    const g = ['recording:hold:queue:sales', 'recording:hold:queue:*', 'recording:hold:queue:', 'recording:listen:queue:help'];
    expect(queues(g, 'recording:hold')).toEqual(['sales']);
    expect([some(g, 'recording:hold'), some(g, 'recording:delete'), some(['recording:read:own'], 'recording:read')]).toEqual([true, false, true]);
  });
  it('decides for one recording', () => {
    const rec = { queue: 'sales', agent: 'maja', agents: ['maja', 'tim'] } as Recording;
    expect(mayDo(['recording:hold:queue:sales'], 'recording:hold', rec, '')).toBe(true);
    expect(mayDo(['recording:hold:queue:help'], 'recording:hold', rec, '')).toBe(false);
    expect(mayDo(['recording:listen:own'], 'recording:listen', rec, 'tim')).toBe(true);
    expect(mayDo(['recording:listen:own'], 'recording:listen', rec, 'ana')).toBe(false);
    expect(mayDo(['recording:listen:own'], 'recording:listen', rec, '')).toBe(false);
  });
});

describe('query', () => {
  it('asks for a page of everything', () => {
    expect(query(everything)).toEqual({ limit: SHOWN });
    expect(query(everything, 'rec_9')).toEqual({ limit: SHOWN, cursor: 'rec_9' });
  });
  it('asks for what is filled in', () => {
    const q = query({ from: '2026-11-20', till: '2026-11-21', agent: ' maja ', queue: 'sales', number: '+386 40 555 012', state: 'stored', held: 'true' });
    expect(q).toEqual({
      since: midnight('2026-11-20', 0), until: midnight('2026-11-22', 0), agent: 'maja', queue: 'sales', number: '+386 40 555 012', state: 'stored', held: true, limit: SHOWN,
    });
  });
  it('looks for the end of a number without its country', () => {
    expect(query({ ...everything, number: '555 012' }).number_end).toBe('555 012');
  });
  it('knows days, over the end of a year too', () => {
    expect(midnight('2026-12-31', 1)).toBe(new Date(2027, 0, 1).toISOString().replace('.000Z', 'Z'));
    expect([midnight('', 0), midnight('21.11.2026', 0)]).toEqual(['', '']);
  });
});

const gap = (offset_ms: number, length_ms: number, cause = 'pause'): Gap => ({ cause, offset_ms, length_ms, from: '' });

describe('line', () => {
  const gaps = [gap(40_000, 10_000), gap(10_000, 5_000), gap(70_000, 9_000, 'crash')];
  it('is one and the same where the lengths are', () => {
    const l = line(gaps, 100_000, 100_120);
    expect([l.toCopy(47_000), l.toLine(47_000)]).toEqual([47_000, 47_000]);
    const unknown = line(gaps, 100_000, Infinity);
    expect(unknown.toCopy(47_000)).toBe(47_000);
  });
  it('jumps over pauses the copy leaves out', () => {
    const l = line(gaps, 100_000, 85_000);
    expect([5_000, 10_000, 12_000, 15_000, 20_000, 45_000, 50_000, 100_000].map((x) => Math.round(l.toCopy(x)))).toEqual([5_000, 10_000, 10_000, 10_000, 15_000, 35_000, 35_000, 85_000]);
    expect([9_000, 11_000, 34_999, 35_001, 85_000].map((x) => Math.round(l.toLine(x)))).toEqual([9_000, 16_000, 39_999, 50_001, 100_000]);
  });
  it('leaves room for a marker tone in each', () => {
    const l = line(gaps, 100_000, 85_400);
    expect(l.toCopy(15_000)).toBeCloseTo(10_200);
    expect(l.toCopy(50_000)).toBeCloseTo(35_400);
    expect(l.toLine(10_100)).toBeCloseTo(12_500);
  });
  it('stands still in silence that only the copy has', () => {
    const l = line(gaps, 100_000, 115_000);
    expect([9_000, 10_001, 40_000].map((x) => Math.round(l.toCopy(x)))).toEqual([9_000, 15_001, 55_000]);
    expect([10_000, 12_000, 15_000, 16_000, 115_000].map((x) => Math.round(l.toLine(x)))).toEqual([10_000, 10_000, 10_000, 11_000, 100_000]);
  });
});

describe('told', () => {
  it('leaves turns of speech to the waveform', () => {
    const all: Marker[] = [{ type: 'speech', offset_ms: 0 }, { type: 'hold', offset_ms: 5, length_ms: 9 }, { type: 'keys', offset_ms: 7, count: 4 }];
    expect(told(all).map((m) => m.type)).toEqual(['hold', 'keys']);
  });
});
