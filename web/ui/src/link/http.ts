// Requests over HTTP, for what is not a command on the socket: SDP, recordings, sign-in.

import { Problem } from './problem';

export interface Options {
  type?: string; // content type of a string body
  keepalive?: boolean; // outlives the page
  timeoutMS?: number;
  headers?: Record<string, string>;
}

/** Http speaks to the API of the page's own origin with the newest token. */
export class Http {
  constructor(private readonly token: () => string) {}

  /** json sends and parses JSON; null for an empty answer. Rejects with a Problem. */
  async json(method: string, path: string, body?: unknown, opt: Options = {}): Promise<unknown> {
    const res = await this.send(method, path, body, opt);
    const text = await res.text();
    return text === '' ? null : (JSON.parse(text) as unknown);
  }

  /** text is for bodies that are no JSON: SDP and its fragments. */
  async text(method: string, path: string, body?: unknown, opt: Options = {}): Promise<string> {
    return (await this.send(method, path, body, opt)).text();
  }

  async bytes(path: string): Promise<ArrayBuffer> {
    return (await this.send('GET', path, undefined, { timeoutMS: 120_000 })).arrayBuffer();
  }

  /** blob is a file with its media type. */
  async blob(path: string, timeoutMS = 120_000): Promise<Blob> {
    return (await this.send('GET', path, undefined, { timeoutMS })).blob();
  }

  /** status sends and tells how it was answered, when it was not refused. */
  async status(method: string, path: string): Promise<number> {
    return (await this.send(method, path, undefined, {})).status;
  }

  private async send(method: string, path: string, body: unknown, opt: Options): Promise<Response> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.token()}`, ...opt.headers };
    const init: RequestInit = { method, headers, cache: 'no-store', keepalive: opt.keepalive ?? false };
    if (typeof body === 'string') {
      headers['Content-Type'] = opt.type ?? 'text/plain';
      init.body = body;
    } else if (body !== undefined) {
      headers['Content-Type'] = opt.type ?? 'application/json';
      init.body = JSON.stringify(body);
    }
    if (opt.keepalive !== true) init.signal = AbortSignal.timeout(opt.timeoutMS ?? 10_000);
    let res: Response;
    try {
      res = await fetch(path, init);
    } catch (err) {
      const late = err instanceof DOMException && err.name === 'TimeoutError';
      throw late ? new Problem(0, 'timeout', 'the server did not answer in time') : Problem.of(err);
    }
    if (res.ok) return res;
    let problem: unknown = null;
    try {
      problem = await res.json();
    } catch {
      // the body is no JSON: the status alone has to do
    }
    throw Problem.from(res.status, problem);
  }
}
