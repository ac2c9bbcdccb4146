// One audio connection to the server: offer over HTTP, candidates as they are found, ICE restart when the
// network changed. It knows nothing of agents and calls.

import { fragment } from './sdp';

export type PeerState = 'connecting' | 'connected' | 'reconnecting' | 'failed' | 'closed';

/** How the peer speaks to the server about its leg. */
export interface Signalling {
  offer(sdp: string): Promise<{ legID: string; sdp: string }>;
  /** trickle sends an SDP fragment with candidates. */
  trickle(legID: string, frag: string): Promise<void>;
  /** restart sends an offer with new ICE credentials and resolves with the answer. */
  restart(legID: string, sdp: string): Promise<string>;
}

const PATIENCE_MS = 2_500; // "disconnected" often heals by itself
const RESTARTS = 4;
const BATCH_MS = 40; // candidates come in bursts: one request for each burst

export class Peer {
  legID: string | null = null;
  readonly remote = new MediaStream();
  private readonly pc: RTCPeerConnection;
  private candidates: string[] = [];
  private gathered = false;
  private batch: ReturnType<typeof setTimeout> | undefined;
  private patience: ReturnType<typeof setTimeout> | undefined;
  private restarts = 0;
  private state: PeerState = 'connecting';

  constructor(
    mic: MediaStream,
    iceServers: RTCIceServer[],
    private readonly server: Signalling,
    private readonly onState: (s: PeerState) => void,
    private readonly onTrack: (stream: MediaStream) => void,
  ) {
    this.pc = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
    for (const track of mic.getAudioTracks()) this.pc.addTrack(track, mic);
    this.pc.ontrack = (e) => {
      this.remote.addTrack(e.track);
      this.onTrack(this.remote);
    };
    this.pc.onicecandidate = (e) => {
      if (e.candidate !== null && e.candidate.candidate !== '') this.candidates.push(e.candidate.candidate);
      else this.gathered = true;
      this.trickle();
    };
    this.pc.oniceconnectionstatechange = () => this.ice();
  }

  /** connect sends the offer and takes the answer; rejects with the server's refusal. */
  async connect(): Promise<void> {
    await this.pc.setLocalDescription(await this.pc.createOffer());
    const answer = await this.server.offer(this.pc.localDescription?.sdp ?? '');
    if (this.state === 'closed') return;
    this.legID = answer.legID;
    await this.pc.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
    this.trickle();
  }

  /** use swaps the microphone without a new offer. */
  async use(mic: MediaStream): Promise<void> {
    const track = mic.getAudioTracks()[0] ?? null;
    await Promise.all(this.pc.getSenders().map((s) => s.replaceTrack(track)));
  }

  /** enable lets the microphone through or not; false sends silence. */
  enable(on: boolean): void {
    for (const s of this.pc.getSenders()) if (s.track !== null) s.track.enabled = on;
  }

  async stats(): Promise<Iterable<unknown>> {
    const all: unknown[] = [];
    (await this.pc.getStats()).forEach((s) => all.push(s));
    return all;
  }

  close(): void {
    clearTimeout(this.batch);
    clearTimeout(this.patience);
    this.pc.oniceconnectionstatechange = null;
    this.pc.onicecandidate = null;
    this.pc.close();
    this.to('closed');
  }

  private to(s: PeerState): void {
    if (this.state === s || this.state === 'closed') return;
    this.state = s;
    this.onState(s);
  }

  private trickle(): void {
    if (this.legID === null || (this.candidates.length === 0 && !this.gathered)) return;
    clearTimeout(this.batch);
    this.batch = setTimeout(() => {
      if (this.legID === null || this.state === 'closed') return;
      const sdp = this.pc.localDescription?.sdp ?? '';
      const frag = fragment(sdp, this.candidates.splice(0), this.gathered);
      // A lost candidate costs nothing: the server learns our address from our own checks.
      this.server.trickle(this.legID, frag).catch(() => undefined);
    }, BATCH_MS);
  }

  private ice(): void {
    clearTimeout(this.patience);
    switch (this.pc.iceConnectionState) {
      case 'connected':
      case 'completed':
        this.restarts = 0;
        this.to('connected');
        break;
      case 'disconnected':
        this.to('reconnecting');
        this.patience = setTimeout(() => void this.restart(), PATIENCE_MS);
        break;
      case 'failed':
        this.to('reconnecting');
        void this.restart();
        break;
      default:
    }
  }

  private async restart(): Promise<void> {
    if (this.legID === null || this.state === 'closed' || this.state === 'connected') return;
    if (this.restarts >= RESTARTS) {
      this.to('failed');
      return;
    }
    this.restarts++;
    try {
      if (this.pc.signalingState !== 'stable') await this.pc.setLocalDescription({ type: 'rollback' });
      this.gathered = false;
      this.candidates = [];
      const offer = await this.pc.createOffer({ iceRestart: true });
      await this.pc.setLocalDescription(offer);
      const sdp = await this.server.restart(this.legID, offer.sdp ?? '');
      await this.pc.setRemoteDescription({ type: 'answer', sdp });
      this.trickle();
    } catch {
      this.patience = setTimeout(() => void this.restart(), PATIENCE_MS);
    }
  }
}
