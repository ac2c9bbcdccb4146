// Every screen of the desktop in a real browser, light and dark: a picture of each into dev/shots and the
// accessibility rules of WCAG 2.2 AA over each. Fails on a violation, an error in the page's console or a
// broken content security policy. Build first. CHROMIUM names another browser, SHOTS another folder,
// ONLY some of the walks (office, office-dark, office-narrow, light, dark, narrow, supervisor, work, work-narrow).

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';
import { jwt, Mock, officeJwt } from './mock.mjs';

const out = process.env.SHOTS ?? join(import.meta.dirname, 'shots');
mkdirSync(out, { recursive: true });
const track = join(tmpdir(), 'cordboard-track.opus');
execFileSync('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', '-i', 'sine=frequency=300:duration=95', '-ar', '48000', '-ac', '1', '-c:a', 'libopus', '-b:a', '24k', '-f', 'ogg', track]);

// The page's peer lives in the page: an answer for each offer, which sends a tone back.
function loopback() {
  const real = window.fetch;
  window.fetch = async (input, init) => {
    if (input !== '/v1/legs' || init?.method !== 'POST') return real(input, init);
    const res = await real(input, init);
    if (!res.ok) return res;
    const answer = await res.json();
    const pc = new RTCPeerConnection();
    const ctx = new AudioContext();
    const osc = ctx.createOscillator();
    const gain = ctx.createGain();
    const dest = ctx.createMediaStreamDestination();
    gain.gain.value = 0.2;
    osc.connect(gain).connect(dest);
    osc.start();
    await pc.setRemoteDescription({ type: 'offer', sdp: JSON.parse(init.body).sdp });
    dest.stream.getTracks().forEach((t) => pc.addTrack(t, dest.stream));
    await pc.setLocalDescription(await pc.createAnswer());
    await new Promise((r) => (pc.iceGatheringState === 'complete' ? r() : (pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && r())));
    window.__far = pc;
    return new Response(JSON.stringify({ ...answer, sdp: pc.localDescription.sdp }), { status: 201 });
  };
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--mute-audio',
    '--autoplay-policy=no-user-gesture-required', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', '--allow-loopback-in-peer-connection'],
});
let bad = 0;

// What a supervisor sees, reached by keyboard alone.
async function supervisor() {
  const mock = new Mock({ grants: ['agent:self', 'supervise:*'], trackFile: track });
  const base = await mock.listen();
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, permissions: ['microphone'], reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.on('pageerror', (e) => { bad++; console.error(`supervisor: ${e.message}`); });
  await page.addInitScript(loopback);
  await page.goto(`${base}/#token=${jwt(['agent:self', 'supervise:*'])}`);
  await page.getByTestId('sound-done').click();
  await page.getByTestId('page-wall').focus();
  await page.keyboard.press('Enter');
  await page.getByTestId('wall').waitFor();
  await page.getByTestId('wall-coach').first().focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-testid=watching][data-mode=coach]');
  await page.waitForTimeout(600);
  await page.screenshot({ path: join(out, '20-supervisor.png'), fullPage: true });
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']).analyze();
  for (const v of violations) { bad++; console.error(`supervisor: ${v.id}: ${v.nodes.map((n) => n.target).join(' | ')}`); }
  await context.close();
  mock.close();
}

/** opened is a page at a mock and what a walk does with it. */
async function opened(colorScheme, viewport, name) {
  const mock = new Mock({ trackFile: track });
  const base = await mock.listen();
  const context = await browser.newContext({ colorScheme, viewport, permissions: ['microphone'], reducedMotion: 'reduce' });
  const page = await context.newPage();
  const complain = (what) => {
    bad++;
    console.error(`${name}: ${what}`);
  };
  page.on('console', (m) => m.type() === 'error' && !/the server responded with a status of|WebSocket connection/.test(m.text()) && complain(m.text()));
  page.on('pageerror', (e) => complain(e.message));
  await page.addInitScript(loopback);
  const id = (x) => page.getByTestId(x);
  const on = (k, v) => page.waitForSelector(`body[data-${k}="${v}"]`, { timeout: 20_000 });
  const shot = async (screen) => {
    await page.waitForTimeout(250);
    console.log(name, screen);
    await page.screenshot({ path: join(out, `${screen}-${name}.png`), fullPage: true });
    const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']).analyze();
    for (const v of violations) complain(`${screen}: ${v.id}: ${v.nodes.map((n) => `${n.target} ${n.any.map((a) => a.message).join(' ')}`).slice(0, 4).join(' | ')}`);
  };
  return { mock, base, context, page, complain, id, on, shot };
}

/** office walks through recordings and the audit log, by keyboard where a mouse would do. */
async function office(colorScheme, viewport, name) {
  const { mock, base, context, page, complain, id, shot } = await opened(colorScheme, viewport, name);
  mock.fill(40);
  await page.goto(`${base}/#token=${officeJwt()}`);
  await id('config').waitFor();
  await id('page-recordings').focus();
  await page.keyboard.press('Enter');
  const rows = id('library-row');
  await rows.nth(24).waitFor();
  await id('library-more').focus();
  await page.keyboard.press('Enter');
  await rows.nth(41).waitFor();
  if (await id('library-more').count() > 0) complain('a page more than there are');
  await id('library-number').fill('555 012');
  await page.keyboard.press('Enter');
  await id('library-count').getByText('1 recording').waitFor();
  await rows.first().getByRole('button').first().focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-testid=waveform][data-loaded=true]');
  await id('library-markers').getByText('On hold').waitFor();
  await id('library-play').focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-testid=library-play][data-playing=true]');
  await id('library-seek').focus();
  await page.keyboard.press('ArrowRight');
  await id('library-play').click();
  await page.waitForSelector('[data-testid=library-play][data-playing=false]');
  await id('library-markers').getByText('Keys pressed').focus();
  await page.keyboard.press('Enter');
  await id('library-position').getByText('1:06 / 1:35').waitFor();
  await id('library-hold-reason').fill('case 4711');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-testid=library-row][data-held=true]');
  if (!(await id('library-delete').isDisabled())) complain('a held recording can be deleted');
  await shot('23-recordings');
  await id('library-hold').click();
  await page.waitForSelector('[data-testid=library-row][data-held=false]');
  await id('library-delete').click();
  await id('library-confirm').waitFor();
  await shot('24-recordings-delete');
  await id('library-delete-reason').fill('asked for by the customer');
  await page.keyboard.press('Enter');
  await id('library-done').getByText('deleted').waitFor();
  if (await rows.count() > 0) complain('a deleted recording is still there');
  await id('library-clear').click();
  await rows.nth(24).waitFor();
  await id('page-audit').click();
  await id('audit-row').nth(3).waitFor();
  await shot('25-audit');

  // Reports and call records, and from a record to its recording, by keyboard.
  await id('page-reports').focus();
  await page.keyboard.press('Enter');
  await id('reports-row').nth(5).waitFor();
  await shot('26-reports');
  await id('reports-kind').selectOption('agent');
  await page.waitForSelector('[data-testid=reports-row][data-id=agt_1]');
  await shot('27-reports-agents');
  await id('page-records').focus();
  await page.keyboard.press('Enter');
  await id('records-row').nth(1).getByRole('button').first().focus();
  await page.keyboard.press('Enter');
  await id('records-detail').waitFor();
  await shot('28-call-records');
  await id('records-recording').focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-recording=rec_1] [data-testid=library-detail]');
  await id('page-webhooks').focus();
  await page.keyboard.press('Enter');
  await id('webhook-dead').first().focus();
  await page.keyboard.press('Enter');
  await id('webhook-letter').nth(1).waitFor();
  await shot('29-webhooks');
  await id('webhook-new').focus();
  await page.keyboard.press('Enter');
  await id('webhook-form').waitFor();
  await shot('30-webhook-new');
  await page.keyboard.press('Escape');
  await context.close();
  mock.close();
}

/** work walks through what an agent does without a call, and what is decided for others, by keyboard where a mouse would do. */
async function work(viewport, name) {
  const { mock, base, context, page, complain, id, on, shot } = await opened('light', viewport, name);
  const press = async (x) => {
    await x.focus();
    await page.keyboard.press('Enter');
  };
  mock.busy();
  mock.grants = ['agent:self', 'campaign:write'];
  await page.goto(`${base}/#token=${jwt(mock.grants)}`);
  await id('sound-done').click();
  await id('record').waitFor(); // found again in the snapshot
  await shot('31-record-after-reload');
  await press(id('record-reschedule'));
  await shot('32-record-reschedule');
  await page.keyboard.press('Escape');
  for (let i = 0; i < 5; i++) { // a dialog opens again at once
    await press(id('tasks-callback'));
    await id('callback-form').waitFor({ timeout: 1_000 }).catch(() => complain('the form does not open again'));
    await press(id('callback-close'));
  }
  await press(id('callback-edit').first());
  await shot('33-callback-form');
  if ((await id('callback-fallback').inputValue()) !== '15') complain('the fallback of the callback is not shown');
  await page.keyboard.press('Escape');
  await press(id('campaign-finish'));
  await id('campaign-sure').waitFor();
  await shot('34-campaign-sure');
  await page.keyboard.press('Escape');
  await page.keyboard.press('s');
  await id('station-number').fill('sip:maja@192.0.2.8');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-testid=station][data-station]:not([data-station=""])');
  await shot('35-desk-phone');
  await page.keyboard.press('Escape');
  await page.keyboard.press('r');
  await on('agent-state', 'ready');
  mock.records = [];
  mock.publish('record.changed', { id: 'rcd_1', state: 'closed', version: 9 });
  mock.write();
  await id('written').waitFor();
  await id('written-reply').fill('Dear Ms Kranjc,\n\nit will be with you tomorrow.');
  await shot('36-written');
  await press(id('written-callback'));
  await id('callback-form').waitFor();
  if ((await id('callback-name').inputValue()) !== 'Ana Kranjc') complain('the callback is not for the sender');
  await page.keyboard.press('Escape');
  await press(id('written-send'));
  await on('agent-state', 'ready');

  mock.ring();
  await on('screen', 'ring');
  if (await id('customer').count() > 0) complain('a form is open before anybody has accepted');
  await page.keyboard.press('a');
  await on('phone-state', 'connected');
  mock.publish('record.opened', { call_id: mock.call.id, agent: 'agt_1', stage: 'new', number: mock.call.from, new: true }, mock.call.id);
  await id('customer-name').fill('Ana Kranjc');
  await id('customer-note').fill('asked for a quote');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-testid=customer][data-stored=true]');
  await shot('43-new-customer');
  await press(id('hangup'));
  await on('screen', 'wrapup');
  if (await id('customer').count() === 0) complain('the form is gone in wrap-up');

  await page.goto('about:blank');
  await page.goto(`${base}/#token=${officeJwt()}`);
  await press(id('page-callbacks'));
  await id('callback').nth(3).waitFor();
  await shot('37-callbacks');
  await press(id('callback-give').first());
  await id('assign-agent').fill('agt_3');
  await shot('38-callback-give');
  await press(id('assign-save'));
  await page.waitForFunction(() => document.querySelector('[data-callback=cbk_0]')?.textContent?.includes('agt_3'));
  await press(id('page-access'));
  await id('access-row').nth(1).waitFor();
  await shot('39-access');
  await press(id('access-new'));
  await id('access-value').fill('agt_9');
  await shot('40-access-form');
  await press(id('access-save'));
  await id('access-row').nth(2).waitFor();
  await press(id('access-enable').first());
  await id('access-row').nth(2).waitFor({ state: 'detached' });
  await press(id('page-wall'));
  await id('wall-callback-courtesy').waitFor();
  await shot('41-wall-waiting');
  await press(id('wall-prefer'));
  await id('wall-prefer-agent').selectOption({ index: 1 });
  await shot('42-wall-prefer');
  await press(id('wall-prefer-save'));
  await press(id('wall-callback-voice'));
  await press(id('wall-yes'));
  for (const want of ['/prefer', '/callback']) if (!mock.log.some((l) => l.startsWith('POST') && l.endsWith(want))) complain(`nothing was asked: ${want}`);
  await context.close();
  mock.close();
}

async function walk(colorScheme, viewport, name) {
  const { mock, base, context, page, complain, id, on, shot } = await opened(colorScheme, viewport, name);
  mock.providers = [{ id: 'company', name: 'Example Ltd', path: '/v1/signin/company' }];
  await page.goto(`${base}/`);
  await id('signin-with-company').waitFor();
  await shot('01-signin');
  await id('signin-token').fill('nonsense');
  await id('signin').click();
  await shot('02-signin-refused');
  await id('signin-token').fill(jwt());
  await id('signin').click();
  await on('agent-state', 'not_ready');
  await page.waitForTimeout(1_500);
  await shot('03-preflight');
  await id('sound-done').click();
  await shot('04-not-ready');
  await page.keyboard.press('r');
  await on('agent-state', 'ready');
  await id('play').first().click();
  await page.waitForSelector('[data-testid=waveform][data-loaded=true]');
  await page.waitForSelector('[data-testid=play][data-playing=true]');
  await page.waitForTimeout(700);
  await shot('05-ready-recording');
  mock.queues[0] = { ...mock.queues[0], waiting: 1, oldest_since: new Date(Date.now() - 12_000).toISOString() };
  mock.publish('queue.changed', mock.queues[0]);
  mock.ring();
  await on('screen', 'ring');
  await page.waitForTimeout(600);
  await shot('06-ring');
  await page.keyboard.press('a');
  await on('screen', 'call');
  await on('phone-state', 'connected');
  await page.waitForSelector('[data-testid=network][data-bars]', { timeout: 20_000 });
  await shot('07-call');
  await page.keyboard.press('Shift+N');
  await page.waitForSelector('[data-testid=noise-caller]:checked');
  await id('noise-own').focus();
  await page.keyboard.press('Space');
  await page.waitForSelector('[data-testid=noise-own]:checked');
  await id('noise-caller-level').focus();
  await page.keyboard.press('ArrowRight');
  await id('noise').getByText('90 %').waitFor();
  await id('noise-compare').click();
  await page.waitForSelector('[data-testid=noise-caller]:not(:checked)');
  await page.waitForSelector('[data-testid=noise-caller]:checked'); // back by itself
  await id('noise-residual').click();
  await id('noise-note').getByText('noise in place of').waitFor();
  await shot('07-call-noise');
  await id('noise-residual').click();
  await id('rec-pause').click();
  await on('rec-state', 'paused');
  await page.keyboard.press('k');
  await page.keyboard.press('4');
  await page.keyboard.press('2');
  await page.keyboard.press('m');
  await on('muted', 'true');
  await id('muted-speaking').getByText('muted').waitFor({ timeout: 20_000 });
  await shot('08-call-paused-muted-keypad');
  await page.keyboard.press('Escape');
  await page.keyboard.press('m');
  await page.keyboard.press('p');
  await on('rec-state', 'recording');
  await page.keyboard.press('h');
  await on('call-state', 'held');
  await shot('09-call-held');

  // A reload in the call: back in it with a new leg.
  const before = mock.log.length;
  await page.reload();
  await on('phone-state', 'connected');
  if (!mock.log.slice(before).some((l) => /^DELETE .*reason=reload/.test(l))) complain('no farewell on reload');
  if (!mock.log.slice(before).includes('POST /v1/legs')) complain('not joined again after reload');
  await page.keyboard.press('?');
  await id('help').waitFor();
  await shot('10-help');
  await id('dialog-close').click();
  await page.keyboard.press('s');
  await id('sound-dialog').waitFor();
  await shot('11-sound-in-call');
  await id('sound-done').click();

  // The server goes away for a while.
  mock.refuse = true;
  for (const s of mock.sockets) s.destroy();
  await id('link-banner').getByText('cannot be reached').waitFor({ timeout: 10_000 });
  await shot('12-link-lost');
  mock.refuse = false;
  await on('link-state', 'open');

  await page.keyboard.press('Shift+E');
  await on('screen', 'wrapup');
  await shot('13-wrapup');
  await page.keyboard.press('w');
  await page.keyboard.type('tech');
  await id('wrapup-reason').first().click();
  await id('wrapup-extend').click();
  await shot('14-wrapup-chosen');
  await id('wrapup-submit').click();
  await on('agent-state', 'ready');
  mock.ring('Ana Kranjc');
  await on('screen', 'ring');
  await shot('15-ring-named');
  mock.endOffer('expired');
  await on('agent-state', 'not_ready');
  await shot('16-rona');
  await id('signout').click();
  await on('screen', 'signin');
  await context.close();
  mock.close();
}

const walks = {
  office: () => office('light', { width: 1280, height: 900 }, 'light'),
  'office-dark': () => office('dark', { width: 1280, height: 900 }, 'dark'),
  'office-narrow': () => office('light', { width: 360, height: 780 }, 'narrow'),
  light: () => walk('light', { width: 1440, height: 900 }, 'light'),
  dark: () => walk('dark', { width: 1440, height: 900 }, 'dark'),
  narrow: () => walk('light', { width: 360, height: 780 }, 'narrow'), // 1440 pixels at 400 %
  supervisor,
  work: () => work({ width: 1440, height: 900 }, 'wide'),
  'work-narrow': () => work({ width: 1024, height: 768 }, 'tablet'),
};
for (const w of process.env.ONLY?.split(' ') ?? Object.keys(walks)) await walks[w]();
await browser.close();
console.log(bad === 0 ? 'every screen is fine' : `${bad} complaints`);
process.exit(bad === 0 ? 0 : 1);
