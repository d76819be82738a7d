import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { forFile } from '../support/world.ts';
import { signedAsSent } from './signed.ts';

// The receivers of docs/receiving.md, each in a process of its own, and webhooks that Posthorn delivers to them.

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(`${root}docs/receiving.md`, 'utf8');
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const database = forFile(createTestDatabase);
forFile(() => startEngine(database));

/** A receiver, and how it is made to listen on any port and to say which one. */
const receivers: Readonly<Record<string, readonly [part: string, from: string, to: string]>> = {
  Express: [
    "from 'express'",
    'app.listen(3000);',
    'const server = app.listen(0, () => console.log(server.address().port));',
  ],
  Fastify: [
    "from 'fastify'",
    'await app.listen({ port: 3000 });',
    'await app.listen({ port: 0 }); console.log(app.server.address().port);',
  ],
  Hono: [
    "from 'hono'",
    'serve({ fetch: app.fetch, port: 3000 });',
    'serve({ fetch: app.fetch, port: 0 }, ({ port }) => console.log(port));',
  ],
  Next: [
    'export async function POST',
    'export async function POST',
    `import { serve } from '@hono/node-server';
     serve({ fetch: POST, port: 0 }, ({ port }) => console.log(port));
     async function POST`,
  ],
  'node:http': [
    "from 'node:http'",
    'server.listen(3000);',
    'server.listen(0, () => console.log(server.address().port));',
  ],
};

interface Running {
  readonly child: ChildProcessByStdio<null, Readable, null>;
  readonly url: string;
  readonly lines: AsyncIterator<string>;
}

const running = new Map<string, Running>();

beforeAll(async () => {
  const started = Object.entries(receivers).map(async ([name, [part, from, to]]) => {
    running.set(name, await start(blockWith(part).replace(from, to)));
  });
  await Promise.all(started);
});

afterAll(async () => {
  for (const { child } of running.values()) {
    child.kill();
    await once(child, 'close');
  }
});

describe.each(Object.keys(receivers))('the receiver with %s', (name) => {
  it('takes what Posthorn delivers, and refuses what is signed with another secret', async () => {
    const { url, lines } = theOne(name);
    const body = '{"order": 1.0, "note": "ü ✓"}';
    const id = await enqueue({ url, body, secret });
    expect(await endOf(id)).toEqual({ status: 'delivered', last_status_code: 204 });
    expect((await lines.next()).value).toBe(`received ${id} { order: 1, note: 'ü ✓' }`);
    const forged = await enqueue({ url, body, secret: 'another secret' });
    expect(await endOf(forged)).toEqual({ status: 'failed', last_status_code: 401 });
  });

  it('refuses a body that is too large, and answers on', async () => {
    const { url } = theOne(name);
    const { headers, body } = signedAsSent({ secrets: [secret] });
    const large = 'x'.repeat(1_048_577);
    const post = async (text: string | ReadableStream) =>
      (await fetch(url, { method: 'POST', headers, body: text, duplex: 'half' } as RequestInit))
        .status;
    expect(await post(large)).toBe(413);
    // Without a Content-Length.
    expect(await post(new Blob([large]).stream())).toBe(413);
    expect(await post(body)).toBe(204);
  });
});

/** The code block in TypeScript that holds this text. */
function blockWith(part: string): string {
  const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);
  const found = blocks.filter((code) => code.includes(part));
  if (found.length !== 1) throw new Error(`${found.length} blocks with ${part}`);
  return found[0] ?? '';
}

async function start(code: string): Promise<Running> {
  const source = new URL('../../src/verify/index.ts', import.meta.url).href;
  const program = code.replace("'posthorn/verify'", `'${source}'`);
  const child = spawn(
    process.execPath,
    ['--no-warnings', '--input-type=module-typescript', '--eval', program],
    {
      cwd: root,
      env: { ...process.env, WEBHOOK_SECRET: secret },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return { child, url: `http://127.0.0.1:${(await lines.next()).value}/hook`, lines };
}

function theOne(name: string): Running {
  const found = running.get(name);
  if (found === undefined) throw new Error(`${name} has not started`);
  return found;
}

async function enqueue(webhook: { url: string; body: string; secret: string }): Promise<string> {
  const { rows } = await database.pool.query<{ id: string }>(
    'insert into posthorn.outbox (url, body, secret) values ($1, $2, $3) returning id',
    [webhook.url, webhook.body, webhook.secret],
  );
  return rows[0]?.id ?? '';
}

function endOf(id: string): Promise<object> {
  return eventually(async () => {
    const { rows } = await database.pool.query(
      `select status, last_status_code from posthorn.webhooks
       where id = $1 and status in ('delivered', 'failed')`,
      [id],
    );
    return rows[0];
  }, `the webhook ${id} ends`);
}
