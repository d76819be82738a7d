import { createClient, ErrorReply, type RedisClientType } from 'redis';
import type { Log } from '../log.ts';

/*
 * A connection to Redis that never makes anybody wait: each command has a deadline, and after a failure there are none for
 * a while. Whatever is wrong with Redis is "no answer" here, and one line in the log when it begins and when it ends.
 */

export interface RedisLinkOptions {
  readonly url: string;
  readonly log: Log;
  /** Certificate authorities to trust in place of Node's, PEM. */
  readonly ca?: string | undefined;
}

export type RedisClient = RedisClientType;

const connectMs = 2_000;
const commandMs = 250;
/** After a failure; doubled up to the second with each that follows. Below 5 s, which is what falling back may take. */
const firstPauseMs = 500;
const mostPauseMs = 4_000;

/** Settings of every connection. The URL holds a password: no error that is passed on repeats it. */
export function createRedisClient({ url, ca }: RedisLinkOptions): RedisClient {
  return createClient({
    url,
    disableOfflineQueue: true,
    commandsQueueMaxLength: 1_000,
    socket: {
      connectTimeout: connectMs,
      // Its own waits for its next try even when it is destroyed, and the process would wait with it: {@link keepConnected}.
      reconnectStrategy: false,
      ...(ca === undefined ? {} : { tls: true, ca }),
    },
  });
}

/** Connects, and again whenever there is no connection. Returns what ends that, and the connection with it. */
export function keepConnected(client: RedisClient): () => void {
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  // What went wrong is told by the client's event.
  const connect = () => void client.connect().catch(() => {});
  client.on('ready', () => {
    failures = 0;
  });
  client.on('terminated', () => {
    timer = setTimeout(connect, Math.min(firstPauseMs * 2 ** failures, mostPauseMs));
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

  /** Asks whether Redis is there, unless it was asked a moment ago. Not waited for. */
  probe(): void {
    void this.ask((client) => client.ping());
  }

  /**
   * Runs commands; undefined when there is no answer in time, or none is expected. Never throws. Keys that hold what
   * nobody of us has written are deleted, if they are named.
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
    this.#pauseMs = Math.min(this.#pauseMs * 2, mostPauseMs);
    const reason = reasonOf(error);
    if (!this.#isUp && reason === this.#lastReason) return;
    this.#isUp = false;
    this.#lastReason = reason;
    this.#log.warn({ reason }, 'Redis does not answer: working without the lane cache');
  }
}

/** Something else is there under the name of a key of ours. */
export function isWrongType(error: unknown): boolean {
  return error instanceof ErrorReply && error.message.startsWith('WRONGTYPE');
}

/** What Redis says of itself names no password; of anything else only the code or the name is known to be harmless. */
function reasonOf(error: unknown): string {
  if (error instanceof ErrorReply) return error.message.slice(0, 200);
  if (!(error instanceof Error)) return 'unknown';
  const code: unknown = Reflect.get(error, 'code');
  if (typeof code === 'string') return code;
  return error.message.startsWith('No answer') ? error.message : error.constructor.name;
}
