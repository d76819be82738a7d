import { canRun } from '../../harness/can-run.ts';

export { type PgBouncer, type PoolMode, startPgBouncer } from '../../harness/pgbouncer.ts';

/** Whether this machine has a pgbouncer (Debian: apt-get install pgbouncer). */
export const hasPgBouncer = canRun('pgbouncer', { why: 'the tests behind a pooler' });
