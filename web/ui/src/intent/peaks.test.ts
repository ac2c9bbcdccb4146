import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Problem } from '../link/problem';
import { Api } from '../wire/api';
import { readPeaks } from './peaks';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const waveform = { recording_id: 'rec_1', step_ms: 100, tracks: [] };

function server(...answers: unknown[]): { api: Api; asked: () => number } {
  let n = 0;
  const api = new Api(async () => {
    const a = answers[Math.min(n++, answers.length - 1)];
    await Promise.resolve();
    if (a instanceof Error) throw a;
    return a;
  });
  return { api, asked: () => n };
}

test('a waveform that is being made is asked for again', async () => {
  const pending = new Problem(503, 'peaks_pending', '');
  const s = server(pending, pending, waveform);
  const got = readPeaks(s.api, 'rec_1', () => true);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await got).toEqual(waveform);
  expect(s.asked()).toBe(3);
});

test('one that cannot be had, or that nobody wants any more, is not', async () => {
  const gone = server(new Problem(410, 'recording_erased', ''));
  expect(await readPeaks(gone.api, 'rec_1', () => true)).toBeNull();
  expect(gone.asked()).toBe(1);
  let wanted = true;
  const pending = server(new Problem(503, 'peaks_pending', ''));
  const got = readPeaks(pending.api, 'rec_1', () => wanted);
  await vi.advanceTimersByTimeAsync(1000);
  wanted = false;
  await vi.advanceTimersByTimeAsync(5000);
  expect(await got).toBeNull();
  expect(pending.asked()).toBe(1);
});
