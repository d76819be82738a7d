import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startReceiver } from '../harness/receiver.ts';
import { createTestDatabase } from './support/database.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import { forEachTest, forFile } from './support/world.ts';

// The spans that a user sees who brings an OpenTelemetry SDK, here the real one, and what the receiver gets with it.

const traceId = '0af7651916cd43dd8448eb211c80319c';
const parentId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${parentId}-01`;

const database = forFile(createTestDatabase);
forFile(() => startEngine(database, { env: { POSTHORN_RETRY_SCHEDULE: '100ms' } }));
const receiver = forEachTest(startReceiver);
const exporter = new InMemorySpanExporter();

beforeEach(async () => {
  exporter.reset();
});

describe('without an SDK', () => {
  it('the header is what the producer gave, byte for byte, or none', async () => {
    await enqueue('/with', traceparent);
    await enqueue('/without', null);
    await receiver.until((requests) => requests.length === 2);
    expect(headerOf('/with')).toBe(traceparent);
    expect(headerOf('/without')).toBeUndefined();
    expect(exporter.getFinishedSpans()).toEqual([]);
  });
});

// After the engine has started: it need not be the first.
describe('with an SDK', () => {
  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    trace.setGlobalTracerProvider(
      new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
    );
    return () => {
      trace.disable();
      context.disable();
    };
  });

  it("an attempt is in the INSERT's trace, from the claim over the request to the record", async () => {
    const id = await enqueue('/hook?token=hunter2', traceparent);
    const spans = await finished(1);
    const { deliver, claim, post, record } = spans;
    expect(deliver.name).toBe('deliver posthorn.outbox');
    expect(deliver.kind).toBe(SpanKind.CONSUMER);
    expect(deliver.parentSpanContext).toMatchObject({ traceId, spanId: parentId, isRemote: true });
    expect(deliver.attributes).toMatchObject({
      'messaging.system': 'posthorn',
      'messaging.operation.name': 'deliver',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'posthorn.outbox',
      'messaging.message.id': id,
      'posthorn.attempt': 1,
      'posthorn.outcome': 'delivered',
    });
    expect(post.kind).toBe(SpanKind.CLIENT);
    expect(post.attributes).toEqual({
      'http.request.method': 'POST',
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(receiver.url).port),
      'url.full': `${receiver.url}/hook`,
      'http.response.status_code': 200,
    });
    for (const child of [claim, post, record]) {
      expect(child.spanContext().traceId).toBe(traceId);
      expect(child.parentSpanContext?.spanId).toBe(deliver.spanContext().spanId);
    }
    const [from, to] = [startMs(deliver), endMs(deliver)];
    expect(to - from).toBeLessThan(15_000);
    expect(Math.abs(to - Date.now())).toBeLessThan(15_000);
    expect(startMs(claim)).toBe(from);
    expect(startMs(post)).toBeGreaterThanOrEqual(endMs(claim) - 1);
    expect(startMs(record)).toBeGreaterThanOrEqual(endMs(post) - 1);
    expect(endMs(record)).toBe(to);
    expect(JSON.stringify([...Object.values(spans)].map(visible))).not.toContain('hunter2');
  });

  it('the receiver gets the ids of the request’s span', async () => {
    await enqueue('/hook', traceparent);
    const { post } = await finished(1);
    expect(headerOf('/hook')).toBe(`00-${traceId}-${post.spanContext().spanId}-01`);
  });

  it('a webhook without a trace begins one, and so does one whose ids are all zeros', async () => {
    await enqueue('/none', null);
    await enqueue('/zeros', `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`);
    await eventually(async () => roots().length === 2, 'both are traced');
    for (const root of roots()) {
      expect(root.parentSpanContext).toBeUndefined();
      expect(root.spanContext().traceId).toMatch(/[1-9a-f]/);
    }
    expect(headerOf('/none')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  it('each attempt has its own, and failures are errors with their reason', async () => {
    let tries = 0;
    receiver.answer((_request, response) => {
      tries += 1;
      response.statusCode = tries === 1 ? 503 : 200;
      response.end();
    });
    await enqueue('/hook', traceparent);
    await eventually(async () => roots().length === 2, 'both attempts are traced');
    const [first, second] = roots();
    expect(first?.status.code).toBe(SpanStatusCode.ERROR);
    expect(first?.attributes).toMatchObject({
      'posthorn.attempt': 1,
      'posthorn.outcome': 'retry',
      'error.type': '503',
    });
    expect(second?.status.code).toBe(SpanStatusCode.UNSET);
    const [failed, succeeded] = named('POST');
    expect(failed?.attributes).toMatchObject({
      'http.response.status_code': 503,
      'error.type': '503',
    });
    expect(failed?.attributes).not.toHaveProperty('http.request.resend_count');
    expect(succeeded?.attributes).toMatchObject({ 'http.request.resend_count': 1 });
  });

  it('what could not be sent at all says why', async () => {
    await database.pool.query(
      "insert into posthorn.outbox (url, body) values ('http://10.0.0.1/secret', '{}')",
    );
    const { post, deliver } = await finished(1);
    for (const span of [post, deliver]) {
      expect(span.attributes['error.type']).toBe('address_blocked_literal');
      expect(span.status.code).toBe(SpanStatusCode.ERROR);
    }
  });

  it('an instrumentation of undici adds no second span and no second header', async () => {
    const instrumentation = new UndiciInstrumentation();
    instrumentation.enable();
    try {
      await fetch(receiver.url);
      // It is at work, or this test would show nothing.
      expect(named('GET')).toHaveLength(1);
      exporter.reset();
      await enqueue('/hook', traceparent);
      const { post } = await finished(1);
      expect(named('POST')).toEqual([post]);
      expect(headerOf('/hook')).toBe(`00-${traceId}-${post.spanContext().spanId}-01`);
    } finally {
      instrumentation.disable();
    }
  });

  it('what the SDK throws costs the spans, and no webhook', async () => {
    trace.disable();
    trace.setGlobalTracerProvider({
      getTracer: () => ({
        startSpan: () => {
          throw new Error('broken');
        },
        startActiveSpan: () => {
          throw new Error('broken');
        },
      }),
    });
    await enqueue('/hook', traceparent);
    await receiver.until((requests) => requests.length === 1);
    expect(headerOf('/hook')).toBe(traceparent);
  });
});

async function enqueue(path: string, header: string | null): Promise<string> {
  const { rows } = await database.pool.query<{ id: string }>(
    'insert into posthorn.outbox (url, body, traceparent) values ($1, $2, $3) returning id',
    [`${receiver.url}${path}`, '{}', header],
  );
  return rows[0]?.id ?? '';
}

function headerOf(path: string) {
  return receiver.requests.find((request) => request.path === path)?.headers['traceparent'];
}

function named(name: string): ReadableSpan[] {
  return exporter.getFinishedSpans().filter((span) => span.name === name);
}

function roots(): ReadableSpan[] {
  return named('deliver posthorn.outbox');
}

/** The spans of the attempt, as soon as its result is recorded. */
async function finished(attempts: number) {
  await eventually(async () => roots().length === attempts, `${attempts} attempts are traced`);
  const one = (name: string): ReadableSpan => {
    const [span] = named(name);
    if (span === undefined) throw new Error(`There is no span ${name}`);
    return span;
  };
  return {
    deliver: one('deliver posthorn.outbox'),
    claim: one('claim'),
    post: one('POST'),
    record: one('record'),
  };
}

function visible({ name, attributes, status, events, links }: ReadableSpan): object {
  return { name, attributes, status, events, links };
}

function startMs({ startTime: [seconds, nanos] }: ReadableSpan): number {
  return seconds * 1_000 + nanos / 1e6;
}

function endMs({ endTime: [seconds, nanos] }: ReadableSpan): number {
  return seconds * 1_000 + nanos / 1e6;
}
