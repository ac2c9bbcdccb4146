// Moments, as the agent's own language writes them.

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** moment is a day and time in words. */
export const moment = (iso: string): string => day.format(new Date(iso));

/** When is a moment on the page. */
export function When({ at }: { at: string }) {
  return <time dateTime={at}>{moment(at)}</time>;
}
