import { describe, expect, it } from 'vitest';
import type { HorizonFacts } from '../../src/doctor/facts/horizon.ts';
import type { ServerFacts } from '../../src/doctor/facts/server.ts';
import { type Finding, worstOf } from '../../src/doctor/finding.ts';
import { judgeDurability } from '../../src/doctor/judge/durability.ts';
import { judgeHorizon } from '../../src/doctor/judge/horizon.ts';
import {
  judgeClock,
  judgeConnections,
  judgeServer,
  judgeWorkers,
} from '../../src/doctor/judge/running.ts';
import { judgeSecrets } from '../../src/doctor/judge/secrets.ts';
import { judgeVacuum } from '../../src/doctor/judge/vacuum.ts';
import { jsonReport, textReport } from '../../src/doctor/report.ts';
import { ringOf } from '../support/key-rings.ts';

// What a test cannot make a server do: being old, far away, a terabyte behind.

const server: ServerFacts = {
  version_number: 180_004,
  version: '18.4',
  role: 'app',
  database: 'shop',
  is_superuser: false,
  is_in_recovery: false,
  can_see_all: true,
  settings: {
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    synchronous_standby_names: '',
    max_connections: '100',
    superuser_reserved_connections: '3',
    reserved_connections: '7',
    autovacuum: 'on',
    track_counts: 'on',
    autovacuum_vacuum_threshold: '50',
    autovacuum_vacuum_scale_factor: '0.2',
  },
  sources: {},
};

const mb = 1_048_576;
const nothing: HorizonFacts = { transactions: [], prepared: [], standbys: [], slots: [] };

describe('is ok, a warning or a failure', () => {
  it.each([
    [140_012, 'fail'],
    [150_000, 'ok'],
    [180_004, 'ok'],
    [190_000, 'warn'],
  ])('version %i: %s', (version_number, status) => {
    expect(judgeServer({ ...server, version_number }).status).toBe(status);
  });

  it.each([
    [0, 1, 'ok', 'the same within 1 ms'],
    [4_900, 1, 'ok', 'Postgres is 4900 ms ahead'],
    [5_200, 1, 'warn', 'Postgres is 5200 ms ahead'],
    // The network may account for it.
    [-5_200, 300, 'ok', 'Postgres is 5200 ms behind'],
    [-61_000, 300, 'fail', 'Postgres is 61 s behind'],
    [7_200_000, 1, 'fail', 'Postgres is 2 h ahead'],
  ])('a clock that is %i ms ahead, give or take %i: %s', (aheadMs, withinMs, status, found) => {
    expect(judgeClock({ aheadMs, withinMs })).toMatchObject({ status, found });
  });

  it.each([
    [{ is_active: true, retained_bytes: 100 * mb, xmin_age: 10 }, 'ok', '1 slot, in use'],
    [
      { is_active: true, retained_bytes: 2_048 * mb, xmin_age: null },
      'warn',
      'a lags, holds 2.0 GB of WAL',
    ],
    [
      { is_active: true, retained_bytes: 20_480 * mb, xmin_age: null },
      'fail',
      'a lags, holds 20.0 GB of WAL',
    ],
    [
      { is_active: false, retained_bytes: 20 * mb, xmin_age: null },
      'warn',
      'a is not in use, holds 20 MB of WAL',
    ],
    [
      { is_active: false, retained_bytes: 20 * mb, xmin_age: 2_000_000 },
      'fail',
      'a is not in use, holds 20 MB of WAL and rows from 2000000 transactions ago',
    ],
  ])('a slot %j: %s', (slot, status, found) => {
    const slots = [{ name: 'a', wal_status: 'reserved', ...slot }];
    const findings = judgeHorizon({ ...nothing, slots }, {});
    expect(findings.find(({ check }) => check === 'replication slots')).toMatchObject({
      status,
      found,
    });
  });

  it('a standby that holds what began a million transactions ago: a warning', () => {
    const standbys = [{ application: 'replica', xmin_age: 1_000_001 }];
    const [, , finding] = judgeHorizon({ ...nothing, standbys }, {});
    expect(finding).toMatchObject({ check: 'standbys', status: 'warn' });
  });

  it.each([
    [60, 'ok', '30 free of 100 (max_connections)'],
    [68, 'warn', '22 free of 100 (max_connections)'],
    [88, 'fail', '2 free of 100 (max_connections)'],
    [95, 'fail', '0 free of 100 (max_connections)'],
  ])('%i of 100 connections, 10 of which are reserved: %s', (used, status, found) => {
    const unlimited = { role_limit: -1, used_by_role: 5, database_limit: -1, used_in_database: 5 };
    expect(judgeConnections({ ...unlimited, used }, server)).toMatchObject({ status, found });
  });

  it('synchronous_commit = local: a warning, if there are standbys to lose it to', () => {
    const local = (synchronous_standby_names: string) => {
      const settings = {
        ...server.settings,
        synchronous_commit: 'local',
        synchronous_standby_names,
      };
      return judgeDurability({ ...server, settings }, []).at(-1)?.status;
    };
    expect([local(''), local('replica')]).toEqual(['ok', 'warn']);
  });

  it.each([
    ['configuration file', 'alter system set fsync = on; select pg_reload_conf();'],
    ['command line', 'Start Postgres with -c fsync=on: its command line now sets the opposite.'],
    ['user', 'alter role "the app" reset fsync;'],
    ['database', 'alter database shop reset fsync;'],
    ['database user', 'alter role "the app" in database shop reset fsync;'],
    ['client', 'Take fsync out of DATABASE_URL and PGOPTIONS.'],
  ])('a setting that the %s sets, with how to change it there', (source, remedy) => {
    const settings = { ...server.settings, fsync: 'off' };
    const spoiled = { ...server, role: 'the app', settings, sources: { fsync: source } };
    expect(judgeDurability(spoiled, [])[0]).toMatchObject({ status: 'fail', remedy });
  });

  it('dead rows, by what starts an autovacuum of that very table', () => {
    const dead = (count: number, options: string[], live = 100) => {
      const hot = [{ name: 'posthorn.queue', live, dead: count, options, vacuumed_s: 5 }];
      return judgeVacuum({ off: [], hot }, server).at(-1)?.status;
    };
    const options = ['autovacuum_vacuum_threshold=5000', 'autovacuum_vacuum_scale_factor=0'];
    expect([dead(49_000, options), dead(51_000, options), dead(510_000, options)]).toEqual([
      'ok',
      'warn',
      'fail',
    ]);
    // By the server's: 50 and a fifth.
    expect([dead(9_999, []), dead(12_000, []), dead(12_000, [], 1_000_000)]).toEqual([
      'ok',
      'fail',
      'ok',
    ]);
  });

  it('secrets: plain text is a warning, a missing key a failure that names it', () => {
    const judge = (used: Record<string, number>, ...ids: string[]) => {
      const keys = Object.entries(used).map(([id, endpoints]) => ({
        key_id: id === 'plain' ? null : id,
        endpoints,
      }));
      return judgeSecrets(keys, ids.length === 0 ? undefined : ringOf(...ids));
    };
    expect(judge({}).status).toBe('ok');
    expect(judge({ plain: 1 })).toMatchObject({
      status: 'warn',
      found: 'plain text, of 1 endpoint',
    });
    expect(judge({ k1: 5 }, 'k1').status).toBe('ok');
    expect(judge({ k1: 5, plain: 2 }, 'k1').status).toBe('warn');
    expect(judge({ k1: 5, k2: 2 }, 'k2', 'k1').status).toBe('warn');
    const missing = judge({ k1: 5 }, 'k2');
    expect(missing.status).toBe('fail');
    expect(missing.found).toContain('k1');
    expect(judge({ k1: 5 }).status).toBe('fail');
  });

  it('no worker while webhooks have been due for a moment: a warning, as one may be starting', () => {
    expect(judgeWorkers({ workers: [], dueS: 59 }).status).toBe('warn');
    expect(judgeWorkers({ workers: [], dueS: 61 }).status).toBe('fail');
  });
});

describe('the report', () => {
  const findings: Finding[] = [
    { check: 'a', status: 'ok', found: 'well', rule: 'be well', remedy: null },
    { check: 'longer', status: 'warn', found: 'so so', rule: 'be well', remedy: 'rest' },
  ];

  it('has a line per check, and the rule and what to do for what is not ok', () => {
    expect(textReport(findings, { hasColours: false }).split('\n')).toEqual([
      'ok    a       well',
      'warn  longer  so so',
      '              be well',
      '              → rest',
      '',
      '2 checks, 1 ok, 1 warning, 0 failures',
    ]);
  });

  it('is coloured only if it may be', () => {
    expect(textReport(findings, { hasColours: false })).not.toContain('\u001B');
    const coloured = textReport(findings, { hasColours: true });
    expect(coloured).toContain('\u001B[33mwarn\u001B[0m  longer  so so');
  });

  it('shows nothing that moves the cursor, whatever an application calls itself', () => {
    const evil = { ...findings[0], found: 'x\u001B[2J\u009B31m\n\u202Eok' } as Finding;
    expect(textReport([evil], { hasColours: false }).split('\n')[0]).toBe('ok    a  x [2J 31m ok');
  });

  it('as JSON has all of it, and the worst', () => {
    expect(JSON.parse(jsonReport(findings, { version: '1.2.3' }))).toEqual({
      posthorn: '1.2.3',
      status: 'warn',
      checks: findings,
    });
    expect(worstOf([])).toBe('ok');
  });
});
