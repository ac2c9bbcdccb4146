// Several windows of one agent on one computer: they ask each other who has a call's audio, so that a page that was
// torn down finds back into its call and a second window does not take the call's audio away.

const ASK_MS = 400; // a window in the background answers slower

type Note = { ask: string; id: string } | { has: string; id: string };

const line = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('cordboard.legs');
let mine: () => string | null = () => null;
let asked = 0;

/** answer tells the other windows which leg has its audio here; called once. */
export function answer(leg: () => string | null): void {
  mine = leg;
  line?.addEventListener('message', (e: MessageEvent<Note>) => {
    const n = e.data;
    if ('ask' in n && mine() === n.ask) line.postMessage({ has: n.ask, id: n.id } satisfies Note);
  });
}

/** taken says whether another window of this computer has the audio of a leg. */
export function taken(leg: string): Promise<boolean> {
  if (line === null) return Promise.resolve(false);
  const id = `${Date.now()}.${asked++}.${Math.random()}`;
  return new Promise((resolve) => {
    const hear = (e: MessageEvent<Note>) => {
      if ('has' in e.data && e.data.id === id) done(true);
    };
    const done = (yes: boolean) => {
      clearTimeout(timer);
      line.removeEventListener('message', hear);
      resolve(yes);
    };
    const timer = setTimeout(() => done(false), ASK_MS);
    line.addEventListener('message', hear);
    line.postMessage({ ask: leg, id } satisfies Note);
  });
}
