import pg from 'pg';
import { answerParent } from '../../../harness/parent.ts';
import { insertAtRate, type ProducerResult, producerConnections } from '../../open-loop.ts';
import type { ProducerRequest } from '../../producer.ts';
import { bodyOf, pathOf, secretOf } from '../../traffic.ts';
import type { PeerSite } from './peers.ts';

/*
 * A producer of a peer, a process of its own: fills the queue for webhooks that are there, or inserts them one by one, a
 * transaction each, at a fixed rate whatever the database does.
 */

export type PeerProducerRequest =
  /** Makes what the library keeps in the database. */
  | { readonly ask: 'open'; readonly site: PeerSite }
  /** Enqueues all webhooks that are in the table. */
  | { readonly ask: 'backlog' }
  | ({ readonly ask: 'steady' } & ProducerRequest)
  | { readonly ask: 'close' };

export interface NewWebhook {
  readonly url: string;
  readonly body: string;
  readonly secret: string;
}

/** How a library takes jobs. */
export interface Enqueuer {
  /** Many at once, as the library likes it best. */
  enqueueAll(ids: readonly string[]): Promise<void>;
  /** Inserts the webhook and commits; the library's job with it, where it can be in the same transaction. Returns the id. */
  insert(client: pg.PoolClient, webhook: NewWebhook): Promise<string>;
  /** Adds the job, where it cannot be part of the transaction. */
  afterCommit?(id: string): Promise<void>;
  close(): Promise<void>;
}

/** How many are enqueued at once. */
const chunk = 1_000;

export function serveProducer(open: (site: PeerSite) => Promise<Enqueuer>): void {
  let pool: pg.Pool | undefined;
  let enqueuer: Enqueuer | undefined;
  answerParent<PeerProducerRequest>({
    ready: true,
    async answer(request): Promise<true | ProducerResult> {
      if (request.ask === 'open') {
        pool = new pg.Pool({
          connectionString: request.site.databaseUrl,
          max: producerConnections,
          idleTimeoutMillis: 0,
          application_name: 'posthorn bench producer',
        });
        pool.on('error', () => {});
        enqueuer = await open(request.site);
        return true;
      }
      if (pool === undefined || enqueuer === undefined) throw new Error('The producer is not open');
      switch (request.ask) {
        case 'backlog':
          await enqueueAll(pool, enqueuer);
          return true;
        case 'steady':
          return produce(request, { pool, enqueuer });
        case 'close':
          await enqueuer.close();
          await pool.end();
          return true;
        default:
          return request satisfies never;
      }
    },
  });
}

async function enqueueAll(pool: pg.Pool, enqueuer: Enqueuer): Promise<void> {
  const { rows } = await pool.query<{ id: string }>('select id from webhooks order by id');
  for (let start = 0; start < rows.length; start += chunk) {
    await enqueuer.enqueueAll(rows.slice(start, start + chunk).map(({ id }) => id));
  }
}

function produce(
  { receiverPort, firstEndpoint = 0, endpoints, perSecond, webhooks }: ProducerRequest,
  { pool, enqueuer }: { pool: pg.Pool; enqueuer: Enqueuer },
): Promise<ProducerResult> {
  return insertAtRate(pool, {
    perSecond,
    webhooks,
    insert(client, sequence) {
      const endpoint = firstEndpoint + (sequence % endpoints);
      return enqueuer.insert(client, {
        url: `http://127.0.0.1:${receiverPort}${pathOf(endpoint)}`,
        body: bodyOf(sequence),
        secret: secretOf(endpoint),
      });
    },
    async afterCommit(id) {
      await enqueuer.afterCommit?.(id);
    },
  });
}

/** The statement that all of them insert a webhook with. */
export const insertWebhook = {
  name: 'insert',
  text: 'insert into webhooks (url, body, secret) values ($1, $2, $3) returning id',
};
