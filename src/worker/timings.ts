import { usualReleaseAfterMs } from '../lanes/lane-book.ts';

/** How long a worker waits, in ms. Only tests choose other times than the usual ones. */
export interface Timings {
  /** Between two looks at dead workers, replays without a job and the worker's own job. */
  readonly rescueEveryMs: number;
  /** After its session was lost: what took it may have taken all, and the others get this time to come back. */
  readonly noRescueAfterLossMs: number;
  /** Without a slice of the deliver job for this long the job is added again; for thrice as long, the runner is started again. */
  readonly missingAfterMs: number;
  readonly heartbeatMs: number;
  /** A heartbeat without an answer for this long means that the session is lost. */
  readonly heartbeatTimeoutMs: number;
  /** Between two scans of all lanes. */
  readonly scanEveryMs: number;
  /** A limited lane without work for this long is given up, so that it is not this worker's for ever. */
  readonly releaseAfterMs: number;
  /** Between two writings of what was tried, for statistics and alerts. */
  readonly countEveryMs: number;
}

export const usualTimings: Timings = {
  rescueEveryMs: 2_000,
  // The others try to come back at least every 5 s. Those that did die meanwhile are rescued so much later.
  noRescueAfterLossMs: 7_000,
  missingAfterMs: 3_000,
  heartbeatMs: 2_000,
  heartbeatTimeoutMs: 10_000,
  scanEveryMs: 5_000,
  releaseAfterMs: usualReleaseAfterMs,
  countEveryMs: 15_000,
};
