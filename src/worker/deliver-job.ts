import { setTimeout as delay } from 'node:timers/promises';
import type { JobHelpers, Runner, TaskList } from 'graphile-worker';
import type { Pool } from 'pg';
import type { Tallies } from '../alerts/tallies.ts';
import { graphileSchema } from '../db/names.ts';
import type { DeliveryLoop } from '../deliver/loop.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';
import { cronItems, type MaintenanceOptions, maintenanceTasks } from '../maintenance/crontab.ts';
import { fanOutTasks } from '../maintenance/fan-outs.ts';
import { replayTasks } from '../maintenance/replays.ts';
import { addSealingJob } from '../maintenance/sealing-job.ts';
import { startRunner } from './runner.ts';
import type { Timings } from './timings.ts';

/*
 * The Graphile Worker side of a worker: a supervised runner and the job `deliver:<number>`, which runs the delivery
 * loop for a slice and then adds itself again under the same key.
 *
 * The rows are the truth, jobs only do the work: when Graphile Worker's tables are emptied, or its runner stops
 * unexpectedly (0.18 resolves `runner.promise` after one lost statement), the job is added and the runner is started
 * again (I11).
 */

interface DeliverJobOptions {
  readonly number: number;
  readonly enginePool: Pool;
  readonly maintenancePool: Pool;
  readonly loop: DeliveryLoop;
  readonly events: Events;
  readonly log: Log;
  readonly maintenance: MaintenanceOptions;
  readonly tallies: Tallies;
  readonly sliceMs?: number;
  readonly timings: Pick<Timings, 'missingAfterMs'>;
  /** Aborts when the worker's session is over or the worker stops. */
  readonly signal: AbortSignal;
}

const usualSliceMs = 45_000;
const stopWithinMs = 5_000;

export class DeliverJob {
  readonly #options: DeliverJobOptions;
  readonly #name: string;
  #runner: Runner | undefined;
  /**
   * The ids that this runner and its predecessors write into `locked_by`. Jobs of the predecessors may still be locked.
   */
  #poolId: string | undefined;
  readonly #formerPoolIds: string[] = [];
  #isPoolNoted = true;
  #supervision: Promise<void> | undefined;
  #slice: Promise<void> = Promise.resolve();
  #isInSlice = false;
  #lastSliceMs = performance.now();
  #abandonRunner: (reason: string) => void = () => {};

  constructor(options: DeliverJobOptions) {
    this.#options = options;
    this.#name = `deliver:${options.number}`;
  }

  /** Starts the runner and the first slice. */
  async start(): Promise<void> {
    await this.#startRunner();
    await this.#add();
    await addSealingJob(this.#options.maintenancePool);
    this.#supervision = this.#supervise();
  }

  /** Adds the job again when no slice runs; if that does not help, starts the runner again. */
  async ensure(): Promise<void> {
    await this.#notePool();
    if (this.#isInSlice || this.#options.signal.aborted) return;
    const { missingAfterMs } = this.#options.timings;
    const missingMs = performance.now() - this.#lastSliceMs;
    if (missingMs > missingAfterMs) await this.#add();
    // If its task ids were deleted, a runner never sees the job; only a new runner looks them up again.
    if (missingMs > 3 * missingAfterMs) this.#abandonRunner('no deliver job ran');
  }

  /** Ends the runner. The slice ends with the signal, which has already fired. */
  async stop(): Promise<void> {
    // There is no supervision yet if the start failed half-way.
    await (this.#supervision ?? this.#stopRunner('the worker stops'));
    // Its claim may hang on a dead connection until that times out.
    await Promise.race([this.#slice, delay(stopWithinMs, undefined, { ref: false })]);
  }

  async #startRunner(): Promise<void> {
    const { maintenancePool, events, log } = this.#options;
    const { runner, poolId } = await startRunner({
      pool: maintenancePool,
      events,
      log,
      taskList: this.#tasks(),
      cronItems: cronItems(),
    });
    this.#runner = runner;
    this.#lastSliceMs = performance.now();
    if (this.#poolId !== undefined) this.#formerPoolIds.push(this.#poolId);
    this.#poolId = poolId;
    this.#isPoolNoted = false;
    await this.#notePool();
  }

  /**
   * Records the runner's id, so that a rescuer knows which jobs to unlock. Unlocks the jobs that an earlier runner left
   * locked.
   */
  async #notePool(): Promise<void> {
    if (this.#isPoolNoted) return;
    const former = [...this.#formerPoolIds];
    await this.#options.maintenancePool.query(
      `with noted as (
         update posthorn.workers set graphile_pool = $2 where number = $1
       )
       select ${graphileSchema}.force_unlock_workers($3::text[])`,
      [this.#options.number, this.#poolId, former],
    );
    this.#formerPoolIds.splice(0, former.length);
    this.#isPoolNoted = true;
  }

  async #supervise(): Promise<void> {
    const { signal, log, events } = this.#options;
    const asked = new Promise<'asked'>((resolve) => {
      if (signal.aborted) resolve('asked');
      signal.addEventListener('abort', () => resolve('asked'), { once: true });
    });
    for (let failures = 0; !signal.aborted; ) {
      const abandoned = Promise.withResolvers<string>();
      this.#abandonRunner = abandoned.resolve;
      const reason = await Promise.race([asked, this.#settled(), abandoned.promise]);
      if (reason === 'asked') break;
      log.warn({ reason }, 'The Graphile runner ended: starting it again');
      events.emit('runnerRestarted', { reason });
      await this.#stopRunner(reason);
      await Promise.race([asked, delay(Math.min(250 * 2 ** failures, 5_000))]);
      if (signal.aborted) break;
      try {
        await this.#startRunner();
        await this.#add();
        failures = 0;
      } catch (error) {
        failures += 1;
        log.warn({ error: String(error) }, 'Cannot start the Graphile runner');
      }
    }
    await this.#stopRunner('the worker stops');
  }

  /** A runner whose connections were cut may wait for them for ever; the rescue frees the jobs that it has locked. */
  async #stopRunner(reason: string): Promise<void> {
    const stopped = this.#runner?.stop(reason).catch(() => {});
    await Promise.race([stopped, delay(stopWithinMs, undefined, { ref: false })]);
  }

  async #settled(): Promise<string> {
    try {
      await this.#runner?.promise;
      return 'it ended unexpectedly';
    } catch (error) {
      return String(error);
    }
  }

  async #add(): Promise<void> {
    await this.#options.maintenancePool.query(
      `select ${graphileSchema}.add_job($1, '{}'::json, job_key => $1, job_key_mode => 'replace', max_attempts => 32767)`,
      [this.#name],
    );
  }

  #tasks(): TaskList {
    return {
      ...maintenanceTasks(this.#options),
      ...replayTasks(this.#options),
      ...fanOutTasks(this.#options),
      [this.#name]: async (_payload: unknown, helpers: JobHelpers) => {
        // The next slice may be picked up before the slice that added it has returned.
        const slice = this.#slice.then(() => this.#runSlice(helpers));
        // A slice that could not add the next one fails its job; later ones must run all the same.
        this.#slice = slice.catch(() => {});
        await slice;
      },
    };
  }

  async #runSlice(helpers: JobHelpers): Promise<void> {
    const { loop, events, signal, number, sliceMs = usualSliceMs } = this.#options;
    if (signal.aborted) return;
    this.#isInSlice = true;
    events.emit('sliceStarted', { number });
    const stopSignals = [signal, helpers.abortSignal].filter((one) => one !== undefined);
    await loop.runSlice({
      workerNumber: number,
      durationMs: sliceMs,
      signal: AbortSignal.any(stopSignals),
    });
    this.#isInSlice = false;
    this.#lastSliceMs = performance.now();
    events.emit('sliceEnded', { number });
    if (!signal.aborted) await this.#add();
  }
}
