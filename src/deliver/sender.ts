import type { Pool } from 'pg';
import { scanPayload, wakeChannel } from '../db/names.ts';
import { runSql, sqlFile } from '../db/sql-file.ts';
import { type EndedAttempt, withoutPayload } from '../domain/attempt.ts';
import type { AttemptResult } from '../domain/attempt-result.ts';
import { classify, type Verdict } from '../domain/classify.ts';
import { type Decision, decide } from '../domain/decide.ts';
import type { KeyRing } from '../domain/key-ring.ts';
import { requestHeaders } from '../domain/request-headers.ts';
import { refusalOf } from '../domain/throttle.ts';
import type { Events } from '../events.ts';
import type { HttpClient } from '../http/http-client.ts';
import type { LaneBook } from '../lanes/lane-book.ts';
import type { Begun } from '../lanes/request.ts';
import type { Log } from '../log.ts';
import type { Breakers } from './breakers.ts';
import type { ClaimedWebhook } from './claim.ts';
import { CredentialStore, type Credentials } from './credentials.ts';
import type { DatabaseClock } from './database-clock.ts';
import type { Recorder } from './recorder.ts';
import type { AttemptTrace, Tracing } from './tracing.ts';
import { triedForMs } from './tried-for.ts';

/*
 * Sends one claimed webhook: begin, post, judge, decide, record, free.
 *
 * Each step is pure or belongs to another module; this file calls them in order. It never throws: what cannot be sent is a failed
 * attempt with a reason (I12). After a crash here the rescue closes the attempt as abandoned.
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

/** Who sends: it knows the lanes, and is told when there is room again. */
export interface SentFrom {
  readonly book: LaneBook;
  /** A request has ended. */
  slotFreed(): void;
  /** A result that its lane has waited for is in Postgres: that of an ordered webhook, or of one whose receiver asks for a pause. */
  laneFreed(): void;
}

/** A request under way. */
interface Flight {
  readonly webhook: ClaimedWebhook;
  readonly from: SentFrom;
  /** To be given back to the book at the end. */
  readonly begun: Begun;
  /** From when the webhook was due to the start of the request. */
  readonly waitMs: number;
  readonly trace: AttemptTrace | undefined;
}

export class Sender {
  readonly #options: SenderOptions;
  readonly #inFlight = new Map<string, ClaimedWebhook>();
  readonly #credentials: CredentialStore;
  #idle: { resolve: () => void }[] = [];

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

  /** What this process is sending now. */
  get underWay(): Iterable<ClaimedWebhook> {
    return this.#inFlight.values();
  }

  /** Resolves as soon as nothing is in flight. */
  whenIdle(): Promise<void> {
    if (this.#inFlight.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push({ resolve }));
  }

  /** Sends a claimed webhook and hands the result to the recorder. */
  async send(webhook: ClaimedWebhook, from: SentFrom): Promise<void> {
    const flight = this.#begin(webhook, from);
    const { result, traceparent } = await this.#post(flight);
    const endedAtMs = this.#options.clock.nowMs();
    const verdict = this.#judge(webhook, { result, nowMs: endedAtMs });
    const decision = await this.#decide(webhook, { verdict, nowMs: endedAtMs });
    const ended = { webhook: withoutPayload(webhook), result, verdict, decision };
    this.#record(flight, ended);
    this.#options.events.emit('attempted', {
      ...ended,
      waitMs: flight.waitMs,
      endedAtMs,
      traceparent,
    });
    this.#free(flight);
  }

  /** Gives back what was claimed while a stop was under way; the attempts never happened. */
  async giveBack(webhooks: readonly ClaimedWebhook[]): Promise<void> {
    const [first] = webhooks;
    if (first === undefined) return;
    await runSql(this.#options.pool, giveBackSql, {
      webhookIds: webhooks.map((webhook) => webhook.webhookId),
      numbers: webhooks.map((webhook) => webhook.number),
      workerNumber: first.leasedBy,
    });
    // They are due since before the others' windows.
    await this.#options.pool.query('select pg_notify($1, $2)', [wakeChannel, scanPayload]);
  }

  #begin(webhook: ClaimedWebhook, from: SentFrom): Flight {
    const { clock, tracing } = this.#options;
    this.#inFlight.set(keyOf(webhook), webhook);
    const begun = from.book.begin(webhook, performance.now());
    const waitMs = Math.max(0, clock.nowMs() - webhook.dueMs);
    return { webhook, from, begun, waitMs, trace: tracing.begin(webhook) };
  }

  async #post({ webhook, trace }: Flight): Promise<Posted> {
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
        messageId: webhook.outboxId,
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

  /** What the result means for its webhook. */
  #judge(
    webhook: ClaimedWebhook,
    { result, nowMs }: { result: AttemptResult; nowMs: number },
  ): Verdict {
    const verdict = classify(result, new Date(nowMs));
    return this.#options.breakers.judge(webhook, { result, verdict });
  }

  /** What becomes of the webhook. Asks Postgres only about one that its receiver has refused for long. */
  async #decide(
    webhook: ClaimedWebhook,
    { verdict, nowMs }: { verdict: Verdict; nowMs: number },
  ): Promise<Decision> {
    const { number, uncounted, pastAttempts, maxAttempts } = webhook;
    const scheduleMs = webhook.retryScheduleMs ?? this.#options.retryScheduleMs;
    const triedMs =
      verdict.kind === 'retry'
        ? await triedForMs(this.#options, webhook, { verdict, scheduleMs, nowMs })
        : 0;
    return decide({
      ...{ verdict, number, uncounted, pastAttempts, maxAttempts, scheduleMs },
      triedForMs: triedMs,
      random: Math.random(),
    });
  }

  /**
   * Frees the lane and hands the result to the recorder. An ordered lane is freed once the result is in Postgres, because the next
   * webhook must not overtake this one.
   */
  #record({ webhook, from, begun, trace }: Flight, ended: EndedAttempt): void {
    const { book } = from;
    const refusal = refusalOf(ended.verdict);
    const verdict = loadOf(ended.verdict);
    const answered = ended.result.kind === 'response';
    const endLane = () =>
      book.end(webhook, { begun, verdict, answered, refusal, nowMs: performance.now() });
    const isOrdered = webhook.isOrdered || book.isOrdered(webhook.lane);
    if (!isOrdered) endLane();
    const onSettled = () => {
      if (isOrdered) endLane();
      if (refusal !== undefined) book.pause(webhook, { ...refusal, nowMs: performance.now() });
      from.laneFreed();
    };
    trace?.ended(ended);
    this.#options.recorder.add({
      ...ended,
      endedAtMs: performance.now(),
      onSettled: isOrdered || refusal !== undefined ? onSettled : undefined,
      trace,
    });
  }

  #free({ webhook, from }: Flight): void {
    this.#inFlight.delete(keyOf(webhook));
    from.slotFreed();
    if (this.#inFlight.size > 0) return;
    for (const { resolve } of this.#idle.splice(0)) resolve();
  }
}

const keyOf = ({ webhookId, number }: ClaimedWebhook) => `${webhookId}:${number}`;

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
