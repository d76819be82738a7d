import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { expect, test } from 'vitest';
import { publicKeyOf, signatureHeaders, signingKey } from '../../src/domain/signature.ts';
import { makeSecret } from '../../src/secrets/seal.ts';

const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const body = '{"test": 2432232314}';

test('the test vector of the Standard Webhooks libraries', () => {
  const headers = signatureHeaders({
    id,
    timestampS: 1_614_265_330,
    body,
    keys: [signingKey(secret)],
  });
  expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
});

test('the test vector of Standard Webhooks for Ed25519', () => {
  const made =
    'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==';
  const keys = [signingKey(made)];
  const headers = signatureHeaders({ id, timestampS: 1_614_265_330, body, keys });
  expect(headers['webhook-signature']).toBe(
    'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==',
  );
  expect(headers['X-Webhook-Signature']).toBe('');
  expect(publicKeyOf(made)).toBe('whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=');
  expect(publicKeyOf(secret)).toBeNull();
});

test('a whsk_ secret whose halves do not belong together is no key', () => {
  const zeros = `whsk_${Buffer.alloc(64).toString('base64')}`;
  for (const broken of [zeros, 'whsk_', 'whsk_!!!', `${zeros}AAAA`]) {
    expect(() => signingKey(broken)).toThrow('Ed25519');
  }
});

test('while Ed25519 replaces HMAC the newest comes first, and an HMAC receiver finds its own', () => {
  const made = makeSecret('ed25519');
  const timestampS = nowS();
  const keys = [signingKey(made), signingKey(secret)];
  const headers = signatureHeaders({ id, timestampS, body, keys });
  expect(headers['webhook-signature']).toMatch(/^v1a,[^ ]+ v1,[^ ]+$/);
  expect(headers['X-Webhook-Signature']).toMatch(/^t=\d+,v1=[0-9a-f]{64}$/);
  const signed = { ...headers, 'webhook-id': id, 'webhook-timestamp': String(timestampS) };
  expect(() => new StandardWebhook(secret).verify(body, signed)).not.toThrow();
});

test('X-Webhook-Signature signs the time and the body with the text of the secret', () => {
  const headers = signatureHeaders({
    id,
    timestampS: 1_700_000_000,
    body,
    keys: [signingKey('s3cret')],
  });
  const hex = createHmac('sha256', 's3cret').update(`1700000000.${body}`).digest('hex');
  expect(headers['X-Webhook-Signature']).toBe(`t=1700000000,v1=${hex}`);
});

test('while a secret is rotated both sign, and a receiver may know either', () => {
  const timestampS = nowS();
  const old = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';
  const keys = [signingKey(secret), signingKey(old)];
  const headers = signatureHeaders({ id, timestampS, body, keys });
  expect(headers['X-Webhook-Signature']).toMatch(/^t=\d+,v1=[0-9a-f]{64},v1=[0-9a-f]{64}$/);
  for (const known of [secret, old]) {
    const signed = { ...headers, 'webhook-id': id, 'webhook-timestamp': String(timestampS) };
    expect(() => new StandardWebhook(known).verify(body, signed)).not.toThrow();
  }
});

test('the published verifiers accept every body and every secret, as text and as bytes', () => {
  const secrets = fc.oneof(
    fc.uint8Array({ minLength: 24, maxLength: 64 }).map(base64Secret),
    fc.string({ minLength: 1, maxLength: 64, unit: 'grapheme' }),
  );
  fc.assert(
    fc.property(
      secrets,
      fc.string({ unit: 'grapheme' }),
      fc.uuid({ version: 7 }),
      (made, text, uuid) => {
        const timestampS = nowS();
        const keys = [signingKey(made)];
        const signed = signatureHeaders({ id: uuid, timestampS, body: text, keys });
        expect(signatureHeaders({ id: uuid, timestampS, body: Buffer.from(text), keys })).toEqual(
          signed,
        );
        const headers = { ...signed, 'webhook-id': uuid, 'webhook-timestamp': String(timestampS) };
        for (const verifier of verifiers(made)) verifyText(verifier, { text, headers });
      },
    ),
  );
});

test('a verifier refuses another body', () => {
  const timestampS = nowS();
  const signed = signatureHeaders({ id, timestampS, body, keys: [signingKey(secret)] });
  const headers = { ...signed, 'webhook-id': id, 'webhook-timestamp': String(timestampS) };
  expect(() => new StandardWebhook(secret).verify(`${body} `, headers)).toThrow();
});

interface Signed {
  readonly text: string;
  readonly headers: Record<string, string>;
}

/** The libraries parse JSON after they have verified: only that may fail. */
function verifyText(
  verifier: { verify(text: string, headers: Record<string, string>): unknown },
  signed: Signed,
): void {
  try {
    verifier.verify(signed.text, signed.headers);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
}

function verifiers(made: string): (StandardWebhook | SvixWebhook)[] {
  if (made.startsWith('whsec_')) return [new StandardWebhook(made), new SvixWebhook(made)];
  return [
    // As bytes: of a text it takes one byte per character, which is right for ASCII only.
    new StandardWebhook(Buffer.from(made), { format: 'raw' }),
    new SvixWebhook(Buffer.from(made), { format: 'raw' }),
  ];
}

function base64Secret(bytes: Uint8Array): string {
  return `whsec_${Buffer.from(bytes).toString('base64')}`;
}

function nowS(): number {
  return Math.floor(Date.now() / 1_000);
}
