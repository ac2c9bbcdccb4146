// The page's one audio context, which browsers start only after the agent touched the page.

let shared: AudioContext | null = null;

export function context(): AudioContext {
  shared ??= new AudioContext({ latencyHint: 'interactive' });
  if (shared.state === 'suspended') void shared.resume();
  return shared;
}

/** unlock starts the context at the first touch or key, so that a ring later is heard. */
export function unlock(): void {
  const touch = () => {
    const c = context();
    void c.resume().then(() => {
      if (c.state !== 'running') return;
      removeEventListener('pointerdown', touch);
      removeEventListener('keydown', touch);
    });
  };
  addEventListener('pointerdown', touch);
  addEventListener('keydown', touch);
}
