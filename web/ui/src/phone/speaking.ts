// Is somebody speaking? A level over a slowly learned floor, with a little patience both ways. Pure.

const ABOVE_DB = 12; // over the floor
const LEAST_DB = -50; // below this nobody speaks
const ON = 4; // steps in a row until it counts as speech (0.2 s)
const OFF = 14; // steps in a row until it counts as silence (0.7 s)

/** Speaking takes one level in dBFS per 50 ms step. */
export class Speaking {
  private floor = -60;
  private loud = 0;
  private quiet = 0;
  private on = false;

  push(db: number): boolean {
    this.floor = db < this.floor ? Math.max(-80, this.floor * 0.7 + db * 0.3) : Math.min(-30, this.floor + 0.05);
    if (db > LEAST_DB && db > this.floor + ABOVE_DB) {
      this.loud++;
      this.quiet = 0;
    } else {
      this.quiet++;
      this.loud = 0;
    }
    if (this.loud >= ON) this.on = true;
    if (this.quiet >= OFF) this.on = false;
    return this.on;
  }
}
