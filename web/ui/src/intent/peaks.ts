// The waveform of a recording. The server makes it when it has time, and says so.

import { Problem } from '../link/problem';
import type { Api } from '../wire/api';
import type { Peaks } from '../wire/wire';

const again = 5_000; // milliseconds between two questions
const tries = 24;

/** readPeaks asks until the waveform is there, or nobody wants it any more; null where there is none. */
export async function readPeaks(api: Pick<Api, 'getRecordingPeaks'>, id: string, wanted: () => boolean): Promise<Peaks | null> {
  for (let n = 0; n < tries && wanted(); n++) {
    try {
      return await api.getRecordingPeaks(id);
    } catch (err) {
      if (!(err instanceof Problem) || err.code !== 'peaks_pending') return null;
    }
    await new Promise((done) => setTimeout(done, again));
  }
  return null;
}
