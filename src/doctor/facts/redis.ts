import { createClient } from 'redis';

const patienceMs = 2_000;

/** Pings Redis once; returns how many ms it took, or why there was no answer. The result does not contain the URL. */
export async function askRedis(url: string): Promise<number | string> {
  const client = createClient({
    url,
    socket: { connectTimeout: patienceMs, socketTimeout: patienceMs, reconnectStrategy: false },
  });
  let lastError = '';
  client.on('error', (error: Error) => {
    lastError = error.message;
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${patienceMs} ms`)), patienceMs);
  });
  try {
    const answered = client.connect().then(() => client.ping());
    // After the deadline, the result no longer matters.
    answered.catch(() => {});
    const startedMs = performance.now();
    await Promise.race([answered, late]);
    return performance.now() - startedMs;
  } catch (error) {
    return messageOf(error) || lastError || 'no answer';
  } finally {
    clearTimeout(timer);
    client.destroy();
  }
}

/** The error of a refused connection to a name with several addresses has its reasons inside. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map((one: unknown) => messageOf(one)).join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}
