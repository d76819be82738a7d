import { type AlertRule, type AlertThresholds, alertRules } from '../domain/alert-rules.ts';
import { type HttpProxy, proxyOf } from '../domain/http-proxy.ts';
import { type KeyRing, parseKeyRing } from '../domain/key-ring.ts';
import { brokenUrlRule } from '../domain/postgres-url.ts';
import { targetOf } from '../domain/target.ts';
import {
  ConfigError,
  dayMs,
  duration,
  type Env,
  environmentName,
  hostNames,
  integer,
  list,
  networks,
  oneOf,
  optionalInteger,
  schedule,
  text,
  wrong,
} from './environment.ts';

/** Everything the environment decides. Frozen; read once at start, passed down, never read again. */
export interface Config {
  /** Postgres to use; undefined means the embedded one under {@link dataDir}. */
  readonly databaseUrl: string | undefined;
  /** Which of an operator's environments this is, such as production: a copy of another one's database is held. Empty: not set. */
  readonly environment: string;
  readonly host: string;
  readonly port: number;
  /** Where `posthorn worker` answers /healthz and /readyz when no API runs in its process. */
  readonly healthPort: number;
  /** Where the API process answers /healthz, /readyz and /metrics without a key, too; undefined: nowhere else. */
  readonly metricsPort: number | undefined;
  /** Whether the API asks for keys, once there are any, or somebody in front of it looks after that. */
  readonly auth: 'keys' | 'off';
  /** Names of the API by which it may be called without a key, beside those of loopback; in lower case. */
  readonly allowedHosts: readonly string[];
  /** A key of the API that may do everything, beside those in the database. */
  readonly apiKey: string | undefined;
  /** Requests a second of one key at one process; undefined: any. */
  readonly apiRateLimitPerS: number | undefined;
  readonly redisUrl: string | undefined;
  readonly dataDir: string;
  /** Delay before each retry. Six tries in all with the default of five delays. */
  readonly retryScheduleMs: readonly number[];
  /** DNS, TCP and TLS together. */
  readonly connectTimeoutMs: number;
  /** From the start of the connection to the end of the response. */
  readonly timeoutMs: number;
  /** Requests in flight in one process; each lane may use at most half of it. */
  readonly maxInFlight: number;
  readonly retentionMs: number;
  /** Without a success for so long, and after 20 failures at least, a registered endpoint is disabled. */
  readonly disableAfterMs: number;
  readonly alerts: {
    /** Gets a webhook whenever an alert fires or is over. */
    readonly url: string | undefined;
    readonly secret: string | undefined;
    readonly thresholds: AlertThresholds;
  };
  /** Seals the secrets of endpoints; undefined: plain text, or with the embedded Postgres the key file's. */
  readonly keyRing: KeyRing | undefined;
  /** CIDRs of private receivers that may be called. All other private addresses are refused. */
  readonly allowNetworks: readonly string[];
  /** Who resolves the names of receivers: the name servers, asked by us, or the system. */
  readonly dns: (typeof dnsWays)[number];
  /** All requests to receivers leave through it. */
  readonly proxy: HttpProxy | undefined;
  readonly logLevel: LogLevel;
  /** Which attempts have a line in the log: all, those that did not deliver, or none. */
  readonly logAttempts: LoggedAttempts;
  /** How long a stop may wait for requests in flight. Longer than the timeout, so that none is cut. */
  readonly graceMs: number;
}

export type LogLevel = (typeof logLevels)[number];
const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export type LoggedAttempts = (typeof loggedAttempts)[number];
const loggedAttempts = ['all', 'failures', 'none'] as const;

const dnsWays = ['servers', 'system'] as const;

/**
 * Reads the configuration from environment variables.
 *
 * @throws ConfigError naming every variable that breaks its rule.
 */
export function readConfig(env: Env): Config {
  const problems: string[] = [];
  for (let rest = env; ; ) {
    try {
      const config = read(rest);
      if (problems.length === 0) return config;
      throw new ConfigError(problems.join('\n'));
    } catch (error) {
      if (!(error instanceof ConfigError) || rest[error.setting ?? ''] === undefined) throw error;
      problems.push(error.message);
      // Goes on without it, to find what else is wrong.
      rest = { ...rest, [error.setting ?? '']: undefined };
    }
  }
}

/** @throws ConfigError naming the first variable that breaks its rule. */
function read(env: Env): Config {
  const databaseUrl = text(env, 'DATABASE_URL');
  const timeoutMs = duration(env, 'POSTHORN_TIMEOUT', {
    fallback: '30s',
    minMs: 100,
    maxMs: 600_000,
  });
  const disableAfterMs = duration(env, 'POSTHORN_DISABLE_AFTER', {
    fallback: '5d',
    minMs: 60_000,
    maxMs: 3_650 * 86_400_000,
  });
  return Object.freeze({
    databaseUrl: databaseUrl === undefined ? undefined : postgresUrl(databaseUrl),
    environment: environmentName(env, 'POSTHORN_ENVIRONMENT'),
    host: text(env, 'HOST') ?? '127.0.0.1',
    port: integer(env, 'PORT', { fallback: 8080, min: 0, max: 65_535, unit: 'a TCP port' }),
    healthPort: integer(env, 'POSTHORN_HEALTH_PORT', {
      fallback: 8081,
      min: 0,
      max: 65_535,
      unit: 'a TCP port',
    }),
    metricsPort: optionalInteger(env, 'POSTHORN_METRICS_PORT', {
      min: 0,
      max: 65_535,
      unit: 'a TCP port',
    }),
    auth: oneOf(env, 'POSTHORN_AUTH', { among: ['keys', 'off'], fallback: 'keys' }),
    allowedHosts: hostNames(env, 'POSTHORN_ALLOWED_HOSTS'),
    apiKey: apiKey(env),
    apiRateLimitPerS: optionalInteger(env, 'POSTHORN_API_RATE_LIMIT', {
      min: 1,
      max: 100_000,
      unit: 'requests a second',
    }),
    redisUrl: redisUrl(env),
    dataDir: text(env, 'POSTHORN_DATA_DIR') ?? '.posthorn',
    retryScheduleMs: schedule(env, 'POSTHORN_RETRY_SCHEDULE', '1m,5m,30m,2h,24h'),
    connectTimeoutMs: duration(env, 'POSTHORN_CONNECT_TIMEOUT', {
      fallback: '10s',
      minMs: 100,
      maxMs: 120_000,
    }),
    timeoutMs,
    maxInFlight: integer(env, 'POSTHORN_MAX_IN_FLIGHT', {
      fallback: 512,
      min: 1,
      max: 10_000,
      unit: 'requests in flight per process',
    }),
    retentionMs: duration(env, 'POSTHORN_RETENTION', {
      fallback: '30d',
      minMs: 86_400_000,
      maxMs: 3_650 * 86_400_000,
    }),
    disableAfterMs,
    alerts: alerts(env, disableAfterMs),
    keyRing: keyRing(env, 'POSTHORN_ENCRYPTION_KEYS'),
    allowNetworks: networks(env, 'POSTHORN_ALLOW_NETWORKS'),
    dns: oneOf(env, 'POSTHORN_DNS', { among: dnsWays, fallback: 'servers' }),
    proxy: proxy(env),
    logLevel: oneOf(env, 'POSTHORN_LOG_LEVEL', { among: logLevels, fallback: 'info' }),
    logAttempts: oneOf(env, 'POSTHORN_LOG_ATTEMPTS', {
      among: loggedAttempts,
      fallback: 'failures',
    }),
    graceMs: duration(env, 'POSTHORN_GRACE', {
      fallback: `${timeoutMs + 5_000}ms`,
      minMs: 0,
      maxMs: 3_600_000,
    }),
  });
}

function keyRing(env: Env, name: string): KeyRing | undefined {
  const value = text(env, name);
  if (value === undefined) return undefined;
  const parsed = parseKeyRing(value);
  if (parsed.ok) return parsed.ring;
  throw wrong(name, parsed.rule);
}

function alerts(env: Env, disableAfterMs: number): Config['alerts'] {
  const percent = { min: 1, max: 100, unit: 'percent of the attempts' };
  const age = { minMs: 60_000, maxMs: 30 * dayMs };
  return Object.freeze({
    url: alertUrl(env),
    secret: text(env, 'POSTHORN_ALERT_SECRET'),
    thresholds: Object.freeze({
      windowMs: duration(env, 'POSTHORN_ALERT_WINDOW', {
        fallback: '10m',
        minMs: 60_000,
        maxMs: 3_600_000,
      }),
      minAttempts: integer(env, 'POSTHORN_ALERT_MIN_ATTEMPTS', {
        fallback: 20,
        min: 1,
        max: 1_000_000,
        unit: 'attempts',
      }),
      failurePercent: integer(env, 'POSTHORN_ALERT_FAILURE_PERCENT', { fallback: 25, ...percent }),
      endpointFailurePercent: integer(env, 'POSTHORN_ALERT_ENDPOINT_FAILURE_PERCENT', {
        fallback: 50,
        ...percent,
      }),
      backlog: integer(env, 'POSTHORN_ALERT_BACKLOG', {
        fallback: 10_000,
        min: 1,
        max: 1_000_000,
        unit: 'webhooks',
      }),
      backlogAgeMs: duration(env, 'POSTHORN_ALERT_BACKLOG_AGE', { fallback: '5m', ...age }),
      breakerOpenMs: duration(env, 'POSTHORN_ALERT_BREAKER_OPEN', { fallback: '15m', ...age }),
      endpointFailingMs: schedule(env, 'POSTHORN_ALERT_ENDPOINT_FAILING', '1h,24h,72h'),
      disableAfterMs,
      noWorkerMs: duration(env, 'POSTHORN_ALERT_NO_WORKER', { fallback: '1m', ...age }),
      xminMs: duration(env, 'POSTHORN_ALERT_XMIN', { fallback: '30m', ...age }),
      resolveAfterMs: duration(env, 'POSTHORN_ALERT_RESOLVE_AFTER', {
        fallback: '5m',
        minMs: 0,
        maxMs: dayMs,
      }),
      muted: mutedAlerts(env, 'POSTHORN_ALERT_MUTE'),
    }),
  });
}

/** Held to the CHECK of the outbox, into which it goes. It may be a secret in itself: it is not repeated. */
function alertUrl(env: Env): string | undefined {
  const value = text(env, 'POSTHORN_ALERT_URL');
  if (value === undefined) return undefined;
  const isPlain = /^https?:\/\/[^\s\p{Cc}#\\]+$/iu.test(value) && Buffer.byteLength(value) <= 2048;
  if (isPlain && targetOf(value) !== undefined) return value;
  throw wrong(
    'POSTHORN_ALERT_URL',
    'it must be an http or https URL of at most 2048 bytes, without a user name and a fragment',
  );
}

function mutedAlerts(env: Env, name: string): readonly AlertRule[] {
  const names = list(env, name);
  const known = Object.keys(alertRules).filter((rule): rule is AlertRule => rule in alertRules);
  const muted = known.filter((rule) => names.includes(rule));
  if (muted.length === new Set(names).size) return Object.freeze(muted);
  throw wrong(
    name,
    `it must be rules separated by commas, among ${known.join(', ')}: current value is ${names.join(',')}`,
  );
}

function postgresUrl(value: string): string {
  const rule = brokenUrlRule(value);
  if (rule === undefined) return value;
  // The value may carry a password: it is not repeated.
  throw wrong('DATABASE_URL', rule);
}

function redisUrl(env: Env): string | undefined {
  const value = text(env, 'REDIS_URL');
  if (value === undefined) return undefined;
  if (URL.canParse(value) && /^rediss?:$/.test(new URL(value).protocol)) return value;
  throw wrong('REDIS_URL', 'it must be a URL like redis://host:6379');
}

/** May carry a password: it is not repeated. */
function proxy(env: Env): HttpProxy | undefined {
  const value = text(env, 'POSTHORN_PROXY_URL');
  const found = value === undefined ? undefined : proxyOf(value);
  if (value === undefined || found !== undefined) return found;
  throw wrong('POSTHORN_PROXY_URL', 'it must be a URL like http://user:password@host:port');
}

/** It is a secret: it is not repeated. */
function apiKey(env: Env): string | undefined {
  const value = text(env, 'POSTHORN_API_KEY');
  if (value === undefined || /^[\x21-\x7e]{32,512}$/.test(value)) return value;
  throw wrong(
    'POSTHORN_API_KEY',
    'it must be 32 to 512 printable ASCII characters without blanks, best from "openssl rand -hex 32"',
  );
}
