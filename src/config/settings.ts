// Pure: no I/O, no clock, no randomness.

import { type AlertRule, alertRules } from '../domain/alert-rules.ts';
import { checkModes } from '../domain/check-mode.ts';
import {
  apiKey,
  duration,
  environmentName,
  hostNames,
  integer,
  type Kind,
  keyRing,
  networks,
  oneOf,
  postgresUrl,
  proxyUrl,
  redisUrl,
  schedule,
  someOf,
  webhookSecret,
  webhookUrl,
  words,
} from './kinds.ts';

/*
 * All settings. The configuration, GET /settings, the table in docs/configuration.md and the check for unknown names
 * all come from these two tables, in this order.
 */

/** An environment variable: its name, its kind, and its default. */
export interface Setting<T, Fallback extends string | undefined = string | undefined> {
  readonly name: string;
  readonly kind: Kind<T>;
  /** The text to read if it is not set; undefined: there is no default. */
  readonly fallback: Fallback;
  /** The meaning of an unset variable, for the documentation. */
  readonly without: string | undefined;
}

function setting<T>(name: string, kind: Kind<T>, fallback: string): Setting<T, string> {
  return { name, kind, fallback, without: undefined };
}

function optional<T>(name: string, kind: Kind<T>, without?: string): Setting<T, undefined> {
  return { name, kind, fallback: undefined, without };
}

/** A list or a name that is empty by default. */
function orEmpty<T>(name: string, kind: Kind<T>, without?: string): Setting<T, string> {
  return { name, kind, fallback: '', without };
}

const port = integer({ min: 0, max: 65_535, unit: 'TCP port' });
const percent = integer({ min: 1, max: 100, unit: 'percent of the attempts' });
const dayMs = 86_400_000;
const age = duration({ minMs: 60_000, maxMs: 30 * dayMs });
const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
const ruleNames = Object.keys(alertRules).filter((name): name is AlertRule => name in alertRules);

export const settings = {
  /** The Postgres to use; undefined means the embedded one under `dataDir`. */
  databaseUrl: optional('DATABASE_URL', postgresUrl, 'the embedded Postgres'),
  redisUrl: optional('REDIS_URL', redisUrl),
  /** Names this environment, such as production, so that a copy of its database sends nothing elsewhere. Empty: not set. */
  environment: orEmpty('POSTHORN_ENVIRONMENT', environmentName),
  host: setting('HOST', words('address or name to listen on'), '127.0.0.1'),
  port: setting('PORT', port, '8080'),
  /** Where `posthorn worker` answers /healthz and /readyz when no API runs in its process. */
  healthPort: setting('POSTHORN_HEALTH_PORT', port, '8081'),
  /** Where the API process also answers /healthz, /readyz and /metrics without a key; undefined: nowhere else. */
  metricsPort: optional('POSTHORN_METRICS_PORT', port),
  /** Whether the API asks for keys once there are any. 'off': a proxy in front of it decides who may call it. */
  auth: setting('POSTHORN_AUTH', oneOf(['keys', 'off']), 'keys'),
  /** Host names by which the API may be called without a key, in addition to those of loopback; in lower case. */
  allowedHosts: orEmpty('POSTHORN_ALLOWED_HOSTS', hostNames, 'none'),
  /** An API key that may do everything, in addition to those in the database. */
  apiKey: optional('POSTHORN_API_KEY', apiKey),
  /** Requests a second per key and process; undefined: no limit. */
  apiRateLimitPerS: optional(
    'POSTHORN_API_RATE_LIMIT',
    integer({ min: 1, max: 100_000, unit: 'requests a second' }),
    'none',
  ),
  /** How strictly the API compares events with the catalogue of event types. */
  checkEvents: setting('POSTHORN_CHECK_EVENTS', oneOf(checkModes), 'off'),
  dataDir: setting('POSTHORN_DATA_DIR', words('directory'), '.posthorn'),
  /** Seals the secrets of endpoints; undefined: plain text, or the key file of the embedded Postgres. */
  keyRing: optional('POSTHORN_ENCRYPTION_KEYS', keyRing),
  /** Delay before each retry, ms. The default of five delays makes six attempts. */
  retryScheduleMs: setting('POSTHORN_RETRY_SCHEDULE', schedule, '1m,5m,30m,2h,24h'),
  /** DNS, TCP and TLS together. */
  connectTimeoutMs: setting(
    'POSTHORN_CONNECT_TIMEOUT',
    duration({ minMs: 100, maxMs: 120_000 }),
    '10s',
  ),
  /** From the start of the connection to the end of the response. */
  timeoutMs: setting('POSTHORN_TIMEOUT', duration({ minMs: 100, maxMs: 600_000 }), '30s'),
  /** Requests in flight in one process; a lane may use half of them, a tenant or an origin three quarters. */
  maxInFlight: setting(
    'POSTHORN_MAX_IN_FLIGHT',
    integer({ min: 1, max: 10_000, unit: 'requests per process' }),
    '512',
  ),
  retentionMs: setting(
    'POSTHORN_RETENTION',
    duration({ minMs: dayMs, maxMs: 3_650 * dayMs }),
    '30d',
  ),
  /** A registered endpoint is disabled after this time without a success and at least 20 failures. */
  disableAfterMs: setting(
    'POSTHORN_DISABLE_AFTER',
    duration({ minMs: 60_000, maxMs: 3_650 * dayMs }),
    '5d',
  ),
  /** Private networks that webhooks may be sent to. All other private addresses are refused. */
  allowNetworks: orEmpty('POSTHORN_ALLOW_NETWORKS', networks, 'none'),
  /** Who resolves the names of receivers: the name servers, asked by Posthorn, or the system. */
  dns: setting('POSTHORN_DNS', oneOf(['servers', 'system']), 'servers'),
  /** All requests to receivers go through this proxy. */
  proxy: optional('POSTHORN_PROXY_URL', proxyUrl, 'none'),
  logLevel: setting<(typeof logLevels)[number]>('POSTHORN_LOG_LEVEL', oneOf(logLevels), 'info'),
  /** Which attempts are logged: all, those that did not deliver, or none. */
  logAttempts: setting('POSTHORN_LOG_ATTEMPTS', oneOf(['all', 'failures', 'none']), 'failures'),
  /** How long a stop may wait for requests in flight. By default longer than the timeout, so that none is cut off. */
  graceMs: optional(
    'POSTHORN_GRACE',
    duration({ minMs: 0, maxMs: 3_600_000 }),
    'the timeout and 5 s more',
  ),
} as const;

export const alertSettings = {
  /** Gets a webhook whenever an alert fires or is resolved. */
  url: optional('POSTHORN_ALERT_URL', webhookUrl),
  secret: optional('POSTHORN_ALERT_SECRET', webhookSecret),
  windowMs: setting('POSTHORN_ALERT_WINDOW', duration({ minMs: 60_000, maxMs: 3_600_000 }), '10m'),
  minAttempts: setting(
    'POSTHORN_ALERT_MIN_ATTEMPTS',
    integer({ min: 1, max: 1_000_000, unit: 'attempts' }),
    '20',
  ),
  failurePercent: setting('POSTHORN_ALERT_FAILURE_PERCENT', percent, '25'),
  endpointFailurePercent: setting('POSTHORN_ALERT_ENDPOINT_FAILURE_PERCENT', percent, '50'),
  backlog: setting(
    'POSTHORN_ALERT_BACKLOG',
    integer({ min: 1, max: 1_000_000, unit: 'webhooks' }),
    '10000',
  ),
  backlogAgeMs: setting('POSTHORN_ALERT_BACKLOG_AGE', age, '5m'),
  breakerOpenMs: setting('POSTHORN_ALERT_BREAKER_OPEN', age, '15m'),
  endpointFailingMs: setting('POSTHORN_ALERT_ENDPOINT_FAILING', schedule, '1h,24h,72h'),
  noWorkerMs: setting('POSTHORN_ALERT_NO_WORKER', age, '1m'),
  xminMs: setting('POSTHORN_ALERT_XMIN', age, '30m'),
  resolveAfterMs: setting(
    'POSTHORN_ALERT_RESOLVE_AFTER',
    duration({ minMs: 0, maxMs: dayMs }),
    '5m',
  ),
  muted: orEmpty(
    'POSTHORN_ALERT_MUTE',
    someOf(ruleNames, 'names of rules, separated by commas'),
    'none',
  ),
} as const;

/** The names of all settings. */
export const settingNames: readonly string[] = [
  ...Object.values(settings),
  ...Object.values(alertSettings),
].map(({ name }) => name);

/** The rows of the table in docs/configuration.md. */
export function settingRows(): string[] {
  return [...Object.values(settings), ...Object.values(alertSettings)].map(
    ({ name, kind, fallback = '', without }) => {
      const usual = without === undefined ? 'not set' : `not set: ${without}`;
      return `| [\`${name}\`](#${name.toLowerCase()}) | ${fallback === '' ? usual : `\`${fallback}\``} | ${kind.cell} |`;
    },
  );
}
