/** How many bytes of request bodies a process holds at a time. Until one is in Postgres it takes about three times as much. */
export const mostBodyBytes = 32 * 1024 * 1024;

/** Counts what is held, so that many large requests at once do not take all memory. */
export class BodyRoom {
  readonly #most: number;
  #taken = 0;

  constructor(most: number = mostBodyBytes) {
    this.#most = most;
  }

  /** Begins to count what one request holds. */
  open(): RequestRoom {
    let taken = 0;
    let isOpen = true;
    return {
      take: (bytes) => {
        // After its deadline a request is read on by a handler that nobody waits for.
        if (!isOpen || this.#taken + bytes > this.#most) return false;
        this.#taken += bytes;
        taken += bytes;
        return true;
      },
      free: () => {
        this.#taken -= taken;
        isOpen = false;
      },
    };
  }
}

/** What one request holds. */
export interface RequestRoom {
  /** False: there is no room for so many bytes more. */
  take(bytes: number): boolean;
  free(): void;
}
