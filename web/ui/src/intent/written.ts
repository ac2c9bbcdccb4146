// What is done with a written request.

import { state } from '../model/store';
import { commands, readState, fail } from './link';

async function end(send: (id: string) => Promise<unknown>): Promise<boolean> {
  const w = state.value.work;
  if (w === null) return false;
  try {
    await send(w.id);
  } catch {
    return false; // shown by the command
  }
  await readState().catch(fail);
  return true;
}

/** acceptAll takes all written requests that ring, as one. */
export async function acceptAll(): Promise<void> {
  await commands.postAgentOffersAccept('me').catch(() => undefined); // shown by the command
  await readState().catch(fail);
}

/** sendReply answers the request, which closes it. */
export const sendReply = (text: string): Promise<boolean> => end((id) => commands.postWorkWorkReply(id, { text }));

/** closeWork closes it without an answer. */
export const closeWork = (): Promise<boolean> => end((id) => commands.postWorkWorkClose(id));
