package main

import (
	"errors"
	"fmt"
	"os"

	"example.com/shop/checks"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

var errCancelled = errors.New("cancelled")

func main() {
	db, err := Open(os.Getenv("DATABASE_URL"))
	if err != nil {
		checks.Exit(err)
	}
	if err := db.Exec(checks.Orders).Error; err != nil {
		checks.Exit(err)
	}

	checks.Run(map[string]func() (checks.Result, error){
		"commit": func() (checks.Result, error) {
			var id string
			err := db.Transaction(func(tx *gorm.DB) (err error) {
				id, err = PlaceOrder(tx, 42, "99.50", checks.Hook("commit"))
				return err
			})
			return checks.Result{"ids": []string{id}}, err
		},

		"rollback": func() (checks.Result, error) {
			err := db.Transaction(func(tx *gorm.DB) error {
				if _, err := PlaceOrder(tx, 42, "99.50", checks.Hook("rollback")); err != nil {
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
			one := Webhook{URL: hook("headers"), Body: map[string]int{"n": 1}, Headers: map[string]string{"X-Shop": "a"}}
			none := Webhook{URL: hook("headers"), Body: map[string]int{"n": 2}}
			err := db.Transaction(func(tx *gorm.DB) error {
				if err := tx.Create(&one).Error; err != nil {
					return err
				}
				return tx.Create(&none).Error
			})
			return checks.Result{"ids": []string{one.ID, none.ID}}, err
		},

		"bulk": func() (checks.Result, error) {
			webhooks := make([]Webhook, 1000)
			for n := range webhooks {
				webhooks[n] = Webhook{URL: hook("bulk"), Body: map[string]int{"n": n}}
			}
			return checks.Result{"count": len(webhooks)}, db.CreateInBatches(&webhooks, 500).Error
		},

		"illegal": func() (checks.Result, error) {
			url, secret := "ftp://x", checks.Secret
			err := db.Create(&Webhook{URL: &url, Body: map[string]int{}, Secret: &secret}).Error
			var broken *pgconn.PgError
			if !errors.As(err, &broken) {
				return nil, fmt.Errorf("not refused: %w", err)
			}
			return checks.Result{"constraint": broken.ConstraintName, "message": err.Error()}, nil
		},

		"key": func() (checks.Result, error) {
			key := checks.Key()
			first := Webhook{URL: hook("key"), Body: map[string]int{}, IdempotencyKey: &key}
			if err := db.Create(&first).Error; err != nil {
				return nil, err
			}
			second := Webhook{URL: hook("key"), Body: map[string]int{}, IdempotencyKey: &key}
			err := db.Clauses(clause.OnConflict{DoNothing: true}).Create(&second).Error
			return checks.Result{"ids": []string{first.ID, second.ID}}, err
		},

		"event": func() (checks.Result, error) {
			tenant := "acme"
			event := Event{Tenant: &tenant, EventType: "order.created", Body: map[string]int{"order": 1}}
			err := db.Create(&event).Error
			return checks.Result{"ids": []string{event.ID}}, err
		},

		"migration": func() (checks.Result, error) {
			statements, err := migrationOf(db, &Order{})
			return checks.Result{"statements": statements}, err
		},
	})
}

func hook(check string) *string {
	url := checks.Hook(check)
	return &url
}
