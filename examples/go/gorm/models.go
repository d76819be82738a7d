package main

import "time"

// Order is the shop's own table.
type Order struct {
	ID       int64  `gorm:"primaryKey"`
	Customer int32  `gorm:"not null"`
	Total    string `gorm:"type:numeric(12,2);not null"`
}

// Webhook is a row for Posthorn's insert-only view. A nil field gets its default. Never give it to AutoMigrate.
type Webhook struct {
	// Posthorn makes the id, and GORM reads it back.
	ID             string `gorm:"type:uuid;primaryKey;default:(-)"`
	URL            *string
	Body           any               `gorm:"serializer:json"`
	Headers        map[string]string `gorm:"serializer:json"`
	Secret         *string
	IdempotencyKey *string
	// GORM fills a field of this name. Posthorn takes its own time instead.
	CreatedAt time.Time
}

func (Webhook) TableName() string { return "posthorn.new_webhooks" }

// Event is a row for Posthorn's insert-only view: each endpoint of the tenant that subscribes to the type gets a webhook.
type Event struct {
	ID             string `gorm:"type:uuid;primaryKey;default:(-)"`
	Tenant         *string
	EventType      string
	Body           any `gorm:"serializer:json"`
	IdempotencyKey *string
}

func (Event) TableName() string { return "posthorn.new_events" }
