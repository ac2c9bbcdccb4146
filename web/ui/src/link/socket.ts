// The event socket: one connection that brings every event in order and takes commands up. It comes back
// by itself, with a cursor, so that nothing is missed; where the server no longer holds the events in
// between, it says so and the state is read afresh.

import { CloseCursorExpired, CloseRevoked, CloseUnauthorized, Protocol } from '../wire/wire';
import type { Command, Event, Hello, Reply, ServerFrame } from '../wire/wire';
import type { ApiOptions, ApiRequest } from '../wire/api';
import { backoff } from './backoff';
import { Problem } from './problem';

export type LinkState = 'closed' | 'connecting' | 'open' | 'waiting';

/** What the socket tells its owner. */
export interface Listener {
  /** The link is up. fresh: events were missed, read the state anew. */
  hello(h: Hello, fresh: boolean): void;
  event(e: Event): void;
  state(s: LinkState): void;
  /** The server refuses us for good reason: the token is no longer valid. revoked: it was taken back. */
  refused(revoked: boolean): void;
}

/** The part of a browser's WebSocket used here; tests bring their own. */
export interface Wire {
  onopen: ((e: never) => void) | null;
  onmessage: ((e: { data: unknown }) => void) | null;
  onclose: ((e: { code: number; reason: string }) => void) | null;
  send(text: string): void;
  close(): void;
}

export interface SocketConfig {
  url: string; // ws://…/v1/events
  token: () => string;
  listener: Listener;
  dial?: (url: string, protocols: string[]) => Wire;
  random?: () => number;
  /** Asked after repeated failures before a hello: does the server refuse the token? */
  tokenRefused?: () => Promise<boolean>;
}

interface Waiting {
  resolve: (r: Reply) => void;
  reject: (p: Problem) => void;
  timer: ReturnType<typeof setTimeout>;
}

const REQUEST_MS = 10_000; // an answer later than this is none
const SILENCE_MS = 20_000; // after so much silence we ask whether anybody is there
const PROBE_MS = 5_000;
const HELLO_MS = 8_000; // a connection without a hello by then is none
const ASK = 3; // failures in a row until we ask whether it is the token

export class Socket {
  private wire: Wire | null = null;
  private cursor: number | null = null;
  private waiting = new Map<string, Waiting>();
  private lastID = 0;
  private failures = 0;
  private greeted = false;
  private stopped = true;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private helloTimer: ReturnType<typeof setTimeout> | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly cfg: SocketConfig) {}

  /** start connects and asks for the events after the cursor, a snapshot's; without one for new events only. */
  start(cursor: number | null): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.failures = 0;
    this.cursor = cursor;
    this.connect();
  }

  /** stop closes for good and forgets the cursor. */
  stop(): void {
    this.stopped = true;
    this.cursor = null;
    clearTimeout(this.retry);
    this.drop();
    this.cfg.listener.state('closed');
  }

  /** hurry tries again now, as when the browser says that the network is back. */
  hurry(): void {
    if (this.stopped || this.wire !== null) return;
    clearTimeout(this.retry);
    this.connect();
  }

  /** suspect gives the connection up, as when the browser says that the network is gone. */
  suspect(): void {
    if (this.wire !== null) this.lost();
  }

  /** renewed gives a running connection the fresh token; the next one takes it by itself. */
  renewed(): void {
    if (this.greeted) this.wire?.send(JSON.stringify({ auth: this.cfg.token() }));
  }

  /** send is what an Api needs. Files do not come over the socket. */
  readonly send = async (r: ApiRequest, opt: ApiOptions = {}): Promise<unknown> => {
    if (r.answer === 'response') throw new Problem(0, 'not_on_socket', 'files do not come over the event socket');
    const more: Partial<Command> = {};
    if (r.type !== undefined && r.type !== 'application/json') more.content_type = r.type;
    if (opt.ifMatch !== undefined) more.if_match = opt.ifMatch;
    if (opt.idempotencyKey !== undefined) more.idempotency_key = opt.idempotencyKey;
    const reply = await this.exchange(r.method, r.path, r.body, opt.timeoutMS, more);
    return r.answer === 'status' ? reply.status : (reply.body ?? null);
  };

  /** request sends a command and resolves with the answer's body. Rejects with a Problem: the server's, `offline` or `timeout`. */
  async request(method: string, path: string, body?: unknown, timeoutMS = REQUEST_MS): Promise<unknown> {
    return (await this.exchange(method, path, body, timeoutMS)).body ?? null;
  }

  private exchange(method: string, path: string, body: unknown, timeoutMS = REQUEST_MS, more: Partial<Command> = {}): Promise<Reply> {
    const wire = this.wire;
    if (wire === null || !this.greeted) return Promise.reject(new Problem(0, 'offline', 'not connected'));
    this.lastID++;
    const id = `r${this.lastID}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        reject(new Problem(0, 'timeout', 'the server did not answer in time'));
      }, timeoutMS);
      this.waiting.set(id, { resolve, reject, timer });
      const command: Command = body === undefined ? { ...more, id, method, path } : { ...more, id, method, path, body };
      wire.send(JSON.stringify(command));
    });
  }

  private connect(): void {
    this.cfg.listener.state('connecting');
    const url = this.cursor === null ? this.cfg.url : `${this.cfg.url}?cursor=${this.cursor}`;
    const dial = this.cfg.dial ?? ((u, p) => new WebSocket(u, p) as Wire);
    const wire = dial(url, [Protocol, `bearer.${this.cfg.token()}`]);
    this.wire = wire;
    this.greeted = false;
    this.helloTimer = setTimeout(() => this.lost(), HELLO_MS);
    wire.onmessage = (e) => {
      if (this.wire === wire) this.read(e.data);
    };
    wire.onclose = (e) => {
      if (this.wire === wire) this.closed(e.code, e.reason);
    };
  }

  private read(data: unknown): void {
    if (typeof data !== 'string') return;
    this.listen();
    const frame = JSON.parse(data) as ServerFrame;
    if (frame.hello) this.hello(frame.hello);
    if (frame.event) this.event(frame.event);
    if (frame.reply) this.reply(frame.reply);
  }

  private hello(h: Hello): void {
    clearTimeout(this.helloTimer);
    // A server whose newest event is older than ours has lost its past: our cursor means nothing to it.
    const fresh = this.cursor === null || h.seq < this.cursor;
    if (fresh) this.cursor = h.seq;
    this.greeted = true;
    this.failures = 0;
    this.cfg.listener.state('open');
    this.cfg.listener.hello(h, fresh);
  }

  private event(e: Event): void {
    if (this.cursor !== null && e.seq <= this.cursor) return; // seen before the connection broke
    this.cursor = e.seq;
    this.cfg.listener.event(e);
  }

  private reply(r: Reply): void {
    const w = this.waiting.get(r.id);
    if (w === undefined) return; // came after its time-out
    this.waiting.delete(r.id);
    clearTimeout(w.timer);
    if (r.status < 400) w.resolve(r);
    else w.reject(Problem.from(r.status, r.body));
  }

  /** listen starts the wait for the next sign of life: a page never sees the server's ping frames. */
  private listen(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      this.request('GET', '/v1/agents/me', undefined, PROBE_MS).catch((err: unknown) => {
        if (err instanceof Problem && err.code === 'timeout') this.lost();
      });
    }, SILENCE_MS);
  }

  private closed(code: number, reason: string): void {
    if (code === CloseCursorExpired || reason.includes('cursor_expired')) {
      this.cursor = null;
      this.drop();
      this.again(0);
      return;
    }
    if (code === CloseUnauthorized || code === CloseRevoked) {
      this.drop();
      this.cfg.listener.refused(code === CloseRevoked); // who stops us, or has renewed the token
    }
    this.lost();
  }

  /** lost gives the connection up and plans the next attempt. */
  private lost(): void {
    const greeted = this.greeted;
    this.drop();
    if (this.stopped) return;
    if (!greeted) {
      this.failures++;
      if (this.failures % ASK === 0) this.askToken();
    }
    this.again(backoff(this.failures, this.cfg.random));
  }

  private askToken(): void {
    void this.cfg.tokenRefused?.().then((no) => {
      if (no && !this.stopped) this.cfg.listener.refused(false);
    });
  }

  private again(ms: number): void {
    if (this.stopped) return;
    this.cfg.listener.state('waiting');
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.connect(), ms);
  }

  private drop(): void {
    clearTimeout(this.helloTimer);
    clearTimeout(this.silence);
    const wire = this.wire;
    this.wire = null;
    this.greeted = false;
    if (wire !== null) {
      wire.onmessage = null;
      wire.onclose = null;
      wire.close();
    }
    for (const w of this.waiting.values()) {
      clearTimeout(w.timer);
      w.reject(new Problem(0, 'offline', 'the connection was lost'));
    }
    this.waiting.clear();
  }
}
