// Package browser opens the page of larderhttp in a real browser, Chromium without a
// window: it draws, shows what each type holds, runs no script that a key contains, and
// asks no other host for anything. It is a module of its own, so that who uses larder
// does not inherit what drives the browser. Its tests skip where there is no Chromium.
package browser
