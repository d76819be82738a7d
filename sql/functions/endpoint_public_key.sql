-- Sets the public key of an endpoint that signs with Ed25519: it is the last 32 bytes of a whsk_ secret. When a secret is
-- sealed, the process that seals it gives the public key.
create or replace function posthorn.endpoint_public_key() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  new.public_key := case
    when new.secret ~ '^whsk_[A-Za-z0-9+/]{86}==$'
    then 'whpk_' || encode(substring(decode(substr(new.secret, 6), 'base64') from 33), 'base64')
  end;
  return new;
end
$$;

create or replace trigger endpoint_public_key_on_insert
  before insert on posthorn.endpoints
  for each row
  when (left(new.secret, 5) = 'whsk_')
  execute function posthorn.endpoint_public_key();

create or replace trigger endpoint_public_key_on_update
  before update of secret on posthorn.endpoints
  for each row
  when (new.secret is null or left(new.secret, 7) <> 'sealed:')
  execute function posthorn.endpoint_public_key();

revoke execute on function posthorn.endpoint_public_key() from public;
