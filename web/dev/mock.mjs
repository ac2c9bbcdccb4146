// A server to look at the desktop with: it keeps one agent, rings a made-up caller and answers the part of
// the API the page uses. Node's own modules only. `npm run build && npm run mock` prints a sign-in link; turn
// ready and it rings. It carries no audio: the real thing is `cordboard demo`.

import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist', 'app');
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
// the policy of embed.go, so that a page that breaks it breaks here
const policy = /const policy = "([^"]*)" \+\s*"([^"]*)"/.exec(readFileSync(join(dist, '..', '..', 'embed.go'), 'utf8')).slice(1).join('');

const iso = (ms = Date.now()) => new Date(ms).toISOString();
const b64 = (v) => Buffer.from(JSON.stringify(v)).toString('base64url');
const agentGrants = ['agent:self', 'recording:read:own', 'recording:listen:own'];
export const jwt = (grants = agentGrants, who = { sub: 'agt_1', agent: 'agt_1' }) => `${b64({ alg: 'none' })}.${b64({ ...who, grants, iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 900 })}.x`;
/** The token of somebody who takes no calls. */
export const officeJwt = () => jwt(['recording:*', 'audit:read', 'config:read', 'report:read', 'call-record:read', 'webhook:*', 'callback:*', 'token:*', 'supervise:wall', 'call:write'], { sub: 'quality' });

/** Mock is the whole server; tests and screenshots call its methods to bring the page where they want it. */
export class Mock {
  constructor({ grants = agentGrants, trackFile = null, ringSeconds = 20, wrapupSeconds = 45, pauseSeconds = 30 } = {}) {
    Object.assign(this, { grants, trackFile, ringSeconds, wrapupSeconds, pauseSeconds });
    this.seq = 0;
    this.n = 0;
    this.sockets = new Set();
    this.log = [];
    this.agent = { id: 'agt_1', name: 'Maja Novak', state: 'not_ready', reason: 'signed_in', since: iso(), queues: ['que_1', 'que_2'], version: 1 };
    this.queues = [
      { id: 'que_1', name: 'Service', waiting: 0, ready: 1 },
      { id: 'que_2', name: 'Orders and deliveries', waiting: 2, ready: 3, oldest_since: iso(Date.now() - 74_000) },
    ];
    this.recordings = [this.finished('rec_2', '+38640555012', 95_000, 47 * 60_000, true), this.finished('rec_1', '+442071838750', 241_000, 130 * 60_000, false)];
  }

  /** busy puts callbacks, a campaign with a record before the agent and disabled accounts there. */
  busy() {
    const cbk = (n, more) => ({
      id: `cbk_${n}`, kind: 'scheduled', state: 'scheduled', number: `+3864055${1000 + n}`, name: ['Ana Kranjc', 'Jože Novak', 'Marta Zupan', 'Peter Horvat'][n], queue: n % 2 ? 'que_2' : 'que_1', reason: n ? '' : 'Delivery of the second parcel',
      entry_point: '0800', zone: 'Europe/Ljubljana', start: iso(Date.now() + n * 3.6e6), end: iso(Date.now() + (n + 1) * 3.6e6), next: iso(Date.now() + n * 3.6e6), attempts: n, limit: 3, retry_seconds: 600,
      created: iso(), by: 'agt_1', version: 1, allowed: ['change', 'assign', 'cancel', 'reschedule'], ...more,
    });
    this.callbacks = [cbk(0, { state: 'waiting', kind: 'courtesy', allowed: ['assign', 'cancel'] }), cbk(1, { assignee: 'agt_1', fallback_seconds: 900 }), cbk(2, { assignee: 'agt_2' }), cbk(3, { preferred: 'agt_3' })];
    this.entryPoints = [{ number: '0800', name: 'Service' }, { number: '0801', name: 'Orders' }];
    this.campaigns = [{
      id: 'cmp_1', state: 'running', setup: { name: 'Spring offer', mode: 'preview', list: 'lst_1', queue: 'que_1', dispositions: [{ code: 'sold', label: 'Sold' }, { code: 'no', label: 'Not interested' }] },
      total: 120, begun: 40, open: 2, closed: 38, calls: 1, results: { sold: 11 }, today: { dialled: 20, answered: 11, abandoned: 0, abandoned_percent: 0 }, month: { dialled: 20, answered: 11, abandoned: 0, abandoned_percent: 0 },
      stopped: [], allowed: ['pause', 'finish'], created: iso(), version: 3,
    }];
    this.records = [{
      id: 'rcd_1', campaign: 'cmp_1', state: 'review', name: 'Jan Kos', numbers: [{ number: '••••••••4567', medium: 'mobile' }, { number: '••••••••9911', medium: 'work' }], at: 0, zone: 'Europe/Ljubljana',
      fields: { Contract: '2026-114', Since: '2019' }, row: 7, attempts: 1, agent: 'agt_1', history: [{ time: iso(Date.now() - 9e5), number: '••••••••4567', agent: 'agt_1', result: 'answered' }],
      allowed: ['change', 'done', 'reschedule', 'do_not_call'], version: 4,
    }];
    this.revocations = [
      { id: 'rvk_1', kind: 'account', subject: 'agt_7', reason: 'left the company', by: 'quality', time: iso(Date.now() - 8e7) },
      { id: 'rvk_2', kind: 'token', token_id: 'tok_01JQ4M', subject: 'crm', reason: 'found in a log', by: 'quality', time: iso(Date.now() - 4e6), until: iso(Date.now() + 4e6) },
    ];
  }

  /** write brings a written request before the agent. */
  write() {
    this.work = {
      id: 'wrk_1', kind: 'email', state: 'open', queue: 'que_1', from: 'ana.kranjc@example.com', from_name: 'Ana Kranjc', subject: 'Where is my second parcel?',
      text: 'Hello,\n\nthe first parcel of order 4711 came on Monday, the second has not come yet.\nCan you tell me when it will?\n\nAna Kranjc', queued: iso(), agent: 'agt_1', allowed: ['reply', 'close'], created: iso(), version: 2,
    };
    this.publish('work.changed', this.work);
    this.setAgent({ state: 'busy', work_id: 'wrk_1' });
  }

  /** fill puts older recordings behind those there are. */
  fill(n) {
    for (let i = 0; i < n; i++) this.recordings.push(this.finished(`rec_old${String(n - i).padStart(3, '0')}`, `+3864055${1000 + i}`, 60_000 + i * 1000, (200 + i * 37) * 60_000, i % 3 === 0));
  }

  /** search answers a query the way the server does, as far as the page asks. */
  search(q) {
    const digits = (x) => x.replace(/\D/g, '');
    const rest = this.recordings.filter((r) =>
      (!q.get('agent') || r.agents.includes(q.get('agent'))) && (!q.get('queue') || r.queue === q.get('queue')) && (!q.get('state') || r.state === q.get('state')) &&
      (!q.get('held') || String(r.hold !== undefined) === q.get('held')) && (!q.get('number') || digits(r.from) === digits(q.get('number'))) &&
      (!q.get('number_end') || digits(r.from).endsWith(digits(q.get('number_end')))) && (!q.get('since') || r.started >= q.get('since')) && (!q.get('until') || r.started < q.get('until')));
    const from = q.get('cursor') ? rest.findIndex((r) => r.id === q.get('cursor')) + 1 : 0;
    const items = rest.slice(from, from + Number(q.get('limit') ?? 50));
    return { items, next: from + items.length < rest.length ? items.at(-1).id : undefined };
  }

  markers(rec) {
    const items = [
      { type: 'consent', offset_ms: 0, length_ms: 3200, role: 'customer' }, { type: 'speech', offset_ms: 4000, length_ms: 5000, role: 'agent', agent: 'agt_1' },
      { type: 'hold', offset_ms: 22_000, length_ms: 9000, role: 'customer', actor: 'agt_1' }, ...rec.gaps.map((g) => ({ type: 'pause', offset_ms: g.offset_ms, length_ms: g.length_ms, actor: g.by, detail: g.reason })),
      { type: 'keys', offset_ms: 66_000, length_ms: 1800, role: 'customer', count: 4 },
    ];
    return { recording_id: rec.id, duration_ms: rec.duration_ms, items };
  }

  note(action, rec, detail) {
    this.audited ??= [];
    this.audited.unshift({ seq: this.audited.length + 1, time: iso(), actor: 'quality', from: '192.0.2.17', action, object: rec.id, call_id: rec.call_id, detail });
  }

  id(kind) {
    this.n++;
    return `${kind}_mock${this.n}`;
  }

  finished(id, from, ms, ago, paused) {
    const started = Date.now() - ago;
    return {
      id, call_id: `call_${id}`, state: 'stored', agent: 'agt_1', agents: ['agt_1'], from, to: '+38615550100', queue: 'que_1',
      started: iso(started), ended: iso(started + ms), duration_ms: ms,
      tracks: ['customer', 'agent'].map((role) => ({ id: `${id}-${role}`, leg_id: `leg_${role}`, role, codec: 'opus', object: `${role}.opus`, bytes: 1, offset_ms: role === 'agent' ? 1200 : 0, duration_ms: ms })),
      gaps: paused ? [{ cause: 'pause', offset_ms: 40_000, length_ms: 18_000, from: iso(started + 40_000), till: iso(started + 58_000), by: 'agt_1', resumed: 'manual' }] : [],
    };
  }

  peaks(rec) {
    const value = (i, phase) => {
      const ms = i * 100;
      if (rec.gaps.some((g) => ms >= g.offset_ms && ms < g.offset_ms + g.length_ms)) return 0;
      const turn = Math.sin(ms / 5200 + phase) > 0 ? 1 : 0.04;
      return Math.round(100 * turn * (0.25 + 0.5 * Math.abs(Math.sin(i * 0.37 + phase) * Math.sin(i * 1.71))));
    };
    const n = Math.floor(rec.duration_ms / 100);
    return { recording_id: rec.id, step_ms: 100, tracks: rec.tracks.map((t, k) => ({ id: t.id, role: t.role, offset_ms: t.offset_ms, peaks: Array.from({ length: n }, (_, i) => value(i, k * Math.PI)) })) };
  }

  listen(port = 0) {
    this.server = createServer((req, res) => void this.http(req, res));
    this.server.on('upgrade', (req, sock) => this.upgrade(req, sock));
    return new Promise((resolve) => this.server.listen(port, '127.0.0.1', () => resolve(`http://127.0.0.1:${this.server.address().port}`)));
  }

  close() {
    for (const s of this.sockets) s.destroy();
    this.server.closeAllConnections();
    this.server.close();
  }

  /** report is a morning of two queues, or of two agents. */
  report(q) {
    const kind = q.get('kind');
    const names = kind === 'agent' ? [['agt_1', 'Maja Novak'], ['agt_2', 'Luka Zupan']] : [['que_1', 'Service'], ['que_2', 'Orders and deliveries']];
    const zero = { offered: 0, answered: 0, answered_in_time: 0, abandoned: 0, short_abandoned: 0, elsewhere: 0, longest_wait_seconds: 0, no_media: 0, post_calls: 0, assist_seconds: 0, dialing_seconds: 0 };
    const items = [8, 9, 10].flatMap((h) => names.map(([id, name], i) => ({
      ...zero, from: `2026-03-02T${String(h).padStart(2, '0')}:00:00+01:00`, until: `2026-03-02T${h + 1}:00:00+01:00`, kind, id, name,
      ...(kind === 'queue' ? { offered: 42 - i * 30, answered: 40 - i * 30, answered_in_time: 36 - i * 27, abandoned: 2, short_abandoned: 1, service_level: 0.878, answer_speed_seconds: 9.4, longest_wait_seconds: 94 } : {}),
      missed: i, declined: 0, handled: 38 - i * 28, outbound: 2, assisted: 1, handle_time_seconds: 214, handle_seconds: 8132, talk_seconds: 6900, hold_seconds: 340, consult_seconds: 120,
      wrapup_seconds: 1272, post_call_seconds: 60, ready_seconds: 1180, not_ready_seconds: 600, reserved_seconds: 120, busy_seconds: 7360, wrap_seconds: 1272, occupancy: 0.868,
    })));
    return { from: '2026-03-02T00:00:00+01:00', until: '2026-03-03T00:00:00+01:00', zone: 'Europe/Ljubljana', every: q.get('every'), items };
  }

  callRecords() {
    const at = (ms) => iso(Date.now() - 3600_000 + ms);
    const record = (id, outcome, change) => ({
      id, direction: 'inbound', started: at(0), ended: at(200_000), closed: at(240_000), outcome, customer: '••••••••4567', line: '+38615550100', masked: true, queue: 'que_1',
      wait_seconds: 12, talk_seconds: 0, hold_seconds: 0, consult_seconds: 0, dialing_seconds: 0, wrapup_seconds: 0, post_call_seconds: 0,
      waits: [{ queue: 'que_1', entered: at(0), left: at(12_000), seconds: 12, end: outcome }], offers: [], agents: [], recordings: [], ...change,
    });
    const stay = { agent: 'agt_1', role: 'primary', joined: at(12_000), left: at(200_000), talk_seconds: 170, hold_seconds: 18, consult_seconds: 0, dialing_seconds: 0, post_call_seconds: 0, wrapup_seconds: 40, disposition: 'solved' };
    return [
      record('call_lost', 'abandoned', {}),
      record('call_rec_2', 'answered', {
        agent: 'agt_1', name: 'Ana Horvat', talk_seconds: 170, hold_seconds: 18, wrapup_seconds: 40, disposition: 'solved', agents: [stay], recordings: ['rec_1'], variables: { Order: '4711' },
        offers: [{ id: 'off_0', agent: 'agt_2', offered: at(0), settled: at(8000), end: 'expired' }, { id: 'off_1', agent: 'agt_1', offered: at(8000), settled: at(12_000), end: 'accepted' }],
      }),
    ];
  }

  // --- what happens in the world -------------------------------------------------------------------

  publish(type, data, call_id) {
    this.seq++;
    this.frame({ event: { id: `evt_${this.seq}`, seq: this.seq, call_seq: 0, type, time: iso(), call_id, data } });
  }

  wall() {
    const ago = (s) => iso(Date.now() - s * 1000);
    const agents = [
      this.agent,
      { id: 'agt_2', name: 'Luka Zupan', state: 'busy', since: ago(184), call_id: 'call_a', queues: ['que_1'], version: 1 },
      { id: 'agt_3', name: 'Eva Kranjc', state: 'wrapup', since: ago(41), queues: ['que_1'], version: 1 },
      { id: 'agt_4', name: 'Tine Kos', state: 'offline', since: ago(9000), queues: ['que_2'], version: 1 },
    ];
    const calls = [
      { call_id: 'call_a', state: 'connected', direction: 'inbound', number: '…4567', name: 'Ana Horvat', queue: 'que_1', agent: 'agt_2', since: ago(184), supervisors: this.supervision ? [this.supervision] : [] },
      { call_id: 'call_b', state: 'queued', direction: 'inbound', number: '…0912', queue: 'que_2', entered: ago(74), supervisors: [] },
    ];
    return { seq: this.seq, time: iso(), agents, queues: this.queues, calls };
  }

  setAgent(change) {
    this.agent = { ...this.agent, reason: undefined, ...change, since: iso(), version: this.agent.version + 1 };
    this.publish('agent.state_changed', this.agent);
  }

  ring(name = undefined) {
    const now = Date.now();
    const customer = this.leg('customer', { hold: { local: true, remote: false } });
    this.call = {
      id: this.id('call'), state: 'connected', direction: 'inbound', trunk: 'main', from: '+38641234567', from_name: name, to: '+38615550100',
      queue: 'que_1', legs: [customer], created: iso(now - 12_000), answered: iso(now - 12_000), variables: { Customer: '20817', Language: 'Slovenian' },
    };
    customer.call_id = this.call.id;
    this.offer = { id: this.id('off'), call_id: this.call.id, agent: 'agt_1', queue: 'que_1', state: 'open', from: this.call.from, from_name: name, to: this.call.to, queued: iso(now - 12_000), created: iso(now), deadline: iso(now + this.ringSeconds * 1000), attempt: 1 };
    this.publish('offer.created', this.offer, this.call.id);
    this.setAgent({ state: 'reserved', offer_id: this.offer.id });
    this.rona = setTimeout(() => this.endOffer('expired'), this.ringSeconds * 1000);
  }

  leg(role, more) {
    return { id: this.id('leg'), call_id: this.call?.id ?? '', kind: role === 'agent' ? 'webrtc' : 'sip', state: 'connected', direction: 'inbound', role, codec: 'opus', muted: false, deafened: false, gain_db: 0, hold: { local: false, remote: false }, denoise: { in: 0, out: 0, level: 0 }, created: iso(), answered: iso(), ...more };
  }

  endOffer(state) {
    clearTimeout(this.rona);
    if (!this.offer) return;
    const offer = { ...this.offer, state };
    this.offer = null;
    this.publish(`offer.${state}`, offer, offer.call_id);
    if (state === 'accepted') this.setAgent({ state: 'busy', call_id: offer.call_id });
    else this.setAgent({ state: 'not_ready', reason: state === 'expired' ? 'rona' : state });
  }

  join() {
    const mine = this.leg('agent', { agent: 'agt_1' });
    for (const l of this.call.legs) if (l.role === 'agent') l.state = 'ended';
    this.call.legs.push(mine);
    this.publish('leg.answered', mine, this.call.id);
    this.changeLeg((l) => l.role === 'customer', { hold: { local: false, remote: false } }, 'resumed');
    if (!this.recording) {
      this.recording = { ...this.finished(this.id('rec'), this.call.from, 0, 0, false), call_id: this.call.id, state: 'recording', ended: undefined };
      this.call.recording = this.recording.id;
      this.publish('recording.started', this.recording, this.call.id);
      this.publish('call.changed', this.call, this.call.id);
    }
    return mine;
  }

  suppress(id, change) {
    const l = this.call?.legs.find((x) => x.id === id);
    if (!l) return null;
    const d = { ...l.denoise, ...change };
    l.denoise = { ...d, level: d.in };
    this.publish('denoise.changed', l, this.call.id);
    return l;
  }

  changeLeg(which, change, verb) {
    const l = this.call?.legs.find((x) => which(x) && x.state !== 'ended');
    if (!l) return null;
    Object.assign(l, change);
    this.publish(`leg.${verb}`, l, this.call.id);
    return l;
  }

  pause(seconds) {
    clearTimeout(this.resumeTimer);
    this.recording = { ...this.recording, state: 'paused', paused_till: iso(Date.now() + seconds * 1000) };
    this.publish('recording.paused', this.recording, this.call.id);
    this.resumeTimer = setTimeout(() => this.resume(), seconds * 1000);
    return this.recording;
  }

  resume() {
    clearTimeout(this.resumeTimer);
    if (!this.recording) return null;
    this.recording = { ...this.recording, state: 'recording', paused_till: undefined };
    this.publish('recording.resumed', this.recording, this.call.id);
    return this.recording;
  }

  endCall() {
    if (!this.call) return;
    clearTimeout(this.resumeTimer);
    const call = { ...this.call, state: 'ended', ended: iso(), cause: 'hangup', recording: undefined };
    const rec = this.recording && { ...this.recording, state: 'stored', ended: iso(), duration_ms: Date.now() - Date.parse(this.recording.started) };
    this.call = this.recording = null;
    if (rec) {
      this.recordings.unshift(rec);
      this.publish('recording.stopped', { ...rec, state: 'stopped' }, call.id);
    }
    this.publish('call.ended', call, call.id);
    if (rec) this.publish('recording.stored', rec, call.id);
    this.wrapup = { id: this.id('wrp'), call_id: call.id, agent: 'agt_1', started: iso(), deadline: iso(Date.now() + this.wrapupSeconds * 1000), extensions_left: 2 };
    this.publish('wrapup.started', this.wrapup, call.id);
    this.setAgent({ state: 'wrapup', wrapup_id: this.wrapup.id });
    this.wrapTimer = setTimeout(() => this.endWrapup('no_reason', 'deadline'), this.wrapupSeconds * 1000);
  }

  endWrapup(reason, by) {
    clearTimeout(this.wrapTimer);
    if (!this.wrapup) return null;
    const done = { ...this.wrapup, reason, by, completed: iso() };
    this.wrapup = null;
    this.publish('wrapup.completed', done, done.call_id);
    this.setAgent({ state: 'ready' });
    return done;
  }

  /** webhooks are one that works and one that fails. */
  webhooks() {
    const one = { url: 'https://crm.example.com/cordboard', events: ['call.*'], state: 'active', created: iso(), seq: 9, behind: 0, dead: 2, delivered: iso() };
    return [{ id: 'whk_1', description: 'Customer records', ...one }, { ...one, id: 'whk_2', url: 'https://reports.example.com/in', events: [], state: 'failing', attempt: 3, next: iso(Date.now() + 60_000), error: 'answered 503', behind: 17, dead: 0 }];
  }

  // --- the API --------------------------------------------------------------------------------------

  /** answer gives [status, body] for a request, on the socket or over HTTP. */
  answer(method, path, body) {
    const url = new URL(path, 'http://mock');
    const at = url.pathname.replace('/v1/', '').split('/');
    const key = `${method} ${at.map((x) => (/_/.test(x) ? '*' : x)).join('/')}`;
    this.log.push(`${method} ${path}`);
    switch (key) {
      case 'POST sessions': {
        const session = { id: 'ses_1', agent: 'agt_1', created: iso(), expires: iso(Date.now() + 9e5) };
        const config = { not_ready_reasons: ['break', 'lunch', 'meeting', 'training'], wrapup_reasons: ['resolved', 'information', 'order', 'complaint', 'technical', 'follow_up', 'passed_on', 'wrong_number', 'other'], pause_max_seconds: 300, pause_seconds: this.pauseSeconds };
        return [201, { session, agent: this.agent, token: { token: jwt(this.grants), expires: session.expires }, ice_servers: [], config }];
      }
      case 'DELETE sessions/*': return [204, null];
      case 'POST token/refresh': return [200, { token: jwt(this.grants), expires: iso(Date.now() + 9e5) }];
      case 'GET agents/me': return [200, { seq: this.seq, agent: this.agent, session: 'ses_1', offer: this.offer ?? undefined, call: this.agent.call_id ? this.call ?? undefined : undefined, recordings: this.recording ? [this.recording] : undefined, wrapup: this.wrapup ?? undefined, work: this.work, records: this.records, stages: this.campaigns && [{ id: 'new', name: 'New customers', inbound: true }] }];
      case 'POST agents/*/state':
        this.setAgent({ state: body.state, reason: body.reason });
        if (body.state === 'ready' && this.auto) setTimeout(() => this.agent.state === 'ready' && this.ring(), this.auto);
        return [200, this.agent];
      case 'GET signin': return [200, { providers: this.providers ?? [] }];
      case 'POST token/revoke': return [204, null];
      case 'GET webhooks': return [200, { items: this.webhooks() }];
      case 'GET webhooks/*/attempts': return [200, { items: [{ time: iso(), event_id: 'evt_9', seq: 9, type: 'call.ended', attempt: 3, outcome: 'failed', status: 503, ms: 41, error: 'answered 503' }] }];
      case 'GET webhooks/*/dead': return [200, { items: [4, 5].map((seq) => ({ event_id: `evt_${seq}`, seq, type: 'call.created', time: iso(), first: iso(), died: iso(), attempts: 5, status: 422, error: 'answered 422' })) }];
      case 'GET wall': return [200, this.wall()];
      case 'POST calls/*/monitor': case 'POST calls/*/coach': case 'POST calls/*/barge': {
        this.supervision = { id: 'sup_1', call_id: at[1], by: 'agt_1', mode: at[2], state: 'active', since: iso() };
        return [200, this.supervision];
      }
      case 'POST agents/me/preflight': return [200, this.agent];
      case 'GET callbacks': return [200, { items: (this.callbacks ?? []).filter((c) => !url.searchParams.get('number') || c.number === url.searchParams.get('number')) }];
      case 'GET campaigns': return [200, { items: this.campaigns ?? [] }];
      case 'GET callbacks/entry-points': return [200, { items: this.entryPoints ?? [], planning: this.entryPoints !== undefined }];
      case 'GET lists': case 'GET callbacks/slots': return [200, { items: [] }];
      case 'GET targets': return [200, { items: this.wall().agents.map((a) => ({ kind: 'agent', id: a.id, label: a.name, state: a.state, free: a.state === 'ready' })) }];
      case 'POST callbacks/*/assign': {
        const c = this.callbacks.find((x) => x.id === at[1]);
        Object.assign(c, { assignee: body.assignee, fallback_seconds: body.fallback_seconds });
        return [200, c];
      }
      case 'POST calls/*/contact': return [201, { list: 'lst_stage_new', list_name: 'New customers', row: 1, name: body.name, numbers: [] }];
      case 'GET revocations': return [200, { items: this.revocations ?? [] }];
      case 'POST revocations':
        this.revocations.unshift({ id: this.id('rvk'), kind: body.subject ? 'account' : 'token', subject: body.subject, token_id: body.token_id, reason: body.reason, by: 'quality', time: iso() });
        return [201, this.revocations[0]];
      case 'DELETE revocations/*': this.revocations = this.revocations.filter((r) => r.id !== at[1]); return [204, null];
      case 'POST agents/me/station': this.setAgent({ state: this.agent.state, station: body.station === '' ? undefined : body.station }); return [200, this.agent];
      case 'POST work/*/reply': this.work = undefined; this.setAgent({ state: 'ready', work_id: undefined }); return [200, {}];
      case 'POST calls/*/callback': case 'POST calls/*/prefer': return [204, null];
      case 'GET calls': return [200, { items: [] }];
      case 'GET queues': return [200, { items: this.queues }];
      case 'GET reports': return [200, this.report(url.searchParams)];
      case 'GET call-records': return [200, { items: this.callRecords(), next: undefined }];
      case 'GET recordings': return [200, this.search(url.searchParams)];
      case 'GET recordings/*': return [200, this.recordings.find((r) => r.id === at[1])];
      case 'GET recordings/*/markers': return [200, this.markers(this.recordings.find((r) => r.id === at[1]))];
      case 'GET recordings/*/tracks/copy/link': return [200, { url: `/v1/recordings/${at[1]}/tracks/copy`, presigned: false, type: 'audio/ogg', name: `${at[1]}-copy.ogg` }];
      case 'POST recordings/*/hold': {
        const rec = this.recordings.find((r) => r.id === at[1]);
        rec.hold = body.on ? { by: 'quality', reason: body.reason, since: iso() } : undefined;
        this.note(body.on ? 'recording.held' : 'recording.released', rec, { reason: body.reason });
        return [200, rec];
      }
      case 'DELETE recordings/*': {
        const rec = this.recordings.find((r) => r.id === at[1]);
        this.recordings = this.recordings.filter((r) => r !== rec);
        this.note('recording.delete_asked', rec, { reason: url.searchParams.get('reason') ?? '' });
        return [204, null];
      }
      case 'GET audit': return [200, { items: (this.audited ?? []).filter((e) => !url.searchParams.get('action') || e.action === url.searchParams.get('action')) }];
      case 'GET config/desk': return [200, { version: 0, config: { queues: [] } }];
      case 'GET config/desk/versions': return [200, { items: [] }];
      case 'GET recordings/*/peaks': return [200, this.peaks(this.recordings.find((r) => r.id === at[1]))];
      case 'POST recordings/*/pause': return [200, this.pause(body?.max_seconds ?? this.pauseSeconds)];
      case 'POST recordings/*/resume': return [200, this.resume()];
      case 'POST offers/*/accept': if (!this.offer) return [409, { code: 'offer_over', status: 409, detail: 'the call no longer rings' }]; this.endOffer('accepted'); return [200, {}];
      case 'POST offers/*/decline': this.endOffer('declined'); return [200, {}];
      case 'POST legs': return this.call ? [201, { leg: this.join(), sdp: this.sdp?.(body.sdp) ?? '' }] : [404, { code: 'call_not_found', detail: 'there is no such call' }];
      case 'PATCH legs/*': if (body?.denoise) return [200, { leg: this.suppress(at[1], body.denoise) }]; if (typeof body === 'object') this.changeLeg((l) => l.id === at[1], body, body.muted ? 'muted' : 'unmuted'); return [204, null];
      case 'DELETE legs/*': return [204, null];
      case 'POST legs/*/hold': return [200, this.changeLeg((l) => l.id === at[1], { hold: { local: true, remote: false } }, 'held')];
      case 'POST legs/*/resume': return [200, this.changeLeg((l) => l.id === at[1], { hold: { local: false, remote: false } }, 'resumed')];
      case 'POST legs/*/dtmf': return [202, null];
      case 'POST calls/*/end': this.endCall(); return [200, {}];
      case 'POST wrapups/*/submit': return [200, this.endWrapup(body.reason, 'agent')];
      case 'POST wrapups/*/extend':
        this.wrapup = { ...this.wrapup, deadline: iso(Date.parse(this.wrapup.deadline) + 30_000), extensions_left: this.wrapup.extensions_left - 1 };
        this.publish('wrapup.extended', this.wrapup, this.wrapup.call_id);
        return [200, this.wrapup];
      default: return [404, { code: 'not_found', status: 404, detail: `the mock knows no ${key}` }];
    }
  }

  async http(req, res) {
    const { pathname } = new URL(req.url, 'http://mock');
    if (!pathname.startsWith('/v1/')) return this.file(pathname, res);
    const track = /recordings\/([^/]+)\/tracks\/[^/]+$/.exec(pathname);
    if (track && this.trackFile) {
      this.note('recording.played', this.recordings.find((r) => r.id === track[1]) ?? { id: track[1] }, { track: 'copy' });
      res.writeHead(200, { 'Content-Type': 'audio/ogg' });
      return void createReadStream(this.trackFile).pipe(res);
    }
    let raw = '';
    for await (const chunk of req) raw += chunk;
    const json = /json/.test(req.headers['content-type'] ?? '');
    const [status, body] = this.answer(req.method, req.url, json && raw !== '' ? JSON.parse(raw) : raw);
    res.writeHead(status, { 'Content-Type': status < 400 ? 'application/json' : 'application/problem+json' });
    res.end(body === null ? '' : JSON.stringify(body));
  }

  file(pathname, res) {
    const file = join(dist, pathname === '/' ? 'index.html' : pathname.replaceAll('..', ''));
    if (!existsSync(file)) return void res.writeHead(404).end();
    res.writeHead(200, { 'Content-Type': types[extname(file)] ?? 'application/octet-stream', 'Content-Security-Policy': policy });
    createReadStream(file).pipe(res);
  }

  // --- the socket (RFC 6455, text frames only) --------------------------------------------------------

  upgrade(req, sock) {
    if (this.refuse) return void sock.destroy();
    const accept = createHash('sha1').update(req.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
    sock.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: cordboard.v1\r\n\r\n`);
    this.sockets.add(sock);
    let buf = Buffer.alloc(0);
    sock.on('data', (d) => {
      buf = Buffer.concat([buf, d]);
      for (;;) {
        if (buf.length < 6) return;
        let len = buf[1] & 0x7f;
        let head = 2;
        if (len === 126) [len, head] = [buf.readUInt16BE(2), 4];
        if (buf.length < head + 4 + len) return;
        const mask = buf.subarray(head, head + 4);
        const body = Buffer.from(buf.subarray(head + 4, head + 4 + len)).map((b, i) => b ^ mask[i % 4]);
        const op = buf[0] & 0x0f;
        buf = buf.subarray(head + 4 + len);
        if (op === 8) return void sock.end();
        if (op !== 1) continue;
        const cmd = JSON.parse(body.toString());
        if (cmd.auth) continue;
        const [status, answer] = this.answer(cmd.method, cmd.path, cmd.body);
        this.frame({ reply: { id: cmd.id, status, body: answer } }, sock);
      }
    });
    sock.on('close', () => this.sockets.delete(sock));
    sock.on('error', () => this.sockets.delete(sock));
    this.frame({ hello: { seq: this.seq, time: iso(), session: 'ses_1', agent: 'agt_1' } }, sock);
  }

  frame(obj, only = null) {
    const body = Buffer.from(JSON.stringify(obj));
    const head = body.length < 126 ? Buffer.from([0x81, body.length]) : Buffer.from([0x81, 126, body.length >> 8, body.length & 255]);
    for (const s of only ? [only] : this.sockets) s.write(Buffer.concat([head, body]));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = new Mock();
  mock.auto = 2_500;
  const url = await mock.listen(Number(process.env.PORT ?? 8090));
  process.stdout.write(`${url}/#token=${jwt()}\n`);
}
