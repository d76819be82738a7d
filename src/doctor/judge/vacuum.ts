// Pure: no I/O, no clock, no randomness.

import { age, listed } from '../amounts.ts';
import type { ServerFacts } from '../facts/server.ts';
import type { HotTable, VacuumFacts } from '../facts/vacuum.ts';
import { type Finding, verdictsOf } from '../finding.ts';
import { changeSettings } from './change-settings.ts';

type Settings = ServerFacts['settings'];

/**
 * The settings that migrations/0001_webhooks.sql makes. The queue is emptied and filled all day, so it is vacuumed by
 * count, not by share.
 */
const tuned: Readonly<Record<string, readonly string[]>> = {
  'posthorn.queue': [
    'fillfactor=45',
    'autovacuum_vacuum_scale_factor=0',
    'autovacuum_vacuum_threshold=5000',
    'autovacuum_vacuum_cost_delay=0',
  ],
  'posthorn.breakers': ['autovacuum_vacuum_scale_factor=0', 'autovacuum_vacuum_threshold=1000'],
  'posthorn.lane_rules': ['autovacuum_vacuum_scale_factor=0', 'autovacuum_vacuum_threshold=1000'],
};

/** In multiples of the number that starts an autovacuum. With fewer, a vacuum is about to come or has just begun. */
const manyTimes = 10;
const tooManyTimes = 100;
/** With fewer dead rows, no share of them matters. */
const minDead = 10_000;

export function judgeVacuum({ off, hot }: VacuumFacts, server: ServerFacts): Finding[] {
  return [judgeAutovacuum(off, server), judgeTuning(hot), judgeDeadRows(hot, server.settings)];
}

function judgeAutovacuum(off: readonly string[], server: ServerFacts): Finding {
  const { ok, fail } = verdictsOf(
    'autovacuum',
    'on, for the server and for each table: the queue is rewritten all day and grows without it',
  );
  const switched = ['autovacuum', 'track_counts'].filter((name) => server.settings[name] !== 'on');
  if (switched.length > 0) {
    return fail(
      `${switched.join(' and ')} off`,
      changeSettings(
        server,
        switched.map((name) => [name, 'on']),
      ),
    );
  }
  if (off.length === 0) return ok('on');
  return fail(
    `off for ${listed(off)}`,
    off
      .slice(0, 5)
      .map((name) => `alter table ${name} reset (autovacuum_enabled, toast.autovacuum_enabled);`)
      .join(' '),
  );
}

function judgeTuning(hot: readonly HotTable[]): Finding {
  const { ok, warn } = verdictsOf(
    'settings of tables',
    'as the migrations set them: with the server’s defaults, vacuum comes to the queue too late',
  );
  const lost = hot.flatMap(({ name, options }) =>
    (tuned[name] ?? [])
      .filter((option) => !options.includes(option))
      .map((option) => ({ name, option })),
  );
  if (lost.length === 0) return ok('as the migrations set them');
  return warn(
    listed(lost.map(({ name, option }) => `${name} without ${option}`)),
    lost.map(({ name, option }) => `alter table ${name} set (${option});`).join(' '),
  );
}

function judgeDeadRows(hot: readonly HotTable[], settings: Settings): Finding {
  const { ok, warn, fail } = verdictsOf(
    'dead rows',
    `fewer than ${manyTimes} times the number that starts an autovacuum: more means that vacuum is held back or does not keep up`,
  );
  const measured = hot.map((table) => ({
    ...table,
    times: table.dead < minDead ? 0 : table.dead / triggerOf(table, settings),
  }));
  const bad = measured.filter(({ times }) => times >= manyTimes);
  if (bad.length === 0) {
    const [queue] = hot;
    return ok(queue === undefined ? 'few' : `few; ${said(queue)}`);
  }
  const remedy = `First look at the open transactions and slots above, which hold vacuum back; then run: vacuum (verbose) ${bad[0]?.name};`;
  const found = listed(bad.map(said), 3);
  return bad.some(({ times }) => times >= tooManyTimes) ? fail(found, remedy) : warn(found, remedy);
}

function said({ name, dead, live, vacuumed_s: vacuumedS }: HotTable): string {
  const when = vacuumedS === null ? 'never vacuumed' : `vacuumed ${age(vacuumedS)} ago`;
  return `${name} ${dead} dead of ${dead + live}, ${when}`;
}

/** The number of dead rows that starts an autovacuum of the table. */
function triggerOf({ live, options }: HotTable, settings: Settings): number {
  const option = (name: string) => {
    const own = options.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
    return Number(own ?? settings[name] ?? 0);
  };
  const threshold = option('autovacuum_vacuum_threshold');
  return Math.max(1, threshold + option('autovacuum_vacuum_scale_factor') * live);
}
