/** The most bytes of request bodies that a process holds at a time. A body takes about three times its size until it is in Postgres. */
export const mostBodyBytes = 32 * 1024 * 1024;

/** Counts the bytes that requests hold, so that many large ones at once do not take all memory. */
export class BodyRoom {
  readonly #most: number;
  #taken = 0;

  constructor(most: number = mostBodyBytes) {
    this.#most = most;
  }

  /** Begins to count the bytes of one request. */
  open(): RequestRoom {
    let taken = 0;
    let isOpen = true;
    return {
      take: (bytes) => {
        // After the deadline, a handler may still be reading a request that was answered already.
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

/** The bytes that one request holds. */
export interface RequestRoom {
  /** Takes so many bytes more; false if there is no room for them. */
  take(bytes: number): boolean;
  free(): void;
}
