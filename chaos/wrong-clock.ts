/*
 * Loaded into a worker before anything else (node --import): its clock is wrong by CHAOS_CLOCK_OFFSET_MS. Only what
 * the process itself asks for; the monotonic clock and Postgres go right.
 */

const offsetMs = Number(process.env['CHAOS_CLOCK_OFFSET_MS'] ?? '0');
const RightDate = Date;

class WrongDate extends RightDate {
  constructor(...args: [] | [value: number | string | Date]) {
    if (args.length === 0) super(WrongDate.now());
    else super(...args);
  }

  static override now(): number {
    return RightDate.now() + offsetMs;
  }
}

if (offsetMs !== 0) globalThis.Date = WrongDate as DateConstructor;
