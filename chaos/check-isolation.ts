import { isHealthy } from './crowd.ts';
import { type Finding, type Notes, round } from './finding.ts';

/** What healthy tenants may wait for at most, 99 % of the time, whatever others do. */
const mostMs = 1_000;
/** Fewer would not have a p99. */
const leastWebhooks = 100;
/** What a dead worker held is sent again within this (I7). */
const recoveryMs = 15_000;

/**
 * I10: webhooks of healthy tenants come at once, although others hang and fail. What a killed worker held, and what its death made
 * wait, is left out. A machine that lets processes wait for CPU has longer.
 */
export async function checkIsolation({ subject, figures, expectNone }: Finding): Promise<void> {
  const { client, books, stage, scenario } = subject;
  if (scenario.crowd === undefined) return;
  const { rows } = await client.query<{ id: string; committedMs: number }>(
    `select id, (extract(epoch from coalesce(
         case when current_setting('track_commit_timestamp')::boolean then pg_xact_commit_timestamp(xmin) end,
         created_at
       )) * 1000)::float8 as "committedMs"
     from posthorn.outbox`,
  );
  const committed = new Map(rows.map(({ id, committedMs }) => [id, committedMs]));
  const spans = killSpans(stage);
  const seen = new Set<string>();
  const waitsMs: number[] = [];
  for (const { id, path, atMs } of books.arrivals) {
    const sinceMs = committed.get(id);
    if (!isHealthy(path) || sinceMs === undefined || seen.has(id)) continue;
    seen.add(id);
    if (spans.some(({ fromMs, toMs }) => sinceMs >= fromMs && sinceMs <= toMs)) continue;
    waitsMs.push(atMs - sinceMs);
  }
  waitsMs.sort((a, b) => a - b);
  const p99Ms = waitsMs[Math.floor(waitsMs.length * 0.99)] ?? 0;
  figures['webhooks of healthy tenants, outside of kills'] = waitsMs.length;
  figures['they came after, p99 ms'] = round(p99Ms);
  figures['they came after, most ms'] = round(waitsMs.at(-1) ?? 0);
  expectNone(
    'I10 99 % of the webhooks of healthy tenants come within 1 s',
    p99Ms > mostMs + 5 * stage.lagMs ? [round(p99Ms)] : [],
  );
  expectNone(
    `I10 there are ${leastWebhooks} webhooks of healthy tenants to judge by`,
    waitsMs.length < leastWebhooks ? [waitsMs.length] : [],
  );
}

/** From a second before each death until a second after the work of the dead worker was freed. */
function killSpans({ deaths, rescues }: Notes): { fromMs: number; toMs: number }[] {
  return deaths.map(({ number, atMs }) => {
    const freed = rescues.find((rescue) => rescue.number === number && rescue.atMs >= atMs);
    const toMs = Math.min(freed?.atMs ?? Number.POSITIVE_INFINITY, atMs + recoveryMs);
    return { fromMs: atMs - 1_000, toMs: toMs + 1_000 };
  });
}
