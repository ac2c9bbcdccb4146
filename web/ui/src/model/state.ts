// What the desktop knows of the server, and how news changes it. Pure: the same state and the same news
// give the same next state, so every screen can be reached in a test without a server.

import type { Agent, Call, CampaignRecord, Capture, Event, Handling, Leg, Offer, Queue, Recording, RecordState, Snapshot, Stage, Variable, Work, Wrapup } from '../wire/wire';

export interface State {
  seq: number; // the newest event this state has seen
  me: string; // agent id; empty before sign-in
  agent: Agent | null;
  offer: Offer | null; // open, rung at me
  offers: Offer[]; // all that ring at me: written requests may be several
  missed: Offer | null; // the last one I did not answer in time, until I am ready again
  call: Call | null; // the one I am in or have accepted; not ended
  last: Call | null; // the call the running wrap-up is about
  handling: Handling | null; // how the desk handles `call`: who is on it, what I may do
  variables: Variable[]; // of `call`
  recording: Recording | null; // of `call`, while it runs
  wrapup: Wrapup | null; // open
  work: Work | null; // the written request I have
  records: CampaignRecord[]; // of campaigns, that I have and have not closed; the one whose call is not over comes last
  queues: Queue[];
  stages: Stage[]; // of campaigns, whose calls I take
  archive: number; // counts up when a finished recording appeared or changed
}

export const nothing: State = {
  seq: 0,
  me: '',
  agent: null,
  offer: null,
  offers: [],
  missed: null,
  call: null,
  last: null,
  handling: null,
  variables: [],
  recording: null,
  wrapup: null,
  work: null,
  records: [],
  queues: [],
  stages: [],
  archive: 0,
};

/** snapshot replaces what the server says in GET /v1/agents/me. */
export function snapshot(s: State, snap: Snapshot): State {
  const call = snap.call && snap.call.state !== 'ended' ? snap.call : null;
  return {
    ...s,
    seq: snap.seq,
    me: snap.agent.id,
    agent: snap.agent,
    offer: snap.offer?.state === 'open' ? snap.offer : null,
    offers: (snap.offers ?? (snap.offer ? [snap.offer] : [])).filter((o) => o.state === 'open'),
    missed: snap.agent.reason === 'rona' ? s.missed : null,
    call,
    last: snap.call ?? s.last,
    handling: call ? (snap.handling ?? null) : null,
    variables: call ? (snap.variables ?? []) : [],
    recording: (call && snap.recordings?.find(running)) ?? null,
    records: snap.records ?? [],
    stages: snap.stages ?? [],
    work: snap.work?.state === 'open' ? snap.work : null,
    wrapup: snap.wrapup && !snap.wrapup.completed ? snap.wrapup : null,
  };
}

/** apply is the next state after one event. What the state has already seen changes nothing. */
export function apply(s: State, e: Event): State {
  if (e.seq <= s.seq) return s;
  return { ...change(s, e), seq: e.seq };
}

function change(s: State, e: Event): State {
  switch (e.type) {
    case 'agent.state_changed':
    case 'agent.signed_in':
    case 'agent.signout_pending':
    case 'agent.signed_out':
      return agent(s, e.data);
    case 'offer.created':
    case 'offer.accepted':
    case 'offer.declined':
    case 'offer.expired':
    case 'offer.withdrawn':
      return offer(s, e.data);
    case 'call.created':
    case 'call.offered':
    case 'call.ringing':
    case 'call.connected':
    case 'call.changed':
    case 'call.ended':
      return call(s, e.data);
    case 'leg.created':
    case 'leg.ringing':
    case 'leg.early_media':
    case 'leg.answered':
    case 'leg.held':
    case 'leg.resumed':
    case 'leg.muted':
    case 'leg.unmuted':
    case 'leg.changed':
    case 'leg.reconnecting':
    case 'leg.reconnected':
    case 'leg.streams_changed':
    case 'leg.ended':
    case 'denoise.changed':
    case 'denoise.degraded':
      return leg(s, e.data);
    case 'recording.started':
    case 'recording.paused':
    case 'recording.resumed':
    case 'recording.stopped':
    case 'recording.stored':
    case 'recording.recovered':
    case 'recording.failed':
      return recording(s, e.data);
    case 'capture.started':
    case 'capture.changed':
    case 'capture.ended':
      return capture(s, e.data);
    case 'wrapup.started':
    case 'wrapup.extended':
    case 'wrapup.completed':
      return wrapup(s, e.data);
    case 'work.created':
    case 'work.changed':
    case 'work.replied':
    case 'work.closed':
      if (e.data.state === 'open' && e.data.agent === s.me) return { ...s, work: e.data };
      return s.work?.id === e.data.id ? { ...s, work: null } : s;
    case 'record.changed':
      return { ...s, records: records(s.records, e.data, s.me) };
    case 'queue.changed':
      return queue(s, e.data);
    case 'call.handling_changed':
      return handling(s, e.data);
    case 'variables.changed':
      return s.call?.id === e.data.call_id ? { ...s, variables: e.data.items } : s;
    case 'call.post_call':
    case 'consult.started':
    case 'consult.reached':
    case 'consult.answered':
    case 'consult.ended':
    case 'conference.started':
    case 'conference.joined':
    case 'conference.left':
    case 'conference.owner_changed':
    case 'transfer.started':
    case 'transfer.completed':
    case 'transfer.failed':
    case 'supervision.started':
    case 'supervision.changed':
    case 'supervision.ended':
    case 'supervisor.acted':
    case 'call.diverted':
    case 'call.refused':
    case 'callback.cancelled':
    case 'callback.changed':
    case 'callback.completed':
    case 'callback.due':
    case 'callback.failed':
    case 'callback.requested': // these, campaigns and records: intent/outbound reads them
    case 'callback.scheduled':
    case 'config.changed':
    case 'message.started':
    case 'record.opened':
    case 'recording.deleted':
    case 'recording.held':
    case 'recording.released':
    case 'call.queued':
    case 'leg.dtmf':
    case 'leg.quality':
    case 'campaign.changed':
    case 'campaign.started':
    case 'campaign.stopped':
    case 'campaign.announced':
    case 'room.created':
    case 'room.matrix_changed':
    case 'room.speaker_changed':
    case 'room.closed':
    case 'playback.finished':
    case 'desk.alarm':
    case 'archive.degraded':
    case 'archive.restored':
    case 'spool.degraded':
    case 'spool.restored':
    case 'node.draining':
    case 'node.effort_changed':
    case 'call.routed':
    case 'webhook.dead_lettered':
    case 'webhook.disabled':
      return s; // nothing the desktop shows
    default: {
      e satisfies never; // a new event must be thought about here
      return s; // a newer server may send more than we know
    }
  }
}

function agent(s: State, a: Agent): State {
  if (a.id !== s.me) return s;
  if (s.agent !== null && a.version < s.agent.version) return s; // older than what the snapshot said
  const idle = a.state === 'offline' || a.state === 'not_ready' || a.state === 'ready';
  return {
    ...s,
    agent: a,
    missed: a.state === 'not_ready' && a.reason !== 'rona' || a.state === 'ready' ? null : s.missed,
    work: s.work?.id === a.work_id ? s.work : null, // one that went back to its queue is no news of mine
    offer: idle && a.offer_id === undefined ? null : s.offer,
    wrapup: a.state === 'wrapup' || s.wrapup === null ? s.wrapup : a.wrapup_id === undefined ? null : s.wrapup,
  };
}

function offer(s: State, o: Offer): State {
  if (o.agent !== s.me) return s;
  const rest = s.offers.filter((x) => x.id !== o.id);
  s = { ...s, offers: o.state === 'open' ? [...rest, o] : rest };
  if (o.state === 'open') return { ...s, offer: o, missed: null };
  if (o.state === 'expired') s = { ...s, missed: o };
  return s.offer === null || s.offer.id === o.id ? { ...s, offer: null } : s;
}

/** mine says whether a call is one the desktop shows. */
function mine(s: State, c: Call): boolean {
  return (
    s.call?.id === c.id || s.agent?.call_id === c.id || c.legs.some((l) => l.agent === s.me && l.role !== 'supervisor' && l.state !== 'ended')
  );
}

function call(s: State, c: Call): State {
  if (s.me === '' || !mine(s, c)) return s;
  if (c.state === 'ended') {
    return s.call === null || s.call.id === c.id ? { ...s, call: null, handling: null, variables: [], recording: null, last: c } : s;
  }
  return { ...s, call: c, last: c };
}

/** handling is kept for the call the server has given to me; what of it concerns somebody else's is not. */
function handling(s: State, h: Handling): State {
  const mine = s.me !== '' && (h.controls[s.me] !== undefined || s.handling?.call_id === h.call_id);
  return mine ? { ...s, handling: h } : s;
}

function leg(s: State, l: Leg): State {
  if (s.call === null || s.call.id !== l.call_id) return s;
  const known = s.call.legs.some((x) => x.id === l.id);
  const legs = known ? s.call.legs.map((x) => (x.id === l.id ? l : x)) : [...s.call.legs, l];
  return { ...s, call: { ...s.call, legs } };
}

/** capture shows the entry of keys that is open in my call: how many there are, nobody here knows which. */
function capture(s: State, c: Capture): State {
  if (s.call === null || s.call.id !== c.call_id) return s;
  const now = { ...s.call, capture: c };
  if (c.state !== 'open') delete (now as Call).capture;
  return { ...s, call: now };
}

function running(r: Recording): boolean {
  return r.state === 'recording' || r.state === 'paused';
}

function recording(s: State, r: Recording): State {
  const archive = running(r) ? s.archive : s.archive + 1;
  if (r.call_id !== (s.call?.id ?? s.agent?.call_id)) return { ...s, archive };
  return { ...s, archive, recording: running(r) ? r : null };
}

function wrapup(s: State, w: Wrapup): State {
  if (w.agent !== s.me) return s;
  if (w.completed === undefined) return { ...s, wrapup: w };
  return s.wrapup === null || s.wrapup.id === w.id ? { ...s, wrapup: null } : s;
}

/** The states of a record an agent has before them; what is left of it after its call comes before the others. */
const mineIn: readonly RecordState[] = ['review', 'preview', 'dialing', 'talking'];

/** records is the list of mine after a record has changed. */
export function records(list: readonly CampaignRecord[], r: CampaignRecord, me: string): CampaignRecord[] {
  const known = list.find((x) => x.id === r.id);
  if (known !== undefined && known.version > r.version) return [...list];
  const rest = list.filter((x) => x.id !== r.id);
  if (me === '' || r.agent !== me || !mineIn.includes(r.state)) return rest;
  const over = (x: CampaignRecord) => (x.state === 'review' ? 0 : 1);
  return [...rest, r].sort((a, b) => over(a) - over(b));
}

function queue(s: State, q: Queue): State {
  const known = s.queues.some((x) => x.id === q.id);
  return { ...s, queues: known ? s.queues.map((x) => (x.id === q.id ? q : x)) : [...s.queues, q] };
}

/** customer is the leg of the far side: the one hold and the keypad act on. */
export function customer(c: Call | null): Leg | null {
  return c?.legs.find((l) => l.role === 'customer' && l.state !== 'ended') ?? null;
}

/** ownLeg is my newest leg in a call that still lives. */
export function ownLeg(c: Call | null, me: string): Leg | null {
  return c?.legs.filter((l) => l.agent === me && l.state !== 'ended').at(-1) ?? null;
}

/** since is when I came into a call: with my first leg in it, so that a reload does not start the time anew. */
export function since(c: Call, me: string): string {
  const mine = c.legs.flatMap((l) => (l.agent === me && l.answered !== undefined ? [l.answered] : []));
  return mine.sort()[0] ?? c.answered ?? c.created;
}

/** Screen is what the middle of the page shows. */
export type Screen = 'ring' | 'call' | 'wrapup' | 'idle';

/** screen: a running call comes first, then its wrap-up, then a ring. */
export function screen(s: State): Screen {
  if (s.call !== null && (s.agent?.state === 'busy' || ownLeg(s.call, s.me) !== null)) return 'call';
  if (s.wrapup !== null) return 'wrapup';
  if (s.offer !== null) return 'ring';
  return 'idle';
}
