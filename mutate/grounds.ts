// Pure: no I/O, no clock, no randomness.

/*
 * What is mutated, and by which tests. The only lists of folders that the instrument has: who adds a folder or a statement adds it
 * here.
 */

/** Files, and the tests that are there to notice a change of them. */
export interface Ground {
  /** Begins the paths of the files, or the names of the definitions. */
  readonly of: readonly string[];
  /** Begins the paths of test files, those first that are most likely to notice. */
  readonly tests: readonly string[];
}

/** Where an engine sends, records and tries again. What none of its own tests has noticed may be noticed by these. */
export const engineTests: readonly string[] = [
  'test/road',
  'test/deliver/recorder',
  'test/breaker',
  'test/limits.',
  'test/endpoints',
  'test/crash/lost-ground',
  'test/priorities',
  'test/replays/retry',
  'test/maintenance/history',
];

/** Folders whose tests need no database are cheap: there also what runs when a module is loaded is mutated. */
export const pureFolders: readonly string[] = ['src/domain/'];

export const typescriptGrounds: readonly Ground[] = [
  { of: ['src/domain/'], tests: ['test/domain/'] },
  { of: ['src/producer/'], tests: ['test/producer/'] },
  { of: ['src/verify/'], tests: ['test/verify/'] },
  { of: ['src/client/'], tests: ['test/client/'] },
  {
    of: ['src/deliver/'],
    tests: [
      'test/deliver/',
      'test/secrets/delivery',
      'test/throttled-receivers',
      'test/locked-lanes',
      'test/limits-changed',
      'test/guarded-roads',
      'test/tracing',
      'test/interleavings/late-results',
      ...engineTests,
    ],
  },
  {
    of: ['src/lanes/'],
    tests: [
      'test/lanes/',
      'test/model/lanes',
      'test/redis',
      'test/limits-changed',
      'test/limits-owner',
      'test/locked-lanes',
      'test/interleavings/limited-lanes',
      ...engineTests,
    ],
  },
  { of: ['src/http/'], tests: ['test/http/', 'test/guarded-roads', 'test/road'] },
  { of: ['src/alerts/'], tests: ['test/alerts/', 'test/sql/alert-'] },
  { of: ['src/input/'], tests: ['test/api/', 'test/catalogue/', 'test/commands/line'] },
  {
    of: ['src/worker/'],
    tests: [
      'test/crash/',
      'test/copies/',
      'test/maintenance/crontab',
      'test/pooler',
      ...engineTests,
    ],
  },
  {
    of: ['src/maintenance/'],
    tests: [
      'test/maintenance/',
      'test/alerts/',
      'test/secrets/sealing',
      'test/replays/',
      ...engineTests,
    ],
  },
  { of: ['src/api/'], tests: ['test/api/', 'test/catalogue/', 'test/replays/retry'] },
];

/** Statements of sql/ by file, and functions, triggers and views by name. */
export const sqlGrounds: readonly Ground[] = [
  {
    of: ['sql/record.sql'],
    tests: [
      'test/sql/record',
      'test/interleavings/late-results',
      'test/deliver/recorder',
      'test/sql/locked-rows',
      'test/interleavings/ordered-lanes',
      'test/replays/replay',
      'test/crash/lost-ground',
    ],
  },
  {
    of: ['sql/claim.sql', 'sql/try-claim.sql', 'sql/scan-', 'sql/suspects.sql'],
    tests: [
      'test/sql/claim',
      'test/sql/plans',
      'test/model/lanes',
      'test/locked-lanes',
      'test/deliver/poison-rows',
    ],
  },
  {
    of: ['sql/probe.sql', 'sql/count-failures.sql', 'sql/watch-lanes.sql'],
    tests: ['test/sql/probe', 'test/breaker', 'test/model/breaker', 'test/throttled-receivers'],
  },
  {
    of: [
      'sql/take-lanes.sql',
      'sql/release-lanes.sql',
      'endpoint_to_lane_rule',
      'tenant_to_lane_rule',
      'misruled_lanes',
      'repair_lane_rules',
    ],
    tests: [
      ...['test/lanes/limited-', 'test/interleavings/', 'test/limits', 'test/maintenance/'],
      ...['test/sql/tenant-rules', 'test/tenant-'],
    ],
  },
  {
    of: [
      'sql/rescue.sql',
      'sql/close-',
      'sql/keep-leases.sql',
      'sql/give-back.sql',
      'sql/correct-outcomes.sql',
    ],
    tests: [
      'test/sql/rescue',
      'test/crash/',
      'test/maintenance/open-attempts',
      'test/interleavings/late-results',
    ],
  },
  {
    of: ['sql/end-poisoned.sql', 'sql/set-aside.sql'],
    tests: ['test/deliver/poison-rows', 'test/secrets/poison'],
  },
  { of: ['sql/alert-'], tests: ['test/sql/alert-', 'test/alerts/'] },
  { of: ['sql/count-gone.sql'], tests: ['test/deliver/gone-endpoints', 'test/endpoints'] },
  {
    of: [
      'sql/put-back.sql',
      'sql/take-back.sql',
      'put_back',
      'take_back',
      'matching',
      'is_dropped',
      'retry',
      'cancel',
    ],
    tests: ['test/replays/', 'test/producers', 'test/sql/many-ids', 'test/api/replays'],
  },
  {
    of: ['outbox_', 'enqueue(', 'uuid_', 'lane_of', 'header_names'],
    tests: [
      'test/producers',
      'test/api/outbox-rules',
      'test/catalogue/producers',
      'test/two-phase-commit',
    ],
  },
  {
    of: ['endpoint_'],
    tests: [
      'test/limits',
      'test/api/endpoints',
      'test/roles/secrets',
      'test/secrets/',
      'test/endpoints',
    ],
  },
  {
    of: [
      'make_partitions',
      'drop_partitions',
      'move_stranded',
      'partition_days',
      'days_without',
      'history_floor',
    ],
    tests: ['test/maintenance/', 'test/interleavings/dropped-day', 'test/sql/history'],
  },
  {
    of: ['take_stats', 'take_sample'],
    tests: ['test/sql/stats', 'test/maintenance/sample', 'test/metrics/database'],
  },
  {
    of: ['webhooks', 'redacted_', 'secret_keys', 'time_of'],
    tests: ['test/api/read', 'test/roles/', 'test/sql/history', 'test/secrets/'],
  },
  {
    of: ['live_workers', 'held', 'hold', 'resume', 'check_in', 'system_identifier'],
    tests: ['test/copies/', 'test/crash/'],
  },
  {
    of: ['forget_kept', 'watch_clock', 'missed', 'enqueue_missed'],
    tests: ['test/maintenance/', 'test/doctor/missed'],
  },
];

/** Files with definitions of functions, triggers and views, in the order in which they are applied. */
export const definitionFolders: readonly string[] = ['migrations/', 'sql/functions/', 'sql/views/'];

/** Files with one statement each. */
export function isStatementFile(file: string): boolean {
  return /^sql\/[^/]+\.sql$/.test(file) && file !== 'sql/schema.sql';
}

/** Tests that only cost: they start servers, browsers or installations, or read what is mutated as text. */
const excluded =
  /^test\/(?:chaos|bench|dashboard|demo|docs|fuzz|mutate|ops|supply)\/|test\/sql\/indexes|architecture|embedded-postgres|docs\.test/;

/** The test files of a ground, in its order. */
export function testsUnder(prefixes: readonly string[], testFiles: readonly string[]): string[] {
  const found = prefixes.flatMap((prefix) => testFiles.filter((file) => file.startsWith(prefix)));
  return [...new Set(found)].filter((file) => !excluded.test(file));
}

export function groundOf(name: string, grounds: readonly Ground[]): Ground | undefined {
  return grounds.find(({ of }) => of.some((beginning) => name.startsWith(beginning)));
}
