// Package bridge lets the packages of this module reach what package larder does
// not export: the configuration, the clients and the engine of a DB. Package larder fills the
// variables in when it is linked; a *larder.DB goes through as any, since larder
// stands above this package.
package bridge

import (
	"log/slog"

	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/conf"
	"github.com/larderdb/larder/internal/engine"
)

// Open opens a *larder.DB on a configuration that was loaded already.
var Open func(c *conf.Config, log *slog.Logger) any

// Server returns the admin.Server of a *larder.DB.
var Server func(db any) *admin.Server

// HasCommand reports whether there is a command of that name, for rename-command.
var HasCommand func(name string) bool

// Snapshot returns the engine's snapshot of a *larder.Snapshot, nil if it is that of a
// store that was closed before.
var Snapshot func(snap any) *engine.Snapshot

// Session returns the session of a larder.Commands.
var Session func(commands any) *engine.Session
