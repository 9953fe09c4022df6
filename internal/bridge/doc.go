// Package bridge lets the packages of this module reach what package larder does
// not export: the configuration, the clients and the engine of a DB. Package larder
// fills the variables in when it is linked, but for those that package rdb does; a
// *larder.DB goes through as any, since larder stands above this package.
package bridge
