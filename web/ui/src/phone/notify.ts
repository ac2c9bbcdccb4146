// Getting attention while the agent looks elsewhere: a notification of the system, the tab's title and
// its icon. All of it goes away as soon as the ring does.

let shown: Notification | null = null;
let blink: ReturnType<typeof setInterval> | undefined;
let title = '';

export function permission(): NotificationPermission | 'unsupported' {
  return 'Notification' in globalThis ? Notification.permission : 'unsupported';
}

export async function ask(): Promise<NotificationPermission | 'unsupported'> {
  if (!('Notification' in globalThis)) return 'unsupported';
  return Notification.requestPermission();
}

function icon(href: string): void {
  document.querySelector('link[rel="icon"]')?.setAttribute('href', href);
}

/** attract blinks the tab and, where allowed, shows a notification; a click on it brings the page forward. */
export function attract(tab: string, head: string, body: string): void {
  calm();
  title = document.title;
  let on = false;
  const flip = () => {
    on = !on;
    document.title = on ? `● ${tab}` : tab;
    icon(on ? '/icon-ring.svg' : '/icon.svg');
  };
  flip();
  blink = setInterval(flip, 1_000);
  if (permission() !== 'granted' || document.hasFocus()) return;
  shown = new Notification(head, { body, tag: 'cordboard-ring', requireInteraction: true, icon: '/icon.svg' });
  shown.onclick = () => {
    window.focus();
    shown?.close();
  };
}

export function calm(): void {
  shown?.close();
  shown = null;
  if (blink === undefined) return;
  clearInterval(blink);
  blink = undefined;
  document.title = title;
  icon('/icon.svg');
}
