import { type ServedApi, serveApi } from './server.ts';
import { createStartingApp, type StartingApp } from './starting.ts';

/** A port that is listened on from the start of a process. */
export interface Door {
  /** Says that Posthorn is starting, until it hands over. */
  readonly app: StartingApp;
  readonly port: number;
  /** Takes no more requests, and lets the running ones end. May be called again. */
  readonly close: (graceMs: number) => Promise<void>;
}

/** The ports of a process. */
export interface Doors {
  readonly main: Door;
  /** For metrics and health, if they have a port of their own. */
  readonly metrics: Door | undefined;
}

/**
 * Takes the ports, which then answer that Posthorn is starting. The functions that close them are pushed to `undo`.
 *
 * @throws if a port cannot be taken; the message names its setting.
 */
export async function takePorts(options: {
  readonly config: {
    readonly host: string;
    readonly port: number;
    readonly healthPort: number;
    readonly metricsPort: number | undefined;
  };
  readonly worker: boolean;
  readonly api: boolean;
  readonly undo: (() => Promise<unknown>)[];
}): Promise<Doors> {
  const { worker, api, undo } = options;
  const { host, port, healthPort, metricsPort } = options.config;
  const take = async (place: { readonly port: number; readonly name: string }): Promise<Door> => {
    const app = createStartingApp({
      database: 'migrating',
      worker: worker ? 'starting' : 'not here',
    });
    const served = await listen({ app, host, ...place });
    undo.push(() => served.close(1_000));
    return { app, ...served };
  };
  const main = await take(
    api ? { port, name: 'PORT' } : { port: healthPort, name: 'POSTHORN_HEALTH_PORT' },
  );
  if (!api || metricsPort === undefined) return { main, metrics: undefined };
  return { main, metrics: await take({ port: metricsPort, name: 'POSTHORN_METRICS_PORT' }) };
}

/** Serves an app on a port; an error names the setting of this name. */
async function listen({
  name,
  ...place
}: Parameters<typeof serveApi>[0] & { readonly name: string }): Promise<ServedApi> {
  return await serveApi(place).catch((cause: Error) => {
    throw new Error(
      `Cannot listen on ${hostOf(place.host)}:${place.port}: HOST and ${name} must be an address of this machine and a free port (${cause.message})`,
      { cause },
    );
  });
}

/** The host to send requests to. 0.0.0.0 and :: can be listened on, but not sent to. */
export function hostOf(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
