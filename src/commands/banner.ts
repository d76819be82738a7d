// Pure: no I/O, no clock, no randomness.

interface BannerOptions {
  readonly posthorn: {
    readonly address: string;
    readonly psql: string;
    readonly urlFile: string | undefined;
    readonly isEmbedded: boolean;
    /** Private networks that may be called. */
    readonly allowNetworks: readonly string[];
  };
  readonly parts: { readonly worker: boolean; readonly api: boolean };
  readonly version: string;
}

/** What a start prints: where everything is, and how to send the first webhook. */
export function banner({ posthorn, parts, version }: BannerOptions): string {
  const { address, psql, urlFile, isEmbedded } = posthorn;
  // With the embedded database there is likely a receiver on this machine to watch.
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
    'Send a webhook in a transaction of your own:',
    '',
    `  insert into posthorn.outbox (url, body) values ('${receiver}', '{"hello": "world"}') returning id;`,
    '',
    ...(parts.api
      ? [
          'or over HTTP:',
          '',
          `  curl -X POST ${address}/webhooks/send -H 'content-type: application/json' \\`,
          `    -d '{"url": "${receiver}", "body": {"hello": "world"}}'`,
          '',
        ]
      : []),
  ].join('\n');
}

/** For a shell: the URL has the password in it, so that it is kept in a file and not shown. */
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
    `  receivers public addresses, and on loopback and private networks these: ${allowNetworks.join(', ')}`,
    ...(isEmbedded
      ? ['            (loopback is allowed because the database is the embedded one)']
      : []),
  ];
}

function runningParts({ worker, api }: BannerOptions['parts']): string {
  if (worker && api) return 'worker and API';
  return worker ? 'worker' : 'API';
}
