package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"example.com/shop/checks"
	"github.com/lib/pq"
)

var errCancelled = errors.New("cancelled")

func main() {
	ctx := context.Background()
	// lib/pq asks for TLS unless it is told otherwise. A local server has none.
	if _, set := os.LookupEnv("PGSSLMODE"); !set {
		os.Setenv("PGSSLMODE", "disable")
	}
	db, err := sql.Open("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		checks.Exit(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, checks.Orders); err != nil {
		checks.Exit(err)
	}

	transaction := func(work func(tx *sql.Tx) error) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if err := work(tx); err != nil {
			return err
		}
		return tx.Commit()
	}
	send := func(webhook Webhook) (id string, err error) {
		err = transaction(func(tx *sql.Tx) error {
			id, err = Send(ctx, tx, webhook)
			return err
		})
		return id, err
	}

	checks.Run(map[string]func() (checks.Result, error){
		"commit": func() (checks.Result, error) {
			var id string
			err := transaction(func(tx *sql.Tx) (err error) {
				id, err = PlaceOrder(ctx, tx, 42, "99.50", checks.Hook("commit"))
				return err
			})
			return checks.Result{"ids": []string{id}}, err
		},

		"rollback": func() (checks.Result, error) {
			err := transaction(func(tx *sql.Tx) error {
				if _, err := PlaceOrder(ctx, tx, 42, "99.50", checks.Hook("rollback")); err != nil {
					return err
				}
				return errCancelled
			})
			if !errors.Is(err, errCancelled) {
				return nil, fmt.Errorf("not rolled back: %w", err)
			}
			return checks.Result{}, nil
		},

		"headers": func() (checks.Result, error) {
			one, err := send(Webhook{URL: checks.Hook("headers"), Body: map[string]int{"n": 1}, Headers: map[string]string{"X-Shop": "a"}})
			if err != nil {
				return nil, err
			}
			none, err := send(Webhook{URL: checks.Hook("headers"), Body: map[string]int{"n": 2}})
			return checks.Result{"ids": []string{one, none}}, err
		},

		"bulk": func() (checks.Result, error) {
			bodies := make([]string, 1000)
			for n := range bodies {
				bodies[n] = fmt.Sprintf(`{"n": %d}`, n)
			}
			err := transaction(func(tx *sql.Tx) error { return SendMany(ctx, tx, checks.Hook("bulk"), bodies) })
			return checks.Result{"count": len(bodies)}, err
		},

		"illegal": func() (checks.Result, error) {
			secret := sql.NullString{String: checks.Secret, Valid: true}
			_, err := send(Webhook{URL: "ftp://x", Body: map[string]int{}, Secret: secret})
			var broken *pq.Error
			if !errors.As(err, &broken) {
				return nil, fmt.Errorf("not refused: %w", err)
			}
			return checks.Result{"constraint": broken.Constraint, "message": err.Error()}, nil
		},

		"key": func() (checks.Result, error) {
			key := sql.NullString{String: checks.Key(), Valid: true}
			// Send says "on conflict do nothing", so here is the plain INSERT as well.
			var first string
			err := transaction(func(tx *sql.Tx) error {
				return tx.QueryRowContext(ctx, `insert into posthorn.new_webhooks (url, body, idempotency_key) values ($1, '{}', $2) returning id`,
					checks.Hook("key"), key).Scan(&first)
			})
			if err != nil {
				return nil, err
			}
			second, err := send(Webhook{URL: checks.Hook("key"), Body: map[string]int{}, IdempotencyKey: key})
			return checks.Result{"ids": []string{first, second}}, err
		},

		"event": func() (checks.Result, error) {
			var id string
			err := transaction(func(tx *sql.Tx) (err error) {
				id, err = Publish(ctx, tx, "acme", "order.created", map[string]int{"order": 1})
				return err
			})
			return checks.Result{"ids": []string{id}}, err
		},
	})
}
