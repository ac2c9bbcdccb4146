// Refusals: RFC 9457 problems from the server, and our own for what never reached it.

export interface ProblemBody {
  status?: number;
  code?: string;
  title?: string;
  detail?: string;
  state?: string;
  allowed?: string[];
  grant?: string;
  retry_after?: number;
  errors?: { pointer: string; code: string; detail?: string }[];
}

/** Problem is every failed request: a stable code to branch on and a sentence to show. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly errors: { pointer: string; code: string; detail?: string }[] = [],
    readonly state?: string,
    readonly allowed: string[] = [],
  ) {
    super(`${code}: ${detail}`);
    this.name = 'Problem';
  }

  static from(status: number, body: unknown): Problem {
    const b: ProblemBody = typeof body === 'object' && body !== null ? body : {};
    return new Problem(status, b.code ?? `http_${status}`, b.detail ?? b.title ?? '', b.errors, b.state, b.allowed);
  }

  /** of wraps anything thrown. */
  static of(err: unknown): Problem {
    if (err instanceof Problem) return err;
    return new Problem(0, 'network', err instanceof Error ? err.message : String(err));
  }
}
