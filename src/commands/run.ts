import { once } from 'node:events';
import { readConfig } from '../config/config.ts';
import { unknownSettings } from '../config/unknown-settings.ts';
import { createLog } from '../log.ts';
import { startPosthorn } from '../posthorn.ts';
import { version } from '../version.ts';
import { banner } from './banner.ts';
import { print } from './terminal.ts';

const sameSignalMs = 500;

/** `posthorn start`, `worker` and `api`: runs until SIGTERM or Ctrl-C. A second signal ends it immediately. */
export async function runCommand({
  isJson,
  ...parts
}: {
  worker: boolean;
  api: boolean;
  isJson: boolean;
}): Promise<void> {
  const config = readConfig(process.env);
  const log = createLog(config.logLevel);
  for (const { name, nearest } of unknownSettings(process.env)) {
    const guess = nearest === undefined ? '' : `: did you mean ${nearest}?`;
    log.warn(
      { setting: name, nearest },
      `${name} is not a setting of Posthorn and has no effect${guess}`,
    );
  }
  const stopped = new AbortController();
  let stoppingSinceMs = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopped.signal.aborted) {
      // One Ctrl-C may arrive twice: from the terminal, and once more from npm, which passes it on.
      if (performance.now() - stoppingSinceMs < sameSignalMs) return;
      console.error(
        'Stopped immediately. Requests in flight are sent again; an embedded Postgres keeps running, and the next start takes it over.',
      );
      process.exit(1);
    }
    stoppingSinceMs = performance.now();
    log.info(
      { signal },
      'Stopping: requests in flight are finished first; a second signal stops immediately',
    );
    stopped.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  const posthorn = await startPosthorn({ config, log, ...parts });
  const { address, psql, urlFile, isEmbedded } = posthorn;
  print(
    isJson
      ? { version, ...parts, address, psql, url_file: urlFile, is_embedded: isEmbedded }
      : banner({ posthorn, parts, version }),
  );
  if (!stopped.signal.aborted) await once(stopped.signal, 'abort');
  await posthorn.stop();
  // Logged when it is true: the process ends when nothing keeps it open any more.
  process.once('beforeExit', () => log.info({}, 'Stopped'));
}
