// Pure: no I/O, no clock, no randomness.

import { mark, type PlannedFile } from './planned-file.ts';

const path = 'docker-compose.posthorn.yml';
export const envPath = 'posthorn.env';

interface ComposeOptions {
  readonly version: string;
  /** The application has a DATABASE_URL in its .env. */
  readonly hasDatabase: boolean;
}

/** Posthorn for development: with the application's own Postgres, or with one of its own. */
export function planCompose({ version, hasDatabase }: ComposeOptions): PlannedFile {
  const image = `ghcr.io/posthorn/posthorn:${version}`;
  return hasDatabase
    ? { path, what: 'Posthorn, with the Postgres of your .env', text: withYours(image) }
    : { path, what: 'Posthorn and a Postgres', text: withOwn(image) };
}

function head(about: string): string {
  return `# ${mark} For development: docker compose -f ${path} up -d
# ${about}
# "migrate" makes the schema, "roles" makes the Postgres roles, and "posthorn" sends. The dashboard is on http://127.0.0.1:8080.
`;
}

function withOwn(image: string): string {
  return `${head('Posthorn and a Postgres. Both listen on this machine alone.')}
x-posthorn: &posthorn
  image: ${image}
  env_file: [${envPath}]
  environment: &settings
    # Seen from the other containers. Your programs use the address in ${envPath}.
    DATABASE_URL: postgres://postgres:development@postgres:5432/app

services:
  postgres:
    image: postgres:18
    environment:
      POSTGRES_PASSWORD: development
      POSTGRES_DB: app
    ports: ["127.0.0.1:5432:5432"]
    volumes: ["posthorn-postgres:/var/lib/postgresql"]
    healthcheck:
      test: ["CMD", "pg_isready", "--host=127.0.0.1", "--username=postgres", "--dbname=app"]
      interval: 2s
      timeout: 5s
      retries: 30

  migrate:
    <<: *posthorn
    command: ["migrate"]
    depends_on:
      postgres: { condition: service_healthy }

  roles:
    <<: *posthorn
    command: ["roles"]
    depends_on:
      migrate: { condition: service_completed_successfully }

  posthorn:
    <<: *posthorn
    environment:
      <<: *settings
      HOST: 0.0.0.0
      # Without a key, because the port is open to this machine alone.
      POSTHORN_AUTH: "off"
    ports: ["127.0.0.1:8080:8080"]
    # Receivers on this machine are http://host.docker.internal:PORT.
    extra_hosts: ["host.docker.internal:host-gateway"]
    depends_on:
      roles: { condition: service_completed_successfully }
    stop_grace_period: 50s

volumes:
  posthorn-postgres:
`;
}

function withYours(image: string): string {
  return `${head('Posthorn, with the Postgres of DATABASE_URL in your .env.')}
x-posthorn: &posthorn
  image: ${image}
  env_file: [.env, ${envPath}]
  # So that "localhost" in DATABASE_URL and in the addresses of receivers is this machine. Docker Desktop must allow it:
  # Settings, Resources, Network, Enable host networking.
  network_mode: host

services:
  migrate:
    <<: *posthorn
    command: ["migrate"]

  roles:
    <<: *posthorn
    command: ["roles"]
    depends_on:
      migrate: { condition: service_completed_successfully }

  posthorn:
    <<: *posthorn
    environment:
      HOST: 127.0.0.1
    depends_on:
      roles: { condition: service_completed_successfully }
    stop_grace_period: 50s
`;
}

/** The settings of development. `key`: 32 random bytes in base64. */
export function planEnv({
  key,
  hasDatabase,
}: {
  readonly key: string;
  readonly hasDatabase: boolean;
}): PlannedFile {
  const database = hasDatabase
    ? '# DATABASE_URL is in .env.\n'
    : `# The Postgres of ${path}, seen from this machine.\nDATABASE_URL=postgres://postgres:development@127.0.0.1:5432/app\n`;
  const host = hasDatabase ? '127.0.0.1' : 'host.docker.internal';
  return {
    path: envPath,
    what: 'settings for development; keep it out of version control',
    isPrivate: true,
    text: `# ${mark} Settings for development: keep this file out of version control, because it has a key.
${database}
# Seals the secrets of endpoints. If you lose it, you must give the endpoints new secrets.
POSTHORN_ENCRYPTION_KEYS=development:${key}

# Private networks that webhooks may go to: this machine, and containers on it. Production needs none.
POSTHORN_ALLOW_NETWORKS=127.0.0.0/8,::1,172.16.0.0/12,192.168.0.0/16

# Where the first webhook goes. Until something listens there, Posthorn tries again.
WEBHOOK_URL=http://${host}:3000/webhooks
`,
  };
}
