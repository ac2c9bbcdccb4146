import { afterEach, expect, it, vi } from 'vitest';
import { watch } from './example';

afterEach(() => {
  vi.unstubAllGlobals();
});

// That docs/clients.md shows this example is tested beside the Go client's.
it('works', async () => {
  const asked: string[] = [];
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    asked.push(`${init.method ?? ''} ${url}`);
    return Promise.resolve(Response.json({ id: 'call_1' }));
  });
  const wires: { url: string; onmessage?: (e: { data: string }) => void }[] = [];
  vi.stubGlobal('WebSocket', class {
    onmessage?: (e: { data: string }) => void;
    constructor(readonly url: string) {
      wires.push(this);
    }
    close(): void { /* nothing is connected */ }
    send(): void { /* nobody listens */ }
  });
  const said: string[] = [];
  const socket = await watch('http://x', 'tok', (line) => said.push(line));
  for (const frame of [
    { hello: { seq: 2, time: '2026-03-02T10:00:00Z' } },
    { event: { seq: 1, type: 'call.created', call_id: 'call_1', data: { to: '+38640111222' } } },
    { event: { seq: 2, type: 'leg.answered', call_id: 'call_1', data: { address: '192.0.2.1' } } },
  ]) wires[0]?.onmessage?.({ data: JSON.stringify(frame) });
  socket.stop();
  expect(wires[0]?.url).toBe('ws://x/v1/events?cursor=0');
  expect(said).toEqual(['call.created +38640111222', 'answered by 192.0.2.1']);
  expect(asked).toEqual(['POST http://x/v1/calls', 'POST http://x/v1/calls/call_1/end']);
});
