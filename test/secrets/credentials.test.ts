import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CredentialStore } from '../../src/deliver/credentials.ts';
import { createLog } from '../../src/log.ts';
import { seal } from '../../src/secrets/seal.ts';
import { ringOf } from '../support/key-rings.ts';

// What a request is signed with, out of what its endpoint keeps: the texts decide, and never what was opened before.

const endpointId = '019aaaaa-0000-7000-8000-000000000000';
const ring = ringOf('k1');
const log = createLog('silent');

const claimed = {
  secret: null,
  endpointSecret: null,
  formerSecrets: null,
  endpointHeaders: null,
  endpointId,
  signedAs: null,
};

const sealed = (text: string, id = endpointId) =>
  seal(text, { ring, as: { endpointId: id, purpose: 'secret' } });
const sealedHeaders = (headers: object) =>
  JSON.stringify(seal(JSON.stringify(headers), { ring, as: { endpointId, purpose: 'headers' } }));
const former = (...secrets: readonly (readonly [secret: string, expires: string])[]) =>
  JSON.stringify(secrets.map(([secret, expires_at]) => ({ secret, expires_at })));

/** By the text of its secret, which of these each key is. */
function opened(store: CredentialStore, webhook: Parameters<CredentialStore['of']>[0], nowMs = 0) {
  const found = store.of(webhook, nowMs);
  if ('kind' in found) return found.code;
  const signed = found.keys.map((key) => createHmac('sha256', key).update('x').digest('hex'));
  const names = ['one', 'two', 'three', 'own'].map(
    (name) => [createHmac('sha256', name).update('x').digest('hex'), name] as const,
  );
  return {
    keys: signed.map((signature) => new Map(names).get(signature)),
    headers: found.endpointHeaders,
  };
}

const store = () => new CredentialStore({ ring, log });

describe('a webhook is signed', () => {
  it('by nothing if there is no secret, or by its own', () => {
    const credentials = store();
    expect(opened(credentials, claimed)).toEqual({ keys: [], headers: null });
    const own = { ...claimed, endpointId: null, secret: 'own' };
    expect(opened(credentials, own)).toEqual({ keys: ['own'], headers: null });
    expect(opened(credentials, { ...own, secret: 'two' })).toMatchObject({ keys: ['two'] });
    expect(opened(credentials, own)).toMatchObject({ keys: ['own'] });
  });

  it('by what its endpoint has now, whatever it had before', () => {
    const credentials = store();
    for (const secret of ['one', 'two', 'one']) {
      const webhook = { ...claimed, endpointSecret: sealed(secret) };
      expect(opened(credentials, webhook)).toMatchObject({ keys: [secret] });
      expect(opened(credentials, webhook)).toMatchObject({ keys: [secret] });
    }
  });

  it('by the newest first, and by former ones until they end', () => {
    const credentials = store();
    const webhook = {
      ...claimed,
      endpointSecret: sealed('one'),
      formerSecrets: former(
        [sealed('two'), '1970-01-01T00:00:02Z'],
        [sealed('three'), '1970-01-01T00:00:01Z'],
      ),
    };
    const keysAt = (nowMs: number) => opened(credentials, webhook, nowMs);
    expect(keysAt(0)).toMatchObject({ keys: ['one', 'two', 'three'] });
    expect(keysAt(999)).toMatchObject({ keys: ['one', 'two', 'three'] });
    expect(keysAt(1_000)).toMatchObject({ keys: ['one', 'two'] });
    expect(keysAt(1_999)).toMatchObject({ keys: ['one', 'two'] });
    expect(keysAt(2_000)).toMatchObject({ keys: ['one'] });
  });

  it('by no former secret that was ended before its time', () => {
    const credentials = store();
    const webhook = { ...claimed, endpointSecret: sealed('one') };
    const both = { ...webhook, formerSecrets: former([sealed('two'), '2100-01-01T00:00:00Z']) };
    expect(opened(credentials, both)).toMatchObject({ keys: ['one', 'two'] });
    expect(opened(credentials, webhook)).toMatchObject({ keys: ['one'] });
  });

  it('by its own secret in place of those of its endpoint, and carries the headers of that', () => {
    const credentials = store();
    const endpoint = { ...claimed, endpointSecret: sealed('one') };
    const own = { ...claimed, secret: 'own', endpointHeaders: sealedHeaders({ a: '1' }) };
    for (let again = 0; again < 2; again += 1) {
      expect(opened(credentials, endpoint)).toEqual({ keys: ['one'], headers: null });
      expect(opened(credentials, own)).toEqual({ keys: ['own'], headers: { a: '1' } });
    }
  });

  it('by the endpoint that it tests', () => {
    const webhook = { ...claimed, endpointSecret: sealed('one') };
    const test = { ...webhook, endpointId: null, signedAs: endpointId };
    expect(opened(store(), test)).toMatchObject({ keys: ['one'] });
    expect(opened(store(), { ...test, signedAs: 'another' })).toBe('secret_unreadable');
  });

  it('by the secret of its own endpoint, however many there are', () => {
    const credentials = store();
    const webhooks = ['one', 'two', 'three'].map((secret, n) => {
      const id = `endpoint ${n}`;
      return [secret, { ...claimed, endpointId: id, endpointSecret: sealed(secret, id) }] as const;
    });
    for (const [secret, webhook] of [...webhooks, ...webhooks]) {
      expect(opened(credentials, webhook)).toMatchObject({ keys: [secret] });
    }
  });
});

describe('the headers of an endpoint', () => {
  it('are those that it has now, sealed or plain', () => {
    const credentials = store();
    const secret = { ...claimed, endpointSecret: sealed('one') };
    for (const headers of [{ a: '1' }, { a: '2' }, { b: '1' }]) {
      const webhook = { ...secret, endpointHeaders: sealedHeaders(headers) };
      expect(opened(credentials, webhook)).toEqual({ keys: ['one'], headers });
      const plain = { ...secret, endpointHeaders: JSON.stringify(headers) };
      expect(opened(credentials, plain)).toEqual({ keys: ['one'], headers });
    }
    expect(opened(credentials, secret)).toEqual({ keys: ['one'], headers: null });
  });

  it('are sent though it has no secret', () => {
    const webhook = { ...claimed, endpointHeaders: sealedHeaders({ a: '1' }) };
    expect(opened(store(), webhook)).toEqual({ keys: [], headers: { a: '1' } });
  });
});

describe('what was opened', () => {
  const keyOf = (credentials: CredentialStore, secret: string) => {
    const found = credentials.of({ ...claimed, endpointId: null, secret }, 0);
    return 'kind' in found ? undefined : found.keys[0];
  };
  const ofEndpoint = (n: number) => ({ ...claimed, endpointId: `e ${n}`, endpointSecret: 'one' });

  it('is used for all webhooks of an endpoint, with a secret of their own or without', () => {
    const credentials = store();
    const endpoint = { ...claimed, endpointSecret: sealed('one') };
    const own = { ...claimed, secret: 'own', endpointHeaders: sealedHeaders({ a: '1' }) };
    const [first, headers] = [credentials.of(endpoint, 0), credentials.of(own, 0)];
    expect(credentials.of(endpoint, 0)).toBe(first);
    const again = credentials.of(own, 0);
    if ('kind' in headers || 'kind' in again) throw new Error('it was not opened');
    expect(again.endpointHeaders).toBe(headers.endpointHeaders);
    expect(again.keys[0]).toBe(headers.keys[0]);
  });

  it('is kept of 10,000 secrets and of 10,000 endpoints', () => {
    const credentials = store();
    const key = keyOf(credentials, 'own');
    const kept = credentials.of(ofEndpoint(0), 0);
    for (let n = 1; n < 10_000; n += 1) {
      keyOf(credentials, `another ${n}`);
      credentials.of(ofEndpoint(n), 0);
    }
    expect(keyOf(credentials, 'own')).toBe(key);
    expect(credentials.of(ofEndpoint(0), 0)).toBe(kept);
    keyOf(credentials, 'one more');
    credentials.of(ofEndpoint(10_000), 0);
    expect(keyOf(credentials, 'own')).not.toBe(key);
    expect(credentials.of(ofEndpoint(0), 0)).not.toBe(kept);
  });
});

describe('what cannot be opened', () => {
  it('signs nothing, and says whether the key is missing or another one', () => {
    const webhook = { ...claimed, endpointSecret: sealed('one') };
    const without = new CredentialStore({ ring: ringOf('k2'), log });
    expect(without.of(webhook, 0)).toMatchObject({
      kind: 'error',
      code: 'encryption_key_missing',
      message:
        'Cannot open the secrets of the endpoint as the encryption key "k1" must be in POSTHORN_ENCRYPTION_KEYS: it is not',
    });
    const none = new CredentialStore({ ring: undefined, log });
    expect(opened(none, webhook)).toBe('encryption_key_missing');
    const moved = { ...claimed, endpointSecret: sealed('one', 'another') };
    expect(store().of(moved, 0)).toMatchObject({
      code: 'secret_unreadable',
      message: expect.stringContaining('"k1" must be the one that sealed the secret'),
    });
  });

  it('is found in former secrets and in headers too', () => {
    const credentials = new CredentialStore({ ring: ringOf('k2'), log });
    const plain = { ...claimed, endpointSecret: 'one' };
    const rotated = { ...plain, formerSecrets: former([sealed('two'), '2100-01-01T00:00:00Z']) };
    const headed = { ...plain, endpointHeaders: sealedHeaders({ a: '1' }) };
    expect(opened(credentials, rotated)).toBe('encryption_key_missing');
    expect(opened(credentials, headed)).toBe('encryption_key_missing');
    expect(opened(credentials, { ...headed, secret: 'own' })).toBe('encryption_key_missing');
    expect(opened(credentials, plain)).toEqual({ keys: ['one'], headers: null });
  });

  it('is told once a minute for each key, and not for each webhook', () => {
    const told: unknown[] = [];
    const noting = { ...log, error: (fields: unknown) => told.push(fields) };
    const credentials = new CredentialStore({ ring: ringOf('k2'), log: noting });
    for (let n = 0; n < 5; n += 1) {
      opened(credentials, { ...claimed, endpointSecret: sealed('one') });
    }
    expect(told).toEqual([{ keyId: 'k1', endpointId }]);
  });
});
