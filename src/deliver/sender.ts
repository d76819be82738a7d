import type { Pool } from 'pg';
import { scanPayload, wakeChannel } from '../db/names.ts';
import { runSql, sqlFile } from '../db/sql-file.ts';
import type { AttemptResult } from '../domain/attempt-result.ts';
import { classify, type Verdict } from '../domain/classify.ts';
import { type Decision, decide } from '../domain/decide.ts';
import type { KeyRing } from '../domain/key-ring.ts';
import { requestHeaders } from '../domain/request-headers.ts';
import { responseText } from '../domain/response-text.ts';
import { refusalOf } from '../domain/throttle.ts';
import type { Events } from '../events.ts';
import type { HttpClient } from '../http/http-client.ts';
import type { LaneBook } from '../lanes/lane-book.ts';
import type { Log } from '../log.ts';
import type { Breakers } from './breakers.ts';
import type { ClaimedWebhook } from './claim.ts';
import { CredentialStore, type Credentials } from './credentials.ts';
import type { DatabaseClock } from './database-clock.ts';
import type { Recorder } from './recorder.ts';
import type { AttemptTrace, Tracing } from './tracing.ts';
import { triedForMs } from './tried-for.ts';

/*
 * The road of one claimed webhook: sign, POST, classify, decide, hand to the recorder.
 *
 * Each step is pure or somebody else's; this file is the one caller that performs them, in order. Never throws: what
 * cannot be sent is a failed attempt with a reason (I12). A crash here: the rescue closes the attempt as abandoned.
 */

interface SenderOptions {
  readonly pool: Pool;
  readonly http: HttpClient;
  readonly recorder: Recorder;
  readonly breakers: Breakers;
  readonly clock: DatabaseClock;
  readonly tracing: Tracing;
  readonly events: Events;
  readonly log: Log;
  /** Undefined: secrets are plain text. */
  readonly keyRing: KeyRing | undefined;
  readonly version: string;
  readonly retryScheduleMs: readonly number[];
}

const giveBackSql = sqlFile('give-back');

export class Sender {
  readonly #options: SenderOptions;
  readonly #inFlight = new Map<string, ClaimedWebhook>();
  readonly #credentials: CredentialStore;
  #idle: { resolve: () => void }[] = [];
  /** Called after each request. */
  onSlotFreed: () => void = () => {};
  /** Called when a result is in Postgres that its lane has waited for: of an ordered webhook, or a wish for a pause. */
  onLaneFreed: () => void = () => {};

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#credentials = new CredentialStore({ ring: options.keyRing, log: options.log });
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** The webhooks that this process is sending now. */
  get webhookIds(): string[] {
    return [...this.#inFlight.values()].map((webhook) => webhook.webhookId);
  }

  /** Resolves as soon as nothing is in flight. */
  whenIdle(): Promise<void> {
    if (this.#inFlight.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push({ resolve }));
  }

  /** Sends a claimed webhook and hands the result to the recorder. */
  async send(webhook: ClaimedWebhook, book: LaneBook): Promise<void> {
    const flight = `${webhook.webhookId}:${webhook.number}`;
    this.#inFlight.set(flight, webhook);
    const epoch = book.begin(webhook.lane, performance.now());
    const { clock, tracing } = this.#options;
    const waitMs = Math.max(0, clock.nowMs() - webhook.dueMs);
    const trace = tracing.begin(webhook);
    const { result, traceparent } = await this.#post(webhook, trace);
    const endedAtMs = clock.nowMs();
    const verdict = this.#options.breakers.judge(webhook, {
      result,
      verdict: classify(result, new Date(endedAtMs)),
    });
    const scheduleMs = webhook.retryScheduleMs ?? this.#options.retryScheduleMs;
    const decision = decide({
      verdict,
      number: webhook.number,
      uncounted: webhook.uncounted,
      pastAttempts: webhook.pastAttempts,
      maxAttempts: webhook.maxAttempts,
      scheduleMs,
      triedForMs:
        verdict.kind === 'retry'
          ? await triedForMs(this.#options, webhook, { verdict, scheduleMs, nowMs: endedAtMs })
          : 0,
      random: Math.random(),
    });
    const { lane } = webhook;
    const refusal = refusalOf(verdict);
    const load = loadOf(verdict);
    const endLane = () =>
      book.end(lane, { epoch, verdict: load, refusal, nowMs: performance.now() });
    const isOrdered = webhook.isOrdered || book.isOrdered(lane);
    if (!isOrdered) endLane();
    const onSettled = () => {
      if (isOrdered) endLane();
      if (refusal !== undefined) book.pause(lane, { ...refusal, nowMs: performance.now() });
      this.onLaneFreed();
    };
    trace?.ended({ result, verdict, decision });
    this.#record(webhook, {
      result,
      verdict,
      decision,
      onSettled: isOrdered || refusal !== undefined ? onSettled : undefined,
      trace,
    });
    this.#options.events.emit('attempted', {
      webhookId: webhook.webhookId,
      outboxId: webhook.outboxId,
      endpointId: webhook.endpointId,
      lane: webhook.lane,
      url: webhook.url,
      priority: webhook.priority,
      isResend: webhook.pastAttempts > 0,
      number: webhook.number,
      worker: webhook.leasedBy,
      isProbe: webhook.isProbe,
      waitMs,
      endedAtMs,
      result,
      verdict,
      decision,
      traceparent,
    });
    this.#inFlight.delete(flight);
    this.onSlotFreed();
    if (this.#inFlight.size > 0) return;
    for (const { resolve } of this.#idle.splice(0)) resolve();
  }

  /** Gives back what was claimed while a stop was under way; the attempts never happened. */
  async giveBack(webhooks: readonly ClaimedWebhook[]): Promise<void> {
    const [first] = webhooks;
    if (first === undefined) return;
    await runSql(this.#options.pool, {
      sql: giveBackSql,
      values: [
        webhooks.map((webhook) => webhook.webhookId),
        webhooks.map((webhook) => webhook.number),
        first.leasedBy,
      ],
    });
    // They are due since before the others' windows.
    await this.#options.pool.query('select pg_notify($1, $2)', [wakeChannel, scanPayload]);
  }

  async #post(webhook: ClaimedWebhook, trace: AttemptTrace | undefined): Promise<Posted> {
    if (webhook.isEndpointDeleted) return { result: endpointDeleted, traceparent: null };
    // No CHECK lets an empty one in: it stands for a row of the outbox that is not there any more.
    if (webhook.url === '') return { result: payloadGone, traceparent: null };
    const traceparent = trace === undefined ? webhook.traceparent : trace.request();
    try {
      const { url, body, timeoutMs } = webhook;
      const credentials = this.#credentials.of(webhook, this.#options.clock.nowMs());
      if ('kind' in credentials) return { result: credentials, traceparent };
      const headers = this.#headers(webhook, { traceparent, credentials });
      const post = () => this.#options.http.post({ url, headers, body, timeoutMs });
      return { result: await (trace === undefined ? post() : trace.send(post)), traceparent };
    } catch (error) {
      // A row that the CHECKs let through and that cannot be sent must fail, not stop the loop.
      const message = error instanceof Error ? error.message : 'unknown';
      const result: AttemptResult = {
        kind: 'error',
        code: 'request_invalid',
        message: `Cannot build the request: ${message}`,
        durationMs: 0,
        retriedConnection: false,
      };
      return { result, traceparent };
    }
  }

  #headers(
    webhook: ClaimedWebhook,
    { traceparent, credentials }: { traceparent: string | null; credentials: Credentials },
  ): string[] {
    const { clock, version } = this.#options;
    return requestHeaders(
      {
        id: webhook.webhookId,
        body: webhook.body,
        endpointHeaders: credentials.endpointHeaders,
        headers: webhook.headers,
        contentType: webhook.contentType,
        idempotencyKey: webhook.idempotencyKey,
        traceparent,
        attempt: webhook.number,
      },
      {
        timestampS: Math.floor(clock.nowMs() / 1_000),
        version,
        keys: credentials.keys,
      },
    );
  }

  #record(
    webhook: ClaimedWebhook,
    {
      result,
      verdict,
      decision,
      onSettled,
      trace,
    }: {
      result: AttemptResult;
      verdict: Verdict;
      decision: Decision;
      onSettled: (() => void) | undefined;
      trace: AttemptTrace | undefined;
    },
  ): void {
    const answer = result.kind === 'response' ? responseText(result) : undefined;
    this.#options.recorder.add({
      webhookId: webhook.webhookId,
      number: webhook.number,
      mayHaveOpenAttempts: webhook.uncounted > 0,
      leasedBy: webhook.leasedBy,
      became: decision.became,
      statusCode: result.kind === 'response' ? result.statusCode : null,
      error: verdict.kind === 'delivered' ? null : verdict.reason,
      errorMessage: result.kind === 'error' ? result.message : null,
      responseBody: answer?.text ?? null,
      responseTruncated: answer?.truncated ?? null,
      durationMs: result.durationMs,
      endedAtMs: performance.now(),
      retryInMs: decision.became === 'retry' ? decision.inMs : null,
      reason: decision.became === 'failed' ? decision.reason : null,
      counts: decision.became !== 'retry' || decision.counts,
      laneResult: {
        lane: webhook.lane,
        url: webhook.url,
        verdict,
        probe: webhook.isProbe
          ? { webhookId: webhook.webhookId, number: webhook.number }
          : undefined,
      },
      endpointId: webhook.endpointId,
      goneAnswers: webhook.goneAnswers,
      onSettled,
      trace,
    });
  }
}

/** What came of a request, and its header. */
interface Posted {
  readonly result: AttemptResult;
  readonly traceparent: string | null;
}

const endpointDeleted = unsent(
  'endpoint_deleted',
  'the endpoint must be registered: it was deleted',
);
const payloadGone = unsent(
  'payload_gone',
  'its row of posthorn.outbox must be there: it was deleted',
);

function unsent(code: string, rule: string): AttemptResult {
  return {
    kind: 'error',
    code,
    message: `Cannot send as ${rule}`,
    durationMs: 0,
    retriedConnection: false,
  };
}

function loadOf(verdict: Verdict): 'ok' | 'overload' | 'other' {
  if (verdict.kind === 'delivered') return 'ok';
  if (verdict.kind === 'repeat') return 'other';
  // What cannot be reached cannot take more either: after an outage the lane begins with few slots.
  return verdict.pressure === 'neutral' ? 'other' : 'overload';
}
