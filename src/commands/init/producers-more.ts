import { about, body, databaseUrl, hook, program, yours } from './producer.ts';

/** Of Ruby, PHP, Rust and plain SQL. */
export const moreProducers = {
  activerecord: () =>
    program(
      'posthorn/first_webhook.rb',
      `# ${about}
require 'json'

def enqueue(url, body)
  sql = ['select posthorn.enqueue(url => ?, body => ?)', url, body.to_json]
  ActiveRecord::Base.connection.select_value(ActiveRecord::Base.sanitize_sql(sql))
end

id = ActiveRecord::Base.transaction do
  # ${yours}
  enqueue(ENV.fetch('WEBHOOK_URL', '${hook}'), { type: 'order.created', id: 42 })
end
puts "Webhook #{id} is on its way: npx posthorn show #{id}"
`,
      'bin/rails runner posthorn/first_webhook.rb',
    ),
  laravel: () =>
    program(
      'app/Console/Commands/FirstWebhook.php',
      `<?php

// ${about}

namespace App\\Console\\Commands;

use Illuminate\\Console\\Command;
use Illuminate\\Support\\Facades\\DB;

class FirstWebhook extends Command
{
    protected $signature = 'posthorn:first-webhook';

    protected $description = 'Sends a webhook in a transaction';

    public function handle(): int
    {
        $id = DB::transaction(function () {
            // ${yours}
            return $this->enqueue(getenv('WEBHOOK_URL') ?: '${hook}', ['type' => 'order.created', 'id' => 42]);
        });
        $this->info("Webhook $id is on its way: npx posthorn show $id");

        return self::SUCCESS;
    }

    private function enqueue(string $url, array $body): string
    {
        $sql = 'select posthorn.enqueue(url => ?, body => ?) as id';

        return DB::selectOne($sql, [$url, json_encode($body, JSON_THROW_ON_ERROR)])->id;
    }
}
`,
      'php artisan posthorn:first-webhook',
    ),
  pdo: () =>
    program(
      'posthorn/first_webhook.php',
      `<?php

// ${about}

$address = parse_url(getenv('DATABASE_URL') ?: '${databaseUrl}');
$dsn = sprintf('pgsql:host=%s;port=%d;dbname=%s', $address['host'], $address['port'] ?? 5432, ltrim($address['path'], '/'));
$database = new PDO($dsn, urldecode($address['user'] ?? ''), urldecode($address['pass'] ?? ''));
$database->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);

$database->beginTransaction();
// ${yours}
$statement = $database->prepare('select posthorn.enqueue(url => :url, body => :body)');
$statement->execute([
    'url' => getenv('WEBHOOK_URL') ?: '${hook}',
    'body' => json_encode(['type' => 'order.created', 'id' => 42], JSON_THROW_ON_ERROR),
]);
$id = $statement->fetchColumn();
$database->commit();

echo "Webhook $id is on its way: npx posthorn show $id\\n";
`,
      'php posthorn/first_webhook.php',
    ),
  sqlx: () =>
    program(
      'src/bin/first_webhook.rs',
      `// ${about}
// sqlx needs the features postgres and one of a runtime, such as runtime-tokio.
use std::env;

#[tokio::main]
async fn main() -> Result<(), sqlx::Error> {
    let database_url = setting("DATABASE_URL", "${databaseUrl}");
    let pool = sqlx::PgPool::connect(&database_url).await?;

    let mut tx = pool.begin().await?;
    // ${yours}
    let id: String = sqlx::query_scalar("select posthorn.enqueue(url => $1, body => $2)::text")
        .bind(setting("WEBHOOK_URL", "${hook}"))
        .bind(r#"${body}"#)
        .fetch_one(&mut *tx)
        .await?;
    tx.commit().await?;

    println!("Webhook {id} is on its way: npx posthorn show {id}");
    Ok(())
}

fn setting(name: &str, otherwise: &str) -> String {
    env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}
`,
      'cargo run --bin first_webhook',
    ),
  sql: () =>
    program(
      'posthorn/first-webhook.sql',
      `-- ${about}
begin;
-- ${yours}
select posthorn.enqueue(url => :'webhook_url', body => '${body}') as webhook_id;
commit;
`,
      'psql "$DATABASE_URL" -v webhook_url="$WEBHOOK_URL" -f posthorn/first-webhook.sql',
    ),
} as const;
