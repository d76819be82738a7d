import { answerParent } from '../../../harness/parent.ts';
import { createDelivery, type Delivery } from './delivery.ts';
import type { PeerSite } from './peers.ts';

/** What the benchmark asks a worker of a peer for. */
export type PeerWorkerRequest =
  | { readonly ask: 'start'; readonly site: PeerSite }
  /** Takes no more jobs, ends those it has, and tells what went wrong. */
  | { readonly ask: 'stop' };

export interface PeerWorkerReport {
  readonly troubles: readonly string[];
}

/** The library's worker at work; stops without leaving a job half done. */
export interface RunningWorker {
  stop(): Promise<void>;
}

/** Serves a worker process of a peer: `start` starts the library's worker, with `delivery` as what its jobs do. */
export function serveWorker(
  start: (site: PeerSite, delivery: Delivery) => Promise<RunningWorker>,
): void {
  let delivery: Delivery | undefined;
  let worker: RunningWorker | undefined;
  answerParent<PeerWorkerRequest>({
    ready: true,
    async answer(request): Promise<true | PeerWorkerReport> {
      switch (request.ask) {
        case 'start':
          delivery = createDelivery(request.site);
          worker = await start(request.site, delivery);
          return true;
        case 'stop':
          await worker?.stop();
          await delivery?.close();
          return { troubles: delivery?.troubles ?? [] };
        default:
          return request satisfies never;
      }
    },
  });
}
