package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

var errUndone = errors.New("undone")

// migrationOf returns the statements by which AutoMigrate would change the schema. It undoes them.
func migrationOf(db *gorm.DB, models ...any) ([]string, error) {
	recorder := &recorder{Interface: logger.Discard, statements: []string{}}
	err := db.Session(&gorm.Session{Logger: recorder}).Transaction(func(tx *gorm.DB) error {
		if err := tx.AutoMigrate(models...); err != nil {
			return err
		}
		return errUndone
	})
	if !errors.Is(err, errUndone) {
		return nil, err
	}
	return recorder.statements, nil
}

// recorder keeps each statement that is no query.
type recorder struct {
	logger.Interface
	statements []string
}

func (r *recorder) LogMode(logger.LogLevel) logger.Interface { return r }

func (r *recorder) Trace(_ context.Context, _ time.Time, sql func() (string, int64), _ error) {
	statement, _ := sql()
	if !strings.HasPrefix(strings.ToUpper(strings.TrimSpace(statement)), "SELECT") {
		r.statements = append(r.statements, statement)
	}
}
