import { on } from 'node:events';
import { describe, expect, it } from 'vitest';
import { graphileSchema } from '../../src/db/names.ts';
import { cronItems } from '../../src/maintenance/crontab.ts';
import { createTestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { forFile } from '../support/world.ts';

const database = forFile(createTestDatabase);
const posthorn = forFile(() => startEngine(database));

describe('the crontab', () => {
  it('has its tasks, and Graphile knows them', async () => {
    const tasks = cronItems().map(({ task }) => task);
    expect(tasks.sort()).toEqual([
      'posthorn:alerts',
      'posthorn:attempts',
      'posthorn:disable',
      'posthorn:partitions',
      'posthorn:prune',
      'posthorn:sample',
      'posthorn:secrets',
    ]);
    const { rows } = await database.pool.query(
      `select identifier from ${graphileSchema}._private_known_crontabs order by identifier`,
    );
    expect(rows.map(({ identifier }) => identifier)).toEqual(tasks);
  });

  it.each(cronItems().map(({ task }) => [task]))('runs %s as a job', async (task) => {
    const done = endOf(task);
    await database.pool.query(`select ${graphileSchema}.add_job($1)`, [task]);
    expect(await done).toMatchObject({ task });
  });

  it('notes with each sample which tenants are full', async () => {
    await database.pool.query(`
      insert into posthorn.tenants (id, max_waiting) values ('acme', 1);
      insert into posthorn.outbox (url, tenant, body, send_at)
      values ('http://a.example/', 'acme', '', now() + interval '1 day')`);
    const done = endOf('posthorn:sample');
    await database.pool.query(`select ${graphileSchema}.add_job('posthorn:sample')`);
    await done;
    const { rowCount } = await database.pool.query(
      'select from posthorn.tenants where full_since is not null',
    );
    expect(rowCount).toBe(1);
  });
});

/** Others may end meanwhile: those that the crontab or a start brings. */
async function endOf(task: string): Promise<object> {
  for await (const [ended] of on(posthorn.events, 'maintained')) {
    if (ended.task === task) return ended;
  }
  throw new Error('the events ended');
}
