import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { LaneCache } from '../cache/lane-cache.ts';
import { isFaultOfStatement } from '../db/sqlstate.ts';
import { withinRoom } from '../domain/ahead.ts';
import { ClaimRoom } from '../domain/claim-room.ts';
import { behindAfterMs, Strain } from '../domain/strain.ts';
import type { Events } from '../events.ts';
import { DiscoveryWindow } from '../lanes/discovery-window.ts';
import type { LaneBook } from '../lanes/lane-book.ts';
import { type LaneCall, LaneCalls } from '../lanes/lane-calls.ts';
import { LaneScan } from '../lanes/lane-scan.ts';
import type { LaneWish } from '../lanes/lane-wish.ts';
import { LimitedLanes } from '../lanes/limited-lanes.ts';
import { ProbeLanes } from '../lanes/probe-lanes.ts';
import type { Log } from '../log.ts';
import type { Breakers } from './breakers.ts';
import { type Claim, claimWebhooks } from './claim.ts';
import { type ClaimsFailing, ClaimTrouble } from './claim-trouble.ts';
import type { DatabaseClock } from './database-clock.ts';
import { Gather } from './gather.ts';
import { InFlightGauge } from './in-flight-gauge.ts';
import { type FailedClaim, Isolation } from './isolation.ts';
import type { Sender, SentFrom } from './sender.ts';
import { Wake } from './wake.ts';

/*
 * The delivery loop: claims due webhooks, as many as there are free slots, and hands them to the sender.
 *
 * In: rows of posthorn.queue. Out: attempts begun, requests under way. The `deliver` job runs it a slice at a time; requests in flight
 * and what is known of lanes outlive a slice. It claims only what has a free slot and, in an ordered lane, what follows soon, so that
 * no lease runs long (I6, I9). After a crash the rescue frees leases and closes attempts (I7).
 */

interface LoopOptions {
  readonly pool: Pool;
  readonly book: LaneBook;
  readonly sender: Sender;
  readonly breakers: Breakers;
  readonly clock: DatabaseClock;
  readonly cache: LaneCache | undefined;
  readonly events: Events;
  readonly log: Log;
  readonly maxInFlight: number;
  readonly leaseS: number;
  readonly scanEveryMs: number;
  /** Frees webhooks that this worker has leased without knowing it. */
  readonly releaseUnknown: (workerNumber: number) => Promise<void>;
}

/** Without a notification the queue is looked at this often; less when nothing has come for a while. */
const pollMs = 100;
const idlePollMs = 250;
const idleAfterMs = 5_000;
const noRequest: FailedClaim = { wishes: [], windowFromMs: undefined, probeLanes: [] };

export class DeliveryLoop {
  readonly #options: LoopOptions;
  readonly #book: LaneBook;
  readonly #limited: LimitedLanes;
  readonly #scan: LaneScan;
  readonly #probeLanes = new ProbeLanes();
  readonly #window = new DiscoveryWindow();
  readonly #wake = new Wake();
  readonly #gather = new Gather(this.#wake);
  readonly #strain = new Strain();
  readonly #gauge: InFlightGauge;
  readonly #laneCalls: LaneCalls;
  readonly #trouble: ClaimTrouble;
  readonly #isolation: Isolation;
  readonly #sentFrom: SentFrom;
  #lastRequest: FailedClaim = noRequest;
  readonly #room: ClaimRoom;
  #stopped = false;
  #isWanted = true;
  #lastLookMs = 0;
  #lastClaimMs = 0;
  #lastWorkMs = 0;
  /** A claim whose answer was lost may have leased webhooks that this process does not know of. */
  #mayHoldUnknown = false;
  /** While waiting for a slot: call when no more than this many are in flight. */
  #callAtInFlight = -1;

  constructor(options: LoopOptions) {
    this.#options = options;
    const { pool, book, events, log, cache, maxInFlight: most, scanEveryMs: everyMs } = options;
    this.#book = book;
    this.#gauge = new InFlightGauge({ most });
    this.#room = new ClaimRoom({ most });
    this.#limited = new LimitedLanes({ pool, book, log });
    const known = { book, limited: this.#limited, probeLanes: this.#probeLanes };
    const found = () => this.#wake.call();
    this.#scan = new LaneScan({ ...known, pool, events, log, cache, everyMs, found });
    this.#laneCalls = new LaneCalls({ book, limited: this.#limited, scan: this.#scan });
    this.#trouble = new ClaimTrouble({ events, log });
    this.#isolation = new Isolation({ pool, events, log, book });
    this.#sentFrom = {
      book,
      // Only if it waits for this slot: with hundreds in flight it needs few of the calls.
      slotFreed: () => {
        if (options.sender.inFlight <= this.#callAtInFlight) this.#wake.call();
      },
      laneFreed: () => this.#wake.call(),
      lost: () => {
        this.#mayHoldUnknown = true;
      },
    };
    events.on('lanesDelayed', ({ lanes }) => {
      for (const lane of lanes) this.laneCalled(lane, 'rules');
    });
  }

  /** Undefined as long as claims come back. */
  get claimsFailing(): ClaimsFailing | undefined {
    return this.#trouble.failing;
  }

  /** Something was enqueued, or came due. */
  wake(): void {
    this.#isWanted = true;
    this.#wake.call();
  }

  /** Webhooks were put back that the window would not see. */
  wakeAndScan(): void {
    this.#scan.want();
    this.wake();
  }

  /** The lane works again, so that its backlog is sent from now on, slowly at first; or its rules have changed. */
  laneCalled(key: string, call: LaneCall): void {
    if (call === 'rules') this.#options.sender.endTrains(key);
    this.#laneCalls.add(key, call);
    this.#wake.call();
  }

  /** No further claims; a slice under way ends soon. */
  stop(): void {
    this.#stopped = true;
    this.#options.sender.stop();
    this.#wake.call();
  }

  /** Reads rules that may have changed while nothing listened, finds the lanes with work, and warms up connection and plans. */
  async warmUp(workerNumber: number): Promise<void> {
    await this.#limited.takeOwnedAgain(workerNumber);
    await this.#claim({ workerNumber, limit: 0, wishes: [], discover: true });
    await this.#scan.run(workerNumber);
  }

  /** Runs until the time is over, the signal fires or the loop is stopped. Never throws. */
  async runSlice(slice: {
    readonly workerNumber: number;
    readonly durationMs: number;
    readonly signal: AbortSignal;
  }): Promise<void> {
    const endMs = performance.now() + slice.durationMs;
    const wakeUp = () => this.#wake.call();
    slice.signal.addEventListener('abort', wakeUp);
    let failures = 0;
    while (!this.#stopped && !slice.signal.aborted && performance.now() < endMs) {
      try {
        await this.#step(slice.workerNumber);
        failures = 0;
      } catch (error) {
        this.#trouble.failed(error);
        if (await this.#isolation.overcome(error, this.#lastRequest)) continue;
        failures += 1;
        await delay(Math.min(100 * 2 ** Math.min(failures, 5), 2_000));
      }
    }
    slice.signal.removeEventListener('abort', wakeUp);
  }

  async #step(workerNumber: number): Promise<void> {
    if (this.#mayHoldUnknown) {
      await this.#options.releaseUnknown(workerNumber);
      this.#mayHoldUnknown = false;
    }
    this.#lastRequest = noRequest;
    this.#laneCalls.hear(performance.now());
    await this.#scan.betweenClaims(workerNumber);
    if (await this.#limited.take(workerNumber)) this.#scan.want();
    const { inFlight } = this.#options.sender;
    const { room, fromInFlight } = this.#room.of(inFlight, { allowed: this.#gauge.limit() });
    if (room === 0) {
      await this.#waitForSlot(fromInFlight, pollMs);
      if (performance.now() - this.#lastClaimMs >= pollMs) this.#room.noteSlow();
      return;
    }
    const limit = room - (await this.#probeWhenDue(workerNumber, room));
    if (limit <= 0) return;
    const nowMs = performance.now();
    const wishes = withinRoom(this.#book.choose(limit, nowMs), this.#options.sender.roomAhead);
    const pollAfterMs = nowMs - this.#lastWorkMs > idleAfterMs ? idlePollMs : pollMs;
    const untilPollMs = this.#lastLookMs + pollAfterMs - nowMs;
    const discover = this.#isWanted || this.#window.hasMore || untilPollMs <= 0;
    if (wishes.length === 0 && !discover) {
      await this.#waitForWork(untilPollMs);
      return;
    }
    const claim = await this.#claim({ workerNumber, limit, wishes, discover });
    if (claim.webhooks.length > 0) this.#lastWorkMs = performance.now();
    const hasMore = claim.isFull || this.#window.hasMore || this.#limited.hasWanted;
    const claimedMs = performance.now();
    const lateMs = hasMore ? 0 : await this.#gather.wait();
    this.#noteStrain(claim, claimedMs - nowMs + lateMs);
  }

  /** Makes backlogs hold back when the process is so busy that new webhooks have to wait for them. */
  #noteStrain({ webhooks, look }: Claim, roundMs: number): void {
    let hasFresh = false;
    for (const { lane, dueMs } of webhooks) {
      const isBehind = look.nowMs - dueMs > behindAfterMs;
      hasFresh ||= !isBehind;
      this.#book.noteAge(lane, { isBehind });
    }
    const nowMs = performance.now();
    this.#strain.note({ roundMs, hasFresh, nowMs });
    this.#book.setStrain(this.#strain.level(nowMs));
  }

  /** Waits for a slot if known lanes need one, else for the next wake-up or poll. */
  async #waitForWork(untilPollMs: number): Promise<void> {
    const atInFlight = this.#book.waitingCount > 0 ? this.#options.sender.inFlight - 1 : -1;
    const untilReadyMs = Math.max(0, this.#book.nextReadyMs - performance.now());
    await this.#waitForSlot(atInFlight, Math.min(untilPollMs, untilReadyMs));
  }

  async #waitForSlot(atInFlight: number, atMostMs: number): Promise<void> {
    this.#callAtInFlight = atInFlight;
    await this.#wake.wait(atMostMs);
    this.#callAtInFlight = -1;
  }

  async #claim(request: {
    readonly workerNumber: number;
    readonly limit: number;
    readonly wishes: readonly LaneWish[];
    readonly discover: boolean;
  }): Promise<Claim> {
    const startedMs = performance.now();
    this.#lastClaimMs = startedMs;
    if (request.discover) {
      this.#isWanted = false;
      this.#lastLookMs = startedMs;
    }
    const { pool, events, sender, clock, leaseS } = this.#options;
    const before = sender.inFlight;
    const { limit, wishes } = request;
    const windowFromMs = request.discover ? this.#window.fromMs : undefined;
    this.#lastRequest = { ...noRequest, wishes, windowFromMs };
    const claim = await claimWebhooks(pool, {
      ...request,
      limit: request.discover ? this.#book.limitOf(wishes, limit) : limit,
      windowFromMs,
      maxNewest: this.#window.maxNewest,
      // Only for what is discovered.
      ...(request.discover ? this.#book.offer(startedMs) : { constrained: {}, usualSlots: 0 }),
      usualGroupSlots: this.#book.usualGroupSlots,
      leaseS,
    }).catch((error: unknown) => {
      this.#isWanted = true;
      this.#mayHoldUnknown ||= !isFaultOfStatement(error);
      throw error;
    });
    this.#trouble.succeeded();
    if (limit > 0) this.#room.noteClaim({ before, after: sender.inFlight });
    clock.note({ nowMs: claim.look.nowMs, askedMs: startedMs, answeredMs: performance.now() });
    await sender.send(claim.webhooks, this.#sentFrom);
    this.#probeLanes.noteSeen(claim.discovered);
    this.#book.learn({
      wishes,
      claimed: claim.webhooks,
      discovered: claim.discovered.filter((seen) => this.#limited.admits(seen)),
      wasFull: claim.isFull,
    });
    if (request.discover && this.#window.move(claim)) this.#scan.want();
    const [webhooks, lanesSeen] = [claim.webhooks.length, claim.discovered.length];
    const claimed = { webhooks, lanesSeen, durationMs: performance.now() - startedMs };
    if (webhooks > 0) events.emit('claimed', claimed);
    return claim;
  }

  /** Returns how many probes it sent. */
  async #probeWhenDue(workerNumber: number, room: number): Promise<number> {
    const { breakers, sender, leaseS } = this.#options;
    const due = this.#probeLanes.takeWhenDue(room, performance.now());
    if (due === undefined) return 0;
    this.#lastRequest = { ...noRequest, probeLanes: due.probeLanes };
    const probes = await breakers
      .takeProbes({ workerNumber, leaseS, ...due })
      .catch((error: unknown) => {
        this.#mayHoldUnknown ||= !isFaultOfStatement(error);
        throw error;
      });
    await sender.send(probes, this.#sentFrom);
    return probes.length;
  }
}
