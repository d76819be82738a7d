import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../harness/free-port.ts';
import type { Example } from './example.ts';
import type { Verdict } from './judge.ts';
import { lastLines, startProgram } from './program.ts';
import type { World } from './world.ts';

const listensWithinMs = 60_000;

/**
 * Starts a receiver, and sends it a webhook by Posthorn, one with a wrong signature, and one whose body was changed on its
 * way. It must accept the first and refuse the others.
 */
export async function checkReceiver(example: Example, world: World): Promise<Verdict> {
  const port = await freePort();
  const key = randomBytes(24).toString('base64');
  const url = `http://127.0.0.1:${port}/hooks`;
  await using program = startProgram(example, {
    PORT: String(port),
    WEBHOOK_SECRET: `whsec_${key}`,
  });
  if (!(await listens(port, program.ended))) {
    return bad(`It does not listen on PORT:\n${lastLines(program.output())}`);
  }
  const genuine = await send(world, { url, secret: `whsec_${key}` });
  if (genuine !== 204)
    return bad(`It answers ${genuine ?? 'nothing'} to a genuine webhook, not 204`);
  const strange = await post(url, {
    signed: '{}',
    sent: '{}',
    key: randomBytes(24).toString('base64'),
  });
  if (strange !== 401) return bad(`It answers ${strange} to a wrong signature, not 401`);
  const changed = await post(url, { signed: '{"total": 1}', sent: '{"total": 1000}', key });
  if (changed !== 401) return bad(`It answers ${changed} to a changed body, not 401`);
  return { kind: 'good' };
}

const bad = (why: string): Verdict => ({ kind: 'bad', why });

/** The status code that it gave to a webhook. */
async function send(
  { admin, settle }: World,
  { url, secret }: { readonly url: string; readonly secret: string },
): Promise<number | undefined> {
  const { rows } = await admin.query<{ id: string }>(
    'select posthorn.enqueue(url => $1, body => $2, secret => $3, max_attempts => 1) as id',
    [url, '{"type": "order.created"}', secret],
  );
  await settle();
  const { rows: attempts } = await admin.query<{ status: number | null }>(
    'select status_code as status from posthorn.attempts where webhook_id = $1',
    [rows[0]?.id],
  );
  return attempts[0]?.status ?? undefined;
}

/** Sends what claims to be a webhook, with the signature of one body and the text of another. */
async function post(
  url: string,
  { signed, sent, key }: { readonly signed: string; readonly sent: string; readonly key: string },
): Promise<number> {
  const id = randomUUID();
  const timestamp = Math.floor(Date.now() / 1_000);
  const signature = createHmac('sha256', Buffer.from(key, 'base64'))
    .update(`${id}.${timestamp}.${signed}`)
    .digest('base64');
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': `v1,${signature}`,
    },
    body: sent,
    signal: AbortSignal.timeout(30_000),
  });
  await response.arrayBuffer();
  return response.status;
}

/** Whether somebody listens on a port of loopback before the program ends, or 60 s. */
async function listens(port: number, ended: Promise<unknown>): Promise<boolean> {
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  const deadline = Date.now() + listensWithinMs;
  while (!hasEnded && Date.now() < deadline) {
    if (await accepts(port)) return true;
    await delay(100);
  }
  return false;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
