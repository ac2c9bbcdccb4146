// Requests over HTTP, for what is not a command on the socket: SDP, recordings, sign-in.

import type { ApiOptions, ApiRequest } from '../wire/api';
import { Problem } from './problem';

const REQUEST_MS = 10_000; // an answer later than this is none
const FILE_MS = 120_000; // how long a file may take

/** Http speaks to the API of a server, the page's own when there is no base, with the newest token. */
export class Http {
  constructor(
    private readonly token: () => string,
    private readonly base = '',
  ) {}

  /** send is what an Api needs. It rejects with a Problem. */
  readonly send = async (r: ApiRequest, opt: ApiOptions = {}): Promise<unknown> => {
    const res = await this.ask(r, opt);
    if (r.answer === 'response') return res;
    const text = await res.text();
    if (r.answer === 'status') return res.status;
    return r.answer === 'nothing' || text === '' ? null : (JSON.parse(text) as unknown);
  };

  private async ask({ method, path, body, type, answer }: ApiRequest, opt: ApiOptions): Promise<Response> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.token()}` };
    if (opt.idempotencyKey !== undefined) headers['Idempotency-Key'] = opt.idempotencyKey;
    if (opt.ifMatch !== undefined) headers['If-Match'] = opt.ifMatch;
    const init: RequestInit = { method, headers, cache: 'no-store', keepalive: opt.keepalive ?? false };
    if (typeof body === 'string') {
      headers['Content-Type'] = type ?? 'text/plain';
      init.body = body;
    } else if (body !== undefined) {
      headers['Content-Type'] = type ?? 'application/json';
      init.body = JSON.stringify(body);
    }
    if (opt.keepalive !== true) init.signal = AbortSignal.timeout(opt.timeoutMS ?? (answer === 'response' ? FILE_MS : REQUEST_MS));
    let res: Response;
    try {
      res = await fetch(this.base + path, init);
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
