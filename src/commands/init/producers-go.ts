// Pure: no I/O, no clock, no randomness.

import {
  about,
  body,
  databaseUrl,
  hook,
  type PlannedProducer,
  program,
  yours,
} from './producer.ts';

const statement = 'select posthorn.enqueue(url => $1, body => $2)';

/** Of Go: with a pool, an ORM or the standard library. */
export const goProducers = {
  pgx: () =>
    goProgram({
      imports: ['"context"', ...goUsual, '', '"github.com/jackc/pgx/v5"'],
      work: `	ctx := context.Background()
	conn, err := pgx.Connect(ctx, setting("DATABASE_URL", "${databaseUrl}"))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)

	var id string
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// ${yours}
		return tx.QueryRow(ctx, "${statement}", url, body).Scan(&id)
	})`,
      get: '',
    }),
  'database-sql': () =>
    goProgram({
      imports: ['"database/sql"', ...goUsual, '', '_ "github.com/jackc/pgx/v5/stdlib"'],
      work: `	db, err := sql.Open("pgx", setting("DATABASE_URL", "${databaseUrl}"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	var id string
	tx, err := db.Begin()
	if err != nil {
		log.Fatal(err)
	}
	defer tx.Rollback()
	// ${yours}
	err = tx.QueryRow("${statement}", url, body).Scan(&id)
	if err == nil {
		err = tx.Commit()
	}`,
      get: 'go get github.com/jackc/pgx/v5 && ',
    }),
  gorm: () =>
    goProgram({
      imports: [...goUsual, '', '"gorm.io/driver/postgres"', '"gorm.io/gorm"'],
      work: `	db, err := gorm.Open(postgres.Open(setting("DATABASE_URL", "${databaseUrl}")), &gorm.Config{})
	if err != nil {
		log.Fatal(err)
	}

	var id string
	err = db.Transaction(func(tx *gorm.DB) error {
		// ${yours}
		return tx.Raw("select posthorn.enqueue(url => ?, body => ?)", url, body).Row().Scan(&id)
	})`,
      get: 'go get gorm.io/driver/postgres && ',
    }),
} as const;

const goUsual = ['"fmt"', '"log"', '"os"'];

function goProgram(parts: {
  readonly imports: readonly string[];
  readonly work: string;
  readonly get: string;
}): PlannedProducer {
  const text = `// ${about}
package main

import (
${parts.imports.map((one) => (one === '' ? '' : `\t${one}`)).join('\n')}
)

func main() {
	url := setting("WEBHOOK_URL", "${hook}")
	body := \`${body}\`
${parts.work}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Webhook %s is on its way: npx posthorn show %s\\n", id, id)
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
`;
  const path = 'posthorn/firstwebhook/main.go';
  return program(path, text, `${parts.get}go run ./posthorn/firstwebhook`);
}
