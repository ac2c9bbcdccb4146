// Line icons, drawn here. They only ever stand beside words or carry a label of their button.

const paths = {
  phone: 'M6.5 3.5 9 4l1 4-2 1.5a13 13 0 0 0 6.5 6.5L16 14l4 1 .5 2.5c0 1.6-1.4 3-3 3A14 14 0 0 1 3.5 6.5c0-1.6 1.4-3 3-3Z',
  phoneOff: 'M12 8.2c-4 0-7.2 1.2-9.2 3.4-.7.8-.5 2.7.3 3.5l1 .9c.5.5 1.3.5 1.9.1l2.2-1.5c.5-.4.8-1 .7-1.6l-.2-1.3a12 12 0 0 1 6.6 0l-.2 1.3c-.1.6.2 1.2.7 1.6l2.2 1.5c.6.4 1.4.4 1.9-.1l1-.9c.8-.8 1-2.7.3-3.5-2-2.2-5.2-3.4-9.2-3.4Z',
  mic: 'M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3ZM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21M8.5 21h7',
  micOff: 'M9 9v2a3 3 0 0 0 4.5 2.6M15 10.5V6a3 3 0 0 0-5.7-1.3M5.5 11a6.5 6.5 0 0 0 10.3 5.3M18.5 11a6.5 6.5 0 0 1-.5 2.5M12 17.5V21M8.5 21h7M4 3l16 18',
  hold: 'M8 5v14M16 5v14',
  play: 'M7 4.5v15l12-7.5Z',
  keypad: 'M6 5h.01M12 5h.01M18 5h.01M6 11h.01M12 11h.01M18 11h.01M6 17h.01M12 17h.01M18 17h.01',
  record: 'M12 6a6 6 0 1 1 0 12 6 6 0 0 1 0-12Z',
  bell: 'M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 1.5h-15ZM10 20.5a2.2 2.2 0 0 0 4 0',
  sound: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5ZM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11',
  keys: 'M3 6.5h18v11H3ZM7 10.5h.01M11 10.5h.01M15 10.5h.01M8 14h8',
  out: 'M10 4H5v16h5M14 8l4 4-4 4M18 12H9',
  check: 'M4.5 12.5 9.5 17.5 19.5 6.5',
  close: 'M6 6l12 12M18 6 6 18',
  clock: 'M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16ZM12 8v4.5l3 2',
  search: 'M10.5 4.5a6 6 0 1 1 0 12 6 6 0 0 1 0-12ZM15 15l5 5',
  people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM3 19.5c0-3.5 2.7-5.5 6-5.5s6 2 6 5.5M16 4.5a3.2 3.2 0 0 1 0 6M17.5 14.3c2.1.7 3.5 2.5 3.5 5.2',
  refresh: 'M19.5 12a7.5 7.5 0 1 1-2.2-5.3M19.5 4v4h-4',
  lock: 'M6.5 11h11v8.5h-11ZM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  moon: 'M12 4v9M8 6.5a7 7 0 1 0 8 0',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width={name === 'keypad' || name === 'keys' ? 2.2 : 1.8} stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">
      <path d={paths[name]} fill={name === 'record' || name === 'play' ? 'currentColor' : 'none'} />
    </svg>
  );
}
