import { setTimeout as delay } from 'node:timers/promises';
import { AttemptFollower, type FollowedAttempt } from '../queries/follow-attempts.ts';
import { type Given, hasOption, numberOption } from './command.ts';
import { withDatabase } from './database.ts';
import { oneLine, paint, spanText, timeText } from './table.ts';
import { print, terminalOf } from './terminal.ts';

const everyMs = 500;
/** Old attempts are not of interest, but a few recent ones show that it works. */
const firstMs = 10_000;

/** `posthorn tail`: prints a line per attempt that ends, until Ctrl-C or --lines. */
export async function tailCommand(given: Given): Promise<void> {
  const most = numberOption(given, 'lines', { min: 1, max: 999_999_999, fallback: 999_999_999 });
  const failuresOnly = hasOption(given, 'failures');
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  await withDatabase(async (pool) => {
    const follower = new AttemptFollower(pool);
    for (let printed = 0; !stop.signal.aborted; ) {
      const attempts = await follower.look({ firstMs });
      for (const attempt of attempts) {
        if (failuresOnly && attempt.error === null) continue;
        print(hasOption(given, 'json') ? attempt : lineOf(attempt));
        printed += 1;
        if (printed === most) return;
      }
      await delay(everyMs, undefined, { signal: stop.signal }).catch(() => {});
    }
  });
}

function lineOf(attempt: FollowedAttempt): string {
  const { hasColours } = terminalOf(process.stdout);
  const { finished_at, webhook_id, number, status_code, error, duration_ms, url } = attempt;
  const result = error ?? String(status_code ?? '');
  return [
    paint(timeText(finished_at), 'faint', hasColours),
    webhook_id,
    `#${number}`,
    paint(result.padEnd(18), error === null ? 'green' : 'red', hasColours),
    spanText(duration_ms === null ? null : duration_ms / 1_000).padStart(7),
    oneLine((url ?? '').split('?')[0] ?? ''),
  ].join('  ');
}
