// The page: the door, or the bar at the top with the queues, the screen of the moment and the recordings.

import { useEffect } from 'preact/hooks';
import { accept, cancelCountdown, decline, extendWrapup, hangUp, sendDigit, setMuted, toggleHold, toggleRecording } from '../intent/call';
import { toggleNoise } from '../intent/noise';
import { setState } from '../intent/session';
import { controls, muted, online, rules, shown, signedIn, state } from '../model/store';
import { admin } from '../model/store';
import { text } from '../text/en';
import { Announce } from './announce';
import { CallCard } from './call/call';
import { Help } from './help/help';
import { Idle, putAside } from './idle/idle';
import { helpOpen, keypadOpen, listen, soundOpen } from './keys';
import { Leaving, LinkBanner, Notice } from './notice';
import { Office, OfficePage, pageShown } from './office/office';
import { Messages } from './messages/messages';
import { CustomerRecord } from './outbound/customer';
import { ContactSearch } from './outbound/find';
import { Callbacks, Campaigns } from './outbound/outbound';
import { RecordCards } from './outbound/recordcard';
import { Queues } from './queues/queues';
import { Recordings } from './recordings/recordings';
import { Ring } from './ring/ring';
import { SignIn } from './signin/signin';
import { Preflight, SoundDialog } from './sound/sound';
import { TaskPopover, Tasks } from './tasks/tasks';
import { Top } from './top/top';
import { WatchBar } from './wall/wall';
import { Wrapup } from './wrapup/wrapup';
import { Written } from './written/written';
import css from './app.module.css';

export function App() {
  if (admin.value) return <Office />;
  if (!signedIn.value) return <SignIn />;
  return <Desktop />;
}

function Desktop() {
  useEffect(() => listen(press), []);
  const beside = shown.value === 'idle' && pageShown.value !== 'desk'; // a call that comes takes the page's place
  return (
    <div class={css['page']}>
      <a class={css['skip']} href="#main">{text.skip}</a>
      <LinkBanner />
      <Top />
      <WatchBar />
      <div class={css['columns']}>
        <aside class={css['side']} aria-label={text.tasks.title}><Tasks /><Messages /><Queues /></aside>
        <main id="main" class={css['main']} tabIndex={-1}>
          <Notice />
          <Leaving />
          <RecordCards />
          <CustomerRecord />
          {shown.value === 'ring' && <Ring />}
          {shown.value === 'call' && <CallCard />}
          {shown.value === 'wrapup' && <Wrapup key={state.value.wrapup?.id} />}
          {shown.value === 'idle' && state.value.work !== null && <Written />}
          {shown.value === 'idle' && state.value.work === null && (beside ? <OfficePage /> : <><Idle /><Preflight /></>)}
        </main>
        <aside class={css['side']} aria-label={text.recordings.title}><Callbacks /><ContactSearch /><Campaigns /><Recordings /></aside>
      </div>
      <TaskPopover />
      <Announce />
      <Help />
      <SoundDialog />
    </div>
  );
}

/** press is the table of keys; each entry says by itself whether it applies now. */
function press(key: string): boolean {
  if (key === 'Escape') {
    if (!keypadOpen.value) return false;
    keypadOpen.value = false;
    return true;
  }
  if (key === '?') return yes(() => (helpOpen.value = true));
  if (key === 's') return yes(() => (soundOpen.value = true));
  if (!online.value && key !== 'm') return false;
  const agent = state.value.agent?.state;
  switch (shown.value) {
    case 'ring':
      if (key === 'a') return yes(accept);
      if (key === 'd') return state.value.offer?.no_decline !== true && yes(decline);
      return false;
    case 'call':
      return pressInCall(key);
    case 'wrapup':
      if (key === 'x') return yes(() => { void cancelCountdown(); void extendWrapup(); }); // only one of them is ever allowed
      if (key === 'w') return yes(() => document.getElementById('wrapup-search')?.focus());
      break;
    case 'idle':
      break;
  }
  if (agent !== 'ready' && agent !== 'not_ready' && agent !== 'wrapup' && agent !== 'signout_pending') return false;
  if (key === 'r' && agent !== 'ready') return yes(() => setState('ready'));
  const a = state.value.agent;
  if (key === 'n' && (agent !== 'not_ready' || (a !== null && putAside(a)))) return yes(() => setState('not_ready', rules.value.notReady[0]));
  return false;
}

function pressInCall(key: string): boolean {
  if (keypadOpen.value && /^[0-9*#]$/.test(key)) return yes(() => sendDigit(key));
  switch (key) {
    case 'm': return yes(() => controls.value.mute.enabled && setMuted(!muted.value));
    case 'h': return yes(toggleHold);
    case 'k': return yes(() => (keypadOpen.value = !keypadOpen.value));
    case 'p': return yes(toggleRecording);
    case 'Shift+N': return yes(() => toggleNoise('caller'));
    case 'Shift+E': return yes(hangUp);
    default: return false;
  }
}

function yes(act: () => unknown): true {
  void act();
  return true;
}
