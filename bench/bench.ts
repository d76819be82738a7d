import type { Server } from '../harness/postgres.ts';
import type { Progress } from '../harness/progress.ts';
import type { BenchOptions } from './options.ts';
import type { ReceiverClient } from './receiver-client.ts';

/** What every part of a run needs. */
export interface Bench {
  readonly options: BenchOptions;
  readonly server: Server;
  readonly receiver: ReceiverClient;
  readonly progress: Progress;
  /** Fires when the run has to end: Ctrl-C, or SIGTERM. */
  readonly signal: AbortSignal;
}
