import fc from 'fast-check';
import type pg from 'pg';
import { expect, it } from 'vitest';
import { CopyIn } from '../catalogue/copy-in.ts';
import { createTestDatabase } from '../support/database.ts';
import { fanOutAll, publish } from '../support/events.ts';
import { ask, clear } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// Who receives an event (I13), and that it goes to no other tenant (I14): Postgres against a few lines of TypeScript.

const database = forFile(createTestDatabase);

const tenants = ['', 'acme', 'acme2', 'Ü'];
const types = ['order', 'order.paid', 'order.paid.late', 'orders.paid', 'user.made'];
const patterns = [...types, '*', 'order.*', 'order.paid.*', 'user.*', 'order.paid.late.*'];
const bodies = [{ total: 5 }, { total: 50, tags: ['a'] }, { tags: ['a', 'b'] }, [], 1];
const texts = [...bodies.map((body) => JSON.stringify(body)), 'no JSON', '"\\u0000"', ''];
const filters: Readonly<Record<string, (body: { total?: number; tags?: string[] }) => boolean>> = {
  '$.total >= 10': ({ total = 0 }) => total >= 10,
  // A comparison with nothing is false.
  '!($.total >= 10)': ({ total = 0 }) => total < 10,
  '$.tags[*] == "b"': ({ tags = [] }) => tags.includes('b'),
  'exists($.tags)': ({ tags }) => tags !== undefined,
};
const statuses = ['active', 'active', 'paused', 'disabled', 'deleted'] as const;

interface Subscription {
  readonly eventType: string;
  readonly filter: string | null;
  readonly ended: boolean;
}

interface Endpoint {
  readonly tenant: string;
  readonly status: (typeof statuses)[number];
  readonly ordered: boolean;
  readonly subscriptions: readonly Subscription[];
}

interface Event {
  readonly tenant: string;
  readonly eventType: string;
  readonly body: string;
}

const subscription = fc.record({
  eventType: fc.constantFrom(...patterns),
  filter: fc.constantFrom(null, null, ...Object.keys(filters)),
  ended: fc.constantFrom(false, false, false, true),
});
const endpoint: fc.Arbitrary<Endpoint> = fc.record({
  tenant: fc.constantFrom(...tenants),
  status: fc.constantFrom(...statuses),
  ordered: fc.boolean(),
  subscriptions: fc.uniqueArray(subscription, {
    selector: ({ eventType, filter }) => `${eventType} ${filter}`,
    maxLength: 5,
  }),
});
const event: fc.Arbitrary<Event> = fc.record({
  tenant: fc.constantFrom(...tenants, '*'),
  eventType: fc.constantFrom(...types),
  body: fc.constantFrom(...texts),
});
const worlds = {
  endpoints: fc.array(endpoint, { maxLength: 12 }),
  events: fc.array(event, { minLength: 1, maxLength: 12 }),
};

/** The endpoints that receive an event, by their places. */
function expected(event: Event, endpoints: readonly Endpoint[]): number[] {
  return endpoints.flatMap(({ tenant, status, subscriptions }, place) => {
    const receives =
      (event.tenant === '*' || event.tenant === tenant) &&
      (status === 'active' || status === 'paused') &&
      subscriptions.some(
        ({ eventType, filter, ended }) =>
          !ended && isOf(event.eventType, eventType) && lets(filter, event.body),
      );
    return receives ? [place] : [];
  });
}

function isOf(eventType: string, pattern: string): boolean {
  return pattern === '*' || pattern === eventType || isBelow(eventType, pattern);
}

function isBelow(eventType: string, pattern: string): boolean {
  return pattern.endsWith('.*') && eventType.startsWith(pattern.slice(0, -1));
}

function lets(filter: string | null, body: string): boolean {
  if (filter === null) return true;
  // Postgres stores no NUL character, so it cannot read such a body.
  if (body.includes('u0000')) return false;
  try {
    return filters[filter]?.(Object(JSON.parse(body))) ?? false;
  } catch {
    return false;
  }
}

const ways: Readonly<Record<string, (client: pg.PoolClient, events: readonly Event[]) => unknown>> =
  {
    'a statement each': async (client, events) => {
      for (const event of events) await publish(client, event);
    },
    'posthorn.publish()': async (client, events) => {
      for (const { tenant, eventType, body } of events) {
        await client.query('select posthorn.publish($1, $2, $3)', [tenant, eventType, body]);
      }
    },
    'one statement': insertAtOnce,
    COPY: (client, events) =>
      CopyIn.run(client as unknown as pg.Client, {
        statement: 'copy posthorn.outbox (tenant, event_type, body) from stdin',
        lines: events
          .map(({ tenant, eventType, body }) => [tenant, eventType, body.replaceAll('\\', '\\\\')])
          .map((fields) => `${fields.join('\t')}\n`)
          .join(''),
      }),
    'one statement, of which a job has the rest': async (client, events) => {
      await client.query('set posthorn.fan_out_limit = 2');
      await insertAtOnce(client, events);
    },
    'a statement each, all by jobs': async (client, events) => {
      await client.query('set posthorn.fan_out_limit = 0');
      for (const event of events) await publish(client, event);
    },
  };

async function insertAtOnce(client: pg.PoolClient, events: readonly Event[]): Promise<void> {
  await client.query(
    `insert into posthorn.events (tenant, event_type, body)
     select e->>'tenant', e->>'eventType', e->>'body'
     from json_array_elements($1) with ordinality as j (e, place)
     order by place`,
    [JSON.stringify(events)],
  );
}

it.each(Object.keys(ways))(
  'an event goes to exactly those whom the model names, once each, and is recorded if they are none: %s',
  async (way) => {
    await fc.assert(
      fc.asyncProperty(fc.record(worlds), async ({ endpoints, events }) => {
        await clear(database);
        await register(endpoints);
        const client = await database.pool.connect();
        try {
          await ways[way]?.(client, events);
        } finally {
          client.release(true);
        }
        await fanOutAll(database.pool, 3);
        const wanted = events.map((event) => expected(event, endpoints));
        expect(await found()).toEqual(
          wanted.map((places) => ({ places, is_unmatched: places.length === 0 })),
        );
      }),
      { numRuns: 15 },
    );
  },
);

/** The places of the endpoints that received each event, in the order of publishing. */
function found(): Promise<Record<string, unknown>[]> {
  return ask(
    database,
    `select
       array(
         select e.description::integer
         from posthorn.queue as q
         left join posthorn.endpoints as e using (lane)
         where q.outbox_id = o.id
         order by 1
       ) as places,
       exists (select from posthorn.unmatched_events as u where u.event_id = o.id) as is_unmatched
     from posthorn.outbox as o
     order by o.id`,
  );
}

async function register(endpoints: readonly Endpoint[]): Promise<void> {
  await database.pool.query(
    `insert into posthorn.endpoints (tenant, url, description, ordered)
     select e->>'tenant', 'http://receiver.example/', place - 1, (e->>'ordered')::boolean
     from json_array_elements($1) with ordinality as j (e, place)`,
    [JSON.stringify(endpoints)],
  );
  await database.pool.query(
    `insert into posthorn.subscriptions (endpoint_id, event_type, filter)
     select e.id, s->>'eventType', (s->>'filter')::jsonpath
     from json_array_elements($1) with ordinality as j (e, place)
     cross join lateral json_array_elements(j.e->'subscriptions') as s
     join posthorn.endpoints as e on e.description = (j.place - 1)::text`,
    [JSON.stringify(endpoints)],
  );
  await database.pool.query(
    `update posthorn.subscriptions as s
     set ended_at = now()
     from json_array_elements($1) with ordinality as j (e, place)
     cross join lateral json_array_elements(j.e->'subscriptions') as t
     join posthorn.endpoints as e on e.description = (j.place - 1)::text
     where s.endpoint_id = e.id and s.event_type = t->>'eventType'
       and s.filter::text is not distinct from (t->>'filter')::jsonpath::text
       and (t->>'ended')::boolean`,
    [JSON.stringify(endpoints)],
  );
  await database.pool.query(
    `update posthorn.endpoints as e
     set status = (j.e->>'status')::posthorn.endpoint_status
     from json_array_elements($1) with ordinality as j (e, place)
     where e.description = (j.place - 1)::text`,
    [JSON.stringify(endpoints)],
  );
}
