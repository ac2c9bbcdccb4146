import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { event, offer } from '../model/fixture';
import type { Event, Hello } from '../wire/wire';
import { backoff, MOST_MS } from './backoff';
import { Problem } from './problem';
import { Socket, type LinkState, type Wire } from './socket';

/** FakeWire is a connection whose other end is the test. */
class FakeWire implements Wire {
  onopen = null;
  onmessage: Wire['onmessage'] = null;
  onclose: Wire['onclose'] = null;
  sent: { id: string; method: string; path: string; body?: unknown; auth?: string }[] = [];
  closed = false;
  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {}
  send(text: string): void {
    this.sent.push(JSON.parse(text) as FakeWire['sent'][number]);
  }
  close(): void {
    this.closed = true;
  }
  says(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  hello(seq: number): void {
    this.says({ hello: { seq, time: '2026-03-02T10:00:00Z' } });
  }
  breaks(code = 1006, reason = ''): void {
    this.onclose?.({ code, reason });
  }
}

let wires: FakeWire[];
let hellos: [Hello, boolean][];
let events: Event[];
let states: LinkState[];
let refused: number;
let revoked: boolean;
let token: string;
let tokenRefused: boolean;
let socket: Socket;

/** wire is the newest connection. */
const wire = (): FakeWire => {
  const w = wires.at(-1);
  if (w === undefined) throw new Error('nothing was dialled');
  return w;
};

beforeEach(() => {
  vi.useFakeTimers();
  [wires, hellos, events, states, refused, revoked, token, tokenRefused] = [[], [], [], [], 0, false, 'tok1', false];
  socket = new Socket({
    url: 'ws://x/v1/events',
    token: () => token,
    random: () => 1,
    tokenRefused: () => Promise.resolve(tokenRefused),
    dial: (url, protocols) => {
      const w = new FakeWire(url, protocols);
      wires.push(w);
      return w;
    },
    listener: {
      hello: (h, fresh) => hellos.push([h, fresh]),
      event: (e) => events.push(e),
      state: (s) => states.push(s),
      refused: (why) => {
        refused++;
        revoked = why;
        socket.stop();
      },
    },
  });
});

afterEach(() => {
  socket.stop();
  vi.useRealTimers();
});

describe('connecting', () => {
  it('shows the token as a sub-protocol and asks for what follows the cursor', () => {
    socket.start(41);
    expect(wire().url).toBe('ws://x/v1/events?cursor=41');
    expect(wire().protocols).toEqual(['cordboard.v1', 'bearer.tok1']);
    wire().hello(41);
    expect(hellos.map((h) => h[1])).toEqual([false]);
    expect(states).toEqual(['connecting', 'open']);
  });
  it('is fresh without a cursor', () => {
    socket.start(null);
    wire().hello(7);
    expect(wire().url).toBe('ws://x/v1/events');
    expect(hellos.map((h) => h[1])).toEqual([true]);
  });
  it('comes back after the newest event with the newest token, and hears nothing twice', () => {
    socket.start(10);
    wire().hello(10);
    wire().says({ event: event(11, 'offer.created', offer()) });
    wire().says({ event: event(12, 'offer.expired', offer()) });
    token = 'tok2';
    wire().breaks();
    expect(states.at(-1)).toBe('waiting');
    vi.advanceTimersByTime(250);
    expect(wires).toHaveLength(2);
    expect(wire().url).toBe('ws://x/v1/events?cursor=12');
    expect(wire().protocols[1]).toBe('bearer.tok2');
    wire().hello(13);
    wire().says({ event: event(12, 'offer.expired', offer()) });
    wire().says({ event: event(13, 'offer.created', offer()) });
    expect(events.map((e) => e.seq)).toEqual([11, 12, 13]);
    expect(hellos.map((h) => h[1])).toEqual([false, false]);
  });
  it.each([[4410, ''], [1000, 'cursor_expired']])('reads everything anew when the cursor is too old (%d %s)', (code, why) => {
    socket.start(10);
    wire().breaks(code, why);
    vi.advanceTimersByTime(0);
    expect(wire().url).toBe('ws://x/v1/events');
    wire().hello(900);
    expect(hellos.map((h) => h[1])).toEqual([true]);
  });
  it('reads everything anew from a server that lost its past', () => {
    socket.start(500);
    wire().hello(3);
    expect(hellos.map((h) => h[1])).toEqual([true]);
    wire().says({ event: event(4, 'offer.created', offer()) });
    expect(events).toHaveLength(1);
  });
  it('waits longer each time, never more than the limit, and hurries when told', () => {
    socket.start(1);
    const waits = [];
    for (let i = 0; i < 8; i++) {
      const before = wires.length;
      wire().breaks();
      let waited = 0;
      while (wires.length === before) {
        vi.advanceTimersByTime(50);
        waited += 50;
      }
      waits.push(waited);
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 10000, 10000, 10000]);
    wire().breaks();
    const before = wires.length;
    socket.hurry();
    expect(wires).toHaveLength(before + 1);
  });
  it('gives up a connection that never says hello', () => {
    socket.start(1);
    vi.advanceTimersByTime(8_000 + 500);
    expect(wires).toHaveLength(2);
    expect(wires[0]?.closed).toBe(true);
  });
  it('reports a refused token, by close code or by asking after failures', async () => {
    socket.start(1);
    wire().breaks(4401, 'token_expired');
    expect(refused).toBe(1);
    expect(revoked).toBe(false);
    vi.advanceTimersByTime(60_000);
    expect(wires).toHaveLength(1);

    tokenRefused = true;
    socket.start(1);
    for (let i = 0; i < 3; i++) {
      wire().breaks();
      await vi.advanceTimersByTimeAsync(2_000);
    }
    expect(refused).toBe(2);
    expect(revoked).toBe(false);

    socket.start(1);
    wire().breaks(4403, 'account_disabled');
    expect(refused).toBe(3);
    expect(revoked).toBe(true);
  });
  it('goes on trying when only the network is gone', async () => {
    socket.start(1);
    for (let i = 0; i < 6; i++) {
      wire().breaks();
      await vi.advanceTimersByTimeAsync(MOST_MS);
    }
    expect(refused).toBe(0);
    expect(wires.length).toBeGreaterThan(6);
  });
  it('stops for good', () => {
    socket.start(1);
    wire().hello(1);
    const w = wire();
    socket.stop();
    vi.advanceTimersByTime(100_000);
    expect([w.closed, wires.length, states.at(-1)]).toEqual([true, 1, 'closed']);
  });
});

describe('requests', () => {
  beforeEach(() => {
    socket.start(1);
    wire().hello(1);
  });
  it('match answers to questions by id, in any order', async () => {
    const a = socket.request('POST', '/v1/offers/o/accept');
    const b = socket.request('POST', '/v1/agents/a/state', { state: 'ready' });
    const [qa, qb] = wire().sent;
    expect([qa?.path, qb?.body]).toEqual(['/v1/offers/o/accept', { state: 'ready' }]);
    expect(qa?.id).not.toBe(qb?.id);
    wire().says({ reply: { id: qb?.id, status: 200, body: { n: 2 } } });
    wire().says({ reply: { id: qa?.id, status: 204 } });
    expect([await a, await b]).toEqual([null, { n: 2 }]);
  });
  it('reject with the server’s problem', async () => {
    const r = socket.request('POST', '/v1/offers/o/accept');
    wire().says({ reply: { id: wire().sent[0]?.id, status: 409, body: { code: 'offer_over', detail: 'too late' } } });
    await expect(r).rejects.toEqual(new Problem(409, 'offer_over', 'too late'));
  });
  it('reject when no answer comes, and ignore it when it comes late', async () => {
    const r = socket.request('GET', '/v1/queues', undefined, 1_000);
    const failed = expect(r).rejects.toMatchObject({ code: 'timeout' });
    vi.advanceTimersByTime(1_000);
    await failed;
    wire().says({ reply: { id: wire().sent[0]?.id, status: 200 } });
  });
  it('reject when the connection breaks, and while there is none', async () => {
    const r = socket.request('GET', '/v1/queues');
    const failed = expect(r).rejects.toMatchObject({ code: 'offline' });
    wire().breaks();
    await failed;
    await expect(socket.request('GET', '/v1/queues')).rejects.toMatchObject({ code: 'offline' });
  });
  it('show a renewed token to a running connection', () => {
    token = 'tok2';
    socket.renewed();
    expect(wire().sent).toEqual([{ auth: 'tok2' }]);
  });
  it('ask into a long silence, and come back when nobody answers', () => {
    vi.advanceTimersByTime(20_000);
    expect(wire().sent[0]?.path).toBe('/v1/agents/me');
    wire().says({ reply: { id: wire().sent[0]?.id, status: 200, body: {} } });
    vi.advanceTimersByTime(19_999);
    expect(wires).toHaveLength(1);
    vi.advanceTimersByTime(1 + 5_000);
    return vi.advanceTimersByTimeAsync(250).then(() => expect(wires).toHaveLength(2));
  });
});

describe('backoff', () => {
  it('is full jitter under a doubling limit', () => {
    expect([0, 1, 2, 9, 1000].map((n) => backoff(n, () => 1))).toEqual([250, 500, 1000, MOST_MS, MOST_MS]);
    expect([0, 1, 9].map((n) => backoff(n, () => 0))).toEqual([0, 0, 0]);
  });
});
