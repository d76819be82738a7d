import { createClient, ErrorReply, type RedisClientType } from 'redis';
import type { Log } from '../log.ts';

/*
 * A connection to Redis that never delays its callers: each command has a deadline, and after a failure no commands are
 * sent for a while. Every fault of Redis counts as "no answer", with one line in the log when it begins and when it
 * ends.
 */

export interface RedisLinkOptions {
  readonly url: string;
  readonly log: Log;
  /** Certificate authorities to trust instead of Node's, PEM. */
  readonly ca?: string | undefined;
}

export type RedisClient = RedisClientType;

const connectMs = 2_000;
const commandMs = 250;
/**
 * The pause after a failure; it doubles with each failure up to the maximum. Both stay below 5 s, the time that falling
 * back may take.
 */
const firstPauseMs = 500;
const maxPauseMs = 4_000;

/**
 * Creates a client with the settings of every connection. The URL holds a password, so no error that is passed on
 * repeats it.
 */
export function createRedisClient({ url, ca }: RedisLinkOptions): RedisClient {
  return createClient({
    url,
    disableOfflineQueue: true,
    commandsQueueMaxLength: 1_000,
    socket: {
      connectTimeout: connectMs,
      // The client's own reconnection waits for its next try even when it is destroyed, which would keep the process
      // alive: see {@link keepConnected}.
      reconnectStrategy: false,
      ...(ca === undefined ? {} : { tls: true, ca }),
    },
  });
}

/**
 * Connects, and reconnects whenever the connection is lost. Returns a function that stops this and closes the
 * connection.
 */
export function keepConnected(client: RedisClient): () => void {
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  // The client's "error" event reports the fault.
  const connect = () => void client.connect().catch(() => {});
  client.on('ready', () => {
    failures = 0;
  });
  client.on('terminated', () => {
    timer = setTimeout(connect, Math.min(firstPauseMs * 2 ** failures, maxPauseMs));
    failures += 1;
  });
  connect();
  return () => {
    client.removeAllListeners('terminated');
    clearTimeout(timer);
    client.destroy();
  };
}

export class RedisLink {
  readonly #client: RedisClient;
  readonly #disconnect: () => void;
  readonly #log: Log;
  #isUp = false;
  #isClosed = false;
  #pauseMs = firstPauseMs;
  #pausedUntilMs = 0;
  #lastReason = '';

  constructor(options: RedisLinkOptions) {
    this.#log = options.log;
    this.#client = createRedisClient(options);
    this.#client.on('error', (error: Error) => this.#down(error));
    this.#client.on('ready', () => {
      this.#pausedUntilMs = 0;
      this.probe();
    });
    this.#disconnect = keepConnected(this.#client);
  }

  /** Whether the last command was answered. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Asks whether Redis is there, unless it was asked a moment ago. The caller does not wait. */
  probe(): void {
    void this.ask((client) => client.ping());
  }

  /**
   * Runs commands; undefined when there is no answer in time, or none is expected. Never throws. If the keys are named
   * and hold data that Posthorn did not write, they are deleted.
   */
  async ask<Answer>(
    run: (client: RedisClient) => Promise<Answer>,
    keys: readonly string[] = [],
  ): Promise<Answer | undefined> {
    if (this.#isClosed || !this.#client.isReady) return undefined;
    if (performance.now() < this.#pausedUntilMs) return undefined;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`No answer within ${commandMs} ms`)), commandMs);
    });
    try {
      const answer = await Promise.race([run(this.#client), late]);
      this.#up();
      return answer;
    } catch (error) {
      if (isWrongType(error)) void this.#client.unlink([...keys]).catch(() => {});
      else this.#down(error);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#isUp = false;
    this.#disconnect();
  }

  #up(): void {
    this.#pauseMs = firstPauseMs;
    if (this.#isUp) return;
    this.#isUp = true;
    this.#lastReason = '';
    this.#log.info({}, 'Redis answers: the lane cache is in use');
  }

  #down(error: unknown): void {
    if (this.#isClosed) return;
    this.#pausedUntilMs = performance.now() + this.#pauseMs;
    this.#pauseMs = Math.min(this.#pauseMs * 2, maxPauseMs);
    const reason = reasonOf(error);
    if (!this.#isUp && reason === this.#lastReason) return;
    this.#isUp = false;
    this.#lastReason = reason;
    this.#log.warn({ reason }, 'Redis does not answer: working without the lane cache');
  }
}

/** Whether another type of value is stored under one of our keys. */
export function isWrongType(error: unknown): boolean {
  return error instanceof ErrorReply && error.message.startsWith('WRONGTYPE');
}

/**
 * The reason of a failure, for the log. Redis' own messages contain no password; of other errors only the code or the
 * name is known to be safe.
 */
function reasonOf(error: unknown): string {
  if (error instanceof ErrorReply) return error.message.slice(0, 200);
  if (!(error instanceof Error)) return 'unknown';
  const code: unknown = Reflect.get(error, 'code');
  if (typeof code === 'string') return code;
  return error.message.startsWith('No answer') ? error.message : error.constructor.name;
}
