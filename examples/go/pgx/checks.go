package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"example.com/shop/checks"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var errCancelled = errors.New("cancelled")

func main() {
	ctx := context.Background()
	conn, err := Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		checks.Exit(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, checks.Orders); err != nil {
		checks.Exit(err)
	}

	send := func(webhook Webhook) (id string, err error) {
		err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			id, err = Send(ctx, tx, webhook)
			return err
		})
		return id, err
	}

	checks.Run(map[string]func() (checks.Result, error){
		"commit": func() (checks.Result, error) {
			var id string
			err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) {
				id, err = PlaceOrder(ctx, tx, 42, "99.50", checks.Hook("commit"))
				return err
			})
			return checks.Result{"ids": []string{id}}, err
		},

		"rollback": func() (checks.Result, error) {
			err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
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
			err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
				_, err := SendMany(ctx, tx, checks.Hook("bulk"), bodies)
				return err
			})
			return checks.Result{"count": len(bodies)}, err
		},

		"illegal": func() (checks.Result, error) {
			secret := checks.Secret
			_, err := send(Webhook{URL: "ftp://x", Body: map[string]int{}, Secret: &secret})
			var broken *pgconn.PgError
			if !errors.As(err, &broken) {
				return nil, fmt.Errorf("not refused: %w", err)
			}
			return checks.Result{"constraint": broken.ConstraintName, "message": err.Error()}, nil
		},

		"key": func() (checks.Result, error) {
			key := checks.Key()
			// Send says "on conflict do nothing", so here is the plain INSERT as well.
			var first string
			err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
				return tx.QueryRow(ctx, `insert into posthorn.new_webhooks (url, body, idempotency_key) values ($1, '{}', $2) returning id`,
					checks.Hook("key"), key).Scan(&first)
			})
			if err != nil {
				return nil, err
			}
			second, err := send(Webhook{URL: checks.Hook("key"), Body: map[string]int{}, IdempotencyKey: &key})
			return checks.Result{"ids": []string{first, second}}, err
		},

		"event": func() (checks.Result, error) {
			var id string
			err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) {
				id, err = Publish(ctx, tx, "acme", "order.created", map[string]int{"order": 1})
				return err
			})
			return checks.Result{"ids": []string{id}}, err
		},
	})
}
