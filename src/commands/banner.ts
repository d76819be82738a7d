// Pure: no I/O, no clock, no randomness.

interface BannerOptions {
  readonly posthorn: {
    readonly address: string;
    readonly psql: string;
    readonly isEmbedded: boolean;
  };
  readonly parts: { readonly worker: boolean; readonly api: boolean };
  readonly version: string;
}

/** What a start prints: where everything is, and how to send the first webhook. */
export function banner({ posthorn, parts, version }: BannerOptions): string {
  const lines = [
    '',
    `Posthorn ${version} is running (${runningParts(parts)}).`,
    '',
    `  ${parts.api ? 'API      ' : 'health   '} ${posthorn.address}`,
    `  psql      ${posthorn.psql}`,
  ];
  if (posthorn.isEmbedded) {
    lines.push(
      '  database  embedded Postgres, for trying out and for small services; DATABASE_URL chooses another',
      '  receivers on loopback (127.0.0.0/8, ::1) are allowed, because the database is the embedded one;',
      '            other private networks are refused: POSTHORN_ALLOW_NETWORKS allows them',
    );
  }
  if (parts.api) {
    lines.push(
      '',
      'Send a webhook:',
      '',
      `  curl -X POST ${posthorn.address}/webhooks/send -H 'content-type: application/json' \\`,
      `    -d '{"url": "https://example.com/hook", "body": {"hello": "world"}}'`,
    );
  }
  lines.push(
    '',
    'or, in a transaction of your own:',
    '',
    `  insert into posthorn.outbox (url, body) values ('https://example.com/hook', '{"hello": "world"}') returning id;`,
    '',
  );
  return lines.join('\n');
}

function runningParts({ worker, api }: BannerOptions['parts']): string {
  if (worker && api) return 'worker and API';
  return worker ? 'worker' : 'API';
}
