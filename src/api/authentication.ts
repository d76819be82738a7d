import { timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import type { DatabasePool } from 'slonik';
import {
  type ApiScope,
  apiScopes,
  bearerOf,
  isLoopbackHost,
  keyShape,
  scopeOf,
} from '../domain/api-key.ts';
import { allowedBy, createPace, type Pace, readyAtMs, spend } from '../domain/pace.ts';
import { shown } from '../input/problem.ts';
import { hadApiKeys, hashOfKey, type UsableKey } from '../queries/api-keys.ts';
import { answerProblem } from './answer-problem.ts';
import type { ApiEnv } from './api-env.ts';
import { KeyLookups } from './key-lookups.ts';

/*
 * Decides which requests the API answers. As long as no key was ever made, it answers all of them (and listens on loopback alone).
 * From the first key on, every request needs one, except those for public paths.
 *
 * The result of a lookup in Postgres counts for 2 s. So all processes refuse a revoked key within that time, and a busy client
 * costs a lookup every other second. While Postgres is away, keys that are not known yet are answered 503.
 *
 * A key is looked up before a client is told to wait, because behind a proxy all clients have one address, and one of them may try
 * wrong keys for ever.
 */

export interface AuthenticationOptions {
  readonly pool: DatabasePool;
  /** off: a proxy in front checks who may call. */
  readonly auth: 'keys' | 'off';
  /** A key from the environment that may do everything. */
  readonly environmentKey: string | undefined;
  /** Names, other than those of loopback, by which the API may be called without a key. */
  readonly allowedHosts?: readonly string[];
  /** Whether other machines can reach the API. Then a key is always needed. */
  readonly isReachable?: boolean;
  /** Requests a second of one key at this process; undefined: any. */
  readonly rateLimitPerS: number | undefined;
  /** The time in ms of a clock that never goes back; performance.now if not given. */
  readonly nowMs?: () => number;
}

const knownForMs = 2_000;
const mostKnown = 10_000;
/** How many wrong keys of one address are answered 401, at once and then per second; more are answered 429. Right keys do not count. */
const wrongAtOnce = 10;
const wrongPerS = 0.2;
const mostAddresses = 10_000;

type Known = { readonly key: UsableKey; readonly untilMs: number };

export class Authentication {
  readonly #options: AuthenticationOptions;
  readonly #nowMs: () => number;
  readonly #environmentHash: Buffer | undefined;
  readonly #lookups: KeyLookups;
  readonly #known = new Map<string, Known>();
  readonly #wrong = new Map<string, { left: number; atMs: number }>();
  readonly #paces = new Map<string, Pace>();
  /** One query for all requests that wait for it. */
  #asking: Promise<boolean> | undefined;
  #required: { readonly is: boolean; readonly untilMs: number } = { is: false, untilMs: 0 };

  constructor(options: AuthenticationOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#lookups = KeyLookups.of(options.pool);
    const { environmentKey } = options;
    this.#environmentHash = environmentKey === undefined ? undefined : hashOfKey(environmentKey);
  }

  /** Refuses requests without a key for them. Public paths pass. */
  guard(isPublic: (path: string) => boolean): MiddlewareHandler<ApiEnv> {
    return async (c, next) => {
      if (isPublic(c.req.path)) return next();
      c.set('scopes', apiScopes);
      const given = bearerOf(c.req.header('authorization'));
      const isOpen =
        this.#options.auth === 'off' || (given === undefined && !(await this.#isRequired()));
      if (isOpen) return this.#names(c) ? next() : otherHost(c);
      if (given === undefined)
        return unauthenticated(c, 'The API asks for a key, and there is none');
      const refused = await this.#refuse(c, given);
      if (refused !== undefined) return refused;
      // A client that has hung up meanwhile needs no query.
      return c.env.incoming.socket.destroyed ? c.body(null) : next();
    };
  }

  /** Whether a key is needed. The first key closes the API, and it stays closed when the last one ends. */
  async #isRequired(): Promise<boolean> {
    if (this.#options.isReachable || this.#environmentHash !== undefined) return true;
    const nowMs = this.#nowMs();
    if (nowMs < this.#required.untilMs) return this.#required.is;
    this.#asking ??= hadApiKeys(this.#options.pool).finally(() => {
      this.#asking = undefined;
    });
    const is = await this.#asking;
    this.#required = { is, untilMs: nowMs + knownForMs };
    return is;
  }

  async #refuse(c: Context<ApiEnv>, given: string): Promise<Response | undefined> {
    const key = await this.#lookUp(given);
    if (key === undefined) return this.#takeTry(addressOf(c)) ? wrongKey(c) : tooManyTries(c);
    const needed = scopeOf({ method: c.req.method, path: c.req.path });
    if (!key.scopes.includes(needed)) return forbidden(c, { key, needed });
    c.set('scopes', key.scopes);
    return this.#pace(c, key);
  }

  async #lookUp(given: string): Promise<UsableKey | undefined> {
    const hash = hashOfKey(given);
    if (this.#isEnvironmentKey(hash)) return { id: 'environment', scopes: apiScopes };
    if (!keyShape.test(given)) return undefined;
    const name = hash.toString('base64');
    const known = this.#known.get(name);
    const nowMs = this.#nowMs();
    if (known !== undefined && nowMs < known.untilMs) return known.key;
    const key = await this.#lookups.find(hash);
    this.#known.delete(name);
    if (key === undefined) return undefined;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size >= mostKnown) this.#known.delete(oldest);
    this.#known.set(name, { key, untilMs: nowMs + knownForMs });
    return key;
  }

  /**
   * Whether a request that needs no key names this machine. A page of another site whose name was made to lead here (DNS
   * rebinding) has the same origin to a browser, but its name is in the Host.
   */
  #names(c: Context<ApiEnv>): boolean {
    const host = URL.parse(`http://${c.req.header('host') ?? ''}`)?.hostname ?? '';
    const name = host.replace(/^\[|\]$/g, '').replace(/\.$/, '');
    return isLoopbackHost(name) || (this.#options.allowedHosts ?? []).includes(name);
  }

  #isEnvironmentKey(hash: Buffer): boolean {
    return this.#environmentHash !== undefined && timingSafeEqual(hash, this.#environmentHash);
  }

  /** Counts a wrong key; false when the address has tried too many. */
  #takeTry(address: string): boolean {
    const nowMs = this.#nowMs();
    const known = this.#wrong.get(address);
    const regained = known === undefined ? wrongAtOnce : ((nowMs - known.atMs) / 1_000) * wrongPerS;
    const left = Math.min(wrongAtOnce, (known?.left ?? 0) + regained);
    this.#wrong.delete(address);
    // Forgets the address that was seen longest ago.
    const [oldest] = this.#wrong.keys();
    if (oldest !== undefined && this.#wrong.size >= mostAddresses) this.#wrong.delete(oldest);
    this.#wrong.set(address, { left: left < 1 ? left : left - 1, atMs: nowMs });
    return left >= 1;
  }

  #pace(c: Context<ApiEnv>, key: UsableKey): Response | undefined {
    const { rateLimitPerS } = this.#options;
    if (rateLimitPerS === undefined) return undefined;
    const nowMs = this.#nowMs();
    const pace = this.#paces.get(key.id) ?? createPace(rateLimitPerS);
    const left = allowedBy(pace, nowMs);
    // A tenth of a second's worth may come at once. The pace spreads the rest evenly.
    const windowS = Math.max(1, Math.ceil((pace.burst * pace.intervalMs) / 1_000));
    c.header(
      'RateLimit-Policy',
      `"key";q=${Math.max(pace.burst, Math.floor(rateLimitPerS * windowS))};w=${windowS}`,
    );
    c.header('RateLimit', `"key";r=${Math.max(0, left - 1)};t=${windowS}`);
    if (left < 1) {
      const waitS = Math.max(1, Math.ceil((readyAtMs(pace) - nowMs) / 1_000));
      return tooMany(c, {
        detail: `Too many requests with this key: ${rateLimitPerS} a second are allowed at this process; try again in ${waitS} s`,
        retryAfterS: waitS,
      });
    }
    this.#paces.set(key.id, spend(pace, nowMs));
    return undefined;
  }
}

/** The network of an address. An owner of one IPv6 address has 2^64 of them, so only the first four groups count. */
export function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(8 - groups.length - after.length).fill('0');
  return [...groups, ...zeros, ...after].slice(0, 4).join(':');
}

/** The address of the other end of the connection. Behind a proxy that is the proxy. */
function addressOf(c: Context<ApiEnv>): string {
  const incoming: unknown = Reflect.get(Object(c.env), 'incoming');
  const socket: unknown = Reflect.get(Object(incoming), 'socket');
  return networkOf(String(Reflect.get(Object(socket), 'remoteAddress') ?? 'unknown'));
}

function otherHost(c: Context<ApiEnv>): Response {
  return answerProblem(c, {
    kind: 'cross_origin',
    detail: `Host "${shown(c.req.header('host') ?? '')}" is not allowed while the API asks for no key: use a name of this machine, or one of POSTHORN_ALLOWED_HOSTS`,
  });
}

function unauthenticated(c: Context<ApiEnv>, why: string): Response {
  return answerProblem(c, {
    kind: 'unauthenticated',
    detail: `${why}; send the header Authorization: Bearer and a key`,
    headers: { 'WWW-Authenticate': 'Bearer realm="posthorn"' },
  });
}

function wrongKey(c: Context<ApiEnv>): Response {
  return unauthenticated(c, 'The key is unknown, revoked or expired');
}

function tooManyTries(c: Context<ApiEnv>): Response {
  return tooMany(c, {
    detail: `Too many wrong API keys from this address; try again in ${Math.ceil(1 / wrongPerS)} s`,
    retryAfterS: Math.ceil(1 / wrongPerS),
  });
}

function forbidden(
  c: Context<ApiEnv>,
  { key, needed }: { readonly key: UsableKey; readonly needed: ApiScope },
): Response {
  return answerProblem(c, {
    kind: 'insufficient_scope',
    detail: `The key needs the scope ${needed}; it has ${key.scopes.join(', ')}`,
    headers: {
      'WWW-Authenticate': `Bearer realm="posthorn", error="insufficient_scope", scope="${needed}"`,
    },
  });
}

function tooMany(
  c: Context<ApiEnv>,
  { detail, retryAfterS }: { readonly detail: string; readonly retryAfterS: number },
): Response {
  return answerProblem(c, {
    kind: 'too_many_requests',
    detail,
    headers: { 'Retry-After': String(retryAfterS) },
  });
}
