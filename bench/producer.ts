import pg from 'pg';
import { clockMs } from './clock.ts';
import { openLoop } from './open-loop.ts';
import { answerParent } from './parent.ts';
import { bodyOf, pathOf, secretOf } from './traffic.ts';

/*
 * The producer of steady traffic, a process of its own: a webhook per transaction, at a fixed rate whatever the
 * database does (open loop), so that a slow commit does not hide the wait behind it.
 */

export interface ProducerRequest {
  readonly databaseUrl: string;
  readonly receiverPort: number;
  /** The first of them, and how many there are. */
  readonly firstEndpoint?: number;
  readonly endpoints: number;
  readonly perSecond: number;
  readonly webhooks: number;
  readonly priority?: Priority;
}

export type Priority = 'high' | 'normal' | 'low';

/** When each webhook's insert was sent and when its commit was known, clockMs(). */
export type ProducerResult = Map<string, { readonly sentMs: number; readonly committedMs: number }>;

const connections = 10;

answerParent<ProducerRequest>({ ready: true, answer: produce });

async function produce(request: ProducerRequest): Promise<ProducerResult> {
  const pool = new pg.Pool({
    connectionString: request.databaseUrl,
    max: connections,
    application_name: 'posthorn bench producer',
    connectionTimeoutMillis: 10_000,
  });
  try {
    await openAll(pool);
    return await insertAtRate(pool, request);
  } finally {
    await pool.end();
  }
}

/** No connection is opened while it counts. */
async function openAll(pool: pg.Pool): Promise<void> {
  const clients = await Promise.all(Array.from({ length: connections }, () => pool.connect()));
  for (const client of clients) client.release();
}

async function insertAtRate(
  pool: pg.Pool,
  {
    receiverPort,
    firstEndpoint = 0,
    endpoints,
    perSecond,
    webhooks,
    priority = 'normal',
  }: ProducerRequest,
): Promise<ProducerResult> {
  const result: ProducerResult = new Map();
  const insert = async (sequence: number) => {
    const endpoint = firstEndpoint + (sequence % endpoints);
    const sentMs = clockMs();
    const { rows } = await pool.query<{ id: string }>({
      name: 'insert',
      text: 'insert into posthorn.outbox (url, body, secret, priority) values ($1, $2, $3, $4) returning id',
      values: [
        `http://127.0.0.1:${receiverPort}${pathOf(endpoint)}`,
        bodyOf(sequence),
        secretOf(endpoint),
        priority,
      ],
    });
    result.set(rows[0]?.id ?? '', { sentMs, committedMs: clockMs() });
  };
  await openLoop({ perSecond, count: webhooks }, insert);
  return result;
}
