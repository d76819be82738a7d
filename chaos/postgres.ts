import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findBinaries } from '../src/embedded/binaries.ts';
import { prepareCluster, readPassword, type Site, superuser } from '../src/embedded/cluster.ts';
import { choosePort } from '../src/embedded/port.ts';
import { findPostmaster, launchPostmaster, stopPostmaster } from '../src/embedded/postmaster.ts';
import { untilReady } from '../src/embedded/readiness.ts';

type Launcher = Awaited<ReturnType<typeof prepareCluster>>;
type Binaries = Awaited<ReturnType<typeof findBinaries>>;

const run = promisify(execFile);

interface Parts {
  readonly site: Site;
  readonly binaries: Binaries;
  readonly launcher: Launcher;
  readonly port: number;
  readonly password: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** Whether we may mount a small disk, as root may where nothing confines it. */
export function canMountDisk(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const directory = mkdtempSync(join(tmpdir(), 'posthorn-chaos-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', directory], { stdio: 'ignore' });
    execFileSync('umount', [directory], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * A Postgres of the run's own, with fsync and all other defaults that decide about durability, which can be stopped and
 * killed. Nobody starts it again but the run.
 */
export class ChaosPostgres implements AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly #parts: Parts;
  readonly #cleanUp: () => Promise<void>;

  /** @param options.diskMb puts the data on a tmpfs of that size; see {@link canMountDisk}. */
  static async start(options: { readonly diskMb?: number } = {}): Promise<ChaosPostgres> {
    const parent = await mkdtemp(join(tmpdir(), 'posthorn-chaos-'));
    const dataDir = join(parent, 'disk');
    await mkdir(dataDir, { mode: 0o711 });
    const { diskMb } = options;
    if (diskMb !== undefined) {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${diskMb}m,mode=0711`, 'none', dataDir]);
    }
    const cleanUp = async () => {
      if (diskMb !== undefined) await run('umount', [dataDir]);
      await rm(parent, { recursive: true, force: true });
    };
    await run('chmod', ['711', parent]);
    const site: Site = {
      dataDir,
      cluster: join(dataDir, 'postgres'),
      passfile: join(dataDir, 'pgpass'),
      urlFile: join(dataDir, 'database-url'),
      logFile: join(dataDir, 'postgres.log'),
      stateFile: join(dataDir, 'postgres.json'),
      lockFile: join(dataDir, 'postgres.lock'),
    };
    const binaries = await findBinaries();
    const launcher = await prepareCluster(site, { binaries, sync: false });
    const parts: Parts = {
      site,
      binaries,
      launcher,
      port: await choosePort(40_000 + Math.floor(Math.random() * 10_000)),
      password: await readPassword(site),
      // A small disk is to be full with data, not with WAL kept for checkpoints.
      settings: {
        // The checker compares when a result was committed with when its webhook was sent again.
        track_commit_timestamp: 'on',
        ...(diskMb === undefined ? {} : { max_wal_size: '64MB', min_wal_size: '32MB' }),
      },
    };
    const server = new ChaosPostgres(parts, cleanUp);
    await server.up();
    return server;
  }

  private constructor(parts: Parts, cleanUp: () => Promise<void>) {
    this.#parts = parts;
    this.#cleanUp = cleanUp;
    this.port = parts.port;
    this.url = `postgres://${superuser}:${parts.password}@127.0.0.1:${parts.port}/posthorn`;
  }

  /** The same database through another port, as of a proxy. */
  urlAt(port: number): string {
    const url = new URL(this.url);
    url.port = String(port);
    return url.href;
  }

  /** Starts it, recovering if it has to, and waits until it takes connections. */
  async up(): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      const postmaster = await launchPostmaster(this.#parts);
      try {
        await untilReady({
          postmaster,
          password: this.#parts.password,
          cluster: this.#parts.site.cluster,
          signal: AbortSignal.timeout(60_000),
        });
        return;
      } catch (error) {
        // Backends of a killed postmaster may hold the shared memory for a moment.
        if (tries === 20) throw error;
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    }
  }

  /** pg_ctl stop -m immediate: no checkpoint, recovery at the next start. */
  async stopImmediately(): Promise<void> {
    await this.#end('SIGQUIT');
  }

  /** pg_ctl stop -m fast. */
  async stopFast(): Promise<void> {
    await this.#end('SIGINT');
  }

  /** kill -9 of the postmaster; its backends notice. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Fills the disk to the last byte; the returned function frees it. */
  async fillDisk(): Promise<() => Promise<void>> {
    const path = join(this.#parts.site.dataDir, 'ballast');
    await writeFile(path, '');
    await run('sh', ['-c', `cat /dev/zero > '${path}'`]).catch(() => {});
    return () => rm(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const postmaster = await findPostmaster(this.#parts.site.cluster);
    if (postmaster !== undefined) await stopPostmaster(postmaster, this.#parts);
    await this.#cleanUp();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const postmaster = await findPostmaster(this.#parts.site.cluster);
    if (postmaster === undefined) return;
    process.kill(postmaster.identity.pid, signal);
    while ((await findPostmaster(this.#parts.site.cluster)) !== undefined) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
