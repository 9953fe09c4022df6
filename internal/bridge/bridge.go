// Package bridge lets the packages of this module reach what package larder does
// not export: the configuration and the clients of a DB. Package larder fills the
// variables in when it is linked; a *larder.DB goes through as any, since larder
// stands above this package.
package bridge

import (
	"log/slog"

	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/conf"
)

// Open opens a *larder.DB on a configuration that was loaded already.
var Open func(c *conf.Config, log *slog.Logger) any

// Server returns the admin.Server of a *larder.DB.
var Server func(db any) *admin.Server

// HasCommand reports whether there is a command of that name, for rename-command.
var HasCommand func(name string) bool
