import { type LookupAddress, Resolver } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { readHosts } from './hosts-file.ts';

/*
 * Names to addresses, by c-ares: asks the name servers of /etc/resolv.conf itself.
 *
 * The system's own way, getaddrinfo, runs in libuv's threads, of which it gets two by default: two names whose server does
 * not answer hold up every other name (docs/security.md has figures). Here a name that hangs costs only those who ask
 * for it. What is kept is bounded: names, addresses of each, time. Nothing here decides where a connection may go; the guard
 * looks at each address afterwards, also at one that comes from the cache.
 */

export interface NameResolver {
  readonly lookup: LookupFunction;
  /** Names that are kept now. */
  readonly size: number;
  /** Ends what is being asked for. */
  close(): void;
}

export interface NameResolverOptions {
  /** `address:port`. Default: those of /etc/resolv.conf, read once. */
  readonly servers?: readonly string[];
  /** For the answer of one server. Each of them is asked twice. */
  readonly timeoutMs?: number;
  /** An answer is kept for its TTL, but within these. */
  readonly minTtlMs?: number;
  readonly maxTtlMs?: number;
  /** How long a failure is kept. */
  readonly failureTtlMs?: number;
  readonly maxNames?: number;
  readonly hostsFile?: string;
  readonly nowMs?: () => number;
}

type Callback = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;

interface Known {
  expiresAtMs: number;
  answer: { readonly error: NodeJS.ErrnoException | null; readonly found: LookupAddress[] };
  /** Those who wait while it is being asked for. */
  waiting: Callback[] | undefined;
}

/** Of each family. A name may have thousands; more than these are not tried within a timeout. */
const mostAddresses = 8;

export function createNameResolver(options: NameResolverOptions = {}): NameResolver {
  const {
    timeoutMs = 2_000,
    minTtlMs = 5_000,
    maxTtlMs = 60_000,
    failureTtlMs = 5_000,
    maxNames = 10_000,
    nowMs = () => performance.now(),
  } = options;
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2, maxTimeout: timeoutMs });
  if (options.servers !== undefined) resolver.setServers(options.servers);
  const hosts = readHosts(options.hostsFile);
  const names = new Map<string, Known>();

  const resolve = (hostname: string, callback: Callback): void => {
    const name = hostname.toLowerCase().replace(/\.$/, '');
    const local = hosts.find(name);
    const known = names.get(name);
    if (local !== undefined) callback(null, [...local]);
    else if (known?.waiting !== undefined) known.waiting.push(callback);
    else if (known === undefined || known.expiresAtMs <= nowMs()) ask(name, callback);
    else callback(known.answer.error, known.answer.found);
  };

  const ask = (name: string, callback: Callback): void => {
    const asked: Known = { expiresAtMs: 0, answer: nothing, waiting: [callback] };
    // At the end of the order: the first to go is the one that was asked for longest ago.
    names.delete(name);
    const [oldest] = names.keys();
    if (names.size >= maxNames && oldest !== undefined) names.delete(oldest);
    names.set(name, asked);
    // Once, or a second time when the other family comes late: whoever asks next is given both.
    query(resolver, name, ({ error, found, ttlS }) => {
      const waiting = asked.waiting ?? [];
      asked.waiting = undefined;
      asked.answer = { error, found };
      const keptMs = error === null ? clamp(ttlS * 1_000, { minTtlMs, maxTtlMs }) : failureTtlMs;
      asked.expiresAtMs = nowMs() + keptMs;
      for (const tell of waiting) tell(error, found);
    });
  };

  return {
    // Always all of them: whoever asks here filters.
    lookup: (hostname, _options, callback) =>
      // Never at once: undici waits for its socket first.
      setImmediate(resolve, hostname, callback),
    get size() {
      return names.size;
    },
    close() {
      resolver.cancel();
    },
  };
}

interface Answer {
  readonly error: NodeJS.ErrnoException | null;
  readonly found: LookupAddress[];
  readonly ttlS: number;
}

const nothing = { error: null, found: [] };

/** As in RFC 8305, section 3: with the addresses of one family, the other's are waited for this long. */
const otherFamilyMs = 50;

/**
 * Both families, IPv4 first: happy eyeballs go on to the other after a quarter of a second. There are name servers that never
 * answer for IPv6: what came first is told after 50 ms, and again when the rest has come and is of use.
 */
function query(resolver: Resolver, name: string, done: (answer: Answer) => void): void {
  const answers: Answer[] = [];
  let timer: NodeJS.Timeout | undefined;
  const take = (answer: Answer): void => {
    answers.push(answer);
    clearTimeout(timer);
    if (answers.length === 1 && answer.found.length > 0) {
      timer = setTimeout(() => done(answer), otherFamilyMs);
    } else if (answers.length === 2) {
      done(joined(answers));
    }
  };
  const both = [
    [4, resolver.resolve4.bind(resolver)],
    [6, resolver.resolve6.bind(resolver)],
  ] as const;
  for (const [family, resolve] of both) {
    resolve(name, { ttl: true }, (error, records = []) => {
      take({
        error,
        found: records.slice(0, mostAddresses).map(({ address }) => ({ address, family })),
        ttlS: Math.min(...records.map(({ ttl }) => ttl)),
      });
    });
  }
}

/** One family is enough. Without any, a server that failed tells more than a name without addresses. */
function joined(answers: readonly Answer[]): Answer {
  const found = answers.flatMap((answer) => answer.found).sort((a, b) => a.family - b.family);
  if (found.length > 0) {
    return { error: null, found, ttlS: Math.min(...answers.map(({ ttlS }) => ttlS)) };
  }
  const errors = answers.flatMap(({ error }) => (error === null ? [] : [error]));
  const error = errors.find(({ code }) => !isAbsent(code)) ?? errors[0];
  return { error: error ?? notFound(), found, ttlS: 0 };
}

function isAbsent(code: string | undefined): boolean {
  return code === 'ENOTFOUND' || code === 'ENODATA';
}

function notFound(): NodeJS.ErrnoException {
  return Object.assign(new Error('query ENODATA'), { code: 'ENODATA' });
}

function clamp(
  ttlMs: number,
  { minTtlMs, maxTtlMs }: { minTtlMs: number; maxTtlMs: number },
): number {
  return Math.min(Math.max(ttlMs, minTtlMs), maxTtlMs);
}
