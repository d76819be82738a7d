import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  isSpanContextValid,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { EndedAttempt } from '../domain/attempt.ts';
import type { AttemptResult } from '../domain/attempt-result.ts';
import { targetOf } from '../domain/target.ts';
import type { ClaimedWebhook } from './claim.ts';

/*
 * Spans of attempts, if an OpenTelemetry SDK is loaded. Without one there is no span, no object, and no change to the request:
 * an attempt costs one look for an SDK.
 *
 *     the INSERT's traceparent
 *       deliver posthorn.outbox   CONSUMER, from the claim to the record
 *         claim                   INTERNAL, the statement that many webhooks share
 *         POST                    CLIENT, the request; its ids are in the traceparent that the receiver gets
 *         record                  INTERNAL, shared as well
 *
 * Names and attributes are those of the semantic conventions for HTTP and for messaging. No query, body, header or secret.
 */

const destination = 'posthorn.outbox';
/**
 * What the SDK's own suppressTracing() sets. An instrumentation of undici would make a span of its own for the request, and
 * add a second traceparent to it.
 */
const suppressed = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

/** Start and end, performance.now(). */
interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

export class Tracing {
  readonly #version: string;

  constructor(version: string) {
    this.#version = version;
  }

  /** Begins the trace of an attempt; undefined without an SDK. */
  begin(webhook: ClaimedWebhook): AttemptTrace | undefined {
    return quietly(() => {
      const tracer = this.#tracer();
      return tracer === undefined ? undefined : new AttemptTrace(tracer, webhook);
    });
  }

  /** Asked each time, because an SDK may be loaded after this module. */
  #tracer(): Tracer | undefined {
    const provider = trace.getTracerProvider();
    return provider instanceof ProxyTracerProvider
      ? provider.getDelegateTracer('posthorn', this.#version)
      : provider.getTracer('posthorn', this.#version);
  }
}

export class AttemptTrace {
  readonly #tracer: Tracer;
  readonly #webhook: ClaimedWebhook;
  readonly #attempt: Span;
  readonly #within: Context;
  #request: Span | undefined;

  constructor(tracer: Tracer, webhook: ClaimedWebhook) {
    this.#tracer = tracer;
    this.#webhook = webhook;
    const parent = parentOf(webhook.traceparent);
    this.#attempt = tracer.startSpan(
      `deliver ${destination}`,
      {
        kind: SpanKind.CONSUMER,
        startTime: timeOf(webhook.claimed.fromMs),
        attributes: attemptAttributes(webhook),
      },
      parent,
    );
    this.#within = trace.setSpan(parent, this.#attempt);
    this.#span('claim', webhook.claimed);
  }

  /** Begins the request; returns its traceparent. */
  request(): string | null {
    const traceparent = quietly(() => {
      this.#request = this.#tracer.startSpan(
        'POST',
        { kind: SpanKind.CLIENT, attributes: requestAttributes(this.#webhook) },
        this.#within,
      );
      return traceparentOf(this.#request.spanContext());
    });
    return traceparent ?? this.#webhook.traceparent;
  }

  /** Sends it, so that no instrumentation of the HTTP client traces it once more. */
  send<Result>(post: () => Result): Result {
    return context.with(this.#within.setValue(suppressed, true), post);
  }

  /** The request has ended, and it is decided what becomes of the webhook. */
  ended(end: Ended): void {
    quietly(() => this.#ended(end));
  }

  /** The result is in Postgres, or was given up. */
  recorded({ isLost, ...period }: Period & { readonly isLost: boolean }): void {
    quietly(() => {
      this.#span('record', period, isLost ? 'record_lost' : undefined);
      this.#attempt.end(timeOf(period.toMs));
    });
  }

  #ended({ result, verdict, decision }: Ended): void {
    const failure = verdict.kind === 'delivered' ? undefined : failureOf(result, verdict.reason);
    const request = this.#request;
    if (request !== undefined) {
      if (result.kind === 'response') {
        request.setAttribute('http.response.status_code', result.statusCode);
      }
      fail(request, failure);
      request.end();
    }
    this.#attempt.setAttribute('posthorn.outcome', decision.became);
    fail(this.#attempt, failure);
  }

  #span(name: string, { fromMs, toMs }: Period, failure?: string): void {
    const span = this.#tracer.startSpan(name, { startTime: timeOf(fromMs) }, this.#within);
    fail(span, failure);
    span.end(timeOf(toMs));
  }
}

type Ended = Omit<EndedAttempt, 'webhook'>;

/** The SDK and its exporters are the user's: an error that they throw must not stop a delivery. */
function quietly<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Continues the trace of the traceparent; without a valid one a new trace begins. */
function parentOf(traceparent: string | null): Context {
  if (traceparent === null) return ROOT_CONTEXT;
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-');
  const parent = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(parent) ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
}

function traceparentOf(span: SpanContext): string | undefined {
  if (!isSpanContextValid(span)) return undefined;
  return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`;
}

function attemptAttributes(webhook: ClaimedWebhook): Attributes {
  return {
    'messaging.system': 'posthorn',
    'messaging.operation.name': 'deliver',
    'messaging.operation.type': 'process',
    'messaging.destination.name': destination,
    'messaging.message.id': webhook.webhookId,
    'posthorn.attempt': webhook.number,
    'posthorn.lane': webhook.lane,
    'posthorn.worker': webhook.leasedBy,
    ...(webhook.endpointId === null ? {} : { 'posthorn.endpoint.id': webhook.endpointId }),
  };
}

function requestAttributes({ url, number }: ClaimedWebhook): Attributes {
  const target = targetOf(url);
  if (target === undefined) return { 'http.request.method': 'POST' };
  const { hostname, port } = new URL(target.origin);
  return {
    'http.request.method': 'POST',
    'server.address': hostname,
    'server.port': port === '' ? (target.secure ? 443 : 80) : Number(port),
    'url.full': `${target.origin}${target.path.split('?', 1)[0]}`,
    ...(number > 1 ? { 'http.request.resend_count': number - 1 } : {}),
  };
}

/** `error.type`: the status code as the conventions say, or our reason. */
function failureOf(result: AttemptResult, reason: string): string {
  return result.kind === 'response' ? String(result.statusCode) : reason;
}

function fail(span: Span, failure: string | undefined): void {
  if (failure === undefined) return;
  span.setAttribute('error.type', failure);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** performance.now() as Unix time, ms. */
function timeOf(ms: number): number {
  return performance.timeOrigin + ms;
}
