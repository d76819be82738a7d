import { createHmac, createPublicKey, verify } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Received, startReceiver } from '../../harness/receiver.ts';
import type { Posthorn } from '../../src/posthorn.ts';
import { createTestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { ringText } from '../support/key-rings.ts';
import { forEachTest, forFile } from '../support/world.ts';

// The road of a secret: from the API, sealed, to the signature of a request; replaced, moved, and with its key missing.

interface Endpoint {
  readonly id: string;
  readonly secret?: string;
  readonly public_key: string | null;
  readonly has_headers: boolean;
  readonly has_secret: boolean;
  readonly former_secrets: readonly { public_key: string | null; expires_at: string }[];
  readonly code?: string;
}

const database = forFile(createTestDatabase);
const receiver = forEachTest(startReceiver);
let engines: Posthorn[];

beforeEach(async () => {
  await database.empty();
  engines = [];
});

afterEach(() => Promise.all(engines.map((engine) => engine.stop())));

async function start(keys: string | undefined): Promise<Posthorn> {
  const env = keys === undefined ? {} : { POSTHORN_ENCRYPTION_KEYS: keys };
  const engine = await startEngine(database, { api: true, env });
  engines.push(engine);
  return engine;
}

async function call(engine: Posthorn, path: string, body?: object, method = 'POST') {
  const response = await fetch(`${engine.address}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text, json: JSON.parse(text) as Endpoint };
}

async function enqueue(endpointId: string, headers: object | null = null): Promise<void> {
  await database.pool.query(
    'insert into posthorn.outbox (endpoint_id, body, headers) values ($1, $2, $3)',
    [endpointId, '{"n": 1}', headers],
  );
}

async function received(count: number): Promise<Received> {
  await receiver.until((requests) => requests.length >= count);
  const request = receiver.requests[count - 1];
  if (request === undefined) throw new Error('nothing was received');
  return request;
}

const signaturesOf = ({ headers }: Received) => String(headers['webhook-signature']).split(' ');

const signedText = ({ headers, body }: Received) =>
  `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;

function hmacOf(request: Received, secret: string): string {
  const key = Buffer.from(secret.slice(6), 'base64');
  return `v1,${createHmac('sha256', key).update(signedText(request)).digest('base64')}`;
}

function isSignedBy(request: Received, publicKey: string): boolean {
  const x = Buffer.from(publicKey.slice(5), 'base64').toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return signaturesOf(request).some(
    (signature) =>
      signature.startsWith('v1a,') &&
      verify(
        null,
        Buffer.from(signedText(request)),
        key,
        Buffer.from(signature.slice(4), 'base64'),
      ),
  );
}

const stored = async (id: string): Promise<string> => {
  const { rows } = await database.pool.query('select * from posthorn.endpoints where id = $1', [
    id,
  ]);
  return JSON.stringify(rows[0]);
};

describe('an endpoint of the API', () => {
  it('keeps its secret and its headers sealed, and its requests are signed and carry them', async () => {
    const engine = await start(ringText('k1'));
    const { status, json } = await call(engine, '/endpoints', {
      url: receiver.url,
      headers: { Authorization: 'Bearer planted-header', 'X-Shop': 'of the endpoint' },
    });
    expect(status).toBe(201);
    expect(json).toMatchObject({ has_secret: true, has_headers: true, public_key: null });
    const secret = json.secret ?? '';
    expect(secret).toMatch(/^whsec_/);
    const row = await stored(json.id);
    expect(row).toContain('sealed:v1:k1:');
    expect(row).not.toContain(secret);
    expect(row).not.toContain('planted-header');
    await enqueue(json.id, { 'x-shop': 'of the webhook' });
    const request = await received(1);
    expect(request.headers).toMatchObject({
      authorization: 'Bearer planted-header',
      'x-shop': 'of the webhook',
    });
    expect(signaturesOf(request)).toEqual([hmacOf(request, secret)]);
    const shown = await call(engine, `/endpoints/${json.id}`, undefined, 'GET');
    expect(shown.text).not.toContain(secret);
    expect(shown.text).not.toContain('sealed:');
    expect(shown.text).not.toContain('planted');
  });

  it('may sign by Ed25519: the public key is shown, and the secret never leaves', async () => {
    const engine = await start(ringText('k1'));
    const made = await call(engine, '/endpoints', { url: receiver.url, secret_type: 'ed25519' });
    expect(made.status).toBe(201);
    expect(made.text).not.toContain('whsk_');
    const publicKey = made.json.public_key ?? '';
    expect(publicKey).toMatch(/^whpk_/);
    await enqueue(made.json.id);
    const request = await received(1);
    expect(isSignedBy(request, publicKey)).toBe(true);
    expect(request.headers).not.toHaveProperty('x-webhook-signature');
  });

  it('is tested with its own signature and headers, and no secret is copied into the outbox', async () => {
    const engine = await start(ringText('k1'));
    const { json } = await call(engine, '/endpoints', {
      url: receiver.url,
      headers: { 'X-Token': 'planted' },
    });
    await call(engine, `/endpoints/${json.id}/pause`);
    expect((await call(engine, `/endpoints/${json.id}/test`)).status).toBe(202);
    const request = await received(1);
    expect(signaturesOf(request)).toEqual([hmacOf(request, json.secret ?? '')]);
    expect(request.headers).toMatchObject({ 'x-token': 'planted' });
    const { rows } = await database.pool.query('select secret, headers from posthorn.outbox');
    expect(rows).toEqual([{ secret: null, headers: null }]);
  });

  it.each([
    [{ secret: 'sealed:v1:k1:AAAA' }, 'endpoints_secret_is_not_like_sealed'],
    [{ secret: 'whsk_short' }, 'endpoints_secret_is_ed25519_after_whsk'],
    [
      { secret: `whsk_${Buffer.alloc(64).toString('base64')}` },
      'endpoints_secret_is_ed25519_after_whsk',
    ],
    [{ secret: 'whsec_short' }, 'endpoints_secret_is_base64_after_whsec'],
    [{ secret: '' }, 'endpoints_secret_is_1_to_512_bytes'],
    [{ secret: 'x'.repeat(513) }, 'endpoints_secret_is_1_to_512_bytes'],
    [{ secret: 'x', secret_type: 'ed25519' }, 'invalid_secret_type'],
    [{ secret_type: 'rsa' }, 'invalid_secret_type'],
    [{ headers: { Host: 'x' } }, 'endpoints_headers_names_are_not_reserved'],
    [{ headers: { a: '1', A: '2' } }, 'endpoints_headers_names_are_unique'],
    [{ headers: { a: 'x'.repeat(8_190) } }, 'endpoints_headers_are_at_most_8_kib'],
    [{ headers: [] }, 'invalid_headers'],
  ])('is refused by the same rules whether it is sealed or not, case %#', async (fields, code) => {
    for (const keys of [ringText('k1'), undefined]) {
      const engine = await start(keys);
      const answer = await call(engine, '/endpoints', { url: receiver.url, ...fields });
      expect([answer.status, answer.text]).toEqual([400, expect.stringContaining(`"${code}"`)]);
    }
  });

  it('takes headers of 8 KiB to the byte, as Postgres counts them', async () => {
    const engine = await start(ringText('k1'));
    const plain = await start(undefined);
    const fitting = { a: 'x'.repeat(8_183) };
    for (const one of [engine, plain]) {
      const taken = await call(one, '/endpoints', { url: receiver.url, headers: fitting });
      expect(taken.status).toBe(201);
      const headers = { a: `${fitting.a}x` };
      const refused = await call(one, '/endpoints', { url: receiver.url, headers });
      expect(refused.status).toBe(400);
    }
    await expect(
      registerEndpoint(database, {
        url: receiver.url,
        headers: JSON.stringify({ a: `${fitting.a}x` }),
      }),
    ).rejects.toMatchObject({ constraint: 'endpoints_headers_are_at_most_8_kib' });
  });
});

describe('rotating a secret', () => {
  it('lets both sign, the new one first, until the overlap is over', async () => {
    const engine = await start(ringText('k1'));
    const { json: first } = await call(engine, '/endpoints', { url: receiver.url });
    const path = `/endpoints/${first.id}/secret/rotate`;
    const { status, json: second } = await call(engine, path, { overlap_s: 3_600 });
    expect(status).toBe(200);
    expect(second.secret).not.toBe(first.secret);
    const untilMs = Date.parse(second.former_secrets[0]?.expires_at ?? '') - Date.now();
    expect(untilMs).toBeGreaterThan(3_590_000);
    expect(untilMs).toBeLessThan(3_610_000);
    const secrets = [second.secret ?? '', first.secret ?? ''];
    await enqueue(first.id);
    const during = await received(1);
    expect(signaturesOf(during)).toEqual(secrets.map((secret) => hmacOf(during, secret)));
    expect(String(during.headers['x-webhook-signature']).split(',')).toHaveLength(3);
    await endOverlap();
    await enqueue(first.id);
    const after = await received(2);
    expect(signaturesOf(after)).toEqual([hmacOf(after, second.secret ?? '')]);
    const shown = await call(engine, `/endpoints/${first.id}`, undefined, 'GET');
    expect(shown.json.former_secrets).toEqual([]);
  });

  it('without an overlap has the next webhook signed by the new one alone, in a worker that knew the old one', async () => {
    const engine = await start(ringText('k1'));
    const { json: first } = await call(engine, '/endpoints', { url: receiver.url });
    await enqueue(first.id);
    const before = await received(1);
    expect(signaturesOf(before)).toEqual([hmacOf(before, first.secret ?? '')]);
    const path = `/endpoints/${first.id}/secret/rotate`;
    const { json: second } = await call(engine, path, { overlap_s: 0 });
    await enqueue(first.id);
    const after = await received(2);
    expect(signaturesOf(after)).toEqual([hmacOf(after, second.secret ?? '')]);
  });

  it('stops the old one by itself in a worker that has opened it before', async () => {
    const engine = await start(ringText('k1'));
    const { json: first } = await call(engine, '/endpoints', { url: receiver.url });
    const { json: second } = await call(engine, `/endpoints/${first.id}/secret/rotate`, {
      overlap_s: 2,
    });
    await enqueue(first.id);
    expect(signaturesOf(await received(1))).toHaveLength(2);
    await eventually(async () => {
      const count = receiver.requests.length + 1;
      await enqueue(first.id);
      const request = await received(count);
      return signaturesOf(request).join() === hmacOf(request, second.secret ?? '');
    }, 'the old secret stops');
  });

  it('lets three sign at most, and ends all former ones at once without an overlap', async () => {
    const engine = await start(ringText('k1'));
    const { json } = await call(engine, '/endpoints', { url: receiver.url });
    const path = `/endpoints/${json.id}/secret/rotate`;
    expect((await call(engine, path)).status).toBe(200);
    expect((await call(engine, path)).status).toBe(200);
    const refused = await call(engine, path);
    expect([refused.status, refused.json.code]).toEqual([409, 'too_many_secrets']);
    await enqueue(json.id);
    expect(signaturesOf(await received(1))).toHaveLength(3);
    const last = await call(engine, path, { overlap_s: 0, secret: 'my own' });
    expect(last.status).toBe(200);
    expect(last.json).not.toHaveProperty('secret');
    expect(last.text).not.toContain('my own');
    await enqueue(json.id);
    expect(signaturesOf(await received(2))).toHaveLength(1);
  });

  it('goes from HMAC to Ed25519 and stays there', async () => {
    const engine = await start(ringText('k1'));
    const { json: first } = await call(engine, '/endpoints', { url: receiver.url });
    const path = `/endpoints/${first.id}/secret/rotate`;
    const { json: second, text } = await call(engine, path, { secret_type: 'ed25519' });
    expect(text).not.toContain('whsk_');
    await enqueue(first.id);
    const request = await received(1);
    expect(signaturesOf(request)[1]).toBe(hmacOf(request, first.secret ?? ''));
    expect(isSignedBy(request, second.public_key ?? '')).toBe(true);
    const { json: third } = await call(engine, path);
    expect(third.public_key).not.toBe(second.public_key);
    expect(third.former_secrets.map(({ public_key }) => public_key)).toEqual([
      second.public_key,
      null,
    ]);
  });

  it.each([
    { overlap_s: -1 },
    { overlap_s: 604_801 },
    { overlap_s: 1.5 },
    { overlap_s: '1h' },
    { secret: 'whsec_short' },
    { unknown: 1 },
  ])('is refused with %j', async (body) => {
    const engine = await start(ringText('k1'));
    const { json } = await call(engine, '/endpoints', { url: receiver.url });
    expect((await call(engine, `/endpoints/${json.id}/secret/rotate`, body)).status).toBe(400);
    const missing = '/endpoints/019aaaaa-0000-7000-8000-000000000000/secret/rotate';
    expect((await call(engine, missing)).status).toBe(404);
    await call(engine, `/endpoints/${json.id}`, undefined, 'DELETE').catch(() => undefined);
    expect((await call(engine, `/endpoints/${json.id}/secret/rotate`)).status).toBe(404);
  });

  it('by twenty at once ends with one that signs and two before it, whoever was first', async () => {
    const engine = await start(ringText('k1'));
    const { json } = await call(engine, '/endpoints', { url: receiver.url });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => call(engine, `/endpoints/${json.id}/secret/rotate`)),
    );
    const statuses = answers.map(({ status }) => status).toSorted();
    expect(statuses).toEqual([200, 200, ...Array(18).fill(409)]);
  });
});

describe('a key that is missing', () => {
  it('holds what waits, says which key, and lets everything else go on; with the key it is sent', async () => {
    const first = await start(ringText('k1'));
    const { json } = await call(first, '/endpoints', { url: `${receiver.url}/sealed` });
    await first.stop();
    const without = await start(ringText('k2'));
    await enqueue(json.id);
    await database.pool.query('insert into posthorn.outbox (url, body) values ($1, $2)', [
      `${receiver.url}/plain`,
      '{}',
    ]);
    await received(1);
    const held = await eventually(async () => {
      const { rows } = await database.pool.query(
        `select w.status, w.waits_for, a.error, a.error_message, q.uncounted
         from posthorn.webhooks as w
         join posthorn.queue as q on q.webhook_id = w.id
         join posthorn.attempts as a on a.webhook_id = w.id
         where w.endpoint_id is not null and q.uncounted = 1`,
      );
      return rows[0];
    }, 'the webhook is held');
    expect(held).toEqual({
      status: 'pending',
      waits_for: 'due_time',
      error: 'encryption_key_missing',
      error_message: expect.stringContaining('"k1" must be in POSTHORN_ENCRYPTION_KEYS'),
      uncounted: 1,
    });
    const paused = await eventually(async () => {
      const { rows } = await database.pool.query<{ in_s: number }>(
        `select extract(epoch from throttled_until - now())::integer as in_s
         from posthorn.breakers as b join posthorn.endpoints as e on e.lane = b.key
         where e.id = $1 and b.throttled_until is not null`,
        [json.id],
      );
      return rows[0];
    }, 'its lane is paused');
    expect(paused.in_s).toBeGreaterThan(280);
    expect(receiver.requests.map(({ path }) => path)).toEqual(['/plain']);
    await without.stop();
    await database.pool.query(
      'update posthorn.queue set due_at = now(); delete from posthorn.breakers',
    );
    await start(ringText('k2', 'k1'));
    const request = await received(2);
    expect(signaturesOf(request)).toEqual([hmacOf(request, json.secret ?? '')]);
  });

  it('and a secret that was moved from another endpoint sign nothing', async () => {
    const engine = await start(ringText('k1'));
    const { json: mine } = await call(engine, '/endpoints', { url: receiver.url });
    const { json: theirs } = await call(engine, '/endpoints', { url: receiver.url });
    await database.pool.query(
      `update posthorn.endpoints set secret = (select secret from posthorn.endpoints where id = $2) where id = $1`,
      [mine.id, theirs.id],
    );
    // Opened before, rightly: what is remembered of one endpoint is not used for another.
    await enqueue(theirs.id);
    await received(1);
    await enqueue(mine.id);
    await eventually(async () => {
      const { rows } = await database.pool.query(
        `select from posthorn.attempts where error = 'secret_unreadable' and error_message like '%"k1"%'`,
      );
      return rows.length > 0;
    }, 'it is refused');
    expect(receiver.requests).toHaveLength(1);
  });
});

/** Expired, with nobody waiting for it. */
async function endOverlap(): Promise<void> {
  await database.pool.query(
    `update posthorn.endpoints
     set former_secrets = (
       select jsonb_agg(former || jsonb_build_object('expires_at', now() - interval '1 second'))
       from jsonb_array_elements(former_secrets) as former)`,
  );
}
