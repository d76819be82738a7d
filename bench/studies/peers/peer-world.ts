import { Child } from '../../../harness/child.ts';
import type { RoundDatabase } from '../../../harness/postgres.ts';
import type { Bench } from '../../bench.ts';
import type { ProducerRequest } from '../../producer.ts';
import { type PeerName, type PeerSite, peers, queueName, type TunedFor } from './peers.ts';
import type { PeerProducerRequest } from './serve-producer.ts';
import { type PeerStage, siteOf } from './stage.ts';
import { createPeerTables, type PeerStanding, readPeerStanding } from './tables.ts';

const openMs = 60_000;

/** A peer's own world for a round: a new database with its tables, an empty Redis, and its producer. */
export class PeerWorld implements AsyncDisposable {
  readonly name: PeerName;
  readonly site: PeerSite;
  readonly database: RoundDatabase;
  readonly #producer: Child<PeerProducerRequest>;
  readonly #stage: PeerStage;
  readonly #signal: AbortSignal;
  readonly #disposal: AsyncDisposableStack;

  static async open(
    { server, options, signal }: Bench,
    { stage, name, tunedFor }: { stage: PeerStage; name: PeerName; tunedFor: TunedFor },
  ): Promise<PeerWorld> {
    await using stack = new AsyncDisposableStack();
    await stage.redis?.client.flushAll();
    const database = stack.use(await server.createDatabase('empty'));
    await createPeerTables(database.client);
    const { child } = await Child.start<PeerProducerRequest>(
      new URL(`${name}/producer.ts`, import.meta.url),
      {
        signal,
        withinMs: openMs,
      },
    );
    const producer = stack.use(child);
    const rows = options.peerRows ?? peers[name].rows;
    const site = siteOf(stage, { databaseUrl: database.url, rows, tunedFor });
    await producer.ask({ ask: 'open', site }, { signal, withinMs: openMs });
    const disposal = stack.move();
    return new PeerWorld({ name, site, database, producer, stage, signal, disposal });
  }

  private constructor(parts: {
    readonly name: PeerName;
    readonly site: PeerSite;
    readonly database: RoundDatabase;
    readonly producer: Child<PeerProducerRequest>;
    readonly stage: PeerStage;
    readonly signal: AbortSignal;
    readonly disposal: AsyncDisposableStack;
  }) {
    this.name = parts.name;
    this.site = parts.site;
    this.database = parts.database;
    this.#producer = parts.producer;
    this.#stage = parts.stage;
    this.#signal = parts.signal;
    this.#disposal = parts.disposal;
  }

  /** The producer as that of steady traffic. */
  get producer(): Pick<Child<ProducerRequest>, 'pid' | 'ask'> {
    return {
      pid: this.#producer.pid,
      ask: (request, limits) => this.#producer.ask({ ask: 'steady', ...request }, limits),
    };
  }

  /** The redis-server's process, where the peer has one. */
  get redisPid(): number | undefined {
    return peers[this.name].needsRedis ? this.#stage.redis?.pid : undefined;
  }

  /** Fills the queue for all webhooks in the table. */
  async enqueueAll(withinMs: number): Promise<void> {
    await this.#producer.ask({ ask: 'backlog' }, { signal: this.#signal, withinMs });
  }

  async closeProducer(): Promise<void> {
    await this.#producer.ask({ ask: 'close' }, { signal: this.#signal, withinMs: openMs });
  }

  async readStanding(): Promise<PeerStanding & { readonly jobsLeft: number }> {
    const standing = await readPeerStanding(this.database.client);
    return { ...standing, jobsLeft: await this.#countJobs() };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposal.disposeAsync();
  }

  async #countJobs(): Promise<number> {
    const { jobsLeftSql } = peers[this.name];
    if (jobsLeftSql !== undefined) {
      const { rows } = await this.database.client.query<{ jobs: number }>(jobsLeftSql);
      return rows[0]?.jobs ?? Number.NaN;
    }
    const client = this.#stage.redis?.client;
    if (client === undefined) return Number.NaN;
    const key = (state: string) => `bull:${queueName}:${state}`;
    const counts = await Promise.all([
      ...['prioritized', 'delayed', 'failed', 'completed'].map((state) => client.zCard(key(state))),
      ...['wait', 'active', 'paused'].map((state) => client.lLen(key(state))),
    ]);
    return counts.reduce((sum, count) => sum + count, 0);
  }
}
