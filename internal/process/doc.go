// Package process is what makes a program behave like the redis-server process:
// its log lines, its pid file, the signals it obeys, going into the background,
// and the open files its clients need. What it serves is somebody else's
// business.
//
// The cast, in the order in which a main meets it:
//
//   - [Daemonize] starts the program again in the background and tells the two
//     apart. It comes before anything that cannot be done twice, and before
//     chdir.
//   - a [Log] writes lines of Redis's shape, to standard output or a file, and is
//     a slog.Handler for code that knows nothing of Redis.
//   - [WritePIDFile], at the path [PIDPath] gives.
//   - [RaiseOpenFiles] says how many clients the system allows.
//   - [OnShutdownSignal] calls back at SIGTERM and SIGINT.
//   - [StartProgress] shows a bar on a terminal while something takes long.
//
// Everything takes plain values: the package imports the standard library only
// and does not know internal/conf. Files named _unix, _windows and so on hold
// what a system does differently; where one cannot do something at all, the
// function says so in its error.
//
// These functions change the process they run in. They are for a program that
// is a server, and never for the library: a program that embeds larder keeps
// its signals, its directory and its limits to itself.
package process
