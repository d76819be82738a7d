import pg from 'pg';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { Breakers } from '../../src/deliver/breakers.ts';
import type { AttemptResult } from '../../src/domain/attempt-result.ts';
import { classify } from '../../src/domain/classify.ts';
import { createEvents } from '../../src/events.ts';
import { createLog } from '../../src/log.ts';

// What an attempt means for its webhook while our own network may be down. Nothing is asked of Postgres for it.

const pool = new pg.Pool({ connectionString: 'postgres://nobody@127.0.0.1:1/none' });
let breakers: Breakers;
let told: boolean[];

afterAll(() => pool.end());

beforeEach(() => {
  const events = createEvents();
  told = [];
  events.on('egress', ({ isDown }) => told.push(isDown));
  breakers = new Breakers({ pool, events, log: createLog('silent') });
});

const refused: AttemptResult = {
  kind: 'error',
  code: 'connection_refused',
  message: '',
  durationMs: 1,
  retriedConnection: false,
};
const unavailable: AttemptResult = {
  kind: 'response',
  statusCode: 503,
  retryAfter: undefined,
  location: undefined,
  body: new Uint8Array(),
  truncated: false,
  contentEncoding: undefined,
  durationMs: 1,
  retriedConnection: false,
};

function judge(lane: string, result: AttemptResult, isProbe = false) {
  const verdict = classify(result, new Date());
  return {
    verdict,
    judged: breakers.judge(
      { lane, groups: { tenant: null, origin: lane }, isProbe },
      { result, verdict },
    ),
  };
}

function goDown(): void {
  for (let lane = 0; lane < 10; lane += 1) judge(String(lane), refused);
}

describe('an outage of our own', () => {
  it('begins with the tenth lane that gives no answer, and is told once', () => {
    for (let lane = 0; lane < 9; lane += 1) judge(String(lane), refused);
    expect([breakers.isEgressDown, told]).toEqual([false, []]);
    judge('9', refused);
    judge('10', refused);
    expect([breakers.isEgressDown, told]).toEqual([true, [true]]);
  });

  it('is over when half of them answer, whatever the answer is', () => {
    goDown();
    for (let lane = 0; lane < 5; lane += 1) judge(String(lane), unavailable);
    expect([breakers.isEgressDown, told]).toEqual([false, [true, false]]);
  });

  it('is not seen in what was never sent, nor in what is our own trouble', () => {
    for (let lane = 0; lane < 20; lane += 1) {
      judge(String(lane), { ...refused, code: 'url_invalid' });
      judge(String(lane), { ...refused, code: 'out_of_ports' });
    }
    expect([breakers.isEgressDown, told]).toEqual([false, []]);
  });
});

describe('an attempt that got no answer', () => {
  it('counts while our network is well, a probe too', () => {
    for (const isProbe of [false, true]) {
      const { verdict, judged } = judge('a', refused, isProbe);
      expect(judged).toBe(verdict);
    }
  });

  it('counts during an outage of our own, but does not if it was a probe', () => {
    goDown();
    const { verdict, judged } = judge('a', refused);
    expect(judged).toBe(verdict);
    expect(judge('b', refused, true).judged).toEqual({
      kind: 'repeat',
      reason: 'connection_refused',
    });
  });

  it('counts if there was an answer, outage or not', () => {
    goDown();
    const { verdict, judged } = judge('a', unavailable, true);
    expect(judged).toBe(verdict);
  });
});
