import { Visibility } from '../domain/visibility.ts';
import { discoveryPage, type Look } from './lane.ts';

/** How far back the window goes for producers that commit late. Those that hold on longer wait for a scan. */
const lateCommitLimitMs = 10_000;
/** After so many full pages a scan of all lanes finds the rest with less work: a lane costs it what a webhook costs a page. */
const mostPages = 2;
/** Of what has just come, beside a page after one that was full. */
export const mostNewest = 64;

/** From when on the next claim looks at the queue, so that it sees whatever may have appeared since the last one. */
export class DiscoveryWindow {
  readonly #visibility = new Visibility(lateCommitLimitMs);
  #fromMs: number | undefined;
  /** While pages are full: where the window starts once they are not. */
  #afterPagesMs: number | undefined;
  #fullPages = 0;
  /** The latest instant for which a scan was asked. */
  #scannedMs = 0;

  /** Database time, ms; undefined until the first look, which only finds out where the window starts. */
  get fromMs(): number | undefined {
    return this.#fromMs;
  }

  /**
   * After a full page: how much of what has just come a claim looks at, so that it does not wait for more pages, even where the window
   * begins with the same ones again because of a producer that may commit late.
   */
  get maxNewest(): number {
    return this.hasMore ? mostNewest : 0;
  }

  /** The last page was full: there may be more. */
  get hasMore(): boolean {
    return this.#afterPagesMs !== undefined;
  }

  /**
   * Moves on after a claim that looked. True when it passes by webhooks that it has not seen, which a scan of all lanes must find:
   * after two full pages, so that what has just come does not wait for what came before it; and when more than a page of them are due at
   * one instant, as after a bulk insert with one send_at.
   */
  move({ page, look }: Look): boolean {
    const next = this.#visibility.windowAfter(look) - 1;
    const isFull = page.webhooks >= discoveryPage;
    this.#fullPages = isFull ? this.#fullPages + 1 : 0;
    if (!isFull || this.#fullPages === mostPages) {
      this.#fromMs = this.#afterPagesMs ?? next;
      this.#afterPagesMs = undefined;
      this.#fullPages = 0;
      return isFull;
    }
    // More than a page: go on where it ended, and afterwards where the first page would have had us go on.
    this.#afterPagesMs ??= next;
    const { toMs: lastDueMs } = page;
    const fromMs = this.#fromMs ?? 0;
    const hasPassed = lastDueMs > fromMs;
    this.#fromMs = hasPassed ? lastDueMs : fromMs + 0.001;
    // The clock was set back.
    if (look.nowMs < this.#scannedMs) this.#scannedMs = 0;
    // While it goes back for those that commit late, it comes by the same instants again: one scan for each is enough.
    if (hasPassed || lastDueMs <= this.#scannedMs) return false;
    this.#scannedMs = lastDueMs;
    return true;
  }
}
