// The few lines of SDP the page reads and writes itself: fragments for trickle ICE (RFC 8840 section 9,
// the shape WHIP uses in RFC 9725). Pure.

interface Credentials {
  ufrag: string;
  pwd: string;
}

function attribute(sdp: string, name: string): string | null {
  const at = new RegExp(`^a=${name}:(.*?)\\r?$`, 'm').exec(sdp);
  return at?.[1] ?? null;
}

/** credentials reads the ICE user fragment and password; null when they are missing. */
export function credentials(sdp: string): Credentials | null {
  const ufrag = attribute(sdp, 'ice-ufrag');
  const pwd = attribute(sdp, 'ice-pwd');
  return ufrag === null || pwd === null ? null : { ufrag, pwd };
}

/** fragment writes candidates of the description's one media section; last closes the list. */
export function fragment(description: string, candidates: string[], last: boolean): string {
  const c = credentials(description);
  const lines: string[] = [];
  if (c !== null) lines.push(`a=ice-ufrag:${c.ufrag}`, `a=ice-pwd:${c.pwd}`);
  lines.push('m=audio 9 UDP/TLS/RTP/SAVPF 0', `a=mid:${attribute(description, 'mid') ?? '0'}`);
  for (const cand of candidates) lines.push(`a=${cand.replace(/^a=/, '')}`);
  if (last) lines.push('a=end-of-candidates');
  return lines.join('\r\n') + '\r\n';
}
