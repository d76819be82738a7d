import type pg from 'pg';
import * as faults from './faults.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

/*
 * A replay of many failed webhooks, half of them never tried, while its workers are killed and new webhooks come. Each must be put back
 * once; the checks of all runs then say that each was delivered, and that nothing was sent twice without need.
 */

/** So long the replay takes to put all back, so that kills hit it. */
const putBackS = (kills: number) => Math.min(20, 5 * kills);
const withinMs = 600_000;

export const replay: Scenario = {
  name: 'replay',
  fault: 'kill -9 of a random worker during a replay of failed webhooks',
  target: 'each put back once, 0 lost, extras explained',
  webhooks: 100_000,
  perSecond: 800,
  workers: 3,
  mood: { failed: 0.02, reset: 0, delayMs: [2, 10] },
  repeats: 10,
  // It counts what has failed, and that is to be what it failed itself.
  without: ['poison'],
  async inject(stage) {
    const { workers, webhooks, repeats } = stage.parts;
    for (const slot of workers) await slot.stop();
    await untilEnqueued(stage, webhooks);
    const failed = await stage.withClient((client) => failAll(client));
    const id = await stage.withClient((client) =>
      startReplay(client, { failed, withinS: putBackS(repeats) }),
    );
    stage.note(`replay of ${failed} webhooks`);
    for (const slot of workers) slot.start();
    await untilBegun(stage, id);
    for (let kills = 0; kills < repeats; kills += 1) {
      await stage.waitBetween(500, (2 * putBackS(repeats) * 1_000) / repeats);
      await faults.killWorker(stage);
      const { status, replayed } = await stage.withClient((client) => look(client, id));
      if (status === 'running') stage.note(`  ${replayed} of ${failed} put back so far`);
    }
    await untilFinished(stage, id);
    await stage.withClient((client) => checkReplay(stage, { client, id, failed }));
  },
};

/** What goes to plain URLs and waits: half as never tried, half as if it had been. */
async function failAll(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ failed: number }>(
    `with ended as (
       delete from posthorn.queue as q
       using posthorn.outbox as o
       where o.id = q.outbox_id and o.endpoint_id is null and q.lease_until is null and q.attempts = 0
       returning q.webhook_id, q.outbox_id, q.lane
     ),
     tried as (
       insert into posthorn.attempts (webhook_id, number, worker, started_at, finished_at, duration_ms, status_code, error)
       select webhook_id, 1, 99, now() - interval '1 hour', now() - interval '1 hour', 1, 422, 'http_422'
       from ended
       where get_byte(uuid_send(webhook_id), 15) % 2 = 0
     ),
     recorded as (
       insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, reason)
       select webhook_id, outbox_id, lane, 'failed', 1 - get_byte(uuid_send(webhook_id), 15) % 2, 'http_422'
       from ended
       returning 1
     )
     select count(*)::integer as failed from recorded`,
  );
  return rows[0]?.failed ?? 0;
}

async function startReplay(
  client: pg.Client,
  { failed, withinS }: { readonly failed: number; readonly withinS: number },
): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `insert into posthorn.replays (from_at, rate_limit_per_s, matched, is_at_least)
     values (now() - interval '1 day', $1, $2, false)
     returning id`,
    [Math.min(10_000, Math.max(1, failed / withinS)), failed],
  );
  return rows[0]?.id ?? '';
}

interface Seen {
  readonly status: string;
  readonly replayed: number;
}

async function look(client: pg.Client, id: string): Promise<Seen> {
  const { rows } = await client.query<Seen>(
    'select status::text, replayed::integer from posthorn.replays where id = $1',
    [id],
  );
  return rows[0] ?? { status: 'gone', replayed: 0 };
}

async function until(
  stage: Stage,
  { what, isSo }: { what: string; isSo: (client: pg.Client) => Promise<boolean> },
): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!(await stage.withClient(isSo))) {
    if (performance.now() > deadlineMs) throw new Error(`It did not come to this: ${what}`);
    await stage.wait(500);
  }
}

const untilEnqueued = (stage: Stage, webhooks: number) =>
  until(stage, {
    what: `${webhooks} webhooks to plain URLs wait`,
    isSo: async (client) => {
      const { rows } = await client.query<{ waiting: number }>(
        `select count(*)::integer as waiting
         from posthorn.queue as q
         join posthorn.outbox as o on o.id = q.outbox_id
         where o.endpoint_id is null and q.attempts = 0`,
      );
      return (rows[0]?.waiting ?? 0) >= webhooks;
    },
  });

const untilBegun = (stage: Stage, id: string) =>
  until(stage, {
    what: 'the replay has begun',
    isSo: async (client) => (await look(client, id)).replayed > 0,
  });

const untilFinished = (stage: Stage, id: string) =>
  until(stage, {
    what: 'the replay is finished',
    isSo: async (client) => (await look(client, id)).status === 'finished',
  });

async function checkReplay(
  stage: Stage,
  { client, id, failed }: { client: pg.Client; id: string; failed: number },
): Promise<void> {
  const { replayed } = await look(client, id);
  const { rows } = await client.query<{ once: number; more: number }>(
    `select
       count(*) filter (where times = 1)::integer as once,
       count(*) filter (where times > 1)::integer as more
     from (
       select count(*) as times from posthorn.former_outcomes where replay_id = $1 group by webhook_id
     ) as each`,
    [id],
  );
  const { once = 0, more = 0 } = rows[0] ?? {};
  stage.figures['failed, to be replayed'] = failed;
  stage.figures['put back once'] = once;
  stage.figures['put back more often'] = more;
  if (once !== failed || more > 0 || replayed !== failed) {
    stage.violations.push(
      `each failed webhook is put back once: ${failed} had failed, ${once} were put back once, ${more} more often, and the replay counts ${replayed}`,
    );
  }
}
