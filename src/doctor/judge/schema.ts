// Pure: no I/O, no clock, no randomness.

import { graphileMigration } from '../../db/names.ts';
import type { SchemaState } from '../../db/schema-state.ts';
import { counted, listed } from '../amounts.ts';
import { type Finding, verdictsOf } from '../finding.ts';

/** Whether the schema fits this version. Undefined: the role may not read that. */
export function judgeMigrations(state: SchemaState | undefined): Finding {
  const { ok, warn, fail } = verdictsOf(
    'migrations',
    'all of this version and none of a later one are applied; functions and views are this version’s',
  );
  if (state === undefined) {
    return warn(
      'not visible to this role',
      'Look with a role that has the rights of a worker or a reader, or is the owner.',
    );
  }
  if (state.pending.length > 0) {
    const what = state.applied === 0 ? 'none is applied' : `pending: ${listed(state.pending)}`;
    return fail(what, 'posthorn migrate');
  }
  if (state.outdated.length > 0) {
    return fail(`of another version: ${listed(state.outdated)}`, 'posthorn migrate');
  }
  if (state.unknown.length > 0 || state.newer !== undefined) {
    return warn(
      state.unknown.length > 0
        ? `unknown here: ${listed(state.unknown)}`
        : `functions and views of version ${state.newer}`,
      'A newer version was here: upgrade this one, which may not know its schema.',
    );
  }
  return ok(`${counted(state.applied, 'migration')}, up to date`);
}

export function judgeGraphile(facts: {
  readonly state: SchemaState | undefined;
  /** Whether this role sees the jobs, if it can run a worker. */
  readonly seesJobs: boolean;
  readonly isWorker: boolean;
}): Finding {
  const { state, seesJobs, isWorker } = facts;
  const { ok, warn, fail } = verdictsOf(
    'graphile worker',
    'its schema exists and is up to date, and its rows are visible to a worker',
  );
  if (state === undefined) {
    return warn(
      'not visible to this role',
      'Look with a role that has the rights of a worker or a reader, or is the owner.',
    );
  }
  if (state.graphile < graphileMigration) {
    const what =
      state.graphile === 0 ? 'not there' : `at ${state.graphile} of ${graphileMigration}`;
    return fail(what, 'posthorn migrate');
  }
  if (isWorker && !seesJobs) {
    return fail(
      'row-level security hides the jobs from this role',
      '"posthorn roles" makes the policy that it needs.',
    );
  }
  if (state.graphile > graphileMigration) {
    return warn(
      `at ${state.graphile}, and this version knows ${graphileMigration}`,
      'A newer version was here: upgrade this one.',
    );
  }
  return ok(`at ${state.graphile}, up to date`);
}
