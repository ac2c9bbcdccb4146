// Words of what an agent is asked and told around a call: rings, what follows a missed one, requests, sign-out.

export const work = {
  offer: {
    titles: {
      call: 'Incoming call', returned: 'Returned call', new_customer: 'New customer', consult: 'A colleague asks', callback: 'Callback', record: 'Campaign contact', written: 'Written request',
    },
    status: 'Ringing',
    connecting: 'A request is on its way',
    connectingText: 'A contact is being assigned to you.',
    dialled: 'Called number',
    wait: 'Waiting for',
    campaign: 'Campaign',
    about: 'Details',
    atZero: 'If you do not answer in time, the contact goes back to its place and you are set not ready.',
    over: 'Time is up. The server takes the contact back.',
  },

  /** Why the server has set the agent not ready, and what became of the contact. */
  aftermath: {
    titles: {
      rona: 'You missed a call', declined: 'You declined a call', no_media: 'Your audio did not come up', media_lost: 'Your audio was lost', connection_lost: 'Your connection was lost',
      preflight: 'The sound check failed', restart: 'The server was restarted',
    } as Record<string, string>,
    texts: {
      rona: 'You were set not ready because you did not answer in time. The caller went back to their place in the queue.',
      declined: 'You were set not ready because you declined. The caller went back to their place in the queue.',
      no_media: 'You were set not ready because you accepted a call and no audio came up. The caller went back to their place.',
      media_lost: 'You were set not ready because your audio was lost in a call.',
      connection_lost: 'You were set not ready because this page had no connection to the server.',
      preflight: 'You were set not ready because your microphone or speaker failed the check. Do the sound check again.',
      restart: 'You were set not ready because the server was restarted.',
    } as Record<string, string>,
    who: (who: string, queue: string, at: string) => `${who}, ${queue}, ${at}`,
    ready: 'Back to ready',
    stay: 'Stay not ready',
  },

  tasks: {
    title: 'Requests',
    none: 'Nothing waits for you.',
    search: 'Find a request',
    noMatch: 'No request matches.',
    acceptAll: (n: number) => `Accept ${n} requests`,
    fold: 'Fold the requests',
    unfold: 'Show the requests',
    count: (n: number) => (n === 1 ? '1 request' : `${n} requests`),
    what: {
      call: 'Call', returned: 'Returned call', new_customer: 'New customer', consult: 'Consult', callback: 'Callback', record: 'Contact', written: 'Written request', due: 'Callback due', before: 'Callback',
    },
    title1: (what: string, who: string, queue: string) => (queue === '' ? `${what}: ${who}` : `${what}: ${who}, ${queue}`),
    popover: 'Request',
  },

  customer: {
    fresh: 'New customer',
    known: 'Customer who calls back',
    nothing: 'No record of this number is shown.',
    note: 'Note',
    stored: 'Kept as a contact.',
  },

  station: {
    title: 'Desk phone',
    here: 'Calls ring in this browser.',
    phone: (number: string) => `Calls ring at ${number}.`,
    number: 'Number or SIP address',
    handover: 'Move this call there too',
    ring: 'Ring my phone',
    back: 'Ring in the browser',
    hereNow: 'From the next call on this browser rings.',
    phoneNow: (number: string) => `From the next call on ${number} rings.`,
  },

  leaving: {
    title: 'Sign-out is pending',
    lead: (why: string) => `You are signed out as soon as possible: ${why}.`,
    stay: 'Stay signed in',
    close: 'Close',
    granted: 'You are signed out.',
    forced: (by: string) => `${by} has signed you out.`,
  },

  messages: {
    title: 'Messages',
    none: 'No message so far.',
    count: (n: number) => (n === 0 ? '' : n === 1 ? '1 message' : `${n} messages`),
    kinds: {
      signout_pending: () => 'Sign-out is pending.',
      signed_out: () => 'The sign-out was granted.',
      signout_taken_back: () => 'You stay signed in.',
      campaign: (name: string) => `Campaign ${name} is running.`,
      callback_due: (name: string) => `Your callback is due: ${name}.`,
    } as Record<'signout_pending' | 'signed_out' | 'signout_taken_back' | 'campaign' | 'callback_due', (about: string) => string>,
  },

  written: {
    kinds: { email: 'Email', chat: 'Chat', social: 'Social' },
    state: 'Writing',
    reply: 'Your reply',
    send: 'Send',
    close: 'Close without a reply',
  },

  contacts: {
    title: 'Contacts',
    search: 'Name or number',
    find: 'Find',
    none: 'No contact matches.',
    callBack: 'Call back',
  },

  elsewhere: {
    text: 'The audio of this call runs in another window or on another device. You can control the call from here.',
    take: 'Bring the audio here',
  },

  wrap: {
    atZero: (reason: string) => `At zero the server finishes the wrap-up with “${reason}”.`,
    byHand: 'The countdown is cancelled: finish by hand.',
    byHandTill: 'Ends by itself at',
    cancel: 'Stop the countdown',
    extendBy: (s: number) => `${s} s more`,
  },

  drafts: {
    kept: 'Not saved yet. It stays here when the connection breaks.',
    yours: 'Yours',
    theirs: 'Saved meanwhile',
    keep: 'Save mine',
    takeTheirs: 'Take theirs',
    by: (who: string) => `by ${who}`,
    saved: 'Saved.',
  },
};
