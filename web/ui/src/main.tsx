// Where everything is tied together: sound and link start, the page is drawn, and the body says what state
// it is in, for style sheets and tests.

import { effect } from '@preact/signals';
import { render } from 'preact';
import './style/tokens.css';
import './style/base.css';
import * as call from './intent/call';
import { socket, tick, TICK_MS } from './intent/link';
import * as library from './intent/library';
import * as recordings from './intent/recordings';
import * as session from './intent/session';
import * as sound from './intent/sound';
import * as supervise from './intent/supervise';
import { agent, held, link, muted, shown, signedIn, state } from './model/store';
import { unlock } from './phone/audio';
import { watch } from './phone/devices';
import { App } from './view/app';

effect(() => {
  const d = document.body.dataset;
  d['agentState'] = signedIn.value ? (agent.value?.state ?? 'offline') : 'signed_out';
  d['screen'] = signedIn.value ? shown.value : 'signin';
  d['callState'] = state.value.call === null ? 'none' : held.value ? 'held' : state.value.call.state;
  d['phoneState'] = sound.phone.value;
  d['linkState'] = link.value;
  d['muted'] = String(muted.value);
  d['recState'] = state.value.recording?.state ?? 'none';
});

unlock();
watch();
sound.start();
call.start();
recordings.start();
library.start();
session.start();
supervise.start();
setInterval(tick, TICK_MS);
document.addEventListener('visibilitychange', tick); // timers of a hidden page are slow
addEventListener('online', () => socket.hurry());
addEventListener('offline', () => socket.suspect());

const root = document.getElementById('app');
if (root !== null) render(<App />, root);
session.begin();
