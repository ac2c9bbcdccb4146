// What went wrong or happened last, until dismissed; and the banner of a lost connection.

import { clock as write, elapsed } from '../model/format';
import { signoutLine } from '../model/signout';
import { agent, leavingOpen, link, linkLostAt, notice, now } from '../model/store';
import { staySignedIn } from '../intent/session';
import { text } from '../text/en';
import { Icon } from './parts/icon';
import { cls, quiet } from './parts/parts';
import css from './notice.module.css';

export function Notice() {
  const n = notice.value;
  return (
    <div role={n?.kind === 'error' ? 'alert' : 'status'}>
      {n !== null && (
        <div class={cls(css['notice'], n.kind === 'error' && css['error'])} data-testid="notice">
          <span>{n.text}</span>
          <button class={quiet} aria-label={text.dismiss} onClick={() => (notice.value = null)}><Icon name="close" size={18} /></button>
        </div>
      )}
    </div>
  );
}

const SHOW_AFTER_MS = 1_500; // shorter breaks heal before anybody could read about them

export function LinkBanner() {
  const lost = linkLostAt.value;
  const since = lost === null ? 0 : elapsed(new Date(lost).toISOString(), now.value);
  const show = lost !== null && since >= SHOW_AFTER_MS && link.value !== 'open';
  return (
    <div role="status" data-testid="link-banner">
      {show && <div class={css['banner']}><Icon name="refresh" size={18} /><span>{text.link.lost(write(since))}</span></div>}
    </div>
  );
}

/** Leaving is the message that a sign-out is pending, with the server's cause and time. Closing it leaves both at the state. */
export function Leaving() {
  const a = agent.value;
  if (!leavingOpen.value || a?.signout === undefined) return null;
  const t = text.leaving;
  return (
    <section class={cls(css['notice'], css['leaving'])} role="status" aria-labelledby="leaving" data-testid="leaving">
      <div>
        <h2 id="leaving">{t.title}</h2>
        <p>{t.lead(signoutLine(a.signout, now.value, text.signout))}</p>
      </div>
      <button onClick={() => void staySignedIn()} data-testid="leaving-stay">{t.stay}</button>
      <button class={quiet} aria-label={t.close} onClick={() => (leavingOpen.value = false)} data-testid="leaving-close"><Icon name="close" size={18} /></button>
    </section>
  );
}
