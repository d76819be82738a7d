import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { end, endWithUs } from '../harness/ending.ts';

/** `posthorn worker`, started as its users start it: by its command line and the environment. */
export class WorkerProcess implements AsyncDisposable {
  readonly pid: number;
  /** Rejects when the worker ends by itself. */
  readonly failed: Promise<never>;
  readonly #process: ChildProcess;
  #isStopping = false;
  #tail = '';
  readonly #address = Promise.withResolvers<string>();

  constructor(options: {
    readonly databaseUrl: string;
    readonly profile: string | undefined;
    /** Options of Node.js. */
    readonly flags?: readonly string[] | undefined;
    /** Settings beside the defaults. */
    readonly env?: Readonly<Record<string, string>>;
  }) {
    const cli = fileURLToPath(new URL('../src/cli.ts', import.meta.url));
    const { databaseUrl, profile, flags = [] } = options;
    const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
    this.#process = spawn(process.execPath, [...flags, ...profiling, cli, 'worker'], {
      env: {
        ...process.env,
        DATABASE_URL: databaseUrl,
        // The receiver is on loopback, which no webhook may reach unless the operator says so.
        POSTHORN_ALLOW_NETWORKS: '127.0.0.0/8',
        POSTHORN_HEALTH_PORT: '0',
        ...options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: Ctrl-C is for the benchmark, which then stops it.
      detached: true,
    });
    this.pid = this.#process.pid ?? 0;
    endWithUs(this.#process);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (text: Buffer) => {
        this.#tail = `${this.#tail}${text}`.slice(-4_000);
        const [, address] = /^ {2}health +(http:\S+)\n/m.exec(this.#tail) ?? [];
        if (address !== undefined) this.#address.resolve(address);
      });
    }
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {});
    this.failed = promise;
    this.#process.on('error', reject);
    this.#process.on('exit', () => {
      if (!this.#isStopping) reject(new Error('The worker ended by itself'));
    });
  }

  /** Where its health and metrics are. */
  get address(): Promise<string> {
    return Promise.race([this.#address.promise, this.failed]);
  }

  /** The last it printed. */
  get tail(): string {
    return this.#tail;
  }

  /** Sends SIGTERM and waits. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    if (!(await end(this.#process))) throw new Error(`The worker did not stop:\n${this.#tail}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    await end(this.#process);
  }
}
