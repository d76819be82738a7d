// Pure: no I/O, no clock, no randomness.

import { age, counted, listed } from '../amounts.ts';
import type { ConnectionFacts, PartitionDay, WorkerFacts } from '../facts/running.ts';
import type { ServerFacts } from '../facts/server.ts';
import { type Finding, verdictsOf } from '../finding.ts';
import { changeSettings } from './change-settings.ts';

export function judgePartitions(days: readonly PartitionDay[]): Finding {
  const { ok, warn, fail } = verdictsOf(
    'partitions',
    'exist for today and two days ahead: a worker makes them every ten minutes; rows without one go to the default partitions',
  );
  const gaps = days.filter(({ missing }) => missing.length > 0);
  if (gaps.length === 0) return ok(`up to ${days.at(-1)?.day}`);
  const found = `missing: ${listed(gaps.map(({ day, missing }) => `${day} of ${missing.join(', ')}`))}`;
  const remedy = `${gaps.map(({ day }) => `select posthorn.make_partitions('${day}');`).join(' ')} And make sure that a worker runs: it logs "Maintenance done" every ten minutes.`;
  return gaps.some(({ ahead }) => ahead <= 1) ? fail(found, remedy) : warn(found, remedy);
}

export function judgeStranded(days: readonly string[]): Finding {
  const { ok, warn } = verdictsOf(
    'default partitions',
    'hold no rows of a day that can have its own partition: every query of the history reads such rows. Unfinished webhooks of dropped days belong there',
  );
  if (days.length === 0) return ok('no misplaced rows');
  return warn(
    `rows of ${listed(days)}`,
    days
      .slice(0, 5)
      .map((day) => `select posthorn.make_partitions('${day}');`)
      .join(' '),
  );
}

export function judgeWorkers({ workers, dueS }: WorkerFacts): Finding {
  const { ok, warn, fail } = verdictsOf(
    'workers',
    'at least one is alive and reports every two seconds',
  );
  const due = dueS === null ? 'nothing is due' : `webhooks have been due for ${age(dueS)}`;
  if (workers.length === 0) {
    const remedy = 'Run "posthorn start" or "posthorn worker".';
    return dueS !== null && dueS > 60
      ? fail(`none, and ${due}`, remedy)
      : warn(`none; ${due}`, remedy);
  }
  const silent = workers.filter(({ silent_s: silentS }) => silentS > 30);
  if (silent.length > 0) {
    const names = silent.map(
      ({ number, host, silent_s: silentS }) => `${number} on ${host} for ${age(silentS)}`,
    );
    return warn(
      `silent: ${listed(names)}`,
      'Its process is frozen or its network is down: stop it, and the others take over.',
    );
  }
  const versions = [...new Set(workers.map(({ version }) => version))];
  return ok(`${counted(workers.length, 'worker')}, version ${versions.join(', ')}`);
}

/** Connections of one process: six to claim and record, six for maintenance, one session, ten for the API. */
const perProcess = 23;
/** Too few even to find out what is wrong. */
const fewest = 3;

export function judgeConnections(facts: ConnectionFacts, { settings }: ServerFacts): Finding {
  const { ok, warn, fail } = verdictsOf(
    'connections',
    `${perProcess} are free, which is what one more process needs`,
  );
  const setting = (name: string) => Number(settings[name] ?? 0);
  const most = setting('max_connections');
  const reserved = setting('superuser_reserved_connections') + setting('reserved_connections');
  const limits = [
    { free: most - reserved - facts.used, of: `${most} (max_connections)` },
    {
      free: facts.role_limit - facts.used_by_role,
      of: `${facts.role_limit} (of the role)`,
      isNone: facts.role_limit < 0,
    },
    {
      free: facts.database_limit - facts.used_in_database,
      of: `${facts.database_limit} (of the database)`,
      isNone: facts.database_limit < 0,
    },
  ].filter(({ isNone = false }) => !isNone);
  const tightest = limits.reduce((one, other) => (other.free < one.free ? other : one));
  const found = `${Math.max(0, tightest.free)} free of ${tightest.of}`;
  const remedy =
    'Raise that limit, close idle clients, or put a pooler in front of producers and the API.';
  if (tightest.free < fewest) return fail(found, remedy);
  return tightest.free < perProcess ? warn(found, remedy) : ok(found);
}

const apartMs = 5_000;
const farApartMs = 60_000;

export function judgeClock({ aheadMs, withinMs }: { aheadMs: number; withinMs: number }): Finding {
  const { ok, warn, fail } = verdictsOf(
    'clock',
    `this machine and Postgres agree within ${age(apartMs / 1_000)}: signatures and due times use Postgres’ clock, logs and certificates use this one; receivers refuse signatures that are minutes off`,
  );
  const apart = Math.abs(aheadMs);
  const side = aheadMs > 0 ? 'ahead' : 'behind';
  const found =
    apart <= withinMs + 1
      ? `the same within ${Math.ceil(withinMs)} ms`
      : `Postgres is ${apart < 10_000 ? `${Math.round(apart)} ms` : age(apart / 1_000)} ${side}`;
  // The part of the difference that the network cannot explain.
  const surely = apart - withinMs;
  const remedy = 'Synchronise both machines with a time server (chrony, systemd-timesyncd).';
  if (surely > farApartMs) return fail(found, remedy);
  return surely > apartMs ? warn(found, remedy) : ok(found);
}

/** Whether Postgres logs statements that may contain bodies and secrets. */
export function judgeServerLog(server: ServerFacts): Finding {
  const { settings } = server;
  const { ok, warn } = verdictsOf(
    'server log',
    'shows no data of producers: Postgres logs failed statements unless log_min_error_statement is panic, and lines of COPY unless log_error_verbosity is terse',
  );
  const faults: (readonly [string, string])[] = [];
  if (settings['log_error_verbosity'] !== 'terse') faults.push(['log_error_verbosity', 'terse']);
  if (settings['log_min_error_statement'] !== 'panic') {
    faults.push(['log_min_error_statement', 'panic']);
  }
  if (/^(all|mod)$/.test(settings['log_statement'] ?? '')) faults.push(['log_statement', 'ddl']);
  if (settings['log_min_duration_statement'] === '0') {
    faults.push(['log_min_duration_statement', "'1s'"]);
  }
  if (settings['log_parameter_max_length_on_error'] !== '0') {
    faults.push(['log_parameter_max_length_on_error', '0']);
  }
  if (faults.length === 0)
    return ok('log_error_verbosity is terse, log_min_error_statement is panic');
  const found = faults.map(([name]) => `${name} is ${settings[name]}`).join(', ');
  return warn(found, changeSettings(server, faults));
}

export function judgeRedis(
  facts: { readonly isSet: false } | { readonly isSet: true; readonly answer: number | string },
): Finding {
  const { ok, warn } = verdictsOf(
    'redis',
    'answers, if REDIS_URL is set; without it, each worker scans all lanes itself',
  );
  if (!facts.isSet) return ok('not used');
  return typeof facts.answer === 'number'
    ? ok(`answers in ${Math.ceil(facts.answer)} ms`)
    : warn(facts.answer, 'Start it, correct REDIS_URL, or unset it: no webhook depends on it.');
}

export function judgeEncoding({ settings }: ServerFacts): Finding {
  const { ok, fail } = verdictsOf('encoding', 'UTF8, like bodies, URLs and statements');
  const encoding = settings['server_encoding'] ?? '';
  if (encoding === 'UTF8') return ok(encoding);
  return fail(
    encoding,
    "create database NAME encoding 'UTF8' template template0; and use that database.",
  );
}

export function judgeServer({ version, version_number: number }: ServerFacts): Finding {
  const { ok, warn, fail } = verdictsOf('server version', 'Postgres 15 to 18');
  const major = Math.floor(number / 10_000);
  if (major < 15) return fail(version, 'Upgrade Postgres.');
  return major > 18 ? warn(version, 'Posthorn has not been tested with it.') : ok(version);
}

export function judgeWritable({ is_in_recovery: isStandby, settings }: ServerFacts): Finding {
  const { ok, fail } = verdictsOf('primary', 'takes writes');
  if (isStandby) return fail('a standby', 'Set DATABASE_URL to the primary.');
  if (settings['default_transaction_read_only'] === 'on') {
    return fail(
      'default_transaction_read_only is on',
      'Turn it off for this role and database. First find out who turned it on: the disk may be full.',
    );
  }
  return ok('takes writes');
}
