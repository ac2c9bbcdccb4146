import { afterEach, describe, expect, it, vi } from 'vitest';
import { Api } from '../wire/api';
import { Http } from './http';
import { Problem } from './problem';
import { Socket, type Wire } from './socket';

afterEach(() => {
  vi.unstubAllGlobals();
});

/** asked is what the next request over HTTP was; it is answered with a response. */
function over(response: Response): { api: Api; asked: { url: string; init: RequestInit }[] } {
  const asked: { url: string; init: RequestInit }[] = [];
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    asked.push({ url, init });
    return Promise.resolve(response);
  });
  return { api: new Api(new Http(() => 'tok', 'http://x').send), asked };
}

describe('the API over HTTP', () => {
  it('escapes paths, writes queries and sends the token', async () => {
    const { api, asked } = over(Response.json({ items: [] }));
    expect(await api.getRecordings({ agent: 'a b', held: false, variable: ['x=1', 'y=2'], queue: undefined, limit: 5 })).toEqual({ items: [] });
    expect(asked[0]?.url).toBe('http://x/v1/recordings?agent=a+b&held=false&variable=x%3D1&variable=y%3D2&limit=5');
    expect(asked[0]?.init.headers).toMatchObject({ Authorization: 'Bearer tok' });
  });
  it('sends objects and texts as what they are', async () => {
    const { api, asked } = over(new Response(null, { status: 204 }));
    expect(await api.patchLeg('l/1', { muted: true })).toBeNull();
    expect(asked[0]?.url).toBe('http://x/v1/legs/l%2F1');
    expect([asked[0]?.init.body, asked[0]?.init.headers]).toMatchObject(['{"muted":true}', { 'Content-Type': 'application/merge-patch+json' }]);
    await api.patchLegTrickleIceSdpfrag('l', 'a=mid:0', { idempotencyKey: 'k' });
    expect([asked[1]?.init.body, asked[1]?.init.headers]).toMatchObject(['a=mid:0', { 'Content-Type': 'application/trickle-ice-sdpfrag', 'Idempotency-Key': 'k' }]);
  });
  it('tells which of several successes it was, and hands on files', async () => {
    const gone = over(new Response(null, { status: 202 }));
    expect(await gone.api.deleteRecording('r')).toBe(202);
    const file = over(new Response('sound'));
    expect(await (await file.api.getRecordingTrack('r', 'copy', { download: true })).text()).toBe('sound');
    expect(file.asked[0]?.url).toBe('http://x/v1/recordings/r/tracks/copy?download=true');
  });
  it('rejects with the server’s problem', async () => {
    const { api } = over(Response.json({ code: 'offer_over', detail: 'too late' }, { status: 409 }));
    await expect(api.postOfferAccept('o')).rejects.toEqual(new Problem(409, 'offer_over', 'too late'));
  });
});

describe('the API over the socket', () => {
  it('sends the same requests as commands', async () => {
    const sent: { id: string; path: string; content_type?: string; body?: unknown }[] = [];
    const wire: Wire = { onopen: null, onmessage: null, onclose: null, close: () => undefined, send: (t) => sent.push(JSON.parse(t) as (typeof sent)[number]) };
    const quiet = { hello: () => undefined, event: () => undefined, state: () => undefined, refused: () => undefined };
    const socket = new Socket({ url: 'ws://x', token: () => 'tok', listener: quiet, dial: () => wire });
    const api = new Api(socket.send);
    socket.start(null);
    wire.onmessage?.({ data: JSON.stringify({ hello: { seq: 1, time: '2026-03-02T10:00:00Z' } }) });
    const answer = api.patchLeg('l', { muted: true });
    expect(sent[0]).toMatchObject({ method: 'PATCH', path: '/v1/legs/l', content_type: 'application/merge-patch+json', body: { muted: true } });
    wire.onmessage?.({ data: JSON.stringify({ reply: { id: sent[0]?.id, status: 200, body: { leg: { id: 'l' } } } }) });
    expect((await answer)?.leg.id).toBe('l');
    const status = api.deleteRecording('r', { reason: 'x' });
    wire.onmessage?.({ data: JSON.stringify({ reply: { id: sent[1]?.id, status: 204 } }) });
    expect(await status).toBe(204);
    await expect(api.getRecordingTrack('r', 'copy')).rejects.toMatchObject({ code: 'not_on_socket' });
    socket.stop();
  });
});
