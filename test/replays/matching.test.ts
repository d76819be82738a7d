import { beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { endedWebhooks } from '../support/ended-webhooks.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { ask, clear, idOf, inS, plant, plantQueue } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// posthorn.matching(): which webhooks a replay finds, and where its walk goes on.

const database = forFile(createTestDatabase);

beforeEach(() => clear(database));

const url = 'http://a.example/hook';

interface Search {
  readonly statuses?: string;
  readonly endpointId?: string;
  readonly urls?: readonly string[];
  readonly ids?: readonly string[];
  readonly after?: string;
  readonly before?: string;
  readonly endedBefore?: Date | string;
  readonly walk?: number;
  readonly most?: number;
}

async function match(search: Search = {}) {
  const { statuses = '{failed,cancelled,delivered,pending}', endpointId = null } = search;
  const { after = '00000000-0000-0000-0000-000000000000', endedBefore = 'infinity' } = search;
  const { before = 'ffffffff-ffff-ffff-ffff-ffffffffffff', walk = 100, most = 100 } = search;
  const [found] = await ask<{ webhook_ids: string[]; walked_to: string | null }>(
    database,
    'select * from posthorn.matching($1, $2, $3, $4, $5, $6, $7, $8, $9)',
    [
      statuses,
      endpointId,
      search.urls ?? null,
      search.ids ?? null,
      after,
      before,
      endedBefore,
      walk,
      most,
    ],
  );
  return {
    found: (found?.webhook_ids ?? []).map((id) => Number(id.slice(-12))),
    walkedTo: found?.walked_to === null ? null : Number(found?.walked_to.slice(-12)),
  };
}

/** Of these statuses: webhooks 1, 2, 3 and so on, in lane 1. */
async function webhooks(...statuses: readonly string[]): Promise<void> {
  for (const [at, status] of statuses.entries()) {
    const id = idOf(at + 1);
    if (status === 'pending') await plantQueue(database, [{ n: at + 1 }]);
    else {
      const row = { webhook_id: id, outbox_id: id, lane: 1, status, attempts: 1 };
      await plant(database, 'outcomes', [{ ...row, finished_at: inS(-100) }]);
    }
  }
}

const all = ['failed', 'cancelled', 'delivered', 'pending'];

describe.each([
  { by: 'walking', ids: undefined },
  { by: 'their ids', ids: [4, 3, 2, 1, 9, 1].map(idOf) },
])('by $by', ({ ids }) => {
  const named = ids === undefined ? {} : { ids };

  it.each([
    ['{failed}', [1]],
    ['{cancelled}', [2]],
    ['{delivered}', [3]],
    ['{pending}', [4]],
    ['{failed,delivered}', [1, 3]],
    ['{pending,delivered,cancelled,failed}', [1, 2, 3, 4]],
  ])('%s finds %j', async (statuses, found) => {
    await webhooks(...all);
    expect(await match({ statuses, ...named })).toEqual({ found, walkedTo: null });
  });

  it('only what is between the bounds is found', async () => {
    for (const status of all) {
      await clear(database);
      await webhooks(status, status, status, status);
      const search = { after: idOf(1), before: idOf(4), ...named };
      expect(await match(search)).toEqual({ found: [2, 3], walkedTo: null });
    }
  });

  it('what ended at the time or before is found, nothing that ended at infinity, and nothing that is being sent', async () => {
    await webhooks('failed', 'cancelled', 'delivered', 'pending');
    const at = inS(-50);
    await database.pool.query('update posthorn.outcomes set finished_at = $1', [at]);
    const until = (ms: number) => match({ endedBefore: new Date(at.getTime() + ms), ...named });
    expect((await until(0)).found).toEqual([1, 2, 3, 4]);
    expect((await until(-1)).found).toEqual([4]);
    await database.pool.query(`update posthorn.outcomes set finished_at = 'infinity'`);
    await database.pool.query(`update posthorn.queue set lease_until = now() + interval '1 h'`);
    expect((await match(named)).found).toEqual([]);
    await database.pool.query(`update posthorn.queue set lease_until = now() - interval '1 s'`);
    expect((await match(named)).found).toEqual([4]);
  });

  it('the first are found, as many as may be, and the walk goes on after the last of them', async () => {
    await webhooks('pending', 'failed', 'delivered', 'failed');
    expect(await match({ most: 2, ...named })).toEqual({ found: [1, 2], walkedTo: 2 });
    expect(await match({ most: 2, after: idOf(2), ...named })).toEqual({
      found: [3, 4],
      walkedTo: 4,
    });
    expect(await match({ most: 2, after: idOf(4), ...named })).toEqual({
      found: [],
      walkedTo: null,
    });
  });
});

describe('a walk', () => {
  it('goes as far as all of its sources have been read', async () => {
    await webhooks('failed', 'cancelled', 'failed', 'failed', 'cancelled', 'pending');
    // The failures have been read up to 3, and there are more.
    expect(await match({ walk: 2, statuses: '{failed}' })).toEqual({ found: [1, 3], walkedTo: 3 });
    expect(await match({ walk: 2, statuses: '{failed,cancelled}' })).toEqual({
      found: [1, 2, 3],
      walkedTo: 3,
    });
    expect(await match({ walk: 2 })).toEqual({ found: [1, 2], walkedTo: 2 });
    expect(await match({ walk: 3, statuses: '{pending}' })).toEqual({ found: [6], walkedTo: null });
  });

  it('goes on though a page of it holds nothing that matches', async () => {
    await webhooks('failed', 'failed', 'failed');
    await database.pool.query('update posthorn.outcomes set lane = 2 where webhook_id <> $1', [
      idOf(3),
    ]);
    const search = { walk: 2, statuses: '{failed}', urls: [url] };
    expect(await match(search)).toEqual({ found: [], walkedTo: 2 });
  });
});

describe('of those to', () => {
  it.each(['url', 'endpoint'] as const)(
    'one %s, none of another is found though it shares the lane',
    async (kind) => {
      const endpoint = await registerEndpoint(database, { url });
      const other = await registerEndpoint(database, { url });
      const made: Record<string, string[]> = {
        url: await endedWebhooks(database, { to: `${url}?a=1`, count: 2 }),
        longer: await endedWebhooks(database, { to: `${url}/more`, count: 1 }),
        endpoint: await endedWebhooks(database, { to: endpoint.id, count: 2 }),
        other: await endedWebhooks(database, { to: other.id, count: 1 }),
      };
      const search = kind === 'url' ? { urls: [url] } : { endpointId: endpoint.id };
      const find = async () => {
        const [row] = await ask<{ webhook_ids: string[] }>(
          database,
          `select * from posthorn.matching('{failed}', $1, $2, null, '00000000-0000-0000-0000-000000000000',
           'ffffffff-ffff-ffff-ffff-ffffffffffff', 'infinity', 100, 100)`,
          [
            'endpointId' in search ? search.endpointId : null,
            'urls' in search ? search.urls : null,
          ],
        );
        return row?.webhook_ids;
      };
      expect(await find()).toEqual(made[kind]);
      const lane = kind === 'url' ? 'posthorn.lane_of($1::text)' : 'posthorn.lane_of($1::uuid)';
      await database.pool.query(`update posthorn.outcomes set lane = ${lane}`, [
        kind === 'url' ? url : endpoint.id,
      ]);
      expect(await find()).toEqual(made[kind]);
      // What they go to is not known any more.
      await database.pool.query('delete from posthorn.outbox');
      expect(await find()).toEqual([]);
    },
  );
});
