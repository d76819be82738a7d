-- Who may call the HTTP API: a row per key. Of the key itself only its SHA-256 is kept: it has 256 random bits, which nobody
-- tries out, so that nothing slower than one hash is needed.

create table posthorn.api_keys (
  id uuid not null default posthorn.uuid_v7(),
  name text not null,
  -- The beginning of the key, by which people tell it from others.
  prefix text not null,
  hash bytea not null,
  scopes text[] not null,
  created_at timestamptz not null default now(),
  -- Null: never.
  expires_at timestamptz,
  revoked_at timestamptz,
  -- To a minute or so.
  last_used_at timestamptz,
  constraint api_keys_pkey primary key (id),
  constraint api_keys_hash_is_unique unique (hash),
  constraint api_keys_hash_is_sha256 check (octet_length(hash) = 32),
  constraint api_keys_name_is_1_to_100_bytes check (octet_length(name) between 1 and 100),
  constraint api_keys_scopes_are_read_send_manage check (
    cardinality(scopes) > 0 and scopes <@ array['read', 'send', 'manage'])
);

comment on table posthorn.api_keys is 'Keys of the HTTP API: their hashes, and what each may do.';
