import pg from 'pg';
import type { ProxyMode } from '../harness/line-proxy.ts';
import type { Failpoint } from './failpoint.ts';
import type { Stage } from './stage.ts';
import type { Mood } from './traffic.ts';

/*
 * What can be done to a running Posthorn. Each fault ends as it found things: what was taken away is there again.
 */

export async function killWorker(stage: Stage): Promise<void> {
  const slot = await stage.anyWorker();
  const death = await slot.kill();
  if (death !== undefined) stage.deaths.push(death);
  stage.note(`kill -9 ${slot.name}`);
  slot.start();
}

/** The crowd is well again, and the workers need not wait for the next probes to see that. */
export async function endTrouble(stage: Stage, mood: Mood): Promise<void> {
  await stage.parts.setMood(mood);
  stage.note('the crowd is well again');
  // What hung is recorded as delivered, so that it opens no breaker any more.
  await stage.wait(1_000);
  await stage.withClient((client) =>
    client.query('update posthorn.breakers set open_until = now() where open_until > now()'),
  );
}

/** Stopped in order, and started again. */
export async function restartWorker(stage: Stage): Promise<void> {
  const slot = await stage.anyWorker();
  stage.note(`SIGTERM ${slot.name}`);
  const code = await slot.stop();
  // In a soak another fault may have killed it meanwhile.
  if (code !== 0 && !slot.wasKilled) {
    stage.violations.push(`${slot.name} ended with ${code} after SIGTERM`);
  }
  slot.start();
}

/** SIGSTOP, and SIGCONT after a while: it wakes up as a zombie whose work others have taken over. */
export async function pauseWorker(stage: Stage, forMs: number): Promise<void> {
  const slot = await stage.anyWorker();
  const { number } = slot;
  slot.number = undefined;
  slot.signal('SIGSTOP');
  stage.note(`SIGSTOP ${slot.name} for ${(forMs / 1_000).toFixed(0)} s`);
  if (number !== undefined) stage.deaths.push({ number, atMs: Date.now() });
  try {
    await stage.wait(forMs);
  } finally {
    slot.signal('SIGCONT');
    slot.number ??= number;
  }
}

export type Crash = 'immediate' | 'kill' | 'fast';

/** Postgres goes away and comes back after a while. */
export async function crashPostgres(
  stage: Stage,
  { crash, downMs }: { crash: Crash; downMs: number },
): Promise<void> {
  const { postgres } = stage.parts;
  stage.note(crash === 'kill' ? 'kill -9 of the postmaster' : `pg_ctl stop -m ${crash}`);
  if (crash === 'immediate') await postgres.stopImmediately();
  else if (crash === 'fast') await postgres.stopFast();
  else await postgres.kill();
  try {
    await stage.wait(downMs);
  } finally {
    await postgres.up();
    stage.backMs.push(Date.now());
  }
}

/** pg_terminate_backend of some backends, whoever they belong to. */
export async function terminateBackends(stage: Stage, share: number): Promise<void> {
  await stage.withClient(async (client) => {
    const { rowCount } = await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
         and hashint4(pid + $1::integer) & 1023 < $2::float8 * 1024`,
      [stage.random.whole(0, 1_000_000), share],
    );
    stage.note(`terminated ${rowCount} backends`);
  });
}

/** The line between one worker and Postgres is bad for a while. */
export async function spoilPostgresLine(
  stage: Stage,
  { mode, forMs }: { mode: ProxyMode; forMs: number },
): Promise<void> {
  const at = stage.random.whole(0, stage.parts.postgresProxies.length - 1);
  const proxy = stage.parts.postgresProxies[at];
  const slot = stage.parts.workers[at];
  stage.note(`line of ${slot?.name} to Postgres: ${mode.kind} for ${(forMs / 1_000).toFixed(0)} s`);
  if (slot?.number !== undefined) stage.deaths.push({ number: slot.number, atMs: Date.now() });
  proxy?.set(mode);
  try {
    await stage.wait(forMs);
  } finally {
    proxy?.set({ kind: 'pass' });
  }
}

/** The line between all workers and the receiver is bad for a while. */
export async function spoilReceiverLine(
  stage: Stage,
  { mode, forMs }: { mode: ProxyMode; forMs: number },
): Promise<void> {
  stage.note(`line to the receiver: ${mode.kind} for ${(forMs / 1_000).toFixed(0)} s`);
  stage.parts.receiverProxy.set(mode);
  try {
    await stage.wait(forMs);
  } finally {
    stage.parts.receiverProxy.set({ kind: 'pass' });
  }
}

/** All connections that Postgres has are taken, and the workers' own terminated, so that they need new ones. */
export async function exhaustConnections(stage: Stage, forMs: number): Promise<void> {
  const taken: pg.Client[] = [];
  const take = async () => {
    const client = new pg.Client({ connectionString: stage.parts.postgres.url });
    client.on('error', () => {});
    try {
      await client.connect();
      taken.push(client);
      return true;
    } catch {
      await client.end().catch(() => {});
      return false;
    }
  };
  try {
    await terminateBackends(stage, 0.5);
    while (await take());
    stage.note(`connections exhausted (${taken.length} taken) for ${(forMs / 1_000).toFixed(0)} s`);
    const endMs = performance.now() + forMs;
    while (performance.now() < endMs) {
      if (!(await take())) await stage.wait(100);
    }
  } finally {
    await Promise.all(taken.map((client) => client.end().catch(() => {})));
    stage.backMs.push(Date.now());
  }
}

/** ACCESS EXCLUSIVE on the queue, as a careless migration would take it. */
export async function lockTables(stage: Stage, forMs: number): Promise<void> {
  await stage.withClient(async (client) => {
    await client.query('begin');
    await client.query("set local lock_timeout = '20s'");
    await client.query(
      'lock table posthorn.queue, posthorn.attempts, posthorn.outcomes in access exclusive mode',
    );
    stage.note(`ACCESS EXCLUSIVE for ${(forMs / 1_000).toFixed(0)} s`);
    await stage.wait(forMs);
    await client.query('commit');
  });
}

/** Locks rows of the queue in two sessions crosswise with what claims and records lock, until deadlocks were broken. */
export async function provokeDeadlocks(stage: Stage, forMs: number): Promise<void> {
  const endMs = performance.now() + forMs;
  let broken = 0;
  const wrestle = async (order: 'asc' | 'desc') =>
    stage.withClient(async (client) => {
      while (performance.now() < endMs) {
        try {
          await client.query('begin');
          for (const half of order === 'asc' ? ['<', '>='] : ['>=', '<']) {
            await client.query(
              `select from posthorn.queue
               where hashtext(webhook_id::text) ${half} 0 order by webhook_id ${order} limit 200 for update`,
            );
          }
          await client.query('commit');
        } catch (error) {
          await client.query('rollback');
          if ((error as { code?: string }).code === '40P01') broken += 1;
        }
        await stage.wait(20);
      }
    });
  stage.note(`deadlocks for ${(forMs / 1_000).toFixed(0)} s`);
  await Promise.all([wrestle('asc'), wrestle('desc'), wrestle('asc'), wrestle('desc')]);
  stage.figures['deadlocks broken'] = Number(stage.figures['deadlocks broken'] ?? 0) + broken;
}

/** A session that is idle in a transaction and holds the oldest snapshot. */
export async function pinSnapshot(stage: Stage, forMs: number): Promise<void> {
  await stage.withClient(async (client) => {
    await client.query('begin isolation level repeatable read');
    await client.query('select pg_current_xact_id()');
    stage.note(`idle in transaction for ${(forMs / 1_000).toFixed(0)} s`);
    await stage.wait(forMs);
    await client.query('rollback');
  });
}

export async function fillDisk(stage: Stage, forMs: number): Promise<void> {
  const free = await stage.parts.postgres.fillDisk();
  stage.note(`disk full for ${(forMs / 1_000).toFixed(0)} s`);
  try {
    await stage.wait(forMs);
  } finally {
    await free();
    // A server that could not write its WAL has crashed; it starts again by itself when it can, or has to be started.
    await stage.parts.postgres.up().catch(() => {});
    stage.backMs.push(Date.now());
  }
}

export async function truncateGraphile(stage: Stage): Promise<void> {
  await stage.withClient(async (client) => {
    await client.query("set lock_timeout = '20s'");
    await client.query(
      `truncate posthorn_graphile._private_jobs, posthorn_graphile._private_job_queues,
         posthorn_graphile._private_tasks, posthorn_graphile._private_known_crontabs cascade`,
    );
  });
  stage.note("Graphile's tables emptied");
}

export type RedisTrouble = 'flush' | 'kill' | 'silent';

export async function troubleRedis(stage: Stage, trouble: RedisTrouble): Promise<void> {
  const { redis, redisProxy } = stage.parts;
  if (redis === undefined) return;
  stage.note(`Redis: ${trouble}`);
  if (trouble === 'flush') {
    await redis.client.flushAll();
  } else if (trouble === 'kill') {
    await redis.restart();
  } else {
    redisProxy?.set({ kind: 'silent', farSideMs: 11_000 });
    try {
      await stage.wait(5_000);
    } finally {
      redisProxy?.set({ kind: 'pass' });
    }
  }
}

/** A worker that dies at one point of the loop; then its slot is taken by another. */
export async function failAt(
  stage: Stage,
  { at, after }: { at: Failpoint; after: number },
): Promise<void> {
  const slot = await stage.anyWorker();
  // No other fault takes the same one meanwhile.
  slot.number = undefined;
  await slot.stop();
  slot.start({ failpoint: { at, after } });
  // A rescue takes place when another dies.
  if (at === 'rescuing') {
    await slot.ready();
    const other = stage.able().find((one) => one !== slot);
    const death = await other?.kill();
    if (death !== undefined) stage.deaths.push(death);
    // So that nobody but the one with the failpoint can do it, as far as the timers allow.
    other?.start();
  }
  // It may take long to start, which says nothing about the point; and it may be dead before it is ready.
  await slot.ready();
  const patience = setTimeout(() => slot.signal('SIGKILL'), 20_000);
  await slot.ended();
  clearTimeout(patience);
  const isHit = slot.tail.some((line) => line === `failpoint ${at}`);
  if (slot.number !== undefined) stage.deaths.push({ number: slot.number, atMs: Date.now() });
  stage.note(isHit ? `died at ${at}` : `killed, as it did not come to ${at}`);
  const name = `hit ${at}`;
  stage.figures[name] = Number(stage.figures[name] ?? 0) + (isHit ? 1 : 0);
  slot.start();
  await slot.ready();
}
