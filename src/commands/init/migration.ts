import { joinSql, loginSql } from './login-sql.ts';
import {
  indented,
  known,
  one,
  type Place,
  type PlannedMigration,
  plainSql,
  what,
} from './migration-file.ts';
import { jsMigrations } from './migrations-js.ts';
import { mark } from './planned-file.ts';
import type { Project } from './project.ts';
import type { StackName } from './stack-names.ts';

/** The migration of the application: `posthorn migrate` makes the schema, and this only says who may use it. */
export function planMigration(stack: StackName, place: Place): PlannedMigration {
  return (tools[stack] ?? plainSql)(place);
}

const tools: Readonly<Partial<Record<StackName, (place: Place) => PlannedMigration>>> = {
  ...jsMigrations,
  django: () => ({
    files: [
      { path: 'posthorn_webhooks/__init__.py', what: 'a Django app', text: `# ${mark}\n` },
      {
        path: 'posthorn_webhooks/migrations/__init__.py',
        what: 'its migrations',
        text: `# ${mark}\n`,
      },
      {
        path: 'posthorn_webhooks/migrations/0001_posthorn_producer.py',
        what,
        text: `# ${mark}
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = []

    operations = [
        migrations.RunSQL(
            """${indented(12)}""",
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
`,
      },
    ],
    command:
      'python manage.py migrate posthorn_webhooks   # with "posthorn_webhooks" in INSTALLED_APPS',
  }),
  sqlalchemy: ({ project, moment }) => {
    const folder = alembicFolder(project);
    if (folder === undefined) return plainSql();
    const path = known(project, `${folder}/versions`, `${moment.stamp}_posthorn_producer.py`);
    const revision = /(\d+)_posthorn/.exec(path)?.[1] ?? moment.stamp;
    const before = headOf(project, `${folder}/versions`);
    return one(
      path,
      `# ${mark}
from alembic import op

revision = "${revision}"
down_revision = ${before === undefined ? 'None' : JSON.stringify(before)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """${indented(8)}"""
    )


def downgrade() -> None:
    pass
`,
      'alembic upgrade head',
    );
  },
  gorm: ofGo,
  pgx: ofGo,
  'database-sql': ofGo,
  jpa: ofJava,
  jdbc: ofJava,
  activerecord: ({ project, moment }) =>
    one(
      known(project, 'db/migrate', `${moment.stamp}_posthorn_producer.rb`),
      `# ${mark}
class PosthornProducer < ActiveRecord::Migration[ActiveRecord::Migration.current_version]
  def up
    execute <<~'SQL'
${joinSql(6)}
    SQL
  end

  def down
  end
end
`,
      'bin/rails db:migrate',
    ),
  laravel: ({ project, moment }) => {
    const [, y, m, d, time] = /^(\d{4})(\d\d)(\d\d)(\d{6})$/.exec(moment.stamp) ?? [];
    return one(
      known(project, 'database/migrations', `${y}_${m}_${d}_${time}_posthorn_producer.php`),
      `<?php

// ${mark}

use Illuminate\\Database\\Migrations\\Migration;
use Illuminate\\Support\\Facades\\DB;

return new class extends Migration
{
    public function up(): void
    {
        DB::unprepared(<<<'SQL'
${joinSql(12)}
            SQL);
    }

    public function down(): void
    {
    }
};
`,
      'php artisan migrate',
    );
  },
  sqlx: ({ project, moment }) =>
    one(
      known(project, 'migrations', `${moment.stamp}_posthorn_producer.sql`),
      loginSql('--'),
      'sqlx migrate run',
    ),
};

function ofGo({ project, moment }: Place): PlannedMigration {
  const modules = project.read('go.mod') ?? '';
  if (/pressly\/goose/.test(modules)) {
    const text = `-- +goose Up\n-- +goose StatementBegin\n${loginSql('--')}-- +goose StatementEnd\n\n-- +goose Down\n`;
    const path = known(project, 'migrations', `${moment.stamp}_posthorn_producer.sql`);
    return one(path, text, 'goose -dir migrations postgres "$DATABASE_URL" up');
  }
  if (!/golang-migrate\/migrate/.test(modules)) return plainSql();
  const up = known(project, 'migrations', `${moment.stamp}_posthorn_producer.up.sql`);
  const down = up.replace(/\.up\.sql$/, '.down.sql');
  return {
    files: [
      { path: up, what, text: loginSql('--') },
      { path: down, what: 'takes nothing back', text: `-- ${mark}\nselect 1;\n` },
    ],
    command: 'migrate -path migrations -database "$DATABASE_URL" up',
  };
}

function ofJava({ project, moment }: Place): PlannedMigration {
  const build = ['pom.xml', 'build.gradle', 'build.gradle.kts']
    .map((file) => project.read(file) ?? '')
    .join('\n');
  const resources = 'src/main/resources/db';
  if (/flyway/.test(build)) {
    const path = known(
      project,
      `${resources}/migration`,
      `V${moment.stamp}__posthorn_producer.sql`,
    );
    const command =
      project.read('pom.xml') === undefined ? './gradlew flywayMigrate' : 'mvn flyway:migrate';
    return one(
      path,
      loginSql('--'),
      `${command}   # or start the application, if it migrates by itself`,
    );
  }
  if (!/liquibase/.test(build)) return plainSql();
  const path = known(project, `${resources}/changelog`, 'posthorn-producer.sql');
  const text = `--liquibase formatted sql\n\n--changeset posthorn:producer splitStatements:false\n${loginSql('--')}`;
  const command =
    project.read('pom.xml') === undefined ? './gradlew update' : 'mvn liquibase:update';
  return one(path, text, `${command}   # with ${path} in your changelog`);
}

/** Where alembic keeps its files; undefined: it is not used here. */
function alembicFolder(project: Project): string | undefined {
  const settings = project.read('alembic.ini');
  if (settings === undefined) return undefined;
  const [, location = 'alembic'] = /^script_location\s*=\s*(\S+)/m.exec(settings) ?? [];
  return location.replace(/^%\(here\)s\//, '');
}

/** The revision that no other one follows; ours does not count. */
function headOf(project: Project, folder: string): string | undefined {
  const files = project
    .list(folder)
    .filter((name) => name.endsWith('.py') && !/posthorn_producer/.test(name));
  const texts = files.map((name) => project.read(`${folder}/${name}`) ?? '');
  const stated = (text: string, name: string) =>
    new RegExp(`^${name}\\b[^=\\n]*=\\s*(.+)$`, 'm').exec(text)?.[1] ?? '';
  const followed = texts.map((text) => stated(text, 'down_revision')).join(' ');
  return texts
    .map((text) => /^["'](\w+)["']/.exec(stated(text, 'revision'))?.[1])
    .findLast((revision) => revision !== undefined && !followed.includes(revision));
}
