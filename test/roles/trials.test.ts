import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RoleKind } from '../../src/db/rights.ts';
import { codeOf } from '../../src/db/sqlstate.ts';
import { createTestDatabase } from '../support/database.ts';
import { createTestRoles, roleKinds, type TestRoles } from '../support/roles.ts';
import { type Ground, type Trial, trials } from './trials.ts';

// Each role logs in and tries what it may and what it may not do. docs/roles.md says the same.

let roles: TestRoles;
let ground: Ground;

beforeAll(async () => {
  const database = await createTestDatabase();
  roles = await createTestRoles(database);
  const { rows } = await database.pool.query<Omit<Ground, 'playground' | 'owner'>>(
    `with endpoint as (
       insert into posthorn.endpoints (url, max_in_flight) values ('https://example.com', 1) returning id
     )
     select
       (select id from endpoint) as "endpointId",
       posthorn.enqueue(url => 'https://example.com', body => '', idempotency_key => 'known') as "webhookId",
       to_char(now() at time zone 'UTC', 'YYYYMMDD') as today`,
  );
  const [found] = rows;
  if (found === undefined) throw new Error('Cannot begin without rows');
  ground = { ...found, playground: roles.playground, owner: roles.names.owner };
});

afterAll(() => roles[Symbol.asyncDispose]());

describe.each(roleKinds)('the %s', (kind) => {
  it.each(trials.map((trial) => ({ ...trial, ends: endOf(trial, kind) })))(
    '$ends: $what',
    async (trial) => {
      expect(await tryAs(kind, trial)).toBe(endOf(trial, kind));
    },
  );
});

it('docs/roles.md has this table', () => {
  const page = readFileSync(new URL('../../docs/roles.md', import.meta.url), 'utf8');
  const rows = trials.map(
    (trial) =>
      `| ${[trial.what, ...roleKinds.map((kind) => (endOf(trial, kind) === 'allowed' ? 'yes' : '**no**'))].join(' | ')} |`,
  );
  const table = [
    `| | ${roleKinds.join(' | ')} |`,
    `|---|${'---|'.repeat(roleKinds.length)}`,
    ...rows,
  ];
  expect(page).toContain(table.join('\n'));
});

/** Nothing of it lasts. */
async function tryAs(kind: RoleKind, trial: Trial): Promise<string> {
  await using client = await roles.connect(kind);
  await client.query('begin');
  try {
    await client.query(trial.sql(ground));
    return 'allowed';
  } catch (error) {
    return `refused with ${codeOf(error)}`;
  }
}

function endOf({ allowed }: Trial, kind: RoleKind): string {
  return allowed.includes(kind) ? 'allowed' : 'refused with 42501';
}
