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
 * Who may call the API. As long as there has been no key, whoever reaches it may (it then listens on loopback alone); from the first
 * one on, every request but those for public paths needs one.
 *
 * What Postgres says of a key counts for 2 s, so a key that is revoked is refused by all processes within that time, and a
 * busy client costs a lookup every other second. Where Postgres is away, keys that are not known yet are answered 503.
 *
 * A key is looked up before anybody is told to wait: behind a proxy all callers have one address, and one of them may try wrong keys for
 * ever.
 */

export interface AuthenticationOptions {
  readonly pool: DatabasePool;
  /** off: somebody in front looks after it. */
  readonly auth: 'keys' | 'off';
  /** A key from the environment that may do everything. */
  readonly environmentKey: string | undefined;
  /** Names of this service, beside those of loopback, by which it may be called without a key. */
  readonly allowedHosts?: readonly string[];
  /** Whether others than this machine can reach the API: then a key is needed even after the last one went. */
  readonly isReachable?: boolean;
  /** Requests a second of one key at this process; undefined: any. */
  readonly rateLimitPerS: number | undefined;
  /** The time in ms of a clock that never goes back; performance.now if not given. */
  readonly nowMs?: () => number;
}

const knownForMs = 2_000;
const mostKnown = 10_000;
/** Wrong keys of one address that are answered 401, at once and then in a second; more are answered 429. A right one counts for nothing. */
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
  /** One question for all who ask at the same time. */
  #asking: Promise<boolean> | undefined;
  #required: { readonly is: boolean; readonly untilMs: number } = { is: false, untilMs: 0 };

  constructor(options: AuthenticationOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#lookups = KeyLookups.of(options.pool);
    const { environmentKey } = options;
    this.#environmentHash = environmentKey === undefined ? undefined : hashOfKey(environmentKey);
  }

  /** Refuses what has no key for it; public paths pass. */
  guard(isPublic: (path: string) => boolean): MiddlewareHandler<ApiEnv> {
    return async (c, next) => {
      if (isPublic(c.req.path)) return next();
      c.set('scopes', apiScopes);
      const given = bearerOf(c.req.header('authorization'));
      const isOpen =
        this.#options.auth === 'off' || (given === undefined && !(await this.#isRequired()));
      if (isOpen) return this.#names(c) ? next() : otherHost(c);
      if (given === undefined) return unauthenticated(c, 'there is none');
      const refused = await this.#refuse(c, given);
      if (refused !== undefined) return refused;
      // Whoever has hung up meanwhile is not waiting for what would be asked of Postgres.
      return c.env.incoming.socket.destroyed ? c.body(null) : next();
    };
  }

  /** Whether a key is needed. What was closed by the first one is not opened by the end of the last. */
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
   * Whether a request that needs no key names this machine. A page of another site, whose name was made to lead here, is one and
   * the same origin to a browser; but it sends its name.
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
    // The one that was heard of longest ago goes.
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
    // What may come at once is a tenth of a second's worth: the pace spreads the rest evenly.
    const windowS = Math.max(1, Math.ceil((pace.burst * pace.intervalMs) / 1_000));
    c.header(
      'RateLimit-Policy',
      `"key";q=${Math.max(pace.burst, Math.floor(rateLimitPerS * windowS))};w=${windowS}`,
    );
    c.header('RateLimit', `"key";r=${Math.max(0, left - 1)};t=${windowS}`);
    if (left < 1) {
      const waitS = Math.max(1, Math.ceil((readyAtMs(pace) - nowMs) / 1_000));
      return tooMany(c, {
        detail: `Cannot answer as a key may make ${rateLimitPerS} requests a second at this process: this one makes more`,
        retryAfterS: waitS,
      });
    }
    this.#paces.set(key.id, spend(pace, nowMs));
    return undefined;
  }
}

/** Who has an IPv6 address has 2^64 of them, so it is the first four groups that count. */
export function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(8 - groups.length - after.length).fill('0');
  return [...groups, ...zeros, ...after].slice(0, 4).join(':');
}

/** The other end of the connection; behind a proxy that is the proxy. */
function addressOf(c: Context<ApiEnv>): string {
  const incoming: unknown = Reflect.get(Object(c.env), 'incoming');
  const socket: unknown = Reflect.get(Object(incoming), 'socket');
  return networkOf(String(Reflect.get(Object(socket), 'remoteAddress') ?? 'unknown'));
}

function otherHost(c: Context<ApiEnv>): Response {
  return answerProblem(c, {
    kind: 'cross_origin',
    detail: `Cannot answer as the Host must be a name of this machine, or one that POSTHORN_ALLOWED_HOSTS names, while the API asks for no key: current value is ${shown(c.req.header('host') ?? '')}`,
  });
}

function unauthenticated(c: Context<ApiEnv>, why: string): Response {
  return answerProblem(c, {
    kind: 'unauthenticated',
    detail: `Cannot answer as the header Authorization must be "Bearer" and an API key that is in force: ${why}`,
    headers: { 'WWW-Authenticate': 'Bearer realm="posthorn"' },
  });
}

function wrongKey(c: Context<ApiEnv>): Response {
  return unauthenticated(c, 'it is unknown, revoked or expired');
}

function tooManyTries(c: Context<ApiEnv>): Response {
  return tooMany(c, {
    detail: `Cannot answer as the key is unknown, revoked or expired, and an address may try ${wrongAtOnce} of these, and then one in ${1 / wrongPerS} s: this one has tried more`,
    retryAfterS: Math.ceil(1 / wrongPerS),
  });
}

function forbidden(
  c: Context<ApiEnv>,
  { key, needed }: { readonly key: UsableKey; readonly needed: ApiScope },
): Response {
  return answerProblem(c, {
    kind: 'insufficient_scope',
    detail: `Cannot do this as the key must have the scope ${needed}: it has ${key.scopes.join(', ')}`,
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
