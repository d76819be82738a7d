import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../src/domain/signature.ts';
import { makeSecret } from '../../src/secrets/seal.ts';
import {
  type VerificationReason,
  type VerifyOptions,
  verifyWebhook,
  WebhookVerificationError,
} from '../../src/verify/index.ts';
import { body, id, nowS, type SignedAsSent, signedAsSent } from './signed.ts';

const whsec = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const other = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';
const ed25519 = makeSecret('ed25519');
const whpk = publicKeyOf(ed25519) ?? '';

describe('a webhook that Posthorn has signed', () => {
  it.each([
    ['a whsec_ secret', whsec, whsec],
    ['a plain secret', 'correct horse battery staple', 'correct horse battery staple'],
    ['a secret beyond ASCII', 'schlüssel ✓', 'schlüssel ✓'],
    ['an Ed25519 key', ed25519, whpk],
  ])('is accepted with %s', async (_, signs, secret) => {
    const verified = await verifyWebhook(signedAsSent({ secrets: [signs] }), { secret });
    expect(verified).toEqual({
      id,
      timestamp: expect.any(Date),
      payload: { order: 1, note: 'ü ✓' },
      body: new TextEncoder().encode(body),
    });
    expect(Math.abs(verified.timestamp.getTime() - Date.now())).toBeLessThan(60_000);
  });

  const bytes = Buffer.from(`before${body}after`);
  it.each<[string, string | Uint8Array | ArrayBuffer]>([
    ['a string', body],
    ['bytes', new TextEncoder().encode(body)],
    ['a part of other bytes', bytes.subarray(6, bytes.length - 5)],
    ['an ArrayBuffer', new Uint8Array(Buffer.from(body)).buffer],
  ])('is accepted with the body as %s', async (_, given) => {
    const { headers } = signedAsSent({ secrets: [whsec] });
    const { payload } = await verifyWebhook({ headers, body: given }, { secret: whsec });
    expect(payload).toEqual({ order: 1, note: 'ü ✓' });
  });

  const { headers } = signedAsSent({ secrets: [whsec] });
  const entries = Object.entries(headers);
  it.each([
    ['as fetch has them', new Headers(headers)],
    ['in capitals', Object.fromEntries(entries.map(([name, text]) => [name.toUpperCase(), text]))],
    ['as lists', Object.fromEntries(entries.map(([name, text]) => [name, [text]]))],
  ])('is accepted with headers %s', async (_, given) => {
    expect((await verifyWebhook({ headers: given, body }, { secret: whsec })).id).toBe(id);
  });

  it('is accepted by X-Webhook-Signature if that is asked for, which does not sign the id', async () => {
    const request = signedAsSent({ secrets: [other, whsec] });
    const options = { secret: whsec, header: 'x-webhook-signature' } as const;
    expect((await verifyWebhook(request, options)).id).toBe(id);
    const renamed = { ...request, headers: { ...request.headers, 'webhook-id': 'another' } };
    expect((await verifyWebhook(renamed, options)).id).toBe('another');
    expect(await reasonOf(renamed, { secret: whsec })).toBe('wrong_signature');
    expect(await reasonOf({ ...request, body: '{}' }, options)).toBe('wrong_signature');
    const old = signedAsSent({ secrets: [whsec], ageS: 400 });
    expect(await reasonOf(old, options)).toBe('too_old');
  });

  it.each([
    ['the sender has both secrets, the receiver the old one', [other, whsec], [whsec]],
    ['the sender has both secrets, the receiver the new one', [other, whsec], [other]],
    ['the sender has the old secret, the receiver both', [whsec], [other, whsec]],
    ['the receiver has no old secret any more', [other], [other, undefined]],
    ['Ed25519 replaces HMAC', [ed25519, whsec], [whsec]],
    ['Ed25519 has replaced HMAC', [ed25519, whsec], [whpk]],
    ['the receiver is ready for Ed25519', [whsec], [whpk, whsec]],
  ])('is accepted while secrets are rotated: %s', async (_, secrets, secret) => {
    expect((await verifyWebhook(signedAsSent({ secrets }), { secret })).id).toBe(id);
  });

  it('gives the text of a body that is not JSON', async () => {
    const request = signedAsSent({ secrets: [whsec], text: 'a=1&b=2' });
    const { payload } = await verifyWebhook<string>(request, { secret: whsec, json: false });
    expect(payload).toBe('a=1&b=2');
    expect(await reasonOf(request, { secret: whsec })).toBe('unreadable_body');
  });

  it('has to be UTF-8', async () => {
    const bytes = Uint8Array.of(0x22, 0xff, 0x22);
    const t = String(nowS());
    const hmac = createHmac('sha256', 'x').update(`${id}.${t}.`).update(bytes).digest('base64');
    const made = { 'webhook-id': id, 'webhook-timestamp': t, 'webhook-signature': `v1,${hmac}` };
    const refusal = await refusalOf({ headers: made, body: bytes }, { secret: 'x' });
    expect([refusal.reason, refusal.message]).toEqual([
      'unreadable_body',
      'The signature is right, but the body must be UTF-8: it is not',
    ]);
  });
});

describe('the test vectors of Standard Webhooks', () => {
  const vector = {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
  };
  it.each([
    [
      'HMAC',
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
      'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    ],
    [
      'Ed25519',
      'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==',
      'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=',
    ],
  ])('verify: %s', async (_, signature, secret) => {
    const request = {
      headers: { ...vector, 'webhook-signature': signature },
      body: '{"test": 2432232314}',
    };
    const nowMs = () => 1_614_265_330_000;
    const { payload } = await verifyWebhook(request, { secret, nowMs });
    expect(payload).toEqual({ test: 2432232314 });
  });
});

describe('the published libraries', () => {
  it.each([
    ['standardwebhooks', new StandardWebhook(whsec)],
    ['svix', new SvixWebhook(whsec)],
  ])('%s signs what is accepted here', async (_, library) => {
    const made = {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(nowS()),
      'webhook-signature': library.sign('msg_1', new Date(nowS() * 1_000), body),
    };
    expect((await verifyWebhook({ headers: made, body }, { secret: whsec })).id).toBe('msg_1');
  });

  it('standardwebhooks accepts and refuses the same requests', async () => {
    const changes = fc.constantFrom('nothing', 'body', 'id', 'time', 'signature', 'order');
    const texts = fc.oneof(fc.json(), fc.string({ unit: 'grapheme' }));
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 24, maxLength: 64 }),
        texts,
        changes,
        fc.integer({ min: -600, max: 600 }),
        async (key, text, change, ageS) => {
          // One second at the edge may pass between the two.
          fc.pre(Math.abs(Math.abs(ageS) - 300) > 5);
          const secret = `whsec_${Buffer.from(key).toString('base64')}`;
          const request = changed(signedAsSent({ secrets: [other, secret], text, ageS }), change);
          const library = new StandardWebhook(secret);
          const theirs = isAccepted(() =>
            library.verify(request.body, request.headers, { jsonParse: false }),
          );
          const ours = await reasonOf(request, { secret, json: false });
          expect(ours === 'accepted').toBe(theirs);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('a request that is not genuine', () => {
  const good = signedAsSent({ secrets: [whsec] });
  const without = (name: string) => ({
    ...good,
    headers: Object.fromEntries(Object.entries(good.headers).filter(([given]) => given !== name)),
  });
  const withHeader = (name: string, value: string | string[]) => ({
    ...good,
    headers: { ...good.headers, [name]: value },
  });
  const signature = good.headers['webhook-signature'] ?? '';

  it.each<[string, Parameters<typeof verifyWebhook>[0], VerificationReason]>([
    ['another secret', signedAsSent({ secrets: [other] }), 'wrong_signature'],
    ['another body', { ...good, body: `${body} ` }, 'wrong_signature'],
    ['another id', withHeader('webhook-id', 'x'), 'wrong_signature'],
    ['another time', withHeader('webhook-timestamp', String(nowS() - 1)), 'wrong_signature'],
    ['Ed25519 alone', signedAsSent({ secrets: [ed25519] }), 'wrong_signature'],
    ['no id', without('webhook-id'), 'missing_header'],
    ['no time', without('webhook-timestamp'), 'missing_header'],
    ['no signature', signedAsSent({ secrets: [] }), 'missing_header'],
    ['an empty signature', withHeader('webhook-signature', ''), 'missing_header'],
    ['a time in words', withHeader('webhook-timestamp', 'now'), 'malformed_header'],
    ['a time in hexadecimal', withHeader('webhook-timestamp', '0x5f'), 'malformed_header'],
    ['nonsense', withHeader('webhook-signature', 'é, v1,é v1,'), 'wrong_signature'],
    ['no base64', withHeader('webhook-signature', 'v1,é'), 'malformed_header'],
    ['an unknown kind', withHeader('webhook-signature', 'v9,AAAA'), 'malformed_header'],
    ['two headers', withHeader('webhook-signature', [signature, signature]), 'malformed_header'],
    [
      'very many signatures',
      withHeader('webhook-signature', `${'v1,AAAA '.repeat(10)}${signature}`),
      'malformed_header',
    ],
    ['six minutes ago', signedAsSent({ secrets: [whsec], ageS: 360 }), 'too_old'],
    ['six minutes ahead', signedAsSent({ secrets: [whsec], ageS: -360 }), 'too_new'],
    ['another secret, long ago', signedAsSent({ secrets: [other], ageS: 360 }), 'wrong_signature'],
  ])('is refused with a reason: %s', async (_, request, reason) => {
    expect(await reasonOf(request, { secret: whsec })).toBe(reason);
  });

  it('is refused when a part of the body is passed off as its time', async () => {
    const later = nowS() + 86_400;
    const { headers: sent } = signedAsSent({ secrets: [whsec], text: `${later}.text` });
    const time = sent['webhook-timestamp'] ?? '';
    const dated = Buffer.from(sent['x-webhook-signature']?.split('v1=')[1] ?? '', 'hex');
    for (const forged of [
      { 'webhook-id': `${id}.${time}`, 'webhook-signature': sent['webhook-signature'] },
      { 'webhook-id': time, 'webhook-signature': `v1,${dated.toString('base64')}` },
    ]) {
      const request = { headers: { ...forged, 'webhook-timestamp': `${later}` }, body: 'text' };
      const options = { secret: whsec, json: false, nowMs: () => later * 1_000 };
      expect(await reasonOf(request, options)).toBe('malformed_header');
    }
  });

  it.each<[string, VerificationReason]>([
    ['nonsense', 'malformed_header'],
    ['t=now,v1=00', 'malformed_header'],
    [`t=${nowS()}`, 'malformed_header'],
    [`t=${nowS()},v1=é,v2=00,v1=000`, 'malformed_header'],
    [`t=${nowS()},v1=00,v1=`, 'wrong_signature'],
    [`t=${nowS()}${',v1=00'.repeat(11)}`, 'malformed_header'],
  ])('is refused with a reason when X-Webhook-Signature is %s', async (value, reason) => {
    const options = { secret: whsec, header: 'x-webhook-signature' } as const;
    expect(await reasonOf(withHeader('x-webhook-signature', value), options)).toBe(reason);
  });

  it('is refused by a WebhookVerificationError and nothing else, whatever it holds', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('v1,', 'v1a,AAAA', `v1a,${'A'.repeat(86)}==`, `t=${nowS()},v1=00`),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          'webhook-id': text,
          'webhook-timestamp': fc.oneof(text, fc.constant(String(nowS()))),
          'webhook-signature': text,
          'x-webhook-signature': text,
        }),
        text,
        fc.constantFrom('webhook-signature' as const, 'x-webhook-signature' as const),
        async (headers, given, header) => {
          const options = { secret: [whsec, whpk], header };
          expect(await reasonOf({ headers, body: given }, options)).not.toBe('accepted');
        },
      ),
      { numRuns: 150 },
    );
  });

  it('is refused with words that hold no secret, and a status that makes Posthorn retry what may pass', async () => {
    const error = await refusalOf(signedAsSent({ secrets: [ed25519] }), { secret: whsec });
    expect(error).toMatchObject({ name: 'WebhookVerificationError', status: 401 });
    expect(error.message).toBe(
      'No signature in webhook-signature fits: they are Ed25519 signatures (v1a), which need the public key (whpk_…)',
    );
    const parts = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(async (name) => {
      const { message } = await refusalOf(without(name), { secret: whsec });
      return message;
    });
    const removed =
      'is missing: the request does not come from Posthorn, or something on the way has removed it';
    expect(await Promise.all(parts)).toEqual([
      `webhook-id ${removed}`,
      `webhook-timestamp ${removed}`,
      'webhook-signature is missing: the webhook has no secret, or the request does not come from Posthorn',
    ]);
    const old = await refusalOf(signedAsSent({ secrets: [whsec], ageS: 400 }), { secret: whsec });
    expect(old.status).toBe(503);
    expect(old.message).toMatch(
      /^The request must be made within 300 s of the time here: it is 40\d s old/,
    );
    const response = old.getResponse();
    expect([response.status, await response.text()]).toEqual([503, old.message]);
  });

  it('is judged by a tolerance to the second', async () => {
    const request = signedAsSent({ secrets: [whsec] });
    const timeS = Number(request.headers['webhook-timestamp']);
    const at = (offsetS: number) => ({
      secret: whsec,
      toleranceS: 10,
      nowMs: () => (timeS + offsetS) * 1_000,
    });
    const reasons = [-11, -10, 10, 11].map((offsetS) => reasonOf(request, at(offsetS)));
    expect(await Promise.all(reasons)).toEqual(['too_new', 'accepted', 'accepted', 'too_old']);
  });
});

describe('an option that cannot be used', () => {
  const request = signedAsSent({ secrets: [whsec] });
  it.each<[string, VerifyOptions, RegExp]>([
    ['no secret', { secret: undefined }, /it is undefined. Is the environment variable set/],
    ['a list without a secret', { secret: [undefined] }, /it is undefined/],
    ['an empty secret', { secret: [whsec, ''] }, /must not be empty/],
    ['a private key', { secret: ed25519 }, /verify with the public key/],
    ['a secret that is no base64', { secret: 'whsec_!abc' }, /must have base64 after whsec_/],
    ['a whsec_ secret without a key', { secret: 'whsec_' }, /must have base64 after whsec_/],
    ['a short public key', { secret: 'whpk_AAAA' }, /must be whpk_ and 32 bytes/],
    ['a tolerance that is no number', { secret: whsec, toleranceS: Number.NaN }, /toleranceS must/],
    [
      'an unknown header',
      { secret: whsec, header: 'authorization' as 'webhook-signature' },
      /header must be webhook-signature or x-webhook-signature/,
    ],
  ])('is a TypeError that does not show the secret: %s', async (_, options, message) => {
    const error: unknown = await verifyWebhook(request, options).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toMatch(message);
    for (const secret of [options.secret ?? []].flat()) {
      if (secret && secret !== 'whsec_') expect(String(error)).not.toContain(secret);
    }
  });

  it('is a body that was parsed', async () => {
    const parsed = { ...request, body: JSON.parse(body) };
    await expect(verifyWebhook(parsed, { secret: whsec })).rejects.toThrow(/raw body/);
  });
});

function changed(request: SignedAsSent, change: string): SignedAsSent {
  const { headers } = request;
  const signature = headers['webhook-signature'] ?? '';
  const by: Readonly<Record<string, Record<string, string>>> = {
    id: { 'webhook-id': 'another' },
    time: { 'webhook-timestamp': String(Number(headers['webhook-timestamp']) + 1) },
    signature: { 'webhook-signature': signature.replaceAll(/v1,./g, 'v1,/') },
    order: { 'webhook-signature': signature.split(' ').toReversed().join(' ') },
  };
  return {
    headers: { ...headers, ...by[change] },
    body: change === 'body' ? `${request.body} ` : request.body,
  };
}

function isAccepted(verify: () => unknown): boolean {
  try {
    verify();
    return true;
  } catch {
    return false;
  }
}

async function reasonOf(
  request: Parameters<typeof verifyWebhook>[0],
  options: VerifyOptions,
): Promise<VerificationReason | 'accepted'> {
  try {
    await verifyWebhook(request, options);
    return 'accepted';
  } catch (error) {
    if (error instanceof WebhookVerificationError) return error.reason;
    throw error;
  }
}

async function refusalOf(
  request: Parameters<typeof verifyWebhook>[0],
  options: VerifyOptions,
): Promise<WebhookVerificationError> {
  const error: unknown = await verifyWebhook(request, options).catch((thrown) => thrown);
  if (error instanceof WebhookVerificationError) return error;
  throw new Error('It was not refused');
}
