import { beforeAll, describe, expect, test } from 'vitest';
import { type Certificates, host, makeCertificates } from '../../harness/certificates.ts';
import {
  type HostileReceiver,
  plainReceivers,
  secureReceivers,
} from '../../harness/hostile-receivers.ts';
import { startReceiver } from '../../harness/receivers.ts';
import { maxBodyBytes } from '../../src/domain/attempt-result.ts';
import { classify } from '../../src/domain/classify.ts';
import { open, resolveTo, to } from '../support/http-clients.ts';

/*
 * No time is measured: a receiver that must be given up at once is given so long that the test would fail, and one that only a
 * timeout ends is given little. So the outcome tells which of the two ended it.
 */

const now = new Date('2026-11-24T12:00:00Z');
const briefMs = 300;
const longMs = 120_000;
let certificates: Certificates;
let secure: readonly HostileReceiver[];

beforeAll(async () => {
  certificates = await makeCertificates();
  secure = secureReceivers(certificates);
});

describe('a receiver that', () => {
  test.each(plainReceivers)('$name: $expects', meets);

  // The names before there are certificates.
  test.each(secureReceivers(nobody()).map(({ name, expects }) => ({ name, expects })))(
    '$name: $expects',
    async ({ name }) => {
      const receiver = secure.find((one) => one.name === name);
      if (receiver === undefined) throw new Error('not made');
      await meets(receiver);
    },
  );
});

async function meets(hostile: HostileReceiver): Promise<void> {
  await using receiver = await startReceiver(hostile.options);
  const timeoutMs = hostile.waits ? briefMs : longMs;
  const client = open({
    ca: certificates.ca,
    lookup: resolveTo('127.0.0.1'),
    timeoutMs: hostile.expects.includes('connect_timeout') ? longMs : timeoutMs,
    connectTimeoutMs: timeoutMs,
    bodySilenceMs: longMs,
  });
  const url = `${hostile.secure ? 'https' : 'http'}://${host}:${receiver.port}/`;
  const body = hostile.bodyBytes === undefined ? '{}' : Buffer.alloc(hostile.bodyBytes, 'x');
  const result = await client.post({ ...to(url), body });
  const verdict = classify(result, now);
  const outcome = result.kind === 'error' ? result.code : `http_${result.statusCode}`;
  expect(hostile.expects).toContain(outcome);
  expect(verdict.kind).toBe(
    /^http_2/.test(outcome) ? 'delivered' : outcome === 'http_413' ? 'fail' : 'retry',
  );
  if (result.kind === 'response') expect(result.body.length).toBeLessThanOrEqual(maxBodyBytes);
  // One try is one connection, and it does not stay open.
  expect(receiver.connections).toBe(1);
  await client.close();
  if (hostile.isBlind !== true) await receiver.whenIdle();
}

function nobody(): Certificates {
  const none = { key: '', cert: '' };
  return {
    ca: '',
    good: none,
    expired: none,
    notYetValid: none,
    wrongHost: none,
    selfSigned: none,
    ofUnknownAuthority: none,
  };
}
