import type { Pool } from 'pg';
import { withoutPayload } from '../domain/attempt.ts';
import type { AttemptResult } from '../domain/attempt-result.ts';
import { classify, loadOf, type Verdict } from '../domain/classify.ts';
import { type Decision, decide } from '../domain/decide.ts';
import type { KeyRing } from '../domain/key-ring.ts';
import { requestHeaders } from '../domain/request-headers.ts';
import { refusalOf } from '../domain/throttle.ts';
import type { Attempted, Events } from '../events.ts';
import type { HttpClient } from '../http/http-client.ts';
import type { LaneBook } from '../lanes/lane-book.ts';
import type { Begun } from '../lanes/request.ts';
import type { Log } from '../log.ts';
import type { Breakers } from './breakers.ts';
import type { ClaimedWebhook } from './claim.ts';
import { CredentialStore, type Credentials } from './credentials.ts';
import type { DatabaseClock } from './database-clock.ts';
import { giveBackPatiently, giveBackWebhooks } from './give-back.ts';
import { inHaste } from './haste.ts';
import type { Recorder } from './recorder.ts';
import { largeBody, SingleFile } from './single-file.ts';
import type { AttemptTrace, Tracing } from './tracing.ts';
import { inTrains, type Settling, Trains, type Turn } from './train.ts';
import { triedForMs } from './tried-for.ts';
import { endpointDeleted, payloadGone, requestInvalid } from './unsent.ts';

/*
 * Sends claimed webhooks, each by itself: begin, post, judge, decide, record, free. Those of an ordered lane follow each other
 * (train.ts).
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

/** Who sends: it knows the lanes, and is told when there is room again. */
export interface SentFrom {
  readonly book: LaneBook;
  /** A request has ended. */
  slotFreed(): void;
  /** A result that its lane has waited for is in Postgres: that of an ordered webhook, or of one whose receiver asks for a pause. */
  laneFreed(): void;
  /** Webhooks could not be given back, so this process has leases that it does not know. */
  lost(): void;
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
  readonly #trains = new Trains();
  readonly #large = new SingleFile();
  readonly #credentials: CredentialStore;
  #isStopped = false;
  #idle: { resolve: () => void }[] = [];

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#credentials = new CredentialStore({ ring: options.keyRing, log: options.log });
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** How many webhooks of ordered lanes a claim may take to wait for their turn. */
  get roomAhead(): number {
    return this.#trains.room;
  }

  /** What this process is sending now. */
  get underWay(): Iterable<ClaimedWebhook> {
    return this.#inFlight.values();
  }

  /** The webhooks that this process is sending now, or has claimed to send. */
  get webhookIds(): string[] {
    const all = [...this.#inFlight.values(), ...this.#trains.waiting];
    return all.map((webhook) => webhook.webhookId);
  }

  /** Resolves as soon as nothing is in flight or waits for its turn. */
  whenIdle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push({ resolve }));
  }

  /** Sends nothing from now on: what is claimed is given back, as if its attempts had never begun. */
  stop(): void {
    this.#isStopped = true;
    this.endTrains();
  }

  /** Begins to send claimed webhooks. Their results go to the recorder. */
  async send(webhooks: readonly ClaimedWebhook[], from: SentFrom): Promise<void> {
    if (this.#isStopped) return giveBackWebhooks(this.#options.pool, webhooks, { tellAll: true });
    const { book } = from;
    const isOrdered = ({ isOrdered: is, lane }: ClaimedWebhook) => is || book.owned.isOrdered(lane);
    const { single, trains } = inTrains(webhooks, isOrdered);
    for (const webhook of inHaste(single, this.#options.clock.nowMs()))
      void this.#sendOne(webhook, from);
    for (const train of trains) {
      const options = {
        begin: (webhook: ClaimedWebhook) => this.#turnOf(webhook, from),
        giveBack: (some: readonly ClaimedWebhook[]) => this.#giveBackRest(some, from),
        noteWaiting: (change: number) => book.owned.noteAwaited(train[0].groups.tenant, change),
      };
      void this.#trains.send(train, options).then(() => this.#tellIdle());
    }
  }

  /** The rules of a lane or tenant have changed: nothing more is sent of what was claimed before. All lanes if none is named. */
  endTrains(key?: string): void {
    if (key === undefined) this.#trains.endAll();
    else this.#trains.end(key);
  }

  /** Gives back the rest of a train, whose lane is looked at again. */
  async #giveBackRest(webhooks: readonly ClaimedWebhook[], from: SentFrom): Promise<void> {
    const isBack = await giveBackPatiently(this.#options, webhooks, from.book);
    if (!isBack) from.lost();
    for (const lane of new Set(webhooks.map((webhook) => webhook.lane))) from.book.addAll(lane);
    from.laneFreed();
  }

  async #sendOne(webhook: ClaimedWebhook, from: SentFrom): Promise<void> {
    const turn = this.#turnOf(webhook, from);
    const ended = await turn.ended;
    turn.endLane(ended, { tookMs: 0 });
    const isPaused = refusalOf(ended.verdict) !== undefined;
    const onSettled = isPaused ? () => turn.settled(ended) : undefined;
    turn.record(ended, { onSettled, isAwaited: isPaused, isInOrder: false });
  }

  #turnOf(webhook: ClaimedWebhook, from: SentFrom): Turn {
    const flight = this.#begin(webhook, from);
    const { book } = from;
    return {
      beganMs: performance.now(),
      ended: this.#attempt(flight),
      record: (ended, settling) => this.#record(flight, ended, settling),
      endLane: ({ verdict, result }, { tookMs }) =>
        book.end(webhook, {
          begun: flight.begun,
          answered: result.kind === 'response',
          verdict: loadOf(verdict),
          refusal: refusalOf(verdict),
          tookMs,
          nowMs: performance.now(),
        }),
      settled: ({ verdict }) => {
        const refusal = refusalOf(verdict);
        if (refusal !== undefined) book.pause(webhook, { ...refusal, nowMs: performance.now() });
        from.laneFreed();
      },
    };
  }

  async #attempt(flight: Flight): Promise<Attempted> {
    const { webhook } = flight;
    const { result, traceparent } = await this.#post(flight);
    const endedAtMs = this.#options.clock.nowMs();
    const verdict = this.#judge(webhook, { result, nowMs: endedAtMs });
    const decision = await this.#decide(webhook, { verdict, nowMs: endedAtMs });
    const ended = { webhook: withoutPayload(webhook), result, verdict, decision };
    return { ...ended, waitMs: flight.waitMs, endedAtMs, traceparent };
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
    const { url, body, timeoutMs } = webhook;
    if (body.length >= largeBody) await this.#large.turn();
    const traceparent = trace === undefined ? webhook.traceparent : trace.request();
    try {
      const credentials = this.#credentials.of(webhook, this.#options.clock.nowMs());
      if ('kind' in credentials) return { result: credentials, traceparent };
      const headers = this.#headers(webhook, { traceparent, credentials });
      const post = () => this.#options.http.post({ url, headers, body, timeoutMs });
      return { result: await (trace === undefined ? post() : trace.send(post)), traceparent };
    } catch (error) {
      // A row that the CHECKs let through and that cannot be sent must fail, not stop the loop.
      return { result: requestInvalid(error), traceparent };
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

  #record({ webhook, from, trace }: Flight, attempted: Attempted, settling: Settling): void {
    const { recorder, events } = this.#options;
    trace?.ended(attempted);
    recorder.add({ ...attempted, endedAtMs: performance.now(), ...settling, trace });
    events.emit('attempted', attempted);
    this.#inFlight.delete(keyOf(webhook));
    from.slotFreed();
    this.#tellIdle();
  }

  get #isIdle(): boolean {
    return this.#inFlight.size === 0 && this.#trains.size === 0;
  }

  #tellIdle(): void {
    if (!this.#isIdle) return;
    for (const { resolve } of this.#idle.splice(0)) resolve();
  }
}

const keyOf = ({ webhookId, number }: ClaimedWebhook) => `${webhookId}:${number}`;

/** What came of a request, and its header. */
interface Posted {
  readonly result: AttemptResult;
  readonly traceparent: string | null;
}
