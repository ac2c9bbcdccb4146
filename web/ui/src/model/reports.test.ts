import { describe, expect, it } from 'vitest';
import { anyRecord, dayIn, length, percent, recordQuery, reportQuery, today } from './reports';

describe('the begin of a day in a zone', () => {
  it.each([
    ['2026-03-01', 0, 'UTC', '2026-03-01T00:00:00Z'],
    ['2026-03-01', 0, 'Asia/Kathmandu', '2026-02-28T18:15:00Z'],
    ['2026-03-29', 0, 'Europe/Ljubljana', '2026-03-28T23:00:00Z'],
    ['2026-03-29', 1, 'Europe/Ljubljana', '2026-03-29T22:00:00Z'], // 23 hours later
    ['2026-10-25', 1, 'Europe/Ljubljana', '2026-10-25T23:00:00Z'], // 25 hours later
    ['2026-09-06', 0, 'America/Santiago', '2026-09-06T04:00:00Z'], // 00:00 is skipped
    ['2026-11-01', 0, 'America/Havana', '2026-11-01T04:00:00Z'], // 00:00 comes twice
    ['2026-12-31', 1, 'America/New_York', '2027-01-01T05:00:00Z'],
    ['', 0, 'UTC', ''],
    ['2026-03-01', 0, 'Nowhere/Land', ''],
  ])('%s and %i days in %s', (day, later, zone, want) => {
    expect(dayIn(day, later, zone)).toBe(want);
  });
});

describe('queries', () => {
  it('asks for whole days of the zone', () => {
    const q = reportQuery({ from: '2026-10-25', till: '2026-10-25', zone: 'Europe/Ljubljana', every: 'hour', kind: 'agent' });
    expect(q).toEqual({ since: '2026-10-24T22:00:00Z', until: '2026-10-25T23:00:00Z', zone: 'Europe/Ljubljana', every: 'hour', kind: 'agent' });
    expect(reportQuery({ from: '', till: '', zone: 'UTC', every: 'all', kind: 'queue' })).toEqual({ zone: 'UTC', every: 'all', kind: 'queue' });
  });
  it('asks for records by what is filled in, and never for more than the end of a number', () => {
    expect(recordQuery(anyRecord)).toEqual({});
    const q = recordQuery({ ...anyRecord, agent: ' maja ', number: '+386 41 123 456', outcome: 'abandoned', direction: 'inbound', disposition: ' solved ' });
    expect(q).toEqual({ agent: 'maja', number_end: '3456', outcome: 'abandoned', direction: 'inbound', disposition: 'solved' });
  });
});

describe('numbers', () => {
  it('are written with what there was none of', () => {
    expect([percent(undefined), percent(0), percent(0.8049), percent(1)]).toEqual(['–', '0.0 %', '80.5 %', '100.0 %']);
    expect([length(undefined), length(0), length(4.6), length(3725)]).toEqual(['–', '0:00', '0:04', '1:02:05']);
    expect(today(new Date(2026, 0, 5, 23, 59))).toBe('2026-01-05');
  });
});
