import { usualReleaseAfterMs } from '../lanes/lane-book.ts';

/** The intervals of a worker, in ms. Only tests change them. */
export interface Timings {
  /** Between two checks for dead workers, replays without a job, and the worker's own job. */
  readonly rescueEveryMs: number;
  /**
   * After its own session was lost, the worker rescues no others for this time: the same cause may have hit them, and
   * they get this time to come back.
   */
  readonly noRescueAfterLossMs: number;
  /**
   * If no slice of the deliver job ran for this long, the job is added again; after three times as long, the runner is
   * started again.
   */
  readonly missingAfterMs: number;
  readonly heartbeatMs: number;
  /** A heartbeat without an answer for this long means that the session is lost. */
  readonly heartbeatTimeoutMs: number;
  /** Between two scans of all lanes. */
  readonly scanEveryMs: number;
  /** A limited lane without work for this long is released, so that it does not stay with this worker for ever. */
  readonly releaseAfterMs: number;
  /** Between two writes of the counts for statistics and alerts. */
  readonly countEveryMs: number;
  /** Until partitions that could not be made at the start are tried again. */
  readonly partitionsAgainMs: number;
}

export const usualTimings: Timings = {
  rescueEveryMs: 2_000,
  // The others try to come back at least every 5 s. Workers that died in the meantime are rescued this much later.
  noRescueAfterLossMs: 7_000,
  missingAfterMs: 3_000,
  heartbeatMs: 2_000,
  heartbeatTimeoutMs: 10_000,
  scanEveryMs: 5_000,
  releaseAfterMs: usualReleaseAfterMs,
  countEveryMs: 15_000,
  partitionsAgainMs: 10_000,
};
