// The types of what the API answers, taken from the schemas it answers by: a field that is renamed there breaks the build here.
// For the type checker alone: it is neither served nor in the package.

import type { z } from 'zod';
import type { accepted } from '../src/api/accepted.ts';
import type { matchCount } from '../src/api/replay-routes.ts';
import type { StatsAnswer } from '../src/api/stats-routes.ts';
import type { SettingInForce } from '../src/config/settings-in-force.ts';
import type { CatchUpRow } from '../src/queries/catch-ups.ts';
import type { EndpointWithHealth } from '../src/queries/endpoint-health.ts';
import type { EventRow } from '../src/queries/event-row.ts';
import type { FoundEndpoint } from '../src/queries/find-endpoint.ts';
import type { FoundEvent } from '../src/queries/find-event.ts';
import type { RecipientRow } from '../src/queries/find-recipients.ts';
import type { FoundWebhook } from '../src/queries/find-webhook.ts';
import type { HeldBackList, HeldBackRow } from '../src/queries/held-back.ts';
import type { pulses, Series, SeriesPoint } from '../src/queries/read-series.ts';
import type { ReplayRow } from '../src/queries/replay-row.ts';
import type { SubscriptionRow } from '../src/queries/subscriptions.ts';
import type { TenantRow } from '../src/queries/tenants.ts';
import type { WebhookRow } from '../src/queries/webhook-row.ts';
import type { Document } from './reference-document.js';

export type Stats = StatsAnswer;
export type Breaker = Stats['breakers'][number];
export type Alert = Stats['alerts'][number];
export type MatchCount = z.infer<typeof matchCount>;
export type SentWebhook = z.infer<typeof accepted.schema>;
export type PulsesById = z.infer<typeof pulses>;
export type Pulse = PulsesById[string];
export type Attempt = FoundWebhook['attempts'][number];
export interface RecipientsAnswer {
  readonly recipients: readonly RecipientRow[];
  readonly more: boolean;
}
export interface Missed {
  readonly missed: number;
}
export type {
  CatchUpRow as CatchUp,
  EndpointWithHealth as Endpoint,
  EventRow,
  FoundEndpoint,
  FoundEvent,
  FoundWebhook,
  HeldBackRow as HeldBack,
  RecipientRow,
  ReplayRow,
  Series,
  SeriesPoint,
  SubscriptionRow as Subscription,
  TenantRow,
  WebhookRow,
};

interface TenantPage {
  readonly tenants: readonly TenantRow[];
  readonly next_after: string | null;
}

interface Page {
  readonly next_cursor: string | null;
}

/** A page as a GET with this query answers it. */
export interface WebhookPage extends Page {
  readonly webhooks: readonly WebhookRow[];
}
interface EventPage extends Page {
  readonly events: readonly EventRow[];
}
interface EndpointPage extends Page {
  readonly endpoints: readonly EndpointWithHealth[];
}
interface ReplayPage extends Page {
  readonly replays: readonly ReplayRow[];
}

type Query = '' | `?${string}`;

/** What the API answers to a GET at a path. The first that matches counts. */
export type AnswerTo<Path extends string> = Path extends '/stats'
  ? Stats
  : Path extends `/stats/series${Query}`
    ? Series
    : Path extends `/stats/endpoints${Query}`
      ? { readonly endpoints: PulsesById }
      : Path extends `/webhooks${Query}`
        ? WebhookPage
        : Path extends `/webhooks/${string}`
          ? FoundWebhook
          : Path extends `/endpoints${Query}`
            ? EndpointPage
            : Path extends `/endpoints/${string}`
              ? FoundEndpoint
              : Path extends `/events${Query}`
                ? EventPage
                : Path extends `/events/${string}`
                  ? FoundEvent
                  : Path extends `/tenants${Query}`
                    ? TenantPage
                    : Path extends `/replays${Query}`
                      ? ReplayPage
                      : Path extends `/held-back${Query}`
                        ? HeldBackList
                        : Path extends '/settings'
                          ? { readonly settings: readonly SettingInForce[] }
                          : Path extends '/openapi.json'
                            ? Document
                            : never;
