import { type LookupAddress, Resolver } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { readHosts } from './hosts-file.ts';

/*
 * Resolves names with c-ares, which queries the name servers of /etc/resolv.conf.
 *
 * The system's getaddrinfo runs in libuv's threads, of which it gets two by default: two names whose server does not
 * answer block all other names (docs/security.md has figures). Here, a name that hangs delays only requests to it. The
 * cache is bounded in names, addresses per name, and time. The resolver does not decide where a connection may go; the
 * guard checks each address afterwards, including those from the cache.
 */

export interface NameResolver {
  readonly lookup: LookupFunction;
  /** The number of names in the cache. */
  readonly size: number;
  /** Aborts pending queries. */
  close(): void;
}

export interface NameResolverOptions {
  /** `address:port`. Default: those of /etc/resolv.conf, read once. */
  readonly servers?: readonly string[];
  /** How long to wait for the answer of one server. Each is asked twice. */
  readonly timeoutMs?: number;
  /** An answer is cached for its TTL, but within these bounds. */
  readonly minTtlMs?: number;
  readonly maxTtlMs?: number;
  /** How long a failure is cached. */
  readonly failureTtlMs?: number;
  readonly maxNames?: number;
  readonly hostsFile?: string;
  readonly nowMs?: () => number;
}

type Callback = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;

interface Known {
  expiresAtMs: number;
  answer: { readonly error: NodeJS.ErrnoException | null; readonly found: LookupAddress[] };
  /** Callers that wait for the answer. */
  waiting: Callback[] | undefined;
}

/** The maximum per family. A name may have thousands of addresses; more than these are not tried within a timeout. */
const maxAddresses = 8;

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
    // Moves the name to the end, so that the name that was used longest ago is dropped first.
    names.delete(name);
    const [oldest] = names.keys();
    if (names.size >= maxNames && oldest !== undefined) names.delete(oldest);
    names.set(name, asked);
    // Called once, or a second time when the other family comes late: later callers then get both.
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
    // Always returns all addresses; the caller filters them.
    lookup: (hostname, _options, callback) =>
      // Never in the same turn, because undici first waits for its socket.
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

/** As in RFC 8305, section 3: once one family's addresses are there, the other's are awaited for this long. */
const otherFamilyMs = 50;

/**
 * Asks for both families and returns IPv4 first: happy eyeballs try the other one after a quarter of a second. Some
 * name servers never answer for IPv6, so the first answer is passed on after 50 ms, and once more if the other one
 * comes and has addresses.
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
        found: records.slice(0, maxAddresses).map(({ address }) => ({ address, family })),
        ttlS: Math.min(...records.map(({ ttl }) => ttl)),
      });
    });
  }
}

/**
 * Joins the answers of both families; one family is enough. Without any address, a server failure tells more than a
 * name without addresses.
 */
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
