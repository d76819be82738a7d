import { once } from 'node:events';
import { readConfig } from '../config/config.ts';
import { unknownSettings } from '../config/unknown-settings.ts';
import { createLog } from '../log.ts';
import { startPosthorn } from '../posthorn.ts';
import { version } from '../version.ts';
import { banner } from './banner.ts';
import { print } from './terminal.ts';

const sameSignalMs = 500;

/** `posthorn start`, `worker` and `api`: runs until SIGTERM or Ctrl-C. A second signal ends it at once. */
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
      `${name} is no setting of Posthorn and does nothing${guess}`,
    );
  }
  const stopped = new AbortController();
  let stoppingSinceMs = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopped.signal.aborted) {
      // One Ctrl-C may come twice: from the terminal to all, and once more from npm, which passes it on.
      if (performance.now() - stoppingSinceMs < sameSignalMs) return;
      console.error(
        'Ended at once. What was in flight is sent again; an embedded Postgres keeps running, and the next start takes it over.',
      );
      process.exit(1);
    }
    stoppingSinceMs = performance.now();
    log.info(
      { signal },
      'Stopping: what is in flight is finished first; a second signal ends it now',
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
  // Said when it is true: the process ends with the last that it holds open.
  process.once('beforeExit', () => log.info({}, 'Stopped'));
}
