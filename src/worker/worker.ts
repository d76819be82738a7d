import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Tallies } from '../alerts/tallies.ts';
import { retireConnections } from '../db/pools.ts';
import type { Breakers } from '../deliver/breakers.ts';
import type { ClaimsFailing } from '../deliver/claim-trouble.ts';
import type { HeldBackReport } from '../deliver/held-back-report.ts';
import type { DeliveryLoop } from '../deliver/loop.ts';
import type { Recorder } from '../deliver/recorder.ts';
import type { Sender } from '../deliver/sender.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';
import { watchClock } from '../maintenance/clock.ts';
import { evaluateAlertsNow, type MaintenanceOptions } from '../maintenance/crontab.ts';
import { ensureFanOuts } from '../maintenance/fan-outs.ts';
import { ensureReplays } from '../maintenance/replays.ts';
import { DeliverJob } from './deliver-job.ts';
import type { HoldWatch } from './hold-watch.ts';
import { leave, rescueDeadWorkers, rescueFormerHolder } from './rescue.ts';
import { openSession, type WorkerSession } from './session.ts';
import type { Timings } from './timings.ts';

/*
 * A worker: a session that gives it a number, a Graphile Worker runner with its `deliver` job and the crontab, and a
 * timer that rescues dead workers. When the session is lost, the worker stops all of it and starts again, under its
 * former number if that is free; requests in flight continue and are recorded. Only stop() ends it (I4, I7).
 */

interface WorkerOptions {
  readonly databaseUrl: string;
  readonly enginePool: Pool;
  readonly maintenancePool: Pool;
  readonly loop: DeliveryLoop;
  readonly breakers: Breakers;
  readonly sender: Sender;
  readonly recorder: Recorder;
  readonly heldBack: Pick<HeldBackReport, 'take'>;
  readonly events: Events;
  readonly log: Log;
  readonly version: string;
  readonly maintenance: MaintenanceOptions;
  readonly tallies: Tallies;
  readonly holds: Pick<HoldWatch, 'untilFree' | 'watch'>;
  /** How long one run of the deliver job lasts. */
  readonly sliceMs?: number;
  /** How long claims may fail before this is reported. */
  readonly claimsFailAfterMs: number;
  readonly timings: Timings;
}

export type WorkerState =
  | 'starting'
  | 'held'
  | 'ok'
  | 'cannot claim'
  | 'lost'
  | 'stopping'
  | 'stopped';

export class Worker {
  readonly #options: WorkerOptions;
  readonly #stopping = new AbortController();
  #state: WorkerState = 'starting';
  #life: Promise<void> | undefined;
  /**
   * The number to take again after a lost session, if it is free, because the leases of webhooks in flight carry it.
   */
  #lastNumber: number | undefined;
  #hasLost = false;
  #hasToldOfClaims = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  get state(): WorkerState {
    return this.#state === 'ok' && this.#claimsFailing !== undefined ? 'cannot claim' : this.#state;
  }

  get #claimsFailing(): ClaimsFailing | undefined {
    const { loop, claimsFailAfterMs } = this.#options;
    const failing = loop.claimsFailing;
    return failing !== undefined && failing.forMs >= claimsFailAfterMs ? failing : undefined;
  }

  /** Requests in flight. */
  get inFlight(): number {
    return this.#options.sender.inFlight;
  }

  /** The connections to Postgres other than the session's. */
  get pools(): Readonly<Record<'engine' | 'maintenance', Pool>> {
    return { engine: this.#options.enginePool, maintenance: this.#options.maintenancePool };
  }

  /** Starts in the background and keeps trying; `workerReady` is emitted once it claims. */
  start(): void {
    this.#life ??= this.#live();
  }

  /**
   * Stops claiming, waits for the requests in flight, records them and signs off.
   *
   * Requests still in flight after `graceMs` are left to `abort` and sent again later.
   */
  async stop({ graceMs, abort }: { graceMs: number; abort: () => Promise<void> }): Promise<void> {
    const { loop, sender, recorder } = this.#options;
    this.#state = 'stopping';
    loop.stop();
    this.#stopping.abort();
    const inTime = await Promise.race([
      sender.whenIdle().then(() => true),
      delay(graceMs, false, { ref: false }),
    ]);
    if (!inTime) await abort();
    await sender.whenIdle();
    await recorder.drain();
    await this.#life;
    this.#state = 'stopped';
  }

  async #live(): Promise<void> {
    for (let failures = 0; !this.#stopping.signal.aborted; ) {
      try {
        await this.#untilFree();
        if (!this.#stopping.signal.aborted) await this.#liveOnce();
        failures = 0;
      } catch (error) {
        failures += 1;
        this.#state = 'lost';
        this.#options.log.warn({ error: String(error) }, 'Cannot start the worker: trying again');
      }
      if (this.#stopping.signal.aborted) return;
      await delay(Math.min(250 * 2 ** failures, 5_000), undefined, {
        signal: this.#stopping.signal,
      }).catch(() => {});
    }
  }

  /** Waits while the database is held. */
  async #untilFree(): Promise<void> {
    const { holds, events } = this.#options;
    await holds.untilFree({
      signal: this.#stopping.signal,
      onHeld: (hold) => {
        if (!this.#stopping.signal.aborted) this.#state = 'held';
        events.emit('workerHeld', hold);
      },
    });
  }

  /** One life: from a session's start to its loss, a hold or the stop. */
  async #liveOnce(): Promise<void> {
    const { databaseUrl, log, loop, breakers, sender, events, enginePool, maintenancePool } =
      this.#options;
    const { timings } = this.#options;
    const over = new AbortController();
    const ended = new Promise<void>((resolve) => {
      const end = () => {
        // The next owner of an ordered endpoint may be about to send the same webhooks.
        sender.endTrains();
        resolve();
      };
      over.signal.addEventListener('abort', end, { once: true });
    });
    let lostBecause: string | undefined;
    let isHeld = false;
    const session = await openSession({
      databaseUrl,
      preferred: this.#lastNumber,
      timings,
      onWake: () => loop.wake(),
      onScan: () => loop.wakeAndScan(),
      onLaneCalled: (key, call) => loop.laneCalled(key, call),
      onUnknownCall: () => events.emit('callIgnored'),
      isEgressDown: () => breakers.isEgressDown,
      claimsFailing: () => this.#claimsFailing,
      heldBack: () => this.#options.heldBack.take(),
      onLost: (reason) => {
        lostBecause = reason;
        this.#state = 'lost';
        // The cause that ended the session may have broken all connections.
        retireConnections(enginePool);
        retireConnections(maintenancePool);
        over.abort();
      },
    });
    const { number } = session;
    this.#lastNumber = number;
    const onStop = () => over.abort();
    this.#stopping.signal.addEventListener('abort', onStop, { once: true });
    if (this.#stopping.signal.aborted) over.abort();
    const job = new DeliverJob({ ...this.#options, number, signal: over.signal });
    let rescues: NodeJS.Timeout | undefined;
    const endWatch = this.#options.holds.watch(() => {
      isHeld = true;
      this.#state = 'held';
      over.abort();
    });
    try {
      await this.#takeOver(session);
      await loop.warmUp(number);
      await job.start();
      const noRescueMs = this.#hasLost ? timings.noRescueAfterLossMs : 0;
      const rescueFromMs = performance.now() + noRescueMs;
      const { signal } = over;
      rescues = setInterval(
        () => void this.#tend(job, { rescueFromMs, signal }),
        timings.rescueEveryMs,
      );
      this.#state = 'ok';
      log.info({ worker: number }, 'Worker ready');
      events.emit('workerReady', { number });
      await ended;
    } finally {
      clearInterval(rescues);
      endWatch();
      this.#stopping.signal.removeEventListener('abort', onStop);
      over.abort();
      await job.stop();
      if ((isHeld || this.#stopping.signal.aborted) && lostBecause === undefined) {
        // Webhooks in flight need the number until they are recorded.
        await sender.whenIdle();
        await this.#options.recorder.drain();
        await leave(maintenancePool, number).catch(() => {});
      }
      await session.close();
    }
    if (lostBecause !== undefined) {
      this.#hasLost = true;
      this.#state = 'lost';
      log.warn({ worker: number, reason: lostBecause }, 'Worker lost its session');
      events.emit('workerLost', { number, reason: lostBecause });
    }
  }

  /** The number is ours, which proves that its former holder is dead. */
  async #takeOver({ number }: WorkerSession): Promise<void> {
    const { maintenancePool, events, log, version } = this.#options;
    await rescueFormerHolder(maintenancePool, { number, keep: this.#keep(), events, log });
    await maintenancePool.query(
      `insert into posthorn.workers (number, host, pid, version)
       values ($1, $2, $3, $4)
       on conflict (number) do update
         set host = excluded.host, pid = excluded.pid, version = excluded.version, graphile_pool = null,
           egress_down_since = null, claims_failing_since = null, claim_error = null, held_back = '[]',
           started_at = clock_timestamp(), seen_at = clock_timestamp()`,
      [number, hostname(), process.pid, version],
    );
  }

  /** The webhooks that this process is sending or recording, under any number. */
  #keep(): string[] {
    return [...this.#options.sender.webhookIds, ...this.#options.recorder.webhookIds];
  }

  /** Reports failing claims within a minute; with the crontab alone it may take longer. */
  async #tellOfFailingClaims(): Promise<void> {
    const isFailing = this.#claimsFailing !== undefined;
    if (isFailing && !this.#hasToldOfClaims) await evaluateAlertsNow(this.#options.maintenancePool);
    this.#hasToldOfClaims = isFailing;
  }

  /** `signal` aborts when the session is over: then the others may have lost theirs for the same cause, and are not dead. */
  async #tend(
    job: DeliverJob,
    { rescueFromMs, signal }: { rescueFromMs: number; signal: AbortSignal },
  ): Promise<void> {
    const { maintenancePool, events, log } = this.#options;
    // Each task runs separately, so that a failure of one does not stop the others.
    const attend = async (work: Promise<unknown>, trouble: string) => {
      await work.catch((error: unknown) => log.warn({ error: String(error) }, trouble));
    };
    await attend(job.ensure(), 'Cannot check the deliver job');
    await attend(watchClock(maintenancePool, log), 'Cannot check the clock of the database');
    await attend(ensureReplays(maintenancePool), 'Cannot check the replays');
    await attend(ensureFanOuts(maintenancePool), 'Cannot check the fan-outs');
    await attend(this.#tellOfFailingClaims(), 'Cannot report that claims fail');
    if (signal.aborted || performance.now() < rescueFromMs) return;
    const rescue = rescueDeadWorkers(maintenancePool, { keep: this.#keep(), events, log });
    await attend(rescue, 'Cannot check the other workers');
  }
}
