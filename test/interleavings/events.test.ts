import { beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { catchUpAll, fanOutAll, publish, recipientsOf } from '../support/events.ts';
import {
  interleave,
  type Outcome,
  type Step,
  statement,
  transaction,
} from '../support/interleave.ts';
import { ask, clear } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// An endpoint or subscription is edited while producers publish. An event goes to those that its statement saw (I13); what
// an endpoint missed while it was disabled comes later, once (I17); and no producer waits.

const database = forFile(createTestDatabase);

// A vacuum that shortens a table makes others wait for a moment.
beforeAll(async () => {
  await database.pool.query(
    `do $do$
     declare
       name regclass;
     begin
       for name in select oid from pg_class where relnamespace = 'posthorn'::regnamespace and relkind = 'r' loop
         execute format('alter table %s set (autovacuum_enabled = off)', name);
       end loop;
     end
     $do$`,
  );
});

const endpointId = '0199c0de-0000-7000-8000-00000000000e';

interface Edit {
  readonly sql: string;
  /** The status of the endpoint before it. */
  readonly from?: 'active' | 'paused' | 'disabled';
  /** There is no subscription before it. */
  readonly isAlone?: true;
  /** Whether an event is received: always; if its statement saw the edit; or if it did not. */
  readonly receives: 'always' | 'after' | 'before';
}

const edits: Readonly<Record<string, Edit>> = {
  subscribe: {
    sql: `insert into posthorn.subscriptions (endpoint_id, event_type) values ('${endpointId}', 'order.*')`,
    isAlone: true,
    receives: 'after',
  },
  unsubscribe: {
    sql: 'update posthorn.subscriptions set ended_at = now()',
    receives: 'before',
  },
  pause: { sql: `update posthorn.endpoints set status = 'paused'`, receives: 'always' },
  resume: {
    sql: `update posthorn.endpoints set status = 'active'`,
    from: 'paused',
    receives: 'always',
  },
  disable: { sql: `update posthorn.endpoints set status = 'disabled'`, receives: 'always' },
  enable: {
    sql: `update posthorn.endpoints set status = 'active'`,
    from: 'disabled',
    receives: 'always',
  },
  order: { sql: 'update posthorn.endpoints set ordered = true', receives: 'always' },
  rename: { sql: `select posthorn.rename_tenant('acme', 'acme2')`, receives: 'before' },
};

async function reset({ from = 'active', isAlone }: Edit): Promise<void> {
  await clear(database);
  await database.pool.query(
    `insert into posthorn.endpoints (id, tenant, url, status)
     values ('${endpointId}', 'acme', 'http://receiver.example/', '${from}')`,
  );
  if (isAlone) return;
  await database.pool.query(
    `insert into posthorn.subscriptions (endpoint_id, event_type) values ('${endpointId}', '*')`,
  );
}

const publishing = (name: string): Step => ({ name, run: (client) => publish(client as never) });

/** Enables what is disabled, lets all jobs work, and counts the webhooks of an event. */
async function settled(eventId: unknown): Promise<number> {
  await database.pool.query(
    `update posthorn.endpoints set status = 'active' where status = 'disabled'`,
  );
  await catchUpAll(database.pool);
  await fanOutAll(database.pool);
  return (await recipientsOf(database, String(eventId))).length;
}

/** Commits do not count: whoever has notified waits for a moment for others who do, in whatever database. */
function expectNobodyWaited({ blocked }: Pick<Outcome, 'blocked'>): void {
  const own = ['first', 'second', 'event', 'edit'];
  expect(blocked.filter((step) => own.includes(step))).toEqual([]);
}

function isBefore({ order }: Outcome, first: string, second: string): boolean {
  return order.indexOf(first) < order.indexOf(second);
}

describe.each(['read committed', 'repeatable read'] as const)('a producer in %s', (isolation) => {
  describe.each(['1000', '0'])('with a fan-out limit of %s', (limit) => {
    it.each(Object.entries(edits))('publishes while somebody wants to %s', async (_, edit) => {
      await interleave({
        database,
        sessions: {
          producer: [
            statement(
              'begin',
              `begin isolation level ${isolation}; set local posthorn.fan_out_limit = ${limit}`,
            ),
            publishing('first'),
            publishing('second'),
            statement('commit', 'commit'),
          ],
          editor: transaction('editor', [statement('edit', edit.sql)]),
        },
        reset: () => reset(edit),
        check: async (outcome) => {
          expectNobodyWaited(outcome);
          for (const event of ['first', 'second']) {
            // A REPEATABLE READ transaction sees what there was at its first statement that reads.
            const looked = isolation === 'read committed' ? event : 'first';
            const saw = isBefore(outcome, 'editor: commit', looked);
            const receives = edit.receives === 'always' || (edit.receives === 'after') === saw;
            expect([event, await settled(outcome.results[event])]).toEqual([
              event,
              receives ? 1 : 0,
            ]);
          }
        },
      });
    });
  });

  it('publishes while an endpoint is enabled and a job makes it catch up', async () => {
    await interleave({
      database,
      sessions: {
        producer: [
          statement('begin', `begin isolation level ${isolation}`),
          publishing('event'),
          statement('commit', 'commit'),
        ],
        operator: [statement('enable', `update posthorn.endpoints set status = 'active'`)],
        job: ['one', 'two', 'three'].map((name) => catchingUp(name)),
      },
      reset: async () => {
        await reset({ sql: '', from: 'disabled', receives: 'always' });
        await publish(database.pool);
      },
      check: async ({ results, ...outcome }) => {
        expectNobodyWaited(outcome);
        expect(await settled(results['event'])).toBe(1);
        const [count] = await ask(
          database,
          `select count(*)::integer as webhooks, bool_or(catching_up) as catching_up
           from posthorn.queue cross join posthorn.endpoints`,
        );
        expect(count).toEqual({ webhooks: 2, catching_up: false });
      },
    });
  });

  it('publishes while an endpoint is deleted, and no job or producer fails', async () => {
    await interleave({
      database,
      sessions: {
        producer: [
          statement('begin', `begin isolation level ${isolation}`),
          publishing('event'),
          statement('commit', 'commit'),
        ],
        operator: [
          statement('disable', `update posthorn.endpoints set status = 'disabled'`),
          statement('enable', `update posthorn.endpoints set status = 'active'`),
          statement('delete', `update posthorn.endpoints set status = 'deleted'`),
        ],
        job: [catchingUp('one')],
      },
      reset: () => reset({ sql: '', receives: 'always' }),
      check: async ({ results, ...outcome }) => {
        expectNobodyWaited(outcome);
        expect(await settled(results['event'])).toBeLessThanOrEqual(1);
        expect(
          await ask(
            database,
            `select bool_or(is_live) as is_live, bool_or(ended_at is null) as is_in_force from posthorn.subscriptions`,
          ),
        ).toEqual([{ is_live: false, is_in_force: false }]);
      },
    });
  });
});

function catchingUp(name: string): Step {
  return statement(
    name,
    `select s.* from posthorn.catch_ups as c cross join lateral posthorn.continue_catch_up(c.id, 1, 1) as s
     where c.status = 'running'`,
  );
}

describe.each(['read committed', 'repeatable read'] as const)('an operator in %s', (isolation) => {
  it.each([
    ['disables', 'active', `status = 'disabled'`],
    ['enables', 'disabled', `status = 'active'`],
    ['deletes', 'active', `status = 'deleted'`],
    ['orders', 'active', 'ordered = true'],
  ] as const)(
    '%s an endpoint while somebody subscribes it: both know of each other, or one fails',
    async (_, from, change) => {
      await interleave({
        database,
        sessions: {
          operator: [
            statement('begin', `begin isolation level ${isolation}`),
            statement('look', 'select count(*) from posthorn.subscriptions'),
            statement('change', `update posthorn.endpoints set ${change}`),
            statement('commit', 'commit'),
          ],
          customer: transaction('customer', [
            statement(
              'subscribe',
              `insert into posthorn.subscriptions (endpoint_id, event_type) values ('${endpointId}', 'order.*')`,
            ),
          ]),
        },
        reset: () => reset({ sql: '', from, receives: 'always' }),
        mayFail: ['change', 'subscribe'],
        check: async ({ errors }) => {
          const codes = Object.values(errors).map((error) => Reflect.get(Object(error), 'code'));
          for (const code of codes) expect(['40001', '23514']).toContain(code);
          if (isolation === 'read committed') expect(codes).not.toContain('40001');
          const wrong = await ask(
            database,
            `select s.event_type, s.is_live, s.is_ordered, e.status, e.ordered
           from posthorn.subscriptions as s
           join posthorn.endpoints as e on e.id = s.endpoint_id
           where s.is_live <> (s.ended_at is null and e.status in ('active', 'paused'))
             or (s.ended_at is null and (s.is_ordered <> e.ordered or e.status = 'deleted'))`,
          );
          expect(wrong).toEqual([]);
        },
      });
    },
  );
});
