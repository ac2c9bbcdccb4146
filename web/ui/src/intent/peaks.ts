// The waveform of a recording. The server makes it when it has time, and says so.

import { Problem } from '../link/problem';
import type { Http } from '../link/http';
import type { Peaks } from '../wire/wire';

const again = 5_000; // milliseconds between two questions
const tries = 24;

/** readPeaks asks until the waveform is there, or nobody wants it any more; null where there is none. */
export async function readPeaks(http: Http, id: string, wanted: () => boolean): Promise<Peaks | null> {
  for (let n = 0; n < tries && wanted(); n++) {
    try {
      return (await http.json('GET', `/v1/recordings/${id}/peaks`)) as Peaks;
    } catch (err) {
      if (!(err instanceof Problem) || err.code !== 'peaks_pending') return null;
    }
    await new Promise((done) => setTimeout(done, again));
  }
  return null;
}
