// Pure: no I/O, no clock, no randomness.

interface BannerOptions {
  readonly posthorn: {
    readonly address: string;
    readonly psql: string;
    readonly urlFile: string | undefined;
    readonly isEmbedded: boolean;
    /** Private networks that webhooks may be sent to. */
    readonly allowNetworks: readonly string[];
  };
  readonly parts: { readonly worker: boolean; readonly api: boolean };
  readonly version: string;
}

/** The text printed at the start: where everything is, and how to send the first webhook. */
export function banner({ posthorn, parts, version }: BannerOptions): string {
  const { address, psql, urlFile, isEmbedded } = posthorn;
  // With the embedded database, the user probably has a receiver on this machine.
  const receiver = isEmbedded ? 'http://127.0.0.1:9000/hook' : 'https://example.com/hook';
  return [
    '',
    `Posthorn ${version} is running (${runningParts(parts)}).`,
    '',
    ...(parts.api ? [`  dashboard ${address}/`] : []),
    `  ${parts.api ? 'API      ' : 'health   '} ${address}`,
    `  psql      ${psql}`,
    ...(urlFile === undefined ? [] : [`  apps      ${urlAssignment(urlFile)}`]),
    ...(isEmbedded
      ? [
          '  database  embedded Postgres, for trying out and for small services; DATABASE_URL chooses another',
        ]
      : []),
    ...(parts.worker ? receivers(posthorn) : []),
    '',
    'Send a webhook in one of your transactions:',
    '',
    `  insert into posthorn.outbox (url, body) values ('${receiver}', '{"hello": "world"}') returning id;`,
    '',
    'or an event to all endpoints of a customer that subscribe to it (README.md):',
    '',
    `  insert into posthorn.events (tenant, event_type, body) values ('acme', 'order.paid', '{"id": 42}') returning id;`,
    '',
    ...(parts.api
      ? [
          'or a webhook over HTTP:',
          '',
          `  curl -X POST ${address}/webhooks/send -H 'content-type: application/json' \\`,
          `    -d '{"url": "${receiver}", "body": {"hello": "world"}}'`,
          '',
        ]
      : []),
  ].join('\n');
}

/** A shell assignment that reads the URL from its file, because the URL contains the password and must not be shown. */
export function urlAssignment(urlFile: string): string {
  return `DATABASE_URL="$(cat '${urlFile.replaceAll("'", "'\\''")}')"`;
}

function receivers({ isEmbedded, allowNetworks }: BannerOptions['posthorn']): string[] {
  if (allowNetworks.length === 0) {
    return [
      '  receivers public addresses only; POSTHORN_ALLOW_NETWORKS allows loopback and private ones',
    ];
  }
  return [
    `  receivers public addresses, and these on loopback and private networks: ${allowNetworks.join(', ')}`,
    ...(isEmbedded
      ? ['            (loopback is allowed because the database is the embedded one)']
      : []),
  ];
}

function runningParts({ worker, api }: BannerOptions['parts']): string {
  if (worker && api) return 'worker and API';
  return worker ? 'worker' : 'API';
}
