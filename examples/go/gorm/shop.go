// A shop that tells its customers about each order by a webhook.
package main

import (
	"log"
	"os"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Open opens the database.
func Open(url string) (*gorm.DB, error) {
	return gorm.Open(
		// PreferSimpleProtocol is for PgBouncer in transaction mode.
		postgres.New(postgres.Config{DSN: url, PreferSimpleProtocol: true}),
		&gorm.Config{
			// Without ParameterizedQueries, GORM logs the values of a failed INSERT, secrets included.
			Logger: logger.New(log.New(os.Stderr, "", log.LstdFlags), logger.Config{LogLevel: logger.Warn, ParameterizedQueries: true}),
		},
	)
}

// PlaceOrder creates the order and its webhook in the transaction. It returns the webhook's id.
func PlaceOrder(tx *gorm.DB, customer int32, total, url string) (string, error) {
	order := Order{Customer: customer, Total: total}
	if err := tx.Create(&order).Error; err != nil {
		return "", err
	}
	webhook := Webhook{URL: &url, Body: map[string]any{"type": "order.created", "order": order.ID}}
	err := tx.Create(&webhook).Error
	return webhook.ID, err
}
