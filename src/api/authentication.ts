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
import { hadApiKeys, hashOfKey, type UsableKey, useApiKey } from '../queries/api-keys.ts';
import type { ApiEnv } from './base.ts';
import { answerProblem, shown } from './problem.ts';

/*
 * Who may call the API. As long as there has been no key, whoever reaches it may (it then listens on loopback alone); from the first
 * one on, every request but those for public paths needs one.
 *
 * What Postgres says of a key counts for 2 s, so a key that is revoked is refused by all processes within that time, and a
 * busy client costs a lookup every other second. Where Postgres is away, keys that are not known yet are answered 503.
 */

export interface AuthenticationOptions {
  readonly pool: DatabasePool;
  /** off: somebody in front looks after it. */
  readonly auth: 'keys' | 'off';
  /** A key from the environment that may do everything. */
  readonly environmentKey: string | undefined;
  /** Whether others than this machine can reach the API: then a key is needed even after the last one went. */
  readonly isReachable?: boolean;
  /** Requests a second of one key at this process; undefined: any. */
  readonly rateLimitPerS: number | undefined;
}

const knownForMs = 2_000;
const mostKnown = 10_000;
/** Wrong keys that one address may try at once, and then in a second. */
const wrongAtOnce = 10;
const wrongPerS = 0.2;
const mostAddresses = 10_000;

type Lookup = { readonly key: UsableKey | undefined; readonly untilMs: number };

export class Authentication {
  readonly #options: AuthenticationOptions;
  readonly #environmentHash: Buffer | undefined;
  readonly #known = new Map<string, Lookup>();
  readonly #wrong = new Map<string, { left: number; atMs: number }>();
  /** New keys that are being looked up. */
  readonly #underWay = new Set<string>();
  readonly #paces = new Map<string, Pace>();
  #required: { readonly is: boolean; readonly untilMs: number } = { is: false, untilMs: 0 };

  constructor(options: AuthenticationOptions) {
    this.#options = options;
    const { environmentKey } = options;
    this.#environmentHash = environmentKey === undefined ? undefined : hashOfKey(environmentKey);
  }

  /** Refuses what has no key for it; public paths pass. */
  guard(isPublic: (path: string) => boolean): MiddlewareHandler<ApiEnv> {
    return async (c, next) => {
      if (this.#options.auth === 'off' || isPublic(c.req.path)) return next();
      const given = bearerOf(c.req.header('authorization'));
      if (given === undefined && !(await this.#isRequired())) {
        return isOwnHost(c) ? next() : otherHost(c);
      }
      if (given === undefined) return unauthenticated(c, 'there is none');
      return (await this.#refuse(c, given)) ?? next();
    };
  }

  /** Whether a key is needed. What was closed by the first one is not opened by the end of the last. */
  async #isRequired(): Promise<boolean> {
    if (this.#options.isReachable || this.#environmentHash !== undefined) return true;
    const nowMs = performance.now();
    if (nowMs < this.#required.untilMs) return this.#required.is;
    const is = await hadApiKeys(this.#options.pool);
    this.#required = { is, untilMs: nowMs + knownForMs };
    return is;
  }

  async #refuse(c: Context<ApiEnv>, given: string): Promise<Response | undefined> {
    const address = addressOf(c);
    const hash = hashOfKey(given);
    const name = hash.toString('base64');
    // A key that was right, or that is being looked up, costs no try: requests with the same new key share its turn.
    const isKnown = this.#known.get(name)?.key !== undefined || this.#isEnvironmentKey(hash);
    const isTry = !isKnown && !this.#underWay.has(name);
    if (isTry && this.#triesLeft(address) < 1) {
      return tooMany(c, {
        detail: `Cannot answer as an address may try ${wrongAtOnce} wrong keys, and then one in ${1 / wrongPerS} s: this one has`,
        retryAfterS: Math.ceil(1 / wrongPerS),
      });
    }
    // Counted before the lookup, or all that arrive during it would pass.
    if (isTry) this.#takeTries(address, 1);
    this.#underWay.add(name);
    const key = await this.#lookUp(given, { hash, name }).finally(() =>
      this.#underWay.delete(name),
    );
    if (isTry && key !== undefined) this.#takeTries(address, -1);
    if (key === undefined) {
      return unauthenticated(c, 'it is unknown, revoked or expired');
    }
    const needed = scopeOf({ method: c.req.method, path: c.req.path });
    if (!key.scopes.includes(needed)) return forbidden(c, { key, needed });
    return this.#pace(c, key);
  }

  async #lookUp(
    given: string,
    { hash, name }: { readonly hash: Buffer; readonly name: string },
  ): Promise<UsableKey | undefined> {
    if (this.#isEnvironmentKey(hash)) {
      return { id: 'environment', scopes: [...apiScopes] };
    }
    if (!keyShape.test(given)) return undefined;
    const nowMs = performance.now();
    const known = this.#known.get(name);
    if (known !== undefined && nowMs < known.untilMs) return known.key;
    const key = await useApiKey(this.#options.pool, hash);
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size >= mostKnown) this.#known.delete(oldest);
    this.#known.delete(name);
    this.#known.set(name, { key, untilMs: nowMs + knownForMs });
    return key;
  }

  #isEnvironmentKey(hash: Buffer): boolean {
    return this.#environmentHash !== undefined && timingSafeEqual(hash, this.#environmentHash);
  }

  #triesLeft(address: string): number {
    const known = this.#wrong.get(address);
    if (known === undefined) return wrongAtOnce;
    const regained = ((performance.now() - known.atMs) / 1_000) * wrongPerS;
    return Math.min(wrongAtOnce, known.left + regained);
  }

  #takeTries(address: string, count: number): void {
    const left = this.#triesLeft(address) - count;
    this.#wrong.delete(address);
    // The one that was heard of longest ago goes.
    const [oldest] = this.#wrong.keys();
    if (oldest !== undefined && this.#wrong.size >= mostAddresses) this.#wrong.delete(oldest);
    this.#wrong.set(address, { left, atMs: performance.now() });
  }

  #pace(c: Context<ApiEnv>, key: UsableKey): Response | undefined {
    const { rateLimitPerS } = this.#options;
    if (rateLimitPerS === undefined) return undefined;
    const nowMs = performance.now();
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

/**
 * Whether a request that needs no key names this machine. A page of another site, whose name was made to lead here, is one and
 * the same origin to a browser; but it sends its name.
 */
function isOwnHost(c: Context<ApiEnv>): boolean {
  const host = URL.parse(`http://${c.req.header('host') ?? ''}`)?.hostname ?? '';
  return isLoopbackHost(host.replace(/^\[|\]$/g, ''));
}

function otherHost(c: Context<ApiEnv>): Response {
  return answerProblem(c, {
    kind: 'cross_origin',
    detail: `Cannot answer as the Host must be a name of this machine while there is no API key: current value is ${shown(c.req.header('host') ?? '')}`,
  });
}

function unauthenticated(c: Context<ApiEnv>, why: string): Response {
  return answerProblem(c, {
    kind: 'unauthenticated',
    detail: `Cannot answer as the header Authorization must be "Bearer" and an API key that is in force: ${why}`,
    headers: { 'WWW-Authenticate': 'Bearer realm="posthorn"' },
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
