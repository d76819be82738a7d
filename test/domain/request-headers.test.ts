import { expect, test } from 'vitest';
import { type HeaderInput, requestHeaders } from '../../src/domain/request-headers.ts';
import { signatureHeaders, signingKey } from '../../src/domain/signature.ts';

const id = '019aaaaa-0000-7000-8000-000000000000';
const plain: HeaderInput = {
  id,
  messageId: id,
  body: '{}',
  headers: null,
  contentType: 'application/json',
  idempotencyKey: null,
  traceparent: null,
  attempt: 3,
};
const context = { timestampS: 1_700_000_000, version: '1.2.3', keys: [] };

test('a webhook carries its id, its time, its try and its type', () => {
  expect(byName(requestHeaders(plain, context))).toEqual({
    'user-agent': 'Posthorn/1.2.3',
    accept: '*/*',
    'content-type': 'application/json',
    'x-webhook-id': id,
    'x-webhook-timestamp': '1700000000',
    'x-webhook-attempt': '3',
    'idempotency-key': id,
    'webhook-id': id,
    'webhook-timestamp': '1700000000',
  });
});

test('a secret adds both signatures, a trace its parent, and the key of the producer replaces the id', () => {
  const keys = [signingKey('s3cret')];
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const webhook = { ...plain, idempotencyKey: 'order-1', traceparent };
  const headers = byName(requestHeaders(webhook, { ...context, keys }));
  const signed = signatureHeaders({ id, timestampS: 1_700_000_000, body: '{}', keys });
  expect(headers).toMatchObject({
    traceparent,
    'idempotency-key': 'order-1',
    'x-webhook-signature': signed['X-Webhook-Signature'],
    'webhook-signature': signed['webhook-signature'],
  });
});

test('headers of the producer are sent, once each, and may name another agent and what they accept', () => {
  const headers = {
    ACCEPT: 'text/plain',
    Authorization: 'Bearer x',
    'X-A': '1',
    'x-a': '2',
    'USER-AGENT': 'me',
  };
  const flat = requestHeaders({ ...plain, headers }, context);
  expect(byName(flat)).toMatchObject({
    authorization: 'Bearer x',
    'x-a': '2',
    'user-agent': 'me',
    accept: 'text/plain',
  });
  const names = flat.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  expect(new Set(names).size).toBe(names.length);
});

test('headers of the endpoint are sent with those of the producer, which win, whatever their case', () => {
  const endpointHeaders = { Authorization: 'Bearer endpoint', 'X-Shop': 'endpoint', Host: 'evil' };
  const webhook = { ...plain, endpointHeaders, headers: { 'x-shop': 'producer' } };
  const flat = requestHeaders(webhook, context);
  expect(byName(flat)).toMatchObject({ authorization: 'Bearer endpoint', 'x-shop': 'producer' });
  expect(flat).not.toContain('evil');
  const names = flat.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  expect(new Set(names).size).toBe(names.length);
  expect(byName(requestHeaders({ ...plain, endpointHeaders }, context))).toMatchObject({
    'x-shop': 'endpoint',
  });
});

test('an Ed25519 key signs by the standard header alone', () => {
  const made =
    'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==';
  const headers = byName(requestHeaders(plain, { ...context, keys: [signingKey(made)] }));
  expect(headers['webhook-signature']).toMatch(/^v1a,/);
  expect(headers).not.toHaveProperty('x-webhook-signature');
});

test('headers of the connection and of ours cannot be replaced', () => {
  const headers = {
    Host: 'evil.internal',
    connection: 'close',
    'Content-Length': '1',
    'Content-Type': 'text/plain',
    'transfer-encoding': 'chunked',
    'proxy-authorization': 'x',
    'Idempotency-Key': 'x',
    'Webhook-Id': 'x',
    'X-WEBHOOK-SIGNATURE': 'x',
    'X-Webhook-Anything': 'x',
  };
  expect(requestHeaders({ ...plain, headers }, context)).toEqual(requestHeaders(plain, context));
});

test('a value or an agent that looks like a name is no name', () => {
  const flat = requestHeaders({ ...plain, headers: { 'x-a': 'user-agent' } }, context);
  expect(byName(flat)).toMatchObject({ 'x-a': 'user-agent', 'user-agent': 'Posthorn/1.2.3' });
});

function byName(flat: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let index = 0; index < flat.length; index += 2) {
    headers[flat[index]?.toLowerCase() ?? ''] = flat[index + 1] ?? '';
  }
  return headers;
}
