import { describe, expect, it } from 'vitest';
import { type ClaimRow, toWebhook } from '../../src/deliver/claim.ts';

// What the engine makes of a row that a claim returned.

const row: ClaimRow = {
  webhook_id: 'w',
  outbox_id: 'o',
  lane: '7',
  origin: '8',
  tenant_key: '9',
  priority: 2,
  number: 5,
  uncounted: 3,
  past_attempts: 1,
  due_ms: 1_000,
  url: 'https://a.example/',
  event_type: 'order.paid',
  tenant: 'acme',
  body: '{}',
  headers: { a: '1' },
  content_type: 'text/plain',
  secret: 's',
  max_attempts: 9,
  idempotency_key: 'k',
  traceparent: 't',
  endpoint_id: 'e',
  signed_as: 'x',
  endpoint_secret: 'es',
  former_secrets: 'fs',
  endpoint_headers: 'eh',
  is_endpoint_deleted: true,
  is_ordered: true,
  gone_answers: 1,
  timeout_ms: 3_000,
  retry_schedule_s: [1, 60],
  discovered: null,
};
const claimed = { fromMs: 1, toMs: 2 };
const webhookOf = (given: Partial<ClaimRow> = {}) =>
  toWebhook({ ...row, ...given }, { claimed, request: { workerNumber: 4 } });

it('each column has its place', () => {
  expect(webhookOf()).toEqual({
    webhookId: 'w',
    outboxId: 'o',
    lane: '7',
    groups: { tenant: '9', origin: '8' },
    priority: 2,
    number: 5,
    uncounted: 3,
    pastAttempts: 1,
    dueMs: 1_000,
    leasedBy: 4,
    url: 'https://a.example/',
    body: '{}',
    headers: { a: '1' },
    contentType: 'text/plain',
    secret: 's',
    endpointSecret: 'es',
    formerSecrets: 'fs',
    endpointHeaders: 'eh',
    maxAttempts: 9,
    idempotencyKey: 'k',
    traceparent: 't',
    endpointId: 'e',
    tenant: 'acme',
    eventType: 'order.paid',
    signedAs: 'x',
    isEndpointDeleted: true,
    isOrdered: true,
    goneAnswers: 1,
    timeoutMs: 3_000,
    retryScheduleMs: [1_000, 60_000],
    isProbe: false,
    claimed,
  });
});

describe('the timeout of its endpoint', () => {
  it.each([
    [null, null],
    [0, 100],
    [-5, 100],
    [99, 100],
    [100, 100],
    [60_000, 60_000],
    [60_001, 60_000],
    [2_147_483_647, 60_000],
  ])('is one that a lease outlasts: %s becomes %s', (timeout_ms, timeoutMs) => {
    expect(webhookOf({ timeout_ms }).timeoutMs).toBe(timeoutMs);
  });
});

it('without a schedule of its own it has none', () => {
  expect(webhookOf({ retry_schedule_s: null }).retryScheduleMs).toBeNull();
  expect(webhookOf({ retry_schedule_s: [] }).retryScheduleMs).toEqual([]);
});

it('a row without an id is no webhook', () => {
  expect(() => webhookOf({ webhook_id: null })).toThrow('without an id');
});
