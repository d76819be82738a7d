// Made by "node .ci/client.ts" from the OpenAPI document. Do not edit it.
/* biome-ignore-all lint: generated */

import type { Operation } from './operation.ts';

/** The request of each operation, its answer, and what a page of a list has many of. */
export interface Operations {
  /**
   * Send a webhook.
   * It is committed when the answer comes. With an idempotency key it is sent once, however often the request is repeated.
   */
  sendWebhook: {
    request: NewWebhook;
    answer: SentWebhook;
  };
  /**
   * List webhooks, newest first.
   * A page may be short or empty and not be the last: go on until next_cursor is null.
   */
  listWebhooks: {
    request: {
      /** Those of this status alone. */
      status?: 'pending' | 'delivering' | 'delivered' | 'failed' | 'cancelled';
      /** Of a page. */
      limit?: number;
      /** next_cursor of the page before, with the same filter. */
      cursor?: string;
      /** Those to this registered endpoint. */
      endpoint_id?: string;
      /** Those of this tenant. Empty: of the application itself. */
      tenant?: string;
      /** Those of events of this type. */
      event_type?: string;
      /** Those that take this event to an endpoint. */
      event_id?: string;
      /** Those of this priority. */
      priority?: 'high' | 'normal' | 'low';
      /** Enqueued from then on. */
      from?: string;
      /** Enqueued before then. */
      until?: string;
      /** Somewhere in the URL, in upper or lower case; or an id, of a webhook or an event. */
      q?: string;
    };
    answer: WebhookPage;
    item: Webhook;
  };
  /** Show a webhook and its attempts. */
  showWebhook: {
    request: {
      /** Of the webhook. */
      id: string;
    };
    answer: WebhookWithAttempts;
  };
  /**
   * Send a webhook again, or now.
   * One that has ended is queued again; one that waits for its next try is due now.
   */
  retryWebhook: {
    request: {
      /** Of the webhook. */
      id: string;
    } & WebhookRetry;
    answer: WebhookWithAttempts;
  };
  /** Cancel a webhook that waits. */
  cancelWebhook: {
    request: {
      /** Of the webhook. */
      id: string;
    };
    answer: WebhookWithAttempts;
  };
  /** Cancel many webhooks that wait, or count them. */
  cancelWebhooks: {
    request: Cancelling;
    answer: MatchCount | Cancelled;
  };
  /**
   * Send many webhooks again, or count them.
   * Those that have ended and match are queued again, each once; workers carry it out.
   */
  startReplay: {
    request: NewReplay;
    answer: MatchCount | ReplayWithResults;
  };
  /** List replays, newest first. */
  listReplays: {
    request: {
      /** Those of this status alone. */
      status?: 'running' | 'finished' | 'cancelling' | 'cancelled';
      /** Of a page. */
      limit?: number;
      /** next_cursor of the page before, with the same filter. */
      cursor?: string;
    };
    answer: ReplayPage;
    item: Replay;
  };
  /** Show how far a replay is, and how its webhooks do. */
  showReplay: {
    request: {
      /** Of the replay. */
      id: string;
    };
    answer: ReplayWithResults;
  };
  /** Stop a replay, and take back what it has queued and was not sent yet. */
  cancelReplay: {
    request: {
      /** Of the replay. */
      id: string;
    };
    answer: ReplayWithResults;
  };
  /**
   * Publish an event.
   * It is committed when the answer comes, and so is a webhook to each of the tenant's endpoints that subscribes to it. With an idempotency key it is published once, however often the request is repeated; each tenant has its own keys.
   */
  publishEvent: {
    request: NewEvent;
    answer: PublishedEvent;
  };
  /**
   * List events, newest first.
   * A page may be short or empty and not be the last: go on until next_cursor is null.
   */
  listEvents: {
    request: {
      /** Of a page. */
      limit?: number;
      /** next_cursor of the page before, with the same filter. */
      cursor?: string;
      /** Those of this tenant. Empty: the application itself; *: all tenants. */
      tenant?: string;
      /** Those of this type. */
      event_type?: string;
      /** 0: those that went to no endpoint. */
      recipients?: '0';
      /** Published from then on. */
      from?: string;
      /** Published before then. */
      until?: string;
      /** Somewhere in the type or the tenant, in upper or lower case; or an id. */
      q?: string;
    };
    answer: EventPage;
    item: Event;
  };
  /**
   * Publish up to 1000 events.
   * All are committed when the answer comes, or none is. Each may have an idempotency_key; if it is known, its id is that of the event of that time.
   */
  publishEvents: {
    request: NewEvents;
    answer: PublishedEvents;
  };
  /**
   * Explain who would receive an event now.
   * Nothing is published. There is an item for each endpoint of the tenant.
   */
  explainRecipients: {
    request: EventToExplain;
    answer: Recipients;
  };
  /** Show an event and its webhooks. */
  showEvent: {
    request: {
      /** Of the event. */
      id: string;
    };
    answer: EventWithWebhooks;
  };
  /** List the event types of the catalogue, by name. */
  listEventTypes: {
    request: {
      /** Of a page. */
      limit?: number;
      /** next_after of the page before. */
      after?: string;
    };
    answer: EventTypePage;
    item: EventType;
  };
  /** Show an event type. */
  showEventType: {
    request: {
      /** Of the event-type. */
      name: string;
    };
    answer: EventType;
  };
  /**
   * Write an event type into the catalogue.
   * A new one, or in place of the one of this name: what is not there goes back to the default. Events can be published of types that are not in the catalogue too, unless POSTHORN_CHECK_EVENTS is strict.
   */
  saveEventType: {
    request: {
      /** Of the event-type. */
      name: string;
    } & NewEventType;
    answer: EventType;
  };
  /**
   * Delete an event type from the catalogue.
   * Its events, and the subscriptions to it, stay as they are.
   */
  deleteEventType: {
    request: {
      /** Of the event-type. */
      name: string;
    };
  };
  /** An AsyncAPI document of your event types. */
  showAsyncApi: {
    answer: {
      asyncapi: '3.0.0';
      [name: string]: any;
    };
  };
  /** An OpenAPI document of your event types, as webhooks. */
  showEventsOpenApi: {
    answer: {
      openapi: '3.1.0';
      [name: string]: any;
    };
  };
  /**
   * Register an endpoint.
   * Without a secret one is made up; an HMAC secret is shown in this answer and never again.
   */
  createEndpoint: {
    request: NewEndpoint;
    answer: EndpointWithSecret;
  };
  /**
   * List endpoints, newest first.
   * Deleted ones only when asked for.
   */
  listEndpoints: {
    request: {
      /** Those of this status alone. */
      status?: 'active' | 'paused' | 'disabled' | 'deleted';
      /** Of a page. */
      limit?: number;
      /** next_cursor of the page before, with the same filter. */
      cursor?: string;
      /** Those of this tenant. Empty: of the application itself. */
      tenant?: string;
      /** Somewhere in the URL or the description, in upper or lower case; or an id. */
      q?: string;
    };
    answer: EndpointPage;
    item: EndpointWithHealth;
  };
  /** Show an endpoint, its breaker and its backlog. */
  showEndpoint: {
    request: {
      /** Of the endpoint. */
      id: string;
    };
    answer: FoundEndpoint;
  };
  /**
   * Change an endpoint.
   * What is not there stays, null goes back to the default.
   */
  changeEndpoint: {
    request: {
      /** Of the endpoint. */
      id: string;
    } & EndpointChange;
    answer: FoundEndpoint;
  };
  /**
   * Delete an endpoint.
   * What waits for it fails with the reason endpoint_deleted; its history stays.
   */
  deleteEndpoint: {
    request: {
      /** Of the endpoint. */
      id: string;
    };
  };
  /**
   * Send a test webhook to an endpoint.
   * With its URL, secret and headers, also while it is paused; once, and without retries.
   */
  testEndpoint: {
    request: {
      /** Of the endpoint. */
      id: string;
    } & EndpointTest;
    answer: SentWebhook;
  };
  /**
   * Give an endpoint a new secret.
   * The former one signs too for a while. An HMAC secret that is made up is shown in this answer and never again.
   */
  rotateSecret: {
    request: {
      /** Of the endpoint. */
      id: string;
    } & SecretRotation;
    answer: EndpointWithSecret;
  };
  /**
   * Send an endpoint the events that it has missed, or count them.
   * Those since a time that match its present subscriptions and that it has not received, for example because it was registered later. Workers carry it out; an ordered endpoint is held meanwhile.
   */
  catchUpEndpoint: {
    request: {
      /** Of the endpoint. */
      id: string;
    } & NewCatchUp;
    answer: MissedEvents;
  };
  /**
   * Stop sending an endpoint the events that it has missed.
   * What was queued is still sent.
   */
  cancelCatchUp: {
    request: {
      /** Of the endpoint. */
      id: string;
    };
  };
  /** Hold what goes to an endpoint. */
  pauseEndpoint: {
    request: {
      /** Of the endpoint. */
      id: string;
    };
    answer: FoundEndpoint;
  };
  /** Send again what a pause has held. */
  resumeEndpoint: {
    request: {
      /** Of the endpoint. */
      id: string;
    };
    answer: FoundEndpoint;
  };
  /** Hold what goes to an endpoint, for long; it receives no events until it is enabled. */
  disableEndpoint: {
    request: {
      /** Of the endpoint. */
      id: string;
    };
    answer: FoundEndpoint;
  };
  /** Send again to a disabled endpoint, which catches up with the events that it has missed. */
  enableEndpoint: {
    request: {
      /** Of the endpoint. */
      id: string;
    } & {
      /** Whether it is sent the events that it has missed; true if not given. */
      catch_up?: boolean | null;
    };
    answer: FoundEndpoint;
  };
  /**
   * Subscribe an endpoint to events.
   * It receives the events of its tenant that are published from then on. A subscription is not changed: make another one and end this one. An event that several subscriptions of an endpoint match is sent to it once.
   */
  createSubscription: {
    request: NewSubscription;
    answer: Subscription;
  };
  /**
   * List subscriptions, newest first.
   * Those in force, unless those that have ended are asked for. A page may be short or empty and not be the last: go on until next_cursor is null.
   */
  listSubscriptions: {
    request: {
      /** Those of this endpoint. */
      endpoint_id?: string;
      /** Those of endpoints of this tenant. Empty: the application itself. */
      tenant?: string;
      /** Those with exactly this event_type, such as order.*. */
      event_type?: string;
      /** true: those that have ended. */
      ended?: 'true' | 'false';
      /** Of a page. */
      limit?: number;
      /** next_cursor of the page before, with the same filter. */
      cursor?: string;
    };
    answer: SubscriptionPage;
    item: Subscription;
  };
  /** Show a subscription. */
  showSubscription: {
    request: {
      /** Of the subscription. */
      id: string;
    };
    answer: Subscription;
  };
  /**
   * End a subscription.
   * What was enqueued is still sent.
   */
  endSubscription: {
    request: {
      /** Of the subscription. */
      id: string;
    };
  };
  /**
   * List tenants, in the order of their ids.
   * Those with an endpoint or settings. A tenant needs no registration.
   */
  listTenants: {
    request: {
      /** Of a page. */
      limit?: number;
      /** next_after of the page before. */
      after?: string;
    };
    answer: TenantPage;
    item: Tenant;
  };
  /** Show a tenant. */
  showTenant: {
    request: {
      /** Of the tenant. */
      tenant: string;
    };
    answer: Tenant;
  };
  /**
   * Change the name and the limits of a tenant.
   * What is left out stays, and null sets it to the default. The limits hold for all of its endpoints together, besides their own.
   */
  changeTenant: {
    request: {
      /** Of the tenant. */
      tenant: string;
    } & TenantChange;
    answer: Tenant;
  };
  /**
   * Delete the settings of a tenant.
   * Its endpoints and its history stay.
   */
  forgetTenant: {
    request: {
      /** Of the tenant. */
      tenant: string;
    };
  };
  /**
   * Give the endpoints and the settings of a tenant to another id.
   * If there are endpoints with that id, they become one tenant. Events and idempotency keys stay with the old id.
   */
  renameTenant: {
    request: {
      /** Of the tenant. */
      tenant: string;
    } & TenantRename;
    answer: Tenant;
  };
  /** Show how it is. */
  showStats: {
    answer: Stats;
  };
  /** Show how it was. */
  showSeries: {
    request: {
      /** How far back; 1 if not given. */
      hours?: '1' | '6' | '24' | '168';
    };
    answer: Series;
  };
  /** Show what was tried at endpoints in the last two hours. */
  showPulses: {
    request: {
      /** 1 to 200 UUIDs, separated by commas. */
      ids: string;
    };
    answer: Pulses;
  };
  /**
   * List what is held back now, and why.
   * Tenants and origins first, then endpoints and URLs; on each level those first that have been held back for longest. Something with two reasons comes twice.
   */
  listHeldBack: {
    request: {
      /** How many to list. */
      limit?: number;
    };
    answer: HeldBackList;
  };
  /** Show the settings in force, without secrets. */
  showSettings: {
    answer: Settings;
  };
  /** Whether the process lives. */
  showHealth: {
    answer: {
      ok: true;
    };
  };
  /** Whether it can work. */
  showReadiness: {
    answer: Readiness;
  };
  /** How it does, for Prometheus. */
  showMetrics: {
    answer: string;
  };
  /** This document. */
  showOpenApi: {
    answer: {
      openapi: '3.1.0';
      [name: string]: any;
    };
  };
}

export type NewWebhook = {
  /** Where it goes: absolute, http or https, without user name, password and fragment. This or endpoint_id. */
  url?: string | null;
  /** Of a registered endpoint, whose URL, secret, limits and retries apply. This or url. */
  endpoint_id?: string | null;
  /** The customer that it belongs to, by the id that your application uses. Each tenant has its own idempotency keys. */
  tenant?: string | null;
  /** A string is sent as that string, any other value byte for byte as it is written. */
  body: unknown;
  /** Its own headers, 8 KiB at most. Some names are reserved. */
  headers?: { [name: string]: string } | null;
  /** Signs it. whsec_ and 24 to 64 bytes in base64, or any text of 1 to 512 bytes in UTF-8. */
  secret?: string | null;
  /** Of the body; application/json if not given. */
  content_type?: string | null;
  /** normal if not given. */
  priority?: 'high' | 'normal' | 'low' | null;
  /** Not before then; less than 366 days ahead. */
  send_at?: string | null;
  /** As many as the retry schedule has if not given. */
  max_attempts?: number | null;
  /** Sent once however often the request is repeated in 7 days. */
  idempotency_key?: string | null;
  /** W3C Trace Context; passed on. */
  traceparent?: string | null;
} & (
  | {
      url: string;
      endpoint_id?: null;
    }
  | {
      endpoint_id: string;
      url?: null;
    }
);

export type SentWebhook = {
  id: string;
  /** Null: its history has been dropped. */
  status: 'pending' | 'delivering' | 'delivered' | 'failed' | 'cancelled' | null;
};

export type WebhookPage = {
  webhooks: readonly Webhook[];
  next_cursor: string | null;
};

export type Webhook = {
  id: string;
  /** For a registered endpoint, its present URL; null when even that is gone. */
  url: string | null;
  endpoint_id: string | null;
  status: 'pending' | 'delivering' | 'delivered' | 'failed' | 'cancelled';
  attempt_count: number;
  created_at: string;
  /** Null if it has ended, or while its endpoint is paused or disabled. */
  next_attempt_at: string | null;
  /** What keeps a pending webhook from being sent. */
  waits_for: string | null;
  /** Null until it has ended. */
  finished_at: string | null;
  last_status_code: number | null;
  last_error: string | null;
  /** Why it ended so. */
  reason: string | null;
  priority: string;
  send_at: string | null;
  max_attempts: number | null;
  idempotency_key: string | null;
  content_type: string;
  body_bytes: number;
  /** The tenant that it belongs to; empty: the application itself. */
  tenant: string;
  /** The event that it takes to its endpoint. Null: it was sent directly. */
  event_id: string | null;
  event_type: string | null;
  /** The same for all webhooks to one endpoint, or to one URL without its query. */
  lane: string | null;
};

export type WebhookWithAttempts = {
  id: string;
  /** For a registered endpoint, its present URL; null when even that is gone. */
  url: string | null;
  endpoint_id: string | null;
  status: 'pending' | 'delivering' | 'delivered' | 'failed' | 'cancelled';
  attempt_count: number;
  created_at: string;
  /** Null if it has ended, or while its endpoint is paused or disabled. */
  next_attempt_at: string | null;
  /** What keeps a pending webhook from being sent. */
  waits_for: string | null;
  /** Null until it has ended. */
  finished_at: string | null;
  last_status_code: number | null;
  last_error: string | null;
  /** Why it ended so. */
  reason: string | null;
  priority: string;
  send_at: string | null;
  max_attempts: number | null;
  idempotency_key: string | null;
  content_type: string;
  body_bytes: number;
  /** The tenant that it belongs to; empty: the application itself. */
  tenant: string;
  /** The event that it takes to its endpoint. Null: it was sent directly. */
  event_id: string | null;
  event_type: string | null;
  /** The same for all webhooks to one endpoint, or to one URL without its query. */
  lane: string | null;
  /** How it had ended before each resend, oldest first. */
  earlier_outcomes: readonly {
    status: 'delivered' | 'failed' | 'cancelled';
    reason: string | null;
    /** Until then. */
    attempts: number;
    last_status_code: number | null;
    finished_at: string;
    replayed_at: string;
    /** The replay that resent it; null: it was resent individually. */
    replay_id: string | null;
  }[];
  /** Oldest first. */
  attempts: readonly Attempt[];
};

export type Attempt = {
  number: number;
  started_at: string;
  /** Null while it is under way. */
  finished_at: string | null;
  duration_ms: number | null;
  status_code: number | null;
  error: string | null;
  error_message: string | null;
  /** Its first 16 KiB. */
  response_body: string | null;
  response_truncated: boolean | null;
  worker: number;
};

export type WebhookRetry = {
  /** One that was delivered, too. */
  force?: boolean | null;
};

export type Cancelling = {
  /** Which webhooks: all parts must hold. At least one of endpoint_id, url, from, ids, event_id, event_type and tenant must be there, and not both endpoint_id and url; until is later than from. */
  filter: {
    /** Those to this registered endpoint. */
    endpoint_id?: string | null;
    /** Those to this URL, whatever its query, and to no registered endpoint: as it is written here, or as it is stored when it is sent by this API. */
    url?: string | null;
    /** Enqueued from then on. */
    from?: string | null;
    /** Enqueued before then. */
    until?: string | null;
    /** Of these webhooks. */
    ids?: readonly string[] | null;
    /** Those of this event. */
    event_id?: string | null;
    /** Those of events of exactly this type. */
    event_type?: string | null;
    /** Those of this tenant: to its endpoints, or sent for it. Empty: of the application itself. */
    tenant?: string | null;
  } & (
    | {
        endpoint_id: unknown;
      }
    | {
        url: unknown;
      }
    | {
        from: unknown;
      }
    | {
        ids: unknown;
      }
    | {
        event_id: unknown;
      }
    | {
        event_type: unknown;
      }
    | {
        tenant: unknown;
      }
  ) &
    (
      | {
          url?: null;
        }
      | {
          endpoint_id?: null;
        }
    );
  /** Counts, and cancels nothing. */
  dry_run?: boolean | null;
};

export type MatchCount = {
  dry_run: true;
  matched: number;
  /** Counting was given up: there are more. */
  is_at_least: boolean;
};

export type Cancelled = {
  cancelled: number;
  /** False: there are more, ask again. */
  is_complete: boolean;
};

export type NewReplay = {
  /** Which webhooks: all parts must hold. At least one of endpoint_id, url, from, ids, event_id, event_type and tenant must be there, and not both endpoint_id and url; until is later than from. */
  filter: {
    /** failed if not given. */
    status?:
      | (
          | ('failed' | 'cancelled' | 'delivered' | 'pending')
          | readonly ('failed' | 'cancelled' | 'delivered' | 'pending')[]
        )
      | null;
    /** Those to this registered endpoint. */
    endpoint_id?: string | null;
    /** Those to this URL, whatever its query, and to no registered endpoint: as it is written here, or as it is stored when it is sent by this API. */
    url?: string | null;
    /** Enqueued from then on. */
    from?: string | null;
    /** Enqueued before then. */
    until?: string | null;
    /** Of these webhooks. */
    ids?: readonly string[] | null;
    /** Those of this event. */
    event_id?: string | null;
    /** Those of events of exactly this type. */
    event_type?: string | null;
    /** Those of this tenant: to its endpoints, or sent for it. Empty: of the application itself. */
    tenant?: string | null;
  } & (
    | {
        endpoint_id: unknown;
      }
    | {
        url: unknown;
      }
    | {
        from: unknown;
      }
    | {
        ids: unknown;
      }
    | {
        event_id: unknown;
      }
    | {
        event_type: unknown;
      }
    | {
        tenant: unknown;
      }
  ) &
    (
      | {
          url?: null;
        }
      | {
          endpoint_id?: null;
        }
    );
  /** Counts, and sends nothing. */
  dry_run?: boolean | null;
  /** Webhooks queued per second. */
  rate_limit_per_s?: number | null;
  /** With which they are sent, low if not given; own: each with its own. */
  priority?: 'high' | 'normal' | 'low' | 'own' | null;
};

export type ReplayWithResults = {
  id: string;
  status: 'running' | 'finished' | 'cancelling' | 'cancelled';
  filter: {
    status: readonly ('failed' | 'cancelled' | 'delivered' | 'pending')[];
    endpoint_id: string | null;
    url: string | null;
    from: string | null;
    until: string | null;
    ids: readonly string[] | null;
    event_id: string | null;
    event_type: string | null;
    tenant: string | null;
  };
  rate_limit_per_s: number | null;
  priority: 'high' | 'normal' | 'low' | 'own';
  /** Matching webhooks, counted at the start. */
  matched: number;
  is_at_least: boolean;
  /** Put back into the queue. */
  replayed: number;
  skipped: number;
  /** Skipped webhooks by reason. */
  skipped_for: { [name: string]: number };
  /** Taken back when the replay was cancelled. */
  taken_back: number;
  created_at: string;
  finished_at: string | null;
  /** The present states of the webhooks that it has put back. */
  results: {
    waiting: number;
    delivering: number;
    delivered: number;
    failed: number;
    cancelled: number;
    /** It put back more than were counted. */
    is_at_least: boolean;
  };
};

export type ReplayPage = {
  replays: readonly Replay[];
  next_cursor: string | null;
};

export type Replay = {
  id: string;
  status: 'running' | 'finished' | 'cancelling' | 'cancelled';
  filter: {
    status: readonly ('failed' | 'cancelled' | 'delivered' | 'pending')[];
    endpoint_id: string | null;
    url: string | null;
    from: string | null;
    until: string | null;
    ids: readonly string[] | null;
    event_id: string | null;
    event_type: string | null;
    tenant: string | null;
  };
  rate_limit_per_s: number | null;
  priority: 'high' | 'normal' | 'low' | 'own';
  /** Matching webhooks, counted at the start. */
  matched: number;
  is_at_least: boolean;
  /** Put back into the queue. */
  replayed: number;
  skipped: number;
  /** Skipped webhooks by reason. */
  skipped_for: { [name: string]: number };
  /** Taken back when the replay was cancelled. */
  taken_back: number;
  created_at: string;
  finished_at: string | null;
};

export type NewEvent = {
  /** Whose endpoints receive it, by the id that your application uses. Left out: your application's own endpoints. * stands for all tenants. */
  tenant?: string | null;
  /** What happened, in words with dots between them. */
  event_type: string;
  /** A string is sent as that string, any other value byte for byte as it is written. */
  body: unknown;
  /** Its own headers, 8 KiB at most. Some names are reserved. */
  headers?: { [name: string]: string } | null;
  /** Of the body; application/json if not given. */
  content_type?: string | null;
  /** normal if not given. */
  priority?: 'high' | 'normal' | 'low' | null;
  /** Not before then; less than 366 days ahead. */
  send_at?: string | null;
  /** As many as the retry schedule has if not given. */
  max_attempts?: number | null;
  /** Sent once however often the request is repeated in 7 days. */
  idempotency_key?: string | null;
  /** W3C Trace Context; passed on. */
  traceparent?: string | null;
};

export type PublishedEvent = {
  id: string;
};

export type EventPage = {
  events: readonly Event[];
  next_cursor: string | null;
};

export type Event = {
  /** What the header webhook-id says, at each endpoint. */
  id: string;
  /** Empty: the application itself. *: all tenants. */
  tenant: string;
  event_type: string;
  /** The endpoints that it went to. Null: a job is still adding them. */
  recipients: number | null;
  /** Counting the recipients stopped at a bound: there are more. */
  is_at_least: boolean;
  created_at: string;
  body_bytes: number;
  content_type: string;
  priority: string;
  send_at: string | null;
  max_attempts: number | null;
  idempotency_key: string | null;
};

export type NewEvents = {
  /** All are published, or none. */
  events: readonly {
    /** Whose endpoints receive it, by the id that your application uses. Left out: your application's own endpoints. * stands for all tenants. */
    tenant?: string | null;
    /** What happened, in words with dots between them. */
    event_type: string;
    /** A string is sent as that string, any other value byte for byte as it is written. */
    body: unknown;
    /** Its own headers, 8 KiB at most. Some names are reserved. */
    headers?: { [name: string]: string } | null;
    /** Of the body; application/json if not given. */
    content_type?: string | null;
    /** normal if not given. */
    priority?: 'high' | 'normal' | 'low' | null;
    /** Not before then; less than 366 days ahead. */
    send_at?: string | null;
    /** As many as the retry schedule has if not given. */
    max_attempts?: number | null;
    /** Sent once however often the request is repeated in 7 days. */
    idempotency_key?: string | null;
    /** W3C Trace Context; passed on. */
    traceparent?: string | null;
  }[];
};

export type PublishedEvents = {
  /** In the order of the events. */
  ids: readonly string[];
};

export type EventToExplain = {
  /** As of the event. */
  tenant?: string | null;
  event_type: string;
  /** A string is sent as that string, any other value byte for byte as it is written. */
  body: unknown;
};

export type Recipients = {
  /** At most 1000. */
  recipients: readonly Recipient[];
  /** The tenant has more endpoints. */
  more: boolean;
};

export type Recipient = {
  endpoint_id: string;
  url: string;
  receives: boolean;
  /** subscribed: it receives it. paused: it does, once it is resumed. no_subscription: no subscription is for this type. filter_is_false: the filter says no. filter_has_no_answer: the filter compares values of different types. body_is_not_json: the filter cannot read the body. disabled: it does not receive it now. */
  why:
    | 'subscribed'
    | 'paused'
    | 'no_subscription'
    | 'filter_is_false'
    | 'filter_has_no_answer'
    | 'body_is_not_json'
    | 'disabled';
  /** It is disabled, and catches up when it is enabled. */
  receives_later: boolean;
  /** The subscription that decides. */
  subscription_id: string | null;
  subscribed_to: string | null;
  filter: string | null;
};

export type EventWithWebhooks = {
  /** What the header webhook-id says, at each endpoint. */
  id: string;
  /** Empty: the application itself. *: all tenants. */
  tenant: string;
  event_type: string;
  /** The endpoints that it went to. Null: a job is still adding them. */
  recipients: number | null;
  /** Counting the recipients stopped at a bound: there are more. */
  is_at_least: boolean;
  created_at: string;
  body_bytes: number;
  content_type: string;
  priority: string;
  send_at: string | null;
  max_attempts: number | null;
  idempotency_key: string | null;
  /** Its webhooks, one for each endpoint; at most 100. */
  webhooks: readonly Webhook[];
  /** There are more webhooks: list them by event_id. */
  more: boolean;
};

export type EventTypePage = {
  event_types: readonly EventType[];
  /** Null: this is the last page. */
  next_after: string | null;
};

export type EventType = {
  name: string;
  description: string;
  /** A JSON Schema (2020-12) of the body; null: any body. */
  schema: (boolean | { [name: string]: unknown }) | null;
  /** A body as an example; null: none. */
  example: unknown;
  deprecated: boolean;
  deprecated_at: string | null;
  created_at: string;
  updated_at: string;
};

export type NewEventType = {
  /** For people: what happened, and when it is published. At most 4 KiB in UTF-8. */
  description?: string | null;
  /** A JSON Schema (2020-12) of the body, at most 64 KiB. Left out: any body. */
  schema?: (boolean | { [name: string]: unknown }) | null;
  /** A body as an example, at most 64 KiB. It must fit the schema. */
  example?: unknown;
  /** It will not be published for much longer. */
  deprecated?: boolean | null;
};

export type NewEndpoint = {
  /** Where webhooks to it go. */
  url: string;
  /** Whose events it can receive, by the id that your application uses. It stays the same. */
  tenant?: string | null;
  /** For people: at most 1 KiB in UTF-8. */
  description?: string | null;
  /** Signs what is sent to it: whsec_ and 24 to 64 bytes in base64, whsk_ and an Ed25519 key, or any other text of 1 to 512 bytes. */
  secret?: string | null;
  /** Sent with every webhook to it, 8 KiB at most. */
  headers?: { [name: string]: string } | null;
  /** Requests at the same time, of all workers. */
  max_in_flight?: number | null;
  /** Requests a second, of all workers. */
  rate_limit_per_s?: number | null;
  /** Of an attempt. */
  timeout_ms?: number | null;
  /** How long to wait before each retry, s. */
  retry_schedule_s?: readonly number[] | null;
  /** One after the other, in the order of their ids. */
  ordered?: boolean | null;
  /** Of the secret that is made up if none is given. */
  secret_type?: 'hmac' | 'ed25519' | null;
  /** Which events it receives. They are made together with the endpoint. */
  subscriptions?:
    | readonly {
        /** A type, order.* for all types below order, or * for all types. */
        event_type: string;
        /** A jsonpath predicate on the body, such as $.total >= 1000. Events with another body are not received. */
        filter?: string | null;
      }[]
    | null;
};

export type EndpointWithSecret = {
  id: string;
  /** The tenant whose events it receives; empty: the application itself. */
  tenant: string;
  url: string;
  description: string;
  has_secret: boolean;
  /** Of an Ed25519 secret: whpk_… */
  public_key: string | null;
  /** Former secrets that still sign, newest first, and until when. */
  former_secrets: readonly {
    public_key: string | null;
    expires_at: string;
  }[];
  has_headers: boolean;
  status: 'active' | 'paused' | 'disabled' | 'deleted';
  /** Why it is not active: by_request, failing or gone. */
  status_reason: string | null;
  status_since: string;
  max_in_flight: number | null;
  rate_limit_per_s: number | null;
  timeout_ms: number | null;
  retry_schedule_s: readonly number[] | null;
  ordered: boolean;
  /** What it missed while it was disabled is being queued; an ordered endpoint is held meanwhile. */
  catching_up: boolean;
  created_at: string;
  updated_at: string;
  lane: string;
  /** For a healthy endpoint: closed, zeros and nulls. */
  breaker: {
    state: 'closed' | 'open';
    /** It is that of all endpoints with this scheme, host and port: none of them answers. */
    of_origin: boolean;
    consecutive_failures: number;
    trips: number;
    failing_since: string | null;
    last_failure_at: string | null;
    last_error: string | null;
    next_probe_at: string | null;
    throttled_until: string | null;
  };
  /** Webhooks that have not ended. Counting stops at a bound. */
  backlog: {
    waiting: number;
    delivering: number;
    is_at_least: boolean;
    oldest_due_at: string | null;
  };
  /** Those in force, oldest first; at most 1,000. */
  subscriptions: readonly Subscription[];
  /** The latest; null: there was none. */
  catch_up: CatchUp | null;
  /** If it was made up, and is not Ed25519. */
  secret?: string;
};

export type Subscription = {
  id: string;
  endpoint_id: string;
  /** That of the endpoint. */
  tenant: string;
  /** A type, order.* for all types below order, or *. */
  event_type: string;
  /** A jsonpath predicate, as Postgres writes it. */
  filter: string | null;
  created_at: string;
  /** Null: in force. */
  ended_at: string | null;
};

export type CatchUp = {
  status: 'running' | 'finished' | 'cancelled';
  /** Events published from then on. */
  since: string;
  /** Queued so far. */
  webhooks: number;
  /** Events read so far. */
  read_count: number;
  created_at: string;
  finished_at: string | null;
};

export type EndpointPage = {
  endpoints: readonly EndpointWithHealth[];
  next_cursor: string | null;
};

export type EndpointWithHealth = {
  id: string;
  /** The tenant whose events it receives; empty: the application itself. */
  tenant: string;
  url: string;
  description: string;
  has_secret: boolean;
  /** Of an Ed25519 secret: whpk_… */
  public_key: string | null;
  /** Former secrets that still sign, newest first, and until when. */
  former_secrets: readonly {
    public_key: string | null;
    expires_at: string;
  }[];
  has_headers: boolean;
  status: 'active' | 'paused' | 'disabled' | 'deleted';
  /** Why it is not active: by_request, failing or gone. */
  status_reason: string | null;
  status_since: string;
  max_in_flight: number | null;
  rate_limit_per_s: number | null;
  timeout_ms: number | null;
  retry_schedule_s: readonly number[] | null;
  ordered: boolean;
  /** What it missed while it was disabled is being queued; an ordered endpoint is held meanwhile. */
  catching_up: boolean;
  created_at: string;
  updated_at: string;
  lane: string;
  /** For a healthy endpoint: closed, zeros and nulls. */
  breaker: {
    state: 'closed' | 'open';
    /** It is that of all endpoints with this scheme, host and port: none of them answers. */
    of_origin: boolean;
    consecutive_failures: number;
    trips: number;
    failing_since: string | null;
    last_failure_at: string | null;
    last_error: string | null;
    next_probe_at: string | null;
    throttled_until: string | null;
  };
  /** Webhooks that have not ended. Counting stops at a bound. */
  backlog: {
    waiting: number;
    delivering: number;
    is_at_least: boolean;
    oldest_due_at: string | null;
  };
};

export type FoundEndpoint = {
  id: string;
  /** The tenant whose events it receives; empty: the application itself. */
  tenant: string;
  url: string;
  description: string;
  has_secret: boolean;
  /** Of an Ed25519 secret: whpk_… */
  public_key: string | null;
  /** Former secrets that still sign, newest first, and until when. */
  former_secrets: readonly {
    public_key: string | null;
    expires_at: string;
  }[];
  has_headers: boolean;
  status: 'active' | 'paused' | 'disabled' | 'deleted';
  /** Why it is not active: by_request, failing or gone. */
  status_reason: string | null;
  status_since: string;
  max_in_flight: number | null;
  rate_limit_per_s: number | null;
  timeout_ms: number | null;
  retry_schedule_s: readonly number[] | null;
  ordered: boolean;
  /** What it missed while it was disabled is being queued; an ordered endpoint is held meanwhile. */
  catching_up: boolean;
  created_at: string;
  updated_at: string;
  lane: string;
  /** For a healthy endpoint: closed, zeros and nulls. */
  breaker: {
    state: 'closed' | 'open';
    /** It is that of all endpoints with this scheme, host and port: none of them answers. */
    of_origin: boolean;
    consecutive_failures: number;
    trips: number;
    failing_since: string | null;
    last_failure_at: string | null;
    last_error: string | null;
    next_probe_at: string | null;
    throttled_until: string | null;
  };
  /** Webhooks that have not ended. Counting stops at a bound. */
  backlog: {
    waiting: number;
    delivering: number;
    is_at_least: boolean;
    oldest_due_at: string | null;
  };
  /** Those in force, oldest first; at most 1,000. */
  subscriptions: readonly Subscription[];
  /** The latest; null: there was none. */
  catch_up: CatchUp | null;
};

export type EndpointChange = {
  /** Where webhooks to it go. */
  url?: string;
  /** For people: at most 1 KiB in UTF-8. */
  description?: string | null;
  /** Signs what is sent to it: whsec_ and 24 to 64 bytes in base64, whsk_ and an Ed25519 key, or any other text of 1 to 512 bytes. */
  secret?: string | null;
  /** Sent with every webhook to it, 8 KiB at most. */
  headers?: { [name: string]: string } | null;
  /** Requests at the same time, of all workers. */
  max_in_flight?: number | null;
  /** Requests a second, of all workers. */
  rate_limit_per_s?: number | null;
  /** Of an attempt. */
  timeout_ms?: number | null;
  /** How long to wait before each retry, s. */
  retry_schedule_s?: readonly number[] | null;
  /** One after the other, in the order of their ids. */
  ordered?: boolean | null;
};

export type EndpointTest = {
  /** A string is sent as that string, any other value byte for byte as it is written. */
  body?: unknown;
};

export type SecretRotation = {
  /** In place of one that is made up. */
  secret?: string | null;
  /** As before if not given. */
  secret_type?: 'hmac' | 'ed25519' | null;
  /** For how long the former secret signs too, s; 86400 if not given. */
  overlap_s?: number | null;
};

export type NewCatchUp = {
  /** Events published from then on. */
  since: string;
  /** Counts, and sends nothing. */
  dry_run?: boolean | null;
  /** Webhooks sent per second; 100 if not given. */
  rate_limit_per_s?: number | null;
};

export type MissedEvents = {
  /** How many it has missed; if counting took too long, at least. */
  missed: number;
};

export type NewSubscription = {
  /** Of the endpoint that receives the events. */
  endpoint_id: string;
  /** A type, order.* for all types below order, or * for all types. */
  event_type: string;
  /** A jsonpath predicate on the body, such as $.total >= 1000. Events with another body are not received. */
  filter?: string | null;
};

export type SubscriptionPage = {
  subscriptions: readonly Subscription[];
  next_cursor: string | null;
};

export type TenantPage = {
  tenants: readonly Tenant[];
  /** Null: this is the last page. */
  next_after: string | null;
};

export type Tenant = {
  /** The id that the application uses. */
  id: string;
  /** For people. */
  name: string;
  /** Requests at the same time, to all of its endpoints. Null: no limit. */
  max_in_flight: number | null;
  /** Requests a second, to all of its endpoints. Null: no limit. */
  rate_limit_per_s: number | null;
  /** It is full when it has this many unfinished webhooks. Null: it is never full. */
  max_waiting: number | null;
  /** Whether new webhooks and events of it are refused while it is full. */
  refuse_when_full: boolean;
  /** Null: it is not full. */
  full_since: string | null;
  /** Registered endpoints, without the deleted ones. */
  endpoints: number;
  /** Of its settings; null: it has none, and needs none. */
  created_at: string | null;
};

export type TenantChange = {
  /** For people. */
  name?: string | null;
  /** Requests at the same time, to all of its endpoints, of all workers. */
  max_in_flight?: number | null;
  /** Requests a second, to all of its endpoints, of all workers. */
  rate_limit_per_s?: number | null;
  /** It is full when it has this many unfinished webhooks. They are counted every minute. */
  max_waiting?: number | null;
  /** Whether new webhooks and events of it are refused while it is full. */
  refuse_when_full?: boolean | null;
};

export type TenantRename = {
  /** The new id. */
  to: string;
};

export type Stats = {
  workers: readonly {
    number: number;
    host: string;
    pid: number;
    version: string;
    started_at: string;
  }[];
  alerts: readonly {
    rule: string;
    severity: string;
    /** How bad it is now. */
    summary: string;
    fired_at: string;
    /** Since when it has been clear; it is resolved if it stays so. */
    clear_since: string | null;
  }[];
  breakers: readonly {
    url: string;
    /** Nothing at this scheme, host and port answers, so it is of all its endpoints. */
    of_origin: boolean;
    failures: number;
    last_error: string | null;
    failing_since: string;
    next_probe_at: string | null;
  }[];
  at: string;
  version: string;
  window: {
    attempts: number;
    failures: number;
    seconds: number;
  };
  queue: readonly {
    priority: 0 | 1 | 2;
    state: 'due' | 'held' | 'retry' | 'scheduled' | 'sending';
    webhooks: number;
    oldest_due_s: number | null;
  }[];
  is_estimated: boolean;
  tasks: {
    [name: string]: {
      ended_at: number;
      duration_s: number;
    };
  };
  lanes: {
    failing: number;
    open: number;
    probing: number;
    throttled: number;
    held: number;
  } | null;
};

export type Series = {
  /** The time that a point covers. */
  step_s: number;
  points: readonly {
    at: string;
    attempts: number;
    failures: number;
    /** Attempts a second. */
    per_second: number;
    /** Share of attempts that succeeded; null: there were none. */
    success_ratio: number | null;
    p50_ms: number | null;
    p95_ms: number | null;
    p99_ms: number | null;
    waiting: number;
    due: number;
    oldest_due_s: number | null;
  }[];
};

export type Pulses = {
  endpoints: {
    [name: string]: readonly {
      at: string;
      attempts: number;
      failures: number;
    }[];
  };
};

export type HeldBackList = {
  held_back: readonly HeldBack[];
  /** There is more. */
  more: boolean;
};

export type HeldBack = {
  level: 'tenant' | 'origin' | 'endpoint' | 'url';
  /** The id of the tenant; scheme, host and port of the origin; the description of the endpoint, or its URL without its query; the URL without its query. */
  name: string | null;
  /** The tenant, or that of the endpoint. Empty: the application itself. */
  tenant: string | null;
  endpoint_id: string | null;
  /** In the words of waits_for; no_answer, failing, limit, slots, share, unproven, full. */
  reason: string;
  since: string | null;
  /** Null: until something happens. */
  until: string | null;
  last_error: string | null;
  /** Requests in flight on the worker. */
  in_flight: number | null;
  /** How many it may have there. */
  slots: number | null;
  /** The worker that holds it back. Null: all workers do. */
  worker: number | null;
};

export type Settings = {
  settings: readonly {
    name: string;
    value: string;
  }[];
};

export type Readiness = {
  ready: boolean;
  checks: { [name: string]: string };
};

/** The problems that the API answers with. docs/api.md says what to do about each. */
export type ProblemName =
  | 'invalid_request'
  | 'empty_body'
  | 'invalid_utf8'
  | 'invalid_json'
  | 'not_an_object'
  | 'too_deep'
  | 'duplicate_key'
  | 'invalid_webhook'
  | 'invalid_endpoint'
  | 'invalid_event'
  | 'invalid_event_type'
  | 'invalid_subscription'
  | 'invalid_catch_up'
  | 'invalid_tenant'
  | 'invalid_filter'
  | 'invalid_parameter'
  | 'invalid_id'
  | 'unauthenticated'
  | 'insufficient_scope'
  | 'cross_origin'
  | 'webhook_not_found'
  | 'endpoint_not_found'
  | 'event_not_found'
  | 'event_type_not_found'
  | 'subscription_not_found'
  | 'tenant_not_found'
  | 'replay_not_found'
  | 'route_not_found'
  | 'method_not_allowed'
  | 'request_timeout'
  | 'idempotency_conflict'
  | 'subscription_exists'
  | 'tenant_full'
  | 'tenant_exists'
  | 'endpoint_state_conflict'
  | 'webhook_state_conflict'
  | 'payload_gone'
  | 'body_too_large'
  | 'unsupported_media_type'
  | 'too_many_requests'
  | 'headers_too_large'
  | 'internal_error'
  | 'too_busy'
  | 'database_unavailable'
  | 'timeout';

/** How each operation is asked for. */
export const operations = {
  sendWebhook: { method: 'POST', path: '/webhooks/send', keys: 'one' },
  listWebhooks: {
    method: 'GET',
    path: '/webhooks',
    mayRepeat: true,
    page: { items: 'webhooks', next: 'next_cursor', from: 'cursor' },
  },
  showWebhook: { method: 'GET', path: '/webhooks/{id}', mayRepeat: true },
  retryWebhook: { method: 'POST', path: '/webhooks/{id}/retry' },
  cancelWebhook: { method: 'POST', path: '/webhooks/{id}/cancel' },
  cancelWebhooks: { method: 'POST', path: '/webhooks/cancel' },
  startReplay: { method: 'POST', path: '/replays' },
  listReplays: {
    method: 'GET',
    path: '/replays',
    mayRepeat: true,
    page: { items: 'replays', next: 'next_cursor', from: 'cursor' },
  },
  showReplay: { method: 'GET', path: '/replays/{id}', mayRepeat: true },
  cancelReplay: { method: 'POST', path: '/replays/{id}/cancel' },
  publishEvent: { method: 'POST', path: '/events', keys: 'one' },
  listEvents: {
    method: 'GET',
    path: '/events',
    mayRepeat: true,
    page: { items: 'events', next: 'next_cursor', from: 'cursor' },
  },
  publishEvents: { method: 'POST', path: '/events/batch', keys: 'each event' },
  explainRecipients: { method: 'POST', path: '/events/recipients', mayRepeat: true },
  showEvent: { method: 'GET', path: '/events/{id}', mayRepeat: true },
  listEventTypes: {
    method: 'GET',
    path: '/event-types',
    mayRepeat: true,
    page: { items: 'event_types', next: 'next_after', from: 'after' },
  },
  showEventType: { method: 'GET', path: '/event-types/{name}', mayRepeat: true },
  saveEventType: { method: 'PUT', path: '/event-types/{name}', mayRepeat: true },
  deleteEventType: { method: 'DELETE', path: '/event-types/{name}' },
  showAsyncApi: { method: 'GET', path: '/asyncapi.json', mayRepeat: true },
  showEventsOpenApi: { method: 'GET', path: '/events/openapi.json', mayRepeat: true },
  createEndpoint: { method: 'POST', path: '/endpoints' },
  listEndpoints: {
    method: 'GET',
    path: '/endpoints',
    mayRepeat: true,
    page: { items: 'endpoints', next: 'next_cursor', from: 'cursor' },
  },
  showEndpoint: { method: 'GET', path: '/endpoints/{id}', mayRepeat: true },
  changeEndpoint: { method: 'PATCH', path: '/endpoints/{id}' },
  deleteEndpoint: { method: 'DELETE', path: '/endpoints/{id}' },
  testEndpoint: { method: 'POST', path: '/endpoints/{id}/test' },
  rotateSecret: { method: 'POST', path: '/endpoints/{id}/secret/rotate' },
  catchUpEndpoint: { method: 'POST', path: '/endpoints/{id}/catch-up' },
  cancelCatchUp: { method: 'DELETE', path: '/endpoints/{id}/catch-up' },
  pauseEndpoint: { method: 'POST', path: '/endpoints/{id}/pause' },
  resumeEndpoint: { method: 'POST', path: '/endpoints/{id}/resume' },
  disableEndpoint: { method: 'POST', path: '/endpoints/{id}/disable' },
  enableEndpoint: { method: 'POST', path: '/endpoints/{id}/enable' },
  createSubscription: { method: 'POST', path: '/subscriptions' },
  listSubscriptions: {
    method: 'GET',
    path: '/subscriptions',
    mayRepeat: true,
    page: { items: 'subscriptions', next: 'next_cursor', from: 'cursor' },
  },
  showSubscription: { method: 'GET', path: '/subscriptions/{id}', mayRepeat: true },
  endSubscription: { method: 'DELETE', path: '/subscriptions/{id}' },
  listTenants: {
    method: 'GET',
    path: '/tenants',
    mayRepeat: true,
    page: { items: 'tenants', next: 'next_after', from: 'after' },
  },
  showTenant: { method: 'GET', path: '/tenants/{tenant}', mayRepeat: true },
  changeTenant: { method: 'PATCH', path: '/tenants/{tenant}' },
  forgetTenant: { method: 'DELETE', path: '/tenants/{tenant}' },
  renameTenant: { method: 'POST', path: '/tenants/{tenant}/rename' },
  showStats: { method: 'GET', path: '/stats', mayRepeat: true },
  showSeries: { method: 'GET', path: '/stats/series', mayRepeat: true },
  showPulses: { method: 'GET', path: '/stats/endpoints', mayRepeat: true },
  listHeldBack: { method: 'GET', path: '/held-back', mayRepeat: true },
  showSettings: { method: 'GET', path: '/settings', mayRepeat: true },
  showHealth: { method: 'GET', path: '/healthz', mayRepeat: true },
  showReadiness: { method: 'GET', path: '/readyz', mayRepeat: true, alsoAnswers: [503] },
  showMetrics: { method: 'GET', path: '/metrics', mayRepeat: true, isText: true },
  showOpenApi: { method: 'GET', path: '/openapi.json', mayRepeat: true },
} as const satisfies Readonly<Record<keyof Operations, Operation>>;
