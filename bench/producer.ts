import pg from 'pg';
import { answerParent } from '../harness/parent.ts';
import type { Priority } from '../src/domain/priority.ts';
import { insertAtRate, type ProducerResult, producerConnections } from './open-loop.ts';
import { bodyOf, pathOf, secretOf } from './traffic.ts';

/* The producer of steady traffic, a process of its own: see open-loop.ts. */

export interface ProducerRequest {
  readonly databaseUrl: string;
  readonly receiverPort: number;
  /** The first of them, and how many there are. */
  readonly firstEndpoint?: number;
  readonly endpoints: number;
  readonly perSecond: number;
  readonly webhooks: number;
  readonly priority?: Priority;
  readonly newHosts?: NewHosts;
  /** Each endpoint belongs to a tenant of its own and has a host of its own. */
  readonly areTenants?: boolean;
}

/** Hosts that were never sent to before: each has a name, and with it a lane and a connection, of its own. */
export interface NewHosts {
  /** Of 100 webhooks so many go to one. */
  readonly percent: number;
  /** Of the first webhook's name. */
  readonly firstNumber: number;
}

export type { Priority };

answerParent<ProducerRequest>({ ready: true, answer: produce });

async function produce(request: ProducerRequest): Promise<ProducerResult> {
  const { receiverPort, firstEndpoint = 0, endpoints, perSecond, webhooks } = request;
  const { priority = 'normal', newHosts, areTenants = false } = request;
  const pool = new pg.Pool({
    connectionString: request.databaseUrl,
    max: producerConnections,
    application_name: 'posthorn bench producer',
  });
  try {
    return await insertAtRate(pool, {
      perSecond,
      webhooks,
      async insert(client, sequence) {
        const endpoint = firstEndpoint + (sequence % endpoints);
        const { rows } = await client.query<{ id: string }>({
          name: 'insert',
          text: 'insert into posthorn.outbox (url, body, secret, priority, tenant) values ($1, $2, $3, $4, $5) returning id',
          values: [
            `http://${areTenants ? `healthy-${endpoint}.localhost` : hostOf(sequence, newHosts)}:${receiverPort}${pathOf(endpoint)}`,
            bodyOf(sequence),
            secretOf(endpoint),
            priority,
            areTenants ? `healthy-${endpoint}` : '',
          ],
        });
        return rows[0]?.id ?? '';
      },
    });
  } finally {
    await pool.end();
  }
}

/** Names below localhost lead to loopback without a name server. */
function hostOf(sequence: number, newHosts: NewHosts | undefined): string {
  if (newHosts === undefined) return '127.0.0.1';
  const { percent, firstNumber } = newHosts;
  const newOnesBefore = (count: number) => Math.floor((count * percent) / 100);
  const isNew = newOnesBefore(sequence + 1) > newOnesBefore(sequence);
  return isNew ? `new-${firstNumber + sequence}.localhost` : '127.0.0.1';
}
