import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type RedisClientType } from 'redis';
import { canRun } from './can-run.ts';
import { freePort } from './free-port.ts';

/** A real redis-server of a test's own. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Of the process that runs now. */
  readonly pid: number;
  /** For what the test itself asks and does. */
  readonly client: RedisClientType;
  signal(signal: NodeJS.Signals): void;
  /** kill -9. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Whether this machine has a redis-server (Debian: apt-get install redis-server). */
export const hasRedis = canRun('redis-server', { why: 'the tests of the Redis cache' });

/** Starts a redis-server; `args` are those of its command line. */
export async function startRedis(args: readonly string[] = []): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'posthorn-redis-'));
  const isTls = args.includes('--tls-port');
  const port = await freePort();
  const portArgs = isTls ? ['--port', '0'] : ['--port', String(port)];
  const given = args.map((arg) => arg.replace('<port>', String(port)));
  const run = async () => {
    const child = spawn(
      'redis-server',
      [
        ...portArgs,
        '--bind',
        '127.0.0.1',
        '--save',
        '',
        '--appendonly',
        'no',
        '--dir',
        directory,
        ...given,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await ready(child);
    return child;
  };
  let child = await run();
  const url = `redis://127.0.0.1:${port}`;
  const client: RedisClientType = createClient({ url });
  client.on('error', () => {});
  if (!isTls && !args.includes('--requirepass') && !args.includes('--user')) await client.connect();
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  const stop = async () => {
    if (client.isOpen) client.destroy();
    await kill();
    await rm(directory, { recursive: true, force: true });
  };
  return {
    url,
    port,
    get pid() {
      return child.pid ?? 0;
    },
    client,
    signal: (signal) => void child.kill(signal),
    kill,
    restart: async () => {
      await kill();
      child = await run();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      said += String(chunk);
      if (said.includes('Ready to accept connections')) resolve();
    });
    child.once('exit', () => reject(new Error(`redis-server did not start: ${said}`)));
  });
}
