import type { Attempted } from '../events.ts';
import type { ClaimedWebhook } from './claim.ts';

/*
 * Sends webhooks of one ordered lane that were claimed together, one after another.
 *
 * Each is sent after the 2xx of the one before, which may not be in Postgres yet: at most 16 are not. Whatever else happens ends the
 * train: what was not sent is given back, and the lane is free when all results are in Postgres. A crash here: the answers that were
 * not in Postgres come again, in order and before anything new (I4); see docs/adr/0031-ordered-ahead.md.
 */

/** One request of a train. */
export interface Turn {
  readonly beganMs: number;
  readonly ended: Promise<Attempted>;
  /** Gives the result to the recorder, which hurries if it is awaited. */
  record(ended: Attempted, settling: Settling): void;
  /** Frees the slot of its lane. */
  endLane(ended: Attempted, took: { readonly tookMs: number }): void;
  /** Its result is in Postgres: the lane may be claimed again, after a pause if the receiver asks for one. */
  settled(ended: Attempted): void;
}

export interface Settling {
  /** Called when the result is in Postgres, or given up. */
  readonly onSettled: (() => void) | undefined;
  readonly isAwaited: boolean;
  /** Not before the earlier results of its lane. */
  readonly isInOrder: boolean;
}

interface TrainOptions {
  /** Begins a request. */
  begin(webhook: ClaimedWebhook): Turn;
  /** Gives back what was not sent. Never throws. */
  giveBack(webhooks: readonly ClaimedWebhook[]): Promise<void>;
  /** So many more of its webhooks wait for their turn; less than 0: fewer. */
  noteWaiting(change: number): void;
}

/** So many webhooks of a lane are sent again in the worst case, when their worker dies. */
export const mostUnrecorded = 16;
/** Then the rest is given back, so that no lease ends before its turn and nobody waits long for a webhook that is not being sent. */
export const mostAgeMs = 2_000;

class Train {
  /** Its lane, and the tenant: those whose rules it keeps to. */
  readonly keys: readonly string[];
  readonly #options: TrainOptions;
  readonly #claimedMs: number;
  #left: readonly ClaimedWebhook[];
  #isEnded = false;
  #givenBack: Promise<void> | undefined;
  #unrecorded = 0;
  #noteSettled = () => {};

  constructor([first, ...others]: Claimed, options: TrainOptions) {
    const { tenant } = first.groups;
    this.keys = tenant === null ? [first.lane] : [first.lane, tenant];
    this.#claimedMs = first.claimed.toMs;
    this.#options = options;
    this.#left = [first, ...others];
    options.noteWaiting(this.#left.length);
  }

  /** What was claimed and not begun, and was not given back yet. */
  get left(): readonly ClaimedWebhook[] {
    return this.#left;
  }

  /** Nothing more is sent, and the rest is given back at once: the request under way may take long. */
  end(): void {
    this.#isEnded = true;
    this.#givenBack ??= this.#giveBack();
  }

  /** The first request begins before this returns. */
  async run(): Promise<void> {
    let free = () => {};
    let webhook = this.#take();
    while (webhook !== undefined) {
      const turn = this.#options.begin(webhook);
      // Only now, so that the lane is never free in between.
      free();
      const ended = await turn.ended;
      const isDelivered = ended.decision.became === 'delivered';
      this.#unrecorded += 1;
      const isFull = this.#unrecorded >= mostUnrecorded;
      const isLast = !isDelivered || !this.#goesOn();
      turn.record(ended, {
        onSettled: () => this.#settled(),
        isAwaited: isLast || isFull,
        isInOrder: true,
      });
      if (isFull && !isLast) await this.#untilUnrecorded(mostUnrecorded - 1);
      const tookMs = performance.now() - turn.beganMs;
      webhook = isLast || !this.#goesOn() ? undefined : this.#take();
      const isOver = webhook === undefined;
      free = () => {
        turn.endLane(ended, { tookMs });
        if (isOver) turn.settled(ended);
      };
    }
    this.end();
    await Promise.all([this.#untilUnrecorded(0), this.#givenBack]);
    free();
  }

  #goesOn(): boolean {
    const isOld = performance.now() - this.#claimedMs > mostAgeMs;
    return !this.#isEnded && this.#left.length > 0 && !isOld;
  }

  #take(): ClaimedWebhook | undefined {
    const [next, ...left] = this.#left;
    this.#left = left;
    if (next !== undefined) this.#options.noteWaiting(-1);
    return next;
  }

  async #giveBack(): Promise<void> {
    if (this.#left.length === 0) return;
    await this.#options.giveBack(this.#left);
    this.#options.noteWaiting(-this.#left.length);
    this.#left = [];
  }

  #settled(): void {
    this.#unrecorded -= 1;
    this.#noteSettled();
  }

  async #untilUnrecorded(most: number): Promise<void> {
    while (this.#unrecorded > most) {
      await new Promise<void>((resolve) => {
        this.#noteSettled = resolve;
      });
    }
  }
}

type Claimed = readonly [ClaimedWebhook, ...ClaimedWebhook[]];

const mostPerClaim = 200;
const mostWaiting = 512;
/** Calls of lanes and tenants that are remembered. */
const mostCalls = 1_000;

/** The trains that this process sends. */
export class Trains {
  readonly #underWay = new Set<Train>();
  /** When lanes and tenants were told to end their trains, because a claim under way may have read what was before. */
  readonly #endedMs = new Map<string, number>();
  #allEndedMs = Number.NEGATIVE_INFINITY;

  get size(): number {
    return this.#underWay.size;
  }

  /** How many webhooks a claim may take ahead: each keeps its body in memory. */
  get room(): number {
    return Math.min(mostPerClaim, Math.max(0, mostWaiting - this.waiting.length));
  }

  /** What was claimed and not begun. */
  get waiting(): readonly ClaimedWebhook[] {
    return [...this.#underWay].flatMap(({ left }) => left);
  }

  /** Sends webhooks of one lane in their order; resolves when all are recorded or given back. */
  async send(webhooks: Claimed, options: TrainOptions): Promise<void> {
    const train = new Train(webhooks, options);
    this.#underWay.add(train);
    const ended = train.keys.map((key) => this.#endedMs.get(key) ?? -1);
    const endedMs = Math.max(this.#allEndedMs, ...ended);
    const run = train.run();
    if (webhooks[0].claimed.fromMs <= endedMs) train.end();
    await run;
    this.#underWay.delete(train);
  }

  /** The rules of a lane or a tenant have changed: what was claimed before is not sent. */
  end(key: string): void {
    if (this.#endedMs.size >= mostCalls) this.endAll();
    this.#endedMs.set(key, performance.now());
    for (const train of this.#underWay) if (train.keys.includes(key)) train.end();
  }

  endAll(): void {
    this.#allEndedMs = performance.now();
    this.#endedMs.clear();
    for (const train of this.#underWay) train.end();
  }
}

/** Puts the webhooks of each ordered lane together, in their order; each other one stands alone. */
export function inTrains(
  webhooks: readonly ClaimedWebhook[],
  isOrdered: (webhook: ClaimedWebhook) => boolean,
): { readonly single: readonly ClaimedWebhook[]; readonly trains: readonly Claimed[] } {
  const single = webhooks.filter((webhook) => !isOrdered(webhook));
  if (single.length === webhooks.length) return { single, trains: [] };
  const lanes = Map.groupBy(webhooks.filter(isOrdered), ({ lane }) => lane);
  const trains = [...lanes.values()].flatMap((some) => {
    const [first, ...others] = some.toSorted(bySending);
    return first === undefined ? [] : [[first, ...others] as const];
  });
  return { single, trains };
}

function bySending(a: ClaimedWebhook, b: ClaimedWebhook): number {
  return a.dueMs - b.dueMs || (a.webhookId < b.webhookId ? -1 : 1);
}
